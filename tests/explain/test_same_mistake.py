"""Two mistakes are one if their rules hand on the same numbers, whatever comes."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.explain.hypothesis import Hypothesis
from gradcheck.explain.same_mistake import Likeness, _close
from gradcheck.faults.mutants import mutants
from gradcheck.faults.placed import mistakes
from gradcheck.graph.trace import trace
from gradcheck.ops import registry
from tests.explain.test_scene import scene_of
from tests.judge.doubted import two_layers


def hypothesis(graph, node, name, rule=None):
    """Return a mistake of the catalogue, or another rule, at a node."""
    op = graph.node[node].op
    return Hypothesis(f"node {node}", (node,), op, name, "", {node: rule or mutants[f"{op}/{name}"].vjp})


def test_the_same_numbers_by_two_names():
    """The slope left out is the cotangent passed through; at another node it is something else."""
    graph, values = two_layers()
    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    a, b = hypothesis(graph, "tanh1", "passed-through"), hypothesis(graph, "tanh1", "multiply1-drop-second")
    other, elsewhere = hypothesis(graph, "tanh1", "sign"), hypothesis(graph, "tanh2", "passed-through")
    assert likeness.alike(a, b)
    assert not likeness.alike(a, other)
    assert not likeness.alike(a, elsewhere)
    assert likeness.merged([a, other, b, elsewhere]) == [[a, b], [other], [elsewhere]]


def test_equal_at_the_point_is_not_enough():
    """For positive x the value of abs is x: at other operands it is not."""
    values = {"w": np.array([1.0, 2.0])}
    graph = trace(lambda w: np.sum(np.abs(w)), values)
    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    a, b = hypothesis(graph, "abs1", "f-for-slope"), hypothesis(graph, "abs1", "sign1-drop")
    scene = likeness.scene
    assert all(np.array_equal(*x) for x in zip(*(scene.handed(graph.node["abs1"], h.rules["abs1"]) for h in (a, b)), strict=True))
    assert not likeness.alike(a, b)


def test_textbook_formulas_are_the_same_mathematics():
    """The negative of either formula of the slope is one mistake, though the last bits differ."""
    graph, values = two_layers()
    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    found = {m.name: m.rule for m in mistakes(registry["tanh"], [values["b1"]], {})}
    a, b = hypothesis(graph, "tanh1", "sign"), hypothesis(graph, "tanh1", "textbook", found["textbook1/sign"])
    assert likeness.alike(a, b)


def test_contributions_that_go_nowhere_do_not_count():
    """What is handed to data is not looked at."""
    graph, values = two_layers()
    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    right = hypothesis(graph, "matmul1", "right", registry["matmul"].vjp)
    assert likeness.alike(hypothesis(graph, "matmul1", "sign-0"), right)
    assert not likeness.alike(hypothesis(graph, "matmul1", "sign-1"), right)


def test_without_rules_names_decide():
    """Gradients that were handed back wrongly are compared by what was done to them."""
    graph, values = two_layers()
    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    a, b = (Hypothesis("the gradient of w1", ("w1",), "", name, "") for name in ("sign", "zero"))
    assert likeness.alike(a, a)
    assert not likeness.alike(a, b)


def test_a_rule_that_does_not_fit_is_like_none():
    """It hands on nothing that could be compared."""
    graph, values = two_layers()

    def broken(m, g, y, x):
        raise ValueError

    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    h = hypothesis(graph, "tanh1", "broken", broken)
    assert not likeness.alike(h, hypothesis(graph, "tanh1", "sign"))


@pytest.mark.parametrize(("part", "same"), [(2.0**-40, True), (2.0**-30, False)])
def test_the_last_bits_tell_no_mistakes_apart(part, same):
    """Rules that hand on the same but for rounding are one mistake; a part in a thousand million makes another one."""
    graph, values = two_layers()
    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    a, b = (hypothesis(graph, "tanh1", "doubled", lambda m, g, y, x, c=c: (c * g,)) for c in (2.0, 2.0 * (1 + part)))
    assert likeness.alike(a, b) is same


def test_nothing_is_not_zero():
    """Two rules that hand on nothing are the same; one that hands on zeros is another."""
    graph, values = two_layers()
    likeness = Likeness(scene_of(graph, values, backward(graph, values)[1]))
    nothing, none, zero = (hypothesis(graph, "tanh1", "nothing", rule) for rule in (lambda m, g, y, x: (None,), lambda m, g, y, x: (None,), lambda m, g, y, x: (0 * g,)))
    assert likeness.alike(nothing, none)
    assert not likeness.alike(nothing, zero)
    assert not likeness.alike(zero, nothing)


@pytest.mark.parametrize(("terms", "same"), [(2.0**16, True), (2.0**18, False)])
def test_sums_in_another_order_are_the_same_numbers(terms, same):
    """A roundoff for each of a hundred thousand terms, of the larger of the wrong contribution and the right one."""
    p, right = np.array([1.0, -3.0]), np.array([-4.0, 0.5])
    assert _close(p, p + 4 * terms * 2.0**-53, right) is same
    assert _close(right, right - 4 * terms * 2.0**-53, p) is same
