"""Hessians, products with them, Jacobians and derivatives of any order: each against another way to it."""

import math

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.engine.second import derivative, hessian, hvp, jacobian, jvp
from gradcheck.errors import BadInput, BadShape, UnknownName
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.trace import trace
from gradcheck.networks.network import networks
from gradcheck.networks.specimen import specimen
from gradcheck.ops import registry

SMOOTH = [n.name for n in networks.values() if n.small and n.smooth]


def direction(graph, seed=0):
    """Return a random direction in all parameters."""
    rng = np.random.default_rng(seed)
    return {k: rng.normal(size=graph.shapes[k]) for k in graph.differentiable}


def flat(found, names):
    """Return arrays by name as one vector."""
    return np.concatenate([np.ravel(found[k]) for k in names]) if names else np.zeros(0)


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", registry)
def test_hessians_of_operations(name):
    """Batches of directions give what each gives alone, and the matrix is symmetric."""
    for number in range(len(registry[name].samples)):
        graph, values = specimen(registry[name], number)
        found = gradcheck.hessian(graph, values)
        matrix, v = found.matrix, direction(graph)
        product = flat(gradcheck.hvp(graph, values, v), found.names)
        size = max(1.0, float(np.max(np.abs(matrix), initial=0.0)))
        assert np.allclose(matrix, matrix.T, rtol=0, atol=1e-10 * size)
        assert np.allclose(matrix @ flat(v, found.names), product, rtol=0, atol=1e-10 * size * math.sqrt(len(product) + 1))


@pytest.mark.parametrize("name", SMOOTH[::7])
def test_products_against_differences(name):
    """The Hessian times a vector is the difference of gradients, to thirty digits."""
    network = networks[name]
    graph, values, v = network.graph, network.values(0), direction(network.graph)
    m = Multiprecision(90)
    h = m.context.mpf(10) ** -30
    found = gradcheck.hvp(graph, values, v, arithmetic=m)

    def at(s):
        moved = {k: m.array(x) for k, x in values.items() if graph.leaf[k].type == "float"}
        rest = {k: x for k, x in values.items() if k not in moved}
        return gradcheck.backward(graph, rest | {k: x + m.array(v[k]) * s if k in v else x for k, x in moved.items()}, m)[1]

    up, down = at(h), at(-h)
    for k, x in found.items():
        for a, b in zip(np.ravel(x), np.ravel((up[k] - down[k]) / (2 * h)), strict=True):
            assert abs(a - b) <= m.context.mpf(10) ** -30 * max(1, abs(b))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_directional_derivatives(order):
    """Up to the fourth they are mpmath's along the line."""
    network = networks["xor-2-2-1"]
    graph, values, v = network.graph, network.values(0), direction(network.graph)
    m = Multiprecision(60)
    leaves = lift(graph, values, m)

    def loss(h):
        y = propagate(graph, leaves | {k: leaves[k] + m.array(t) * h for k, t in v.items()}, m)
        return np.asarray(y[graph.outputs[0]])[()]

    found = gradcheck.derivative(graph, values, v, order=order, arithmetic=Multiprecision(60))
    wanted = m.context.taylor(loss, 0, order)[order] * math.factorial(order)
    assert abs(np.asarray(found)[()] - wanted) < m.context.mpf(10) ** -12
    assert float(gradcheck.derivative(graph, values, v, order=order)) == pytest.approx(float(wanted), rel=1e-10)


def test_values_are_derivatives_of_order_zero():
    """Order 0 gives the loss; a negative one is refused."""
    network = networks["xor-2-2-1"]
    loss, _ = gradcheck.backward(network.graph, network.values(0))
    assert float(gradcheck.derivative(network.graph, network.values(0), {}, order=0)) == float(loss)
    for order in (-1, 1.5, None):
        with pytest.raises(BadInput, match="at least 0"):
            gradcheck.derivative(network.graph, network.values(0), {}, order=order)


