"""The cost report in Markdown, HTML and SVG: complete, escaped, of one piece."""

import re
from html.parser import HTMLParser

import pytest

from gradcheck.bench.cost import Settings, as_data
from gradcheck.bench.scaling import Row
from gradcheck.render.cost import amount, duration, html, markdown, number, svg

SIZES = (1_000, 100_000, 1_000_000, 10_000_000)


@pytest.fixture(scope="module")
def data():
    """Return made-up results: whole, by proportion, missing, and with a name that is an attack."""
    rows = [Row("layered", "reverse", n, n, 1e-9 * n, 0, 0, n, 3, 0.1, 6 * n, 8 * n) for n in SIZES]
    rows += [Row("layered", "differences", n, n, 1e-9 * n**2, 0, 0, 5, 1, 0.1, 6 * n**2, 8 * n) for n in SIZES]
    rows += [Row("layered", "symbolic", n, n, reason="too large") for n in SIZES]
    rows += [Row("layered", "<script>:x", n, n, 1e-8 * n, 0, 0, n, 3, 0.1, None, 100, False) for n in SIZES[:2]]
    tables = {"hand": [{"net": "2-8-1", "way": "plan", "microseconds": 3.25, "over hand": 0.7, "low": 0.6, "high": 0.8}], "memory": [{"reason": "stopped"}]}
    return as_data(Settings(families=("layered",), targets=("<script>:x",)), rows, tables)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (1.5e-9, "1.5 ns"), (2.5e-5, "25 µs"), (0.0123, "12.3 ms"), (90.0, "90 s"), (600.0, "10 min"), (86400.0 * 400, "1.1 years"),
     (86400.0 * 3, "3 days"), (0.99999, "1000 ms")],
)  # fmt: skip
def test_duration(seconds, text):
    """Three digits and a unit."""
    assert duration(seconds) == text


def test_amount_and_number():
    """Counts and cells."""
    assert [amount(x, "B") for x in (None, 0, 999, 1000, 5.5e12)] == ["", "0 B", "999 B", "1 kB", "5.5 TB"]
    assert [number(x) for x in (None, "a", 12345, 0.125, 1e-7, 123.456, True, 0.0)] == ["", "a", "12,345", "0.125", "1.00e-07", "123", "True", "0"]


def test_markdown(data):
    """Exponents, crossovers, tables, families with what is by proportion in italics, reasons, the machine."""
    text = markdown(data, drawing="cost.svg")
    assert "| reverse | layered | 1.00 | 1.00 | 1.00 | 100,000 to 10,000,000 | 3 | 1.00 |" in text
    assert "| layered | differences | every size, from 1,000 on |" in text
    assert "![" in text
    assert "(cost.svg)" in text
    assert "*100 s*" not in text
    assert "*10 s*" in text
    assert "symbolic: too large" in text
    assert "| 2-8-1 | plan | 3.25 | 0.700 | 0.600 | 0.800 |" in text
    for line in text.splitlines():
        assert "{{" not in line
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert all(len({row.count("|") for row in t.strip().splitlines()}) == 1 for t in tables)


class Checker(HTMLParser):
    """Collects tags, and what would be fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [v for k, v in attributes if k in ("src", "href", "xlink:href") and not v.startswith("#")]
        if tag not in ("meta", "br", "link", "path", "use"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


def test_html(data):
    """One file: nothing is fetched, no script, every name escaped, the drawing inside."""
    pytest.importorskip("matplotlib")
    text, checker = html(data), Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.fetched == []
    assert "script" not in checker.tags
    assert "&lt;script&gt;:x" in text
    assert "svg" in checker.tags
    assert text.count("<h1>") == 1
    assert 'class="said"' in text


def test_svg(data):
    """A panel a family, text that stays text, the same bytes each time."""
    pytest.importorskip("matplotlib")
    text = svg(data)
    assert text.startswith("<svg")
    assert ">layered</text>" in text
    assert "<script>" not in text
    assert text == svg(data)
