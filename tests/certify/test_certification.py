"""Certified gradients: exact ends, correct rounding, ties, conditions, and agreement with the oracle that is independent."""

import math
from fractions import Fraction

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.ball import Ball
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.certify import Certified, Enclosure
from gradcheck.errors import BadInput, BadValues, UnknownName
from gradcheck.networks.network import networks

SMALL = [n.name for n in networks.values() if n.small and n.smooth]


def traced(f, **values):
    """Return a graph and its values."""
    return gradcheck.trace(f, values), values


def test_the_package_is_the_function():
    """gradcheck.certify is called, and holds its records."""
    graph, values = traced(lambda x: np.sum(x * x), x=np.array([0.1, 3.0]))
    found = gradcheck.certify(graph, values)
    assert isinstance(found, Certified)
    assert isinstance(found["x"], Enclosure)
    assert list(found) == ["x"]
    assert len(found) == 1
    assert repr(found) == "Certified(x; 148 bits)"
    assert "bounds" in gradcheck.certify.__doc__


def test_exact_ends():
    """The ends are fractions that hold the truth; an exact result has equal ends."""
    graph, values = traced(lambda x: np.sum(x * x), x=np.array([0.1, 3.0]))
    found = gradcheck.certify(graph, values)
    assert found["x"].lower.tolist() == [2 * Fraction(0.1), Fraction(6)] == found["x"].upper.tolist()
    assert found.loss.lower[()] <= Fraction(0.1) ** 2 + 9 <= found.loss.upper[()]
    graph, values = traced(lambda x: np.sum(x / 3), x=np.array([0.1]))
    third = gradcheck.certify(graph, values)["x"]
    assert third.lower[0] < Fraction(1, 3) < third.upper[0]
    assert third.upper[0] - third.lower[0] < Fraction(1, 2**138)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_correct_rounding(dtype):
    """The derivative of exp is rounded as mpmath's fifty digits are, and proved to be."""
    x = np.linspace(-9, 9, 41)
    graph, values = traced(lambda x: np.sum(np.exp(x)), x=x)
    found = gradcheck.certify(graph, values)["x"]
    assert found.proved_in(dtype).all()
    m = Multiprecision(50)
    digits = np.array([np.longdouble(str(v)) for v in m.exp(m.array(x))])
    if dtype == "float64":
        assert np.array_equal(found.rounded, digits.astype(np.float64))
    else:
        spacing = np.abs(digits) * 2.0 ** -{"float32": 24, "float16": 11, "bfloat16": 8}[dtype] + 2.0**-26
        assert (np.abs(found.rounded_to(dtype).astype(np.longdouble) - digits) <= spacing).all()


def test_too_few_bits_are_not_called_proof():
    """With 8 bits the float64 is not known, and it is said."""
    graph, values = traced(lambda x: np.sum(np.exp(x)), x=np.array([1.0]))
    found = gradcheck.certify(graph, values, bits=8)["x"]
    assert not found.proved[0]
    assert found.contains(np.array([math.e]))[0]
    assert not found.contains(np.array([2.0]))[0]


def test_ties_enclose_every_generalised_derivative():
    """At a tie of relu the enclosure is [0, 1], and nothing is called proved."""
    graph, values = traced(lambda x: np.sum(gradcheck.ops.relu(x)), x=np.array([0.0, 1.0]))
    found = gradcheck.certify(graph, values)["x"]
    assert found.lower[0] <= 0
    assert found.upper[0] >= 1
    assert found.proved.tolist() == [False, True]
    assert found.bits[0] < 2


def test_near_ties_are_resolved():
    """Where a maximum's operands differ in the hundredth digit, more bits are taken until one wins."""
    graph, values = traced(lambda x: np.sum(gradcheck.ops.relu(1 + np.exp(x) - 1)), x=np.array([-250.0]))
    found = gradcheck.certify(graph, values)["x"]
    assert found.proved[0]
    assert found.rounded[0] == math.exp(-250)


def test_infinite_derivatives_are_unknown():
    """The root at zero has no finite derivative: infinite ends, NaN for the nearest number."""
    graph, values = traced(lambda x: np.sum(np.sqrt(x)), x=np.array([0.0, 4.0]))
    found = gradcheck.certify(graph, values)["x"]
    assert (found.lower[0], found.upper[0]) == (-math.inf, math.inf)
    assert math.isnan(found.rounded[0])
    assert not found.proved[0]
    assert found.rounded[1] == 0.25


def test_tails():
    """Numbers far below every format round to zero, those far above to infinity, with finite or infinite ends."""
    graph, values = traced(lambda x: np.sum(np.exp(x)), x=np.array([-1e6, 1e6]))
    found = gradcheck.certify(graph, values)["x"]
    assert found.rounded.tolist() == [0.0, math.inf]
    assert found.proved.all()
    assert 0 <= found.lower[0] < found.upper[0] <= Fraction(1, 2**16384)
    assert found.upper[1] == math.inf


