"""The loss beyond the last layer: its derivatives, and that it is a sum over examples."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import OracleGaveUp
from gradcheck.networks.network import networks
from gradcheck.oracles import ending
from gradcheck.oracles.ending import Ending
from gradcheck.oracles.layers import layers_of
from gradcheck.oracles.point import Point


def ending_of(name):
    """Return the ending of a network in 30 digits."""
    network, m = networks[name], Multiprecision(30)
    point = Point(network.graph, network.values(0))
    return Ending(point, layers_of(point)[-1], m, point.forward(m)), network.values(0)


def test_squared_errors():
    """Half the squared error over n examples: the error over n, and 1/n on the diagonal."""
    found, values = ending_of("bias-vector")
    n = len(values["x"])
    error = np.tanh(values["x"] @ values["w"] + values["b"]) - values["t"]
    assert np.allclose(found.gradient.astype(float), error / n, atol=1e-15)
    assert np.array_equal(found.curvature.astype(float), np.broadcast_to(np.eye(2) / n, (n, 2, 2)))
    assert found.penalties == {}


def test_softmax_and_its_cross_entropy():
    """In one ending: p - t, and diag(p) - p p^T, over n."""
    found, values = ending_of("softmax-regression")
    z = values["x"] @ values["w1"] + values["b1"]
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert np.allclose(found.gradient.astype(float), (p - values["t"]) / len(z), atol=1e-15)
    wanted = p[:, :, None] * np.eye(p.shape[1]) - p[:, :, None] * p[:, None, :]
    assert np.allclose(found.curvature.astype(float), wanted / len(z), atol=1e-15)


def test_penalties():
    """The loss's second derivatives by each weight that it takes directly; zeros are exact."""
    found, _ = ending_of("l2-regularised")
    assert set(found.penalties) == {"w1", "w2"}
    assert len({float(x) for x in found.penalties["w1"]}) == 1
    assert float(found.penalties["w1"][0]) > 0


def test_examples_that_are_coupled():
    """A norm over all examples is no sum over them; nor are weights that a penalty multiplies."""
    with pytest.raises(OracleGaveUp, match="no sum over examples"):
        ending_of("loss-norm")
    values = {"w": np.ones((2, 1)), "x": np.ones((3, 2))}
    graph = gradcheck.trace(lambda w, x: np.sum(np.tanh(x @ w)) + np.sum(w) ** 2, values, inputs=["x"])
    point, m = Point(graph, values), Multiprecision(30)
    with pytest.raises(OracleGaveUp, match="no sum over examples"):
        Ending(point, layers_of(point)[-1], m, point.forward(m))


def test_large_endings_are_refused(monkeypatch):
    """Each pair of entries of an example takes a value."""
    monkeypatch.setattr(ending, "MOST_VALUES", 5)
    with pytest.raises(OracleGaveUp, match="at most 5"):
        ending_of("bias-vector")
