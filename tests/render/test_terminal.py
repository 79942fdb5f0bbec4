"""The table for people."""

import io
import math
import re

import pytest
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gradcheck.render.terminal import MOST_FINDINGS, Terminal, as_text, table
from gradcheck.result.finding import Finding, Matrix, Skipped
from tests.render.matrices import CONTROL, failing, one, row

FAULT = failing().findings[0]


def shown(*rows, skipped=(), **more):
    """Return the text of a matrix of rows."""
    return as_text(Matrix(rows, tuple(skipped), 5, {"mine": "1.2"}, **more))


def test_a_pass():
    """One line a row, then the counts, the evidence, the seed and the versions."""
    text = shown(row())
    assert "✓" in text
    assert "1 pass   0 fail   0 inconclusive" in text
    assert "1 certified" in text
    assert "seed 5" in text
    assert "mine 1.2" in text


def test_a_failure():
    """Where, got, expected, bound, ratio, mistake and the code to reproduce it are shown."""
    text = shown(failing(findings=(FAULT, FAULT)))
    for part in ("✗", "adjoint of z1[0, 2]", "a1[0]", "got", "1.0", "1e-16", "0.7 effective bits, 53 declared", "1 - y", "import gradcheck", "and 1 more"):
        assert part in text, part


def test_a_finding_without_numbers():
    """A missing gradient has no numbers; its message stands there instead."""
    text = shown(row(verdict="fail", findings=(Finding("fault", "gradient of w: expected an array; got none", node="w", direction="gradient"),)))
    assert "what" in text
    assert "got none" in text
    assert "nan" not in text


def test_many_failures_are_cut():
    """No more than so many panels are shown, and how many more there are."""
    text = shown(*[failing()] * (MOST_FINDINGS + 3))
    assert "and 3 more failing rows" in text


def test_skipped_known_and_inconclusive():
    """Nothing is hidden: skipped networks with reasons, known failures, inconclusive rows."""
    text = shown(row(verdict="inconclusive", known="it is so", message="known: it is so (link)"), skipped=[Skipped("mine", "other", "float64", "no such layer")] * 2)
    assert "1 inconclusive" in text
    assert "1 known failures" in text
    assert "2 networks not expressed" in text
    assert "mine: no such layer (2)" in text


def test_markup_in_names_is_text():
    """What looks like a colour to rich stands there as it was written."""
    square, round_ = (as_text(one(failing(t, t, t), row(t, t, "inconclusive", message=t, known=t))) for t in ("[red]x[/red]", "(red)x(/red)"))
    assert square.translate(str.maketrans("[]", "()")) == round_.translate(str.maketrans("[]", "()"))
    assert "[red]x[/red]" in square


@pytest.mark.parametrize("text", ["[/nope]", "[bold]x", ":smile:", "\x1b[2J\x9b", "\ud800", "\u202ex", "a\rb"])
def test_nothing_foreign_reaches_the_terminal(text):
    """In any column, and whatever is printed: no markup, no control character, no half of a character."""
    more = {"dtype": text, "evidence": text, "node": text, "op": text, "known": text, "message": text}
    shown_ = shown(row(text, text, **more), failing(text, text, text, dtype=text, evidence=text), skipped=[Skipped(text, text, text, text)])
    stream = io.StringIO()
    console = Terminal(file=stream, width=80, force_terminal=True, color_system="truecolor")
    console.print(text, Text(text, style="red"), Padding(text), Panel(text, title=Text(text)))
    console.print(table([row(text, text, **more)]), lines_of(text))
    printed = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    for found in (shown_, printed):
        assert not CONTROL.search(found)
        assert text.isprintable() <= (text in found)


def lines_of(text):
    """Return a table whose cells are plain strings."""
    made = Table("", text)
    made.add_row(text, text)
    return made


def test_a_failure_without_a_fault():
    """A damaged result may have notes alone."""
    assert "1 fail" in shown(failing(findings=(Finding("note", "a note"),)))


@pytest.mark.parametrize(("ratio", "shape"), [(None, "-"), (math.nan, "-"), (0.256, "0.26"), (1234.5, "1.2e+03"), (math.inf, "inf")])
def test_ratios(ratio, shape):
    """Small ratios have two digits, large ones an exponent."""
    assert shape in shown(row(worst_ratio=ratio)).splitlines()[3].split()


def test_empty():
    """No row at all is shown as that."""
    assert "0 pass   0 fail   0 inconclusive" in shown()


def test_colours_are_for_terminals():
    """Text has no escape sequences, and no line is wider than asked for."""
    text = as_text(one(row(message="word " * 100)), width=80)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_narrow_terminals():
    """In 80 columns nothing is cut: a row has its line, what is to be said about it is below, and code is not wrapped."""
    name = "sklearn-classes-relu-digits-small"
    more = {"node": "loss", "op": "mul", "worst_ratio": 1.6e13, "message": "known: " + "word " * 20 + "(docs/findings.md#here)"}
    text = as_text(one(row("sklearn", name, "inconclusive", **more), row("sklearn", name), failing()), width=80)
    assert f"? sklearn {name} float64 certified 1.6e+13" in text
    assert f"✓ sklearn {name} float64 certified 0.50" in text
    assert "(docs/findings.md#here)" in text
    assert FAULT.snippet in "\n".join(line.rstrip() for line in text.splitlines())
