"""A factor is named where there is one, at every size of numbers."""

import warnings

import numpy as np
import pytest

from gradcheck.explain.diagnosis import Suspect, among, diagnose, proportional
from gradcheck.graph.graph import Edge
from gradcheck.graph.trace import trace
from gradcheck.mistakes.factor import factor
from gradcheck.ops import registry

RIGHT = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize(("c", "words"), [(0.5, "1/2 times"), (-1.0, "-1 times"), (1 + 1e-6, "1 + 1e-06 times"), (1 - 1e-6, "1 - 1e-06 times")])
def test_factors(scale, c, words):
    """No square of a huge number is formed, none of a tiny one is lost."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert words in str(factor(c * RIGHT * scale, RIGHT * scale, 1e-14 * np.abs(RIGHT * scale)))


@pytest.mark.parametrize("got", [RIGHT, np.zeros(3), RIGHT[::-1], np.array([np.nan, 1.0, 1.0]), np.array([1e308, 1e308, 1e308])])
def test_no_factor(got):
    """The same numbers are not wrong by a factor; nor are other ones, zeros, or what is not finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert factor(got, RIGHT, np.full(3, 1e-15)) is None


def test_huge_factors_are_short():
    """No fraction with three hundred digits."""
    assert str(factor(RIGHT, RIGHT * 1e-300, np.full(3, 1e-315))) == "factor: every entry is 1e+300 times the right one"


def test_a_single_entry_is_no_regularisation():
    """One wrong entry is a multiple of anything."""
    parameter, bound = np.array([10.0, 1.0]), np.array([1e-18, 1e-16])
    assert proportional(np.array([4.36e-17, 4.36e-18]), parameter, bound) is None
    assert str(proportional(0.1 * parameter, parameter, bound)).startswith("term too many: 0.1 times")


def test_plain_numbers_are_rare():
    """A factor is told as a fraction where that is no accident: hardly a random one is, and every simple one is."""
    factors = np.random.default_rng(0).uniform(0.1, 10, 400)
    told = [str(factor(c * RIGHT, RIGHT, 1e-14 * np.abs(RIGHT))) for c in factors]
    assert sum("/" in text for text in told) <= 8
    assert all(text.startswith("factor: every entry is ") for text in told)
    for c, words in ((1 / 1000, "1/1000"), (31 / 32, "31/32"), (2 / 3, "2/3"), (-512, "-512"), (1 / 3 + 2e-6, "1/3"), (1 / 3 + 8e-6, "0.333341")):
        assert str(factor(c * RIGHT, RIGHT, 1e-14 * np.abs(RIGHT))) == f"factor: every entry is {words} times the right one"


@pytest.mark.parametrize(("c", "named"), [(1 + 5e-4, True), (1.05432, False), (1.00212, False), (0.70511, False), (0.70711, True), (2.0, True), (1 / 128, True)])
def test_one_entry_is_a_multiple_of_anything(c, named):
    """Of a single number a factor is said where it is nearly 1, or a plain number."""
    right = np.array([1.5])
    assert bool(factor(c * right, right, 1e-15 * right)) is named


@pytest.mark.parametrize(("bounds", "named"), [(10, True), (25, False)])
def test_a_factor_is_one_within_some_bounds(bounds, named):
    """An entry that rounding took farther than the bound of the right one still fits; one that is far off does not."""
    bound = np.full(3, 1e-12)
    assert bool(factor(2 * RIGHT + 2 * bounds * bound * np.array([1.0, 0.0, 0.0]), RIGHT, bound)) is named


def suspect(got, expected, bound, op="tanh"):
    """Return a use of a value through which these numbers came."""
    graph = trace(lambda x: registry[op](x), {"x": RIGHT})
    (node,) = graph.nodes
    y = np.tanh(RIGHT)
    return Suspect(Edge(node.name, 0), node, registry[op], (RIGHT,), y, np.ones(3), got, expected, bound)


@pytest.mark.parametrize(("left", "reproduced"), [(7e-5, True), (2e-4, False)])
def test_what_a_pattern_may_leave_unexplained(left, reproduced):
    """Of the largest difference a ten-thousandth may be left, where the bound of a right entry is far smaller."""
    got = RIGHT + np.array([0.0, 0.0, 1.0])
    s = suspect(got, RIGHT, np.zeros(3))
    assert s.reproduced_by(got + np.array([left, 0.0, 0.0])) is reproduced


