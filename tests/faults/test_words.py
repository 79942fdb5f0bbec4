"""Mistakes in words."""

import numpy as np
import pytest

from gradcheck.faults.altered import Site
from gradcheck.faults.mutants import changes_at, mutants, slips_at
from gradcheck.faults.placed import mistakes
from gradcheck.faults.stage import Stage
from gradcheck.faults.words import LONGEST, formulas, words_of_change
from gradcheck.ops import registry


def entries(op):
    """Return the mistakes at the samples of an operation."""
    stages = [Stage(registry[op], k) for k in range(len(registry[op].samples))]
    return {e.name: e for stage in stages for e in (*slips_at(stage), *changes_at(stage))}


@pytest.mark.parametrize("op", registry)
def test_every_mutant_has_words(op):
    """None is told by a template that was not filled in, and the names are those of the mutants."""
    assert {f"{op}/{name}" for name in entries(op)} == set(mutants.of(op))
    assert all(e.words and "{" not in e.words for e in entries(op).values())


@pytest.mark.parametrize(
    ("op", "name", "words"),
    [
        ("tanh", "zero", "drops its contribution"),
        ("mul", "zero-0", "drops its contribution to operand 0"),
        ("mul", "swap-0-1", "swaps the contributions to operands 0 and 1"),
        ("mul", "multiply2-drop-second", "leaves out the second part of its second product"),
        ("mul", "cotangent-twice", "multiplies the cotangent in twice"),
    ],
)
def test_words(op, name, words):
    """Operands are named where there are several, calls are counted."""
    assert entries(op)[name].words == words


@pytest.mark.parametrize(
    ("site", "change", "words"),
    [
        (Site("log1p", 2), "becomes-log", "takes log for its second log1p"),
        (Site("sum", 5), "left-out", "leaves out its 5th sum: the shape is wrong"),
    ],
)
def test_words_of_calls(site, change, words):
    """Calls are counted, and functions named."""
    assert words_of_change(site, change) == words


def test_slips():
    """What is given or handed back, by its own name or of one operand; not what happens inside of a rule."""
    found = {m.name: m.is_slip for m in mistakes(registry["tanh"], [np.ones(3)], {})}
    assert [found[n] for n in ("sign", "factor-1.001", "f-for-slope", "textbook1/sign", "1 - y", "square1-drop") if n in found][:4] == [True] * 4
    assert not found["1 - y"]
    assert not found["textbook1/square1-drop"]
    two = {m.name: m.is_slip for m in mistakes(registry["mul"], [np.ones(3), np.ones(3)], {})}
    assert two["sign-1"]
    assert not two["multiply1-drop-first"]


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