def test_forward_and_reverse_agree():
    """<g, J t> is <J^T g, t>, and the Jacobian has both products in it."""
    graph = gradcheck.trace(lambda w, x: (np.tanh(x @ w), np.exp(x) * 2), {"w": np.ones((3, 2)), "x": np.ones((4, 3))})
    rng = np.random.default_rng(0)
    values = {"w": rng.normal(size=(3, 2)), "x": rng.normal(size=(4, 3))}
    t = direction(graph)
    (y, z), (ty, tz) = gradcheck.jvp(graph, values, t)
    first, second = gradcheck.jacobian(graph, values)
    assert y.shape == (4, 2)
    assert z.shape == (4, 3)
    assert first["w"].shape == (4, 2, 3, 2)
    assert np.allclose(np.tensordot(first["w"], t["w"], 2) + np.tensordot(first["x"], t["x"], 2), ty)
    assert np.allclose(np.tensordot(second["x"], t["x"], 2), tz)
    assert not second["w"].any()
    g = (rng.normal(size=(4, 2)), rng.normal(size=(4, 3)))
    _, gradient = gradcheck.backward(graph, values, cotangent=g)
    assert sum(np.sum(a * b) for a, b in zip(g, (ty, tz), strict=True)) == pytest.approx(sum(np.sum(gradient[k] * t[k]) for k in t))


def test_blocks():
    """Blocks are found by pairs of names, in any arithmetic; leaves without influence give zeros."""
    graph = gradcheck.trace(lambda a, b, c: np.sum(a * b), {"a": np.ones(2), "b": np.ones(2), "c": np.ones(1)})
    values = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0]), "c": np.ones(1)}
    found = gradcheck.hessian(graph, values)
    assert np.array_equal(found["a", "b"], np.eye(2))
    assert not found["a", "a"].any()
    assert found.matrix.shape == (5, 5)
    assert len(found) == len(list(found)) == 9
    exact = gradcheck.hessian(graph, values, arithmetic=Multiprecision(30), wrt=["a", "b"])
    assert float(exact["b", "a"][1, 1]) == 1.0
    assert exact.matrix.shape == (4, 4)


def test_directions_are_checked():
    """A direction of another shape, or of no float leaf, is refused."""
    graph = gradcheck.trace(lambda a: np.sum(a * a), {"a": np.ones(2)})
    with pytest.raises(BadShape, match="direction of 'a'"):
        gradcheck.hvp(graph, {"a": np.ones(2)}, {"a": np.ones(3)})
    with pytest.raises(UnknownName, match="'b'"):
        gradcheck.jvp(graph, {"a": np.ones(2)}, {"b": np.ones(2)})
    assert not gradcheck.hvp(graph, {"a": np.ones(2)}, {})["a"].any()


PRODUCTS = {
    "jvp": lambda graph, values, **a: jvp(graph, values, {"w": np.ones(2)}, **a)[1],
    "derivative": lambda graph, values, **a: derivative(graph, values, {"w": np.ones(2)}, order=3, **a),
    "hvp": lambda graph, values, **a: hvp(graph, values, {"w": np.ones(2)}, **a)["w"],
    "hessian": lambda graph, values, **a: hessian(graph, values, **a)["w", "w"],
    "jacobian": lambda graph, values, **a: jacobian(graph, values, **a)["w"],
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_any_arithmetic_is_asked(name):
    """Each is computed in float64 unless another number system is given, and then in all the digits of that."""
    values = {"w": np.array([0.3, 0.7])}
    graph = trace(lambda w: np.sum(np.exp(w) * np.sin(w)), values)
    m = Multiprecision(40)
    plain, wide = np.ravel(PRODUCTS[name](graph, values)), np.ravel(PRODUCTS[name](graph, values, arithmetic=m))
    assert plain.dtype == np.float64
    assert np.allclose(plain, wide.astype(np.float64), rtol=1e-14)
    assert any(x != float(x) for x in wide)


@pytest.mark.parametrize("order", [-1, 1.5, "2"])
def test_orders_are_counted(order):
    """An order is a number of derivatives."""
    values = {"w": np.array([0.3])}
    with pytest.raises(BadInput, match="expected an order"):
        derivative(trace(lambda w: np.sum(w), values), values, {"w": np.ones(1)}, order=order)