@pytest.mark.parametrize(("left", "reproduced"), [(0.08, True), (0.13, False)])
def test_a_pattern_explains_nine_tenths(left, reproduced):
    """However wide the bounds are, what hardly comes nearer than the right contribution is no explanation."""
    got = RIGHT + np.array([0.0, 0.0, 1.0])
    assert suspect(got, RIGHT, np.ones(3)).reproduced_by(got - np.array([0.0, 0.0, left])) is reproduced


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize(("position", "which"), [(0, "first slice"), (-1, "last slice"), (None, "mean")])
@pytest.mark.parametrize("shape", [(2,), (1, 2)])
def test_which_slice_is_left_of_a_sum(position, which, shape, rows):
    """A rule that forgets to add up over an axis along which its operand was repeated is named, with what it takes instead."""
    x, b, g = np.array([[1.0, 2.0], [3.0, 5.0], [0.5, -4.0]])[:rows], np.array([0.5, -1.0]).reshape(shape), np.array([[1.0, -2.0], [4.0, 8.0], [-3.0, 7.0]])[:rows]
    graph = trace(lambda x, b: x * b, {"x": x, "b": b})
    (node,) = graph.nodes
    got = np.mean(g * x, axis=0) if position is None else (g * x)[position]
    s = Suspect(Edge(node.name, 1), node, registry["mul"], (x, b), x * b, g, got.reshape(shape), np.sum(g * x, axis=0).reshape(shape), np.full(shape, 1e-15))
    assert str(diagnose(s)) == f"missing sum over a broadcast axis: only the {which} stands there"


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        (np.s_[:1], "= for +=: only the first entry along axis 0 of matmul1 is left"), (np.s_[-1:], "= for +=: only the last entry along axis 0 of matmul1 is left"),
        (np.s_[1:2], ""), (np.s_[:0], "zero: the contribution is missing"), (np.s_[:2], ""),
    ],
)  # fmt: skip
def test_which_example_is_left_of_a_sum(kept, text):
    """An engine that does not add up over a batch leaves the first or the last example of it, and no other is looked for."""
    rng = np.random.default_rng(0)
    x, w, g = rng.normal(size=(3, 2)), rng.normal(size=(2, 4)), rng.normal(size=(3, 4))
    graph = trace(lambda x, w: x @ w, {"x": x, "w": w})
    (node,) = graph.nodes
    got = x[kept].T @ g[kept]
    s = Suspect(Edge(node.name, 1), node, registry["matmul"], (x, w), x @ w, g, got, x.T @ g, np.full((2, 4), 1e-15))
    assert str(diagnose(s) or "") == text


@pytest.mark.parametrize(
    ("got", "text"),
    [
        (1 / np.cosh(np.tanh(RIGHT)) ** 2, "at output: the derivative of tanh at tanh1 is taken at its output instead of its input"), (np.array([0.0, 0.0, 1 / np.cosh(0.5) ** 2]), ""),
        (np.full(3, np.nan), ""), (np.array([np.inf, 1.0, 1.0]), ""),
    ],
)  # fmt: skip
def test_entry_by_entry(got, text):
    """Where nothing is added up, nothing was left of a sum; what is not finite is like nothing."""
    right = 1 / np.cosh(RIGHT) ** 2
    assert str(diagnose(suspect(got, right, 1e-15 * right)) or "") == text


def test_a_sum_is_not_entry_by_entry():
    """Of what has another shape than its value, the value is nowhere in place of a derivative."""
    x, g = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([2.0, -3.0])
    graph = trace(lambda x: np.sum(x, axis=0), {"x": x})
    (node,) = graph.nodes
    y = np.sum(x, axis=0)
    s = Suspect(Edge(node.name, 0), node, registry["sum"], (x,), y, g, np.ones((2, 1)) * g * y, np.ones((2, 1)) * g, np.full((2, 2), 1e-15))
    assert diagnose(s) is None


@pytest.mark.parametrize(
    ("second", "got", "text", "use"),
    [
        (RIGHT[::-1], RIGHT, "term missing: the contribution through b[0] was dropped", "b"),
        (RIGHT[::-1], 2 * RIGHT + RIGHT[::-1], "counted twice: the contribution through a[0]", "a"), (np.zeros(3), RIGHT + 5e-12, "", None),
        (np.full(3, -1e-11), RIGHT + 5e-12, "", None), (np.full(3, 1e-11), RIGHT + 2.5e-11, "", None), (RIGHT, RIGHT, "", None), (RIGHT[::-1], RIGHT * np.nan, "", None),
    ],
)  # fmt: skip
def test_mistakes_of_adding_up(second, got, text, use):
    """Of two uses the one that is missing or doubled is named where it is one alone, and more than rounding."""
    a, b = Edge("a", 0), Edge("b", 0)
    found, edge = among(got, [(a, RIGHT), (b, second)], np.full(3, 1e-12))
    assert (str(found or ""), edge) == (text, {"a": a, "b": b, None: None}[use])