def test_conditions():
    """x - sin x has a condition that grows as its digits are lost; a power has its exponent less one."""
    graph, values = traced(lambda x: np.sum(gradcheck.ops.integer_power(x, n=5)), x=np.array([3.0]))
    assert gradcheck.certify(graph, values)["x"].condition[0] == pytest.approx(4)
    graph, values = traced(lambda x: np.sum(np.exp(x) - x), x=np.array([1e-8, 1.0]))
    condition = gradcheck.certify(graph, values)["x"].condition
    assert condition[0] == pytest.approx(1)
    assert condition[1] == pytest.approx(math.e / (math.e - 1))
    assert np.isnan(gradcheck.certify(graph, values).loss.condition)


def test_estimated_conditions():
    """For many numbers the sum is estimated, and usually errs by a third of itself: by the median, not by a mean of Cauchy variables."""
    from gradcheck.certify import condition

    network = networks["xor-2-2-1"]
    names, ops = tuple(network.graph.differentiable), gradcheck.ops.registry
    exact = condition.movements(network.graph, network.values(0), names, cotangent=None, ops=ops)
    logarithms = []
    for seed in range(12):
        estimated = condition.movements(network.graph, network.values(0), names, cotangent=None, ops=ops, exact=0, seed=seed)
        logarithms += [np.ravel(np.log(estimated[k] / exact[k])) for k in names]
    assert 0.2 < np.sqrt(np.mean(np.concatenate(logarithms) ** 2)) < 0.4


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize("name", SMALL)
def test_every_small_network(name):
    """Each entry is proved correctly rounded, and the float64 sweep is as near to it as its condition and depth let it be."""
    network = networks[name]
    found = gradcheck.certify(network.graph, network.values(0))
    assert all(x.proved.all() for x in found.values())
    _, exact = gradcheck.backward(network.graph, network.values(0), Multiprecision(700))
    for k, x in found.items():
        with Ball().precision(4000):
            for ball, v in zip(np.ravel(x.balls), np.ravel(exact[k]), strict=True):
                sign, mantissa, exponent, _ = v._mpf_
                point = type(ball)(int(mantissa) * (-1 if sign else 1)) * type(ball)(2) ** int(exponent)
                assert abs(ball - point) <= abs(point) * type(ball)(2) ** -138 + type(ball)(2) ** -1100


def test_bad_input():
    """Too few bits, NaN, unknown leaves: refused with the reason."""
    graph, values = traced(lambda x: np.sum(x), x=np.array([1.0]))
    with pytest.raises(BadInput, match="2 bits"):
        gradcheck.certify(graph, values, bits=1)
    with pytest.raises(BadValues, match="finite"):
        gradcheck.certify(graph, {"x": np.array([np.nan])})
    with pytest.raises(UnknownName):
        gradcheck.certify(graph, values, wrt=["y"])


def test_cotangents():
    """Outputs that are no scalars take a cotangent, as `backward` does."""
    graph, values = traced(lambda x: np.exp(x), x=np.array([0.0, 1.0]))
    found = gradcheck.certify(graph, values, cotangent=np.array([2.0, 3.0]))
    assert found["x"].rounded.tolist() == [2.0, 3 * math.e]
    assert len(found.losses) == 1


def test_what_cannot_be_asked():
    """Bits that are no number, numbers of another shape; where nothing is known, no bit is."""
    graph = gradcheck.trace(lambda x: np.sum(np.sqrt(x)), {"x": np.zeros(2)})
    with pytest.raises(BadInput, match="at least 2 bits"):
        gradcheck.certify(graph, {"x": np.ones(2)}, bits="many")
    with pytest.raises(BadValues, match="shape"):
        gradcheck.certify(graph, {"x": np.ones(2)})["x"].contains(np.zeros(3))
    assert np.array_equal(gradcheck.certify(graph, {"x": np.zeros(2)})["x"].bits, [-np.inf, -np.inf])


def test_constants_have_no_errors():
    """A condition is that of the inputs and parameters: a gradient that is a constant does not move with them, one that is a product does."""
    values = {"w": np.array([0.5, 0.7])}
    constant = gradcheck.trace(lambda w: np.sum(w * np.array([2.0, 3.0])), values)
    assert gradcheck.certify(constant, values)["w"].condition.tolist() == [0.0, 0.0]
    moving = gradcheck.trace(lambda w: np.sum(w * w * np.array([2.0, 3.0])), values)
    assert gradcheck.certify(moving, values)["w"].condition == pytest.approx([1.0, 1.0])
