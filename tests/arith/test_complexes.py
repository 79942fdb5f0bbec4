"""Complex numbers with a tiny imaginary part give derivatives to rounding on every smooth network."""

import numpy as np
import pytest

from gradcheck.arith.complexes import Complexes
from gradcheck.engine.reverse import backward
from gradcheck.errors import NotInThisArithmetic
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.networks.network import networks

SMOOTH = [n for n in networks.values() if n.smooth and n.small and "extremes" not in n.tags]
NOT_ANALYTIC = {"activation-erf", "activation-gelu", "transformer-block"}


def slope(network, seed=1):
    """Return the directional derivative, that of the reference, and the sum of magnitudes behind it."""
    m, values, rng = Complexes(), network.values(), np.random.default_rng(seed)
    _, gradient = backward(network.graph, values)
    t = {k: rng.normal(size=np.shape(g)) for k, g in gradient.items()}
    leaves = lift(network.graph, values, m) | {k: m.along(values[k], t[k]) for k in t}
    y = propagate(network.graph, leaves, m)
    found = sum(float(m.slope(y[k])) for k in network.graph.outputs)
    return found, sum(np.sum(gradient[k] * t[k]) for k in t), sum(np.sum(abs(gradient[k] * t[k])) for k in t)


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("network", SMOOTH, ids=lambda n: n.name)
def test_directional_derivatives(network):
    """They agree with the reference to a few roundings of the largest term."""
    if network.name in NOT_ANALYTIC:
        with pytest.raises(NotInThisArithmetic, match="erf"):
            slope(network)
        return
    found, expected, size = slope(network)
    assert abs(found - expected) <= 64 * 2**-53 * size * max(1, len(network.graph.nodes) / 16)


@pytest.mark.parametrize("x", [-2.0, -1e-3, 3.0])
def test_real_parts_decide(x):
    """Magnitude, sign, maximum and winner go by the real part."""
    m = Complexes()
    z, zero = m.along(np.array([x, x / 2]), np.array([1.0, 3.0])), m.constant(0)
    np.testing.assert_array_equal(m.slope(abs(z)), np.sign(x) * np.array([1.0, 3.0]))
    np.testing.assert_array_equal(m.slope(m.maximum(z, zero)), np.array([1.0, 3.0]) * (x > 0))
    np.testing.assert_array_equal(m.slope(m.max(z, 0)), [1.0 if x > x / 2 else 3.0])
    assert m.winners(z, 0).tolist() == [x > x / 2, not x > x / 2]
    np.testing.assert_array_equal(m.slope(m.shift(z, 0)), [0.0])  # a shift has no tangent


@pytest.mark.parametrize("name", ["logistic", "softplus", "sech2", "tanh", "log1p", "expm1"])
@pytest.mark.parametrize("x", [-700.0, -3.0, 1e-8, 5.0, 700.0])
def test_tails(name, x):
    """Functions neither overflow nor lose their derivatives in the tails."""
    m = Complexes()
    if name in ("log1p", "expm1") and abs(x) > 5:
        return
    exact = {
        "logistic": lambda: np.exp(-abs(x)) / (1 + np.exp(-abs(x))) ** 2, "softplus": lambda: 1 / (1 + np.exp(-x)) if x > -600 else np.exp(x),
        "sech2": lambda: -2 * np.tanh(x) * 4 * np.exp(-2 * abs(x)) / (1 + np.exp(-2 * abs(x))) ** 2,
        "tanh": lambda: 4 * np.exp(-2 * abs(x)) / (1 + np.exp(-2 * abs(x))) ** 2, "log1p": lambda: 1 / (1 + x), "expm1": lambda: np.exp(x),
    }  # fmt: skip
    if name == "log1p" and x <= -1:
        return
    found = m.slope(m.function(name, m.along(np.array(x), np.array(1.0))))
    np.testing.assert_allclose(found, exact[name](), rtol=1e-12, atol=1e-200)


def test_scatter_and_sums():
    """What moves and adds entries does so to both parts."""
    m = Complexes()
    z = m.along(np.arange(4.0), np.array([1.0, 2.0, 4.0, 8.0]))
    added = m.scatter_add(z, np.array([0, 0, 1, -1]), (2,))
    np.testing.assert_array_equal(m.slope(added), [3.0, 4.0])
    np.testing.assert_array_equal(m.number(m.cumsum(z, 0)), [0, 1, 3, 6])
    np.testing.assert_array_equal(m.slope(m.einsum("i,i->", z, m.array(np.ones(4)))), 15.0)
