"""The second-order recursion: hand-made Hessians, the formula itself, layers of every kind."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import OracleGaveUp
from gradcheck.networks.network import networks
from gradcheck.ops import registry as ops
from gradcheck.oracles.recursion import recursion

LAYERED = [
    "xor-2-2-1", "layered-matrix-form", "amari-five-layer", "l2-regularised", "repeated-layer", "softmax-regression", "loss-poisson", "dead-head",
    "exploding-product", "huge-inputs", "dead-relus", "empty-batch", "vanishing-logistic-8", "activation-gelu", "loss-cross-entropy-labels",
]  # fmt: skip


def matrix(found):
    """Return an estimate's rows as one matrix of float64."""
    return np.concatenate([found.value[k] for k in found.value]).astype(float)


def test_one_unit_by_hand():
    """L = (tanh(w x) - t)^2 / 2: f'^2 x^2 + f'' (f - t) x^2."""
    values = {"w": np.array([[0.7]]), "x": np.array([[1.5]]), "t": np.array([[0.2]])}
    graph = gradcheck.trace(lambda w, x, t: ops["half_squared_error"](np.tanh(x @ w), t), values, inputs=["x", "t"])
    f = np.tanh(0.7 * 1.5)
    slope, bend = 1 - f * f, -2 * f * (1 - f * f)
    assert np.isclose(matrix(recursion(graph, values))[0, 0], (slope**2 + bend * (f - 0.2)) * 1.5**2, rtol=1e-15)


def test_the_formula_of_two_layers():
    """d2L/dx dx of the first layer, from W^T (d2L/dx dx) W of the second, written out; biases have x's own Hessian for one example."""
    rng = np.random.default_rng(0)
    values = {
        "w": rng.normal(size=(2, 3)), "b": rng.normal(size=3), "u": rng.normal(size=(3, 2)), "c": rng.normal(size=2), "x": rng.normal(size=(1, 2)),
        "t": rng.normal(size=(1, 2)),
    }  # fmt: skip
    dense = ops["dense"]
    program = lambda w, b, u, c, x, t: ops["half_squared_error"](np.sin(dense(np.tanh(dense(x, w, b)), u, c)), t)
    found = recursion(gradcheck.trace(program, values, inputs=["x", "t"]), values)
    x1 = (values["x"] @ values["w"] + values["b"])[0]
    x2 = np.tanh(x1) @ values["u"] + values["c"]
    error = np.sin(x2) - values["t"][0]
    second = np.diag(np.cos(x2) ** 2 - np.sin(x2) * error)
    slope, bend = 1 - np.tanh(x1) ** 2, -2 * np.tanh(x1) * (1 - np.tanh(x1) ** 2)
    gradient = values["u"] @ (np.cos(x2) * error)
    first = np.outer(slope, slope) * (values["u"] @ second @ values["u"].T) + np.diag(bend * gradient)
    own = found.value["b"].astype(float)[:, 6:9]
    assert np.allclose(own, first, rtol=1e-13, atol=1e-15)
    assert np.allclose(found.value["c"].astype(float)[:, 15:], second, rtol=1e-13, atol=1e-15)
    assert np.allclose(found.value["c"].astype(float)[:, 6:9], second @ values["u"].T * slope, rtol=1e-13, atol=1e-15)


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", LAYERED)
def test_layered_networks(name):
    """Every kind of layered network: the engine's Hessian, to float64's rounding."""
    network = networks[name]
    found, wanted = matrix(recursion(network.graph, network.values(0))), gradcheck.hessian(network.graph, network.values(0)).matrix
    assert found.shape == wanted.shape
    assert np.max(np.abs(found - wanted), initial=0) <= 1e-13 * np.max(np.abs(wanted), initial=0)


def test_a_bias_and_a_penalty_in_nodes_of_their_own():
    """Forty digits, in a network with columns, a separate bias, a shared weight, and a penalty."""
    rng = np.random.default_rng(1)
    values = {"w": rng.normal(size=(3, 3)), "b": rng.normal(size=(3, 1)), "x": rng.normal(size=(3, 4))}
    graph = gradcheck.trace(lambda w, b, x: np.sum(np.sin(w @ np.tanh(w @ x + b) + b)) + 0.5 * np.sum(w * w), values, inputs=["x"])
    found, m = recursion(graph, values), Multiprecision(60)
    wanted = gradcheck.hessian(graph, values, arithmetic=m).matrix
    assert found.digits > 45
    assert np.max(np.abs(np.concatenate([found.value[k] for k in ("w", "b")]) - wanted)) < m.context.mpf(10) ** -40


def test_leaves_that_are_asked_for():
    """Weights alone, and the cotangent scales all."""
    network = networks["xor-2-2-1"]
    graph, values = network.graph, network.values(0)
    found = recursion(graph, values, wrt=["w1"], cotangent=np.array(3.0))
    assert np.allclose(matrix(found), 3 * gradcheck.hessian(graph, values, wrt=["w1"]).matrix, atol=1e-15)


def test_reasons():
    """What is not layered, an input that is asked for, a kink."""
    for name, reason in (("diamond", "not layered"), ("relu-layers-all-zero", "stands on a kink")):
        with pytest.raises(OracleGaveUp, match=reason):
            recursion(networks[name].graph, networks[name].values(0))
    network = networks["xor-2-2-1"]
    with pytest.raises(OracleGaveUp, match="not layered"):
        recursion(network.graph, network.values(0), wrt=["x"])


@pytest.mark.deep
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", [n.name for n in networks.values() if n.small and n.smooth])
def test_every_layered_network(name, seed):
    """At other points too."""
    network = networks[name]
    try:
        found = matrix(recursion(network.graph, network.values(seed)))
    except OracleGaveUp as error:
        pytest.skip(str(error))
    wanted = gradcheck.hessian(network.graph, network.values(seed)).matrix
    assert np.max(np.abs(found - wanted), initial=0) <= 1e-12 * np.max(np.abs(wanted), initial=0)
