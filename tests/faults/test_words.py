"""Mistakes in words."""

import numpy as np
import pytest

from gradcheck.faults.mutants import mutants
from gradcheck.faults.placed import mistakes
from gradcheck.faults.words import LONGEST, formulas, in_words, is_slip
from gradcheck.ops import registry


def test_every_mutant_has_words():
    """No name is left over, and none is told by a template that was not filled in."""
    for name, mutant in mutants.items():
        if not mutant.stateful:
            words = in_words(name.partition("/")[2], 2)
            assert words
            assert "{" not in words


@pytest.mark.parametrize(
    ("name", "operands", "words"),
    [
        ("zero", 1, "drops its contribution"),
        ("zero-0", 2, "drops its contribution to operand 0"),
        ("swap-0-2", 3, "swaps the contributions to operands 0 and 2"),
        ("log1p2-becomes-log", 1, "takes log for its second log1p"),
        ("sum5-left-out", 1, "leaves out its 5th sum: the shape is wrong"),
        ("cotangent-twice", 2, "multiplies the cotangent in twice"),
    ],
)
def test_words(name, operands, words):
    """Operands are named where there are several, calls are counted."""
    assert in_words(name, operands) == words


def test_slips():
    """What is given or handed back, by its own name or of one operand."""
    assert [n for n in ("sign", "sign-1", "factor-1.001-0", "f-for-slope", "add1-minus", "1 - y") if is_slip(n)] == [
        "sign", "sign-1", "factor-1.001-0", "f-for-slope",
    ]  # fmt: skip


def told(op, name, *operands):
    """Return a mistake of an operation as formulas."""
    found = next(m for m in mistakes(registry[op], list(operands), registry[op].complete({})) if m.name == name)
    return formulas(registry[op], found.rule, found.instead, {}, [True] * len(operands))


def test_formulas():
    """What was taken for what, of an operation entry by entry with one or two operands."""
    x = np.ones(3)
    assert told("tanh", "textbook1/square1-drop", x) == "takes g*(1 - y) for g*(1 - y**2)"
    assert told("mul", "multiply2-drop-second", x, x) == "takes g for a*g"
    assert told("mul", "cotangent-twice", x, x) == ""  # two formulas
    assert told("relu", "select1-invert", x) == ""  # a case distinction
    assert told("sum", "sign", x) == ""  # not entry by entry
    assert len(told("mish", "sign", x)) <= 2 * LONGEST + 20


def test_a_rule_without_a_closed_form():
    """What SymPy cannot run is not told."""

    def broken(m, g, y, x):
        return (m.function("no such function", x),)

    assert formulas(registry["tanh"], broken, registry["tanh"].vjp, {}, [True]) == ""
