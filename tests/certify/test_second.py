"""Certified Hessians hold what multiprecision finds, are symmetric, and say when they do not know."""

from fractions import Fraction

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.ball import Ball
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.certify import certify_hessian
from gradcheck.errors import BadInput, BadValues, UnknownName
from gradcheck.networks.network import networks

QUICK = ["xor-2-2-1", "two-heads", "loss-norm", "saturated-gelu", "contrastive", "tiny-inputs", "empty-batch"]
SMOOTH = [n.name for n in networks.values() if n.small and n.smooth and n.name not in ("deep-chain-200", "long-sum-4096")]


def held(name, seed=0):
    """Assert that every ball holds the entry found in 150 digits, give or take that one's own last digits, and meets its mirror image."""
    network = networks[name]
    balls = certify_hessian(network.graph, network.values(seed)).matrix.balls
    wanted = gradcheck.hessian(network.graph, network.values(seed), arithmetic=Multiprecision(150)).matrix
    assert balls.shape == wanted.shape
    largest = max((abs(x) for x in wanted.ravel()), default=0)
    m = Ball()
    with m.precision(1000):
        for ball, x in zip(balls.ravel(), wanted.ravel(), strict=True):
            sign, mantissa, exponent, _ = x._mpf_
            exact = m.element((-1) ** sign * int(mantissa)) * m.element(2) ** exponent
            slack = m.element(float(largest)) * m.element(10) ** -120
            assert not ball < exact - slack
            assert not ball > exact + slack
        assert all(a.overlaps(b) for a, b in zip(balls.ravel(), balls.T.ravel(), strict=True))


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", QUICK)
def test_enclosures_hold_the_hessian(name):
    """What multiprecision finds lies within; entries that should be equal overlap."""
    held(name)


@pytest.mark.deep
@pytest.mark.parametrize("name", SMOOTH)
def test_all_enclosures_hold_the_hessian(name):
    """For every small network, at two points."""
    held(name)
    held(name, 1)


def test_rational_hessians_are_exact():
    """Sums of powers of exact numbers have Hessians that are known exactly."""
    graph = gradcheck.trace(lambda x, y: np.sum(x * x * x) * y, {"x": np.ones(2), "y": np.ones(())})
    found = certify_hessian(graph, {"x": np.array([0.5, 3.0]), "y": np.array(0.25)})
    assert found.matrix.lower.tolist() == found.matrix.upper.tolist()
    assert found.matrix.lower.tolist() == [[Fraction(3, 4), 0, Fraction(3, 4)], [0, Fraction(9, 2), 27], [Fraction(3, 4), 27, 0]]
    assert found["y", "x"].shape == (2,)
    assert found["x", "x"].lower.tolist() == [[Fraction(3, 4), 0], [0, Fraction(9, 2)]]
    assert len(found) == len(list(found)) == 4
    assert "x, y" in repr(found)


def test_as_many_bits_as_asked_for():
    """Every entry is known to the bits that were asked for, and rounds to the float64 Hessian's truth."""
    network = networks["xor-2-2-1"]
    for bits in (64, 200):
        found = certify_hessian(network.graph, network.values(0), bits=bits).matrix
        assert found.bits.min() >= bits
        assert found.proved.all()
    assert np.allclose(found.rounded, gradcheck.hessian(network.graph, network.values(0)).matrix, rtol=1e-12, atol=1e-16)


def test_at_a_kink_every_piece_is_held():
    """Where the second derivative of Huber's loss jumps, both 0 and its value within lie in the enclosure."""
    network = networks["huber-at-delta"]
    found = certify_hessian(network.graph, network.values(0)).matrix
    assert any(low <= 0 < high for low, high in zip(found.lower.ravel(), found.upper.ravel(), strict=True))


def test_refusals():
    """Too few bits, infinite values, a name that is no leaf."""
    network = networks["xor-2-2-1"]
    with pytest.raises(BadInput, match="at least 2 bits"):
        certify_hessian(network.graph, network.values(0), bits=1)
    with pytest.raises(BadValues, match="finite"):
        certify_hessian(network.graph, network.values(0) | {"b1": np.array([np.inf, 0])})
    with pytest.raises(UnknownName, match="w9"):
        certify_hessian(network.graph, network.values(0), wrt=["w9"])
