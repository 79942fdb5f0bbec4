"""Sharp ends of hulls: they are the one-sided derivatives where rounding of the hull alone keeps them apart."""

from fractions import Fraction

import numpy as np
import pytest

import gradcheck
from gradcheck.graph.values import bind
from gradcheck.vectors.hull import one_sided


def sharp(f, x, name="x"):
    """Return the certified ends of the first entry, and the sharp ones."""
    graph = gradcheck.trace(f, {name: x})
    found = gradcheck.certify(graph, {name: x})[name]
    ends = found.lower.flat[0], found.upper.flat[0]
    return ends, one_sided(graph, bind(graph, {name: x})).sharpened(name, *ends, 0)


@pytest.mark.parametrize(
    ("f", "expected"),
    [(lambda x: np.sum(gradcheck.ops.relu(x)), (0, 1)), (lambda x: np.sum(3 * np.abs(x)), (-3, 3)), (lambda x: gradcheck.ops.norm(x), (-1, 1))],
    ids=["relu", "abs", "norm"],
)
def test_hulls_at_zero(f, expected):
    """The hull of a ball reaches a little beyond; the sharp ends do not."""
    wide, found = sharp(f, np.zeros(2))
    assert found == expected
    assert wide[0] <= found[0]
    assert found[1] <= wide[1]
    assert max(found[0] - wide[0], wide[1] - found[1]) < 1e-7


def test_ends_that_are_not_a_side_stay():
    """Two kinks may add up to more than both sides at once say: the hull is kept."""
    wide, found = sharp(lambda x: np.sum(gradcheck.ops.relu(x) + gradcheck.ops.relu(-x) / 2), np.zeros(1))
    assert wide[1] > 1 > found[0]
    assert found[0] >= wide[0]
    assert (found[0], found[1]) != (Fraction(-1, 2), Fraction(1, 2))


def test_what_is_not_finite_stays():
    """Where nothing is known nothing is sharpened."""
    graph = gradcheck.trace(lambda x: np.sum(gradcheck.ops.relu(x)), {"x": np.zeros(1)})
    assert one_sided(graph, bind(graph, {"x": np.zeros(1)})).sharpened("x", -float("inf"), float("inf"), 0) == (-float("inf"), float("inf"))


def test_constants_are_those_of_the_format():
    """A slope of 0.1 is the float32 next to 0.1 in float32."""
    graph = gradcheck.trace(lambda x: np.sum(0.1 * gradcheck.ops.relu(x)), {"x": np.zeros(1)})
    for dtype, slope in (("float64", 0.1), ("float32", float(np.float32(0.1)))):
        sides = one_sided(graph, bind(graph, {"x": np.zeros(1)}, dtype))
        assert sides.sharpened("x", Fraction(0), Fraction(slope) * (1 + Fraction(1, 2**30)), 0) == (0, Fraction(slope))
