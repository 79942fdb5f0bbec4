"""The table for people."""

import math

import pytest

from gradcheck.render.terminal import MOST_FINDINGS, as_text
from gradcheck.verdict.finding import Finding, Matrix, Row, Skipped

FAULT = Finding(
    "fault", "adjoint of z: got 2, expected 1", node="z", op="tanh", edge="y[0]", direction="adjoint", index=(0, 1), got=2.0, expected=1.0,
    bound=1e-7, ratio=1e7, effective_bits=0.7, declared_bits=24, diagnosis="factor: every entry is 2 times the right one", snippet="print('again')\nprint(1)",
)  # fmt: skip


def row(verdict="pass", **more):
    """Return a row."""
    given = {"evidence": "certified", "worst_ratio": 0.5, "node": "z", "op": "tanh", "message": "3 arrays within rounding"} | more
    return Row("mine", "net", "float32", verdict, **given)


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
    text = shown(row("fail", findings=(FAULT, FAULT), message=FAULT.message))
    for part in ("✗", "adjoint of z[0, 1]", "y[0]", "got", "2.0", "1e-07", "0.7 effective bits, 24 declared", "factor: every entry", "print('again')", "and 1 more"):
        assert part in text


def test_a_finding_without_numbers():
    """A missing gradient has no numbers; its message stands there instead."""
    text = shown(row("fail", findings=(Finding("fault", "gradient of w: expected an array; got none", node="w", direction="gradient"),)))
    assert "what" in text
    assert "got none" in text
    assert "nan" not in text


def test_many_failures_are_cut():
    """No more than so many panels are shown, and how many more there are."""
    text = shown(*[row("fail", findings=(FAULT,))] * (MOST_FINDINGS + 3))
    assert "and 3 more failing rows" in text


def test_skipped_known_and_inconclusive():
    """Nothing is hidden: skipped networks with reasons, known failures, inconclusive rows."""
    text = shown(row("inconclusive", known="it is so", message="known: it is so (link)"), skipped=[Skipped("mine", "other", "float64", "no such layer")] * 2)
    assert "1 inconclusive" in text
    assert "1 known failures" in text
    assert "2 networks not expressed" in text
    assert "mine: no such layer (2)" in text


@pytest.mark.parametrize("bad", ["\x1b[2J", "\r", "\x07", "\u202e", "\x9b", "[red]x[/red]"])
def test_hostile_text(bad):
    """Control characters in names and messages are made harmless; markup is not interpreted."""
    fault = Finding("fault", bad, node=bad, op=bad, edge=bad, candidates=(bad,), diagnosis=bad, snippet=bad)
    hostile = Row(bad, bad, "float32", "fail", "none", math.nan, bad, bad, bad, findings=(fault,))
    text = as_text(Matrix((hostile,), (Skipped(bad, bad, bad, bad),), 0, {bad: bad}))
    assert bad not in text or bad.startswith("[")
    assert "\x1b" not in text


@pytest.mark.parametrize(("ratio", "shape"), [(None, "-"), (math.nan, "-"), (0.256, "0.26"), (1234.5, "1.2e+03"), (math.inf, "inf")])
def test_ratios(ratio, shape):
    """Small ratios have two digits, large ones an exponent."""
    assert shape in shown(row(worst_ratio=ratio)).splitlines()[3].split()


def test_empty():
    """No row at all is shown as that."""
    assert "0 pass   0 fail   0 inconclusive" in shown()


def test_colours_are_for_terminals():
    """Text has no escape sequences, and no line is wider than asked for."""
    text = as_text(Matrix((row(message="word " * 100),), (), 0, {}), width=80)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_narrow_terminals():
    """In 80 columns nothing is cut: a row has its line, what is to be said about it is below, and code is not wrapped."""
    name = "sklearn-classes-relu-digits-small"
    known = Row("sklearn", name, "float64", "inconclusive", "certified", 1.6e13, "loss", "mul", "known: " + "word " * 20 + "(docs/findings.md#here)")
    right = Row("sklearn", name, "float64", "pass", "certified", 0.5, "z", "tanh", "9 arrays within rounding")
    wrong = row("fail", findings=(FAULT,), message=FAULT.message)
    text = as_text(Matrix((known, right, wrong), (), 0, {}), width=80)
    assert f"? sklearn {name} float64 certified 1.6e+13" in text
    assert f"✓ sklearn {name} float64 certified 0.50" in text
    assert "(docs/findings.md#here)" in text
    assert FAULT.snippet in "\n".join(line.rstrip() for line in text.splitlines())
