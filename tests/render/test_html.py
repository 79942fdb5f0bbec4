"""The HTML report: one file, everything in it, nothing foreign active, small enough."""

import itertools
import re
from html.parser import HTMLParser

import pytest

from gradcheck.render.drawing import drawing
from gradcheck.render.html import html
from gradcheck.result.finding import NodeRatio
from tests.render.matrices import CONTROL, failing, hostile, many, matrix, one

VOID = {"meta", "br", "input", "img", "link", "rect", "line", "hr"}


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids, self.links, self.scripts, self.text = [], [], [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.text).append(data)


def test_everything_is_there():
    """Verdicts, overview, the failure with its facts, drawing, bars, histogram, reproduction, reasons, environment."""
    page = Page(html(matrix()))
    text = " ".join(" ".join(page.text).split())
    for wanted in (
        "mine · xor · float64", "adjoint of z1[0, 2]", "1 - y: the derivative of tanh", "got 1.0", "expected 0.5", "0.7 of 53", "import gradcheck",
        "To reproduce", "How many entries err by how much", "Error over bound, node by node", "it has no such layer", "Seed 3", "torch 2.13",
        "src/mine.py:12", "known: a reason", "the target raised ValueError", "1 more finding",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {x for x in page.links if x.startswith("#")} <= {f"#{i}" for i in page.ids}
    assert ("class", "guilty") in page.attributes


def test_accessible():
    """A language, a title, headings in order, labels, tables with headers, texts for drawings, verdicts not by colour alone."""
    text = html(matrix())
    page = Page(text)
    assert '<html lang="en">' in text
    assert "title" in page.tags
    levels = [int(t[1]) for t in page.tags if re.fullmatch("h[1-6]", t)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert page.tags.count("h1") == 1
    assert ("for", "filter") in page.attributes
    assert text.count('role="img"') == text.count('role="img" aria-label="')
    for sign in "✓✗?":
        assert sign in text


def test_nothing_is_fetched():
    """No network, no foreign script: a policy in the page forbids what the page does not need."""
    page = Page(html(hostile()))
    assert all(x.startswith("#") for x in page.links)
    assert not [v for k, v in page.attributes if k in ("src", "xlink:href", "action")]
    assert ("http-equiv", "Content-Security-Policy") in page.attributes
    assert page.tags.count("script") == 1


def test_hostile_names_are_text():
    """Whatever targets and tests are called, the page has the same elements, and no control character."""
    text = html(hostile())
    page = Page(text)
    assert page.open == []
    assert "img" not in page.tags
    assert not [k for k, _ in page.attributes if k.startswith("on")]
    assert "alert(1)" not in "".join(page.scripts)
    assert "{{ 7" in text
    assert not CONTROL.search(text)
    assert "x" * 1000 not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
    text.encode("utf-8")


@pytest.mark.deep
def test_ten_thousand_rows():
    """Below 5 MiB; failures beyond the first hundred are counted."""
    text = html(many())
    assert len(text.encode()) < 5 * 2**20
    assert Page(text).tags.count("section") == 50
    assert text.count("<tr>") > 10_000


def test_nothing_tested():
    """An empty result is a page that says so."""
    assert "Nothing was tested" in html(one())


def test_large_graphs_are_cut():
    """Around the guilty node; what is left out is said."""
    nodes = [NodeRatio(f"n{k}", "tanh", (f"n{k - 1}",) if k else (), 0.1, 0.2) for k in range(500)]
    found = drawing(nodes, "n250")
    assert len(found.boxes) == 7
    assert [b.style for b in found.boxes].count("guilty") == 1
    assert "500 nodes, 7 drawn" in found.text
    assert drawing([], "x") is None
    assert len(drawing(nodes, "").boxes) == 60


@pytest.mark.parametrize("value", [0.0, 1e-300, 1.0, 1e300, float("inf")])
def test_bars_and_numbers_of_every_size(value):
    """Any ratio has a length between nothing and everything."""
    from gradcheck.render.html import _length

    assert 0 <= _length(value) <= 100
    assert (_length(value) > 50) == (value > 1)


def test_bars_are_logarithmic():
    """A bar is half as long as the most at the bound, and a quarter of that longer or shorter for each factor of a thousand."""
    nodes = [NodeRatio("at", "tanh", value=1.0), NodeRatio("above", "tanh", value=2.0**10), NodeRatio("below", "tanh", value=2.0**-10), NodeRatio("far", "tanh", value=2.0**30)]
    text = html(one(failing(nodes=tuple(nodes))))
    found = dict(re.findall(r'<td class="name">(\w+)</td>.*?width:([0-9.]+)%', text))
    assert found == {"far": "100.0", "above": "75.0", "at": "50.0", "below": "25.0"}
