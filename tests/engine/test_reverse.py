"""The reference against gradients derived by hand."""

import inspect

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.engine import reverse
from gradcheck.engine.reverse import backward, evaluate
from gradcheck.errors import BadShape, BadValues, UnknownName
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.trace import trace
from gradcheck.networks import networks
from gradcheck.ops import registry

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
W = np.array([0.3, -0.2, 0.9])

#: program, its arrays, their gradients derived by hand
BY_HAND = {
    "linear": (lambda x: np.sum(3 * x), [X], [np.full((2, 3), 3.0)]),
    "constant in x": (lambda x: np.sum(x * 0) + 7, [X], [np.zeros((2, 3))]),
    "square": (lambda x: np.sum(x**2), [X], [2 * X]),
    "product": (lambda x, w: np.sum(x @ w), [X, W], [np.tile(W, (2, 1)), X.sum(0)]),
    "quadratic form": (lambda w: w @ X.T @ X @ w, [W], [2 * X.T @ X @ W]),
    "tanh": (lambda x: np.sum(np.tanh(x)), [X], [1 - np.tanh(X) ** 2]),
    "quotient": (lambda w, x: np.sum(x / w), [W, X], [-(X / W**2).sum(0), np.tile(1 / W, (2, 1))]),
    "broadcast": (lambda w, x: np.sum((x + w) ** 2), [W, X], [2 * (X + W).sum(0), 2 * (X + W)]),
    "used twice": (lambda w: np.sum(w * np.exp(w)), [W], [(1 + W) * np.exp(W)]),
    "both operands": (lambda w: np.sum(w / w), [W], [np.zeros(3)]),
    "gather": (lambda w: np.sum(w[[0, 2, 0]] * np.array([1.0, 2.0, 4.0])), [W], [np.array([5.0, 0.0, 2.0])]),
    "diamond": (lambda w: np.sum(np.sin(w) * np.cos(w)), [W], [np.cos(2 * W)]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_gradients_derived_by_hand(name):
    """Loss and gradients are those of the formula."""
    program, arrays, expected = BY_HAND[name]
    graph = trace(program, arrays)
    loss, gradients = backward(graph, dict(zip(graph.parameters, arrays, strict=True)))
    np.testing.assert_allclose(loss, program(*arrays), rtol=1e-14)
    for key, g in zip(graph.parameters, expected, strict=True):
        np.testing.assert_allclose(gradients[key], g, rtol=1e-13, atol=1e-15)
        assert gradients[key].shape == g.shape


def test_cotangent_of_an_array_output():
    """vjp of x W is g W^T."""
    w, g = X.T, np.array([[1.0, -2.0]])
    graph = trace(lambda x: x @ w, [np.ones((1, 3))])
    y, gradients = backward(graph, {"x": np.ones((1, 3))}, cotangent=g)
    np.testing.assert_allclose(y, np.ones((1, 3)) @ w)
    np.testing.assert_allclose(gradients["x"], g @ w.T)


def test_cotangents_of_several_outputs():
    """They are a tuple in the order of the outputs; the gradient is that of the weighted sum; one output may come twice."""
    graph = trace(lambda w: (np.exp(w), np.sum(w)), [W])
    (y, s), gradients = backward(graph, {"w": W}, cotangent=(W, np.array(2.0)))
    assert (y.shape, s.shape) == ((3,), ())
    np.testing.assert_allclose(gradients["w"], W * np.exp(W) + 2)
    twice = Graph([Leaf("w", "parameter", ())], [Node("y", "exp", ("w",))], ["y", "y"])
    assert backward(twice, {"w": 0.0}, cotangent=(1.0, 2.0))[1]["w"] == 3


def test_scalar_outputs_need_no_cotangent():
    """Several scalars are added up; a leaf may be an output."""
    graph = trace(lambda w: (np.sum(w), w[0] * 2), [W])
    assert backward(graph, {"w": W})[1]["w"].tolist() == [3, 1, 1]
    identity = trace(lambda w: w, [np.array(2.0)])
    assert backward(identity, {"w": 2.0})[1]["w"] == 1


def test_missing_and_misshapen_cotangents():
    """A non-scalar output asks for a cotangent, of its shape, as many as there are outputs."""
    graph = trace(lambda w: w * 2, [W])
    with pytest.raises(BadValues, match=r"expected a cotangent for outputs of shapes \[\(3,\)\]; got none; give cotangent="):
        backward(graph, {"w": W})
    with pytest.raises(BadShape, match=r"cotangent of .*: expected shape \(3,\); got \(2,\)"):
        backward(graph, {"w": W}, cotangent=np.ones(2))
    with pytest.raises(BadValues, match="expected 1 cotangents"):
        backward(graph, {"w": W}, cotangent=(W, W))


def test_wrt():
    """Any float leaf may be asked for, constants and inputs too; others are refused."""
    graph = trace(lambda x, w, i: np.sum((x @ w)[i]), {"x": X, "w": W, "i": np.array([1])}, inputs=("x",))
    values = {"x": X, "w": W, "i": [1]}
    assert set(backward(graph, values)[1]) == {"w"}
    np.testing.assert_array_equal(backward(graph, values, wrt=["x"])[1]["x"], [[0, 0, 0], W])
    with pytest.raises(UnknownName, match="no float leaf named 'i'"):
        backward(graph, values, wrt=["i"])


def test_inputs_are_differentiated_where_there_is_no_parameter():
    """A graph of inputs alone has the gradient of its float inputs."""
    graph = trace(lambda x: np.sum(x), [X], inputs=("x",))
    assert set(backward(graph, {"x": X})[1]) == {"x"}


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_unused_parameter_gives_zeros(dtype):
    """A parameter that the loss does not depend on has a gradient of zeros of its shape and format."""
    graph = trace(lambda x, w: np.sum(x), [X, W])
    g = backward(graph, {"x": X, "w": W}, Floating(dtype))[1]["w"]
    assert g.tolist() == [0, 0, 0]
    assert g.dtype == Floating(dtype).storage


def test_missing_values_are_told():
    """Values are checked before anything is computed."""
    with pytest.raises(BadValues, match="'w'"):
        backward(trace(lambda x, w: np.sum(x * w), [X, W]), {"x": X})


@pytest.mark.parametrize("name", ["attention-masked" if "attention-masked" in networks else "lstm", "lenet-1989", "fifty-uses"])
def test_pure(name):
    """Inputs and graph are left alone, and two runs agree bit by bit."""
    network = networks[name]
    values = network.values()
    kept = {k: x.copy() for k, x in values.items()}
    nodes = network.graph.nodes
    first, second = backward(network.graph, values), backward(network.graph, values)
    assert first[0] == second[0]
    for k, g in first[1].items():
        np.testing.assert_array_equal(g, second[1][k])
        assert not any(np.shares_memory(g, x) for x in values.values())
    for k, x in values.items():
        np.testing.assert_array_equal(x, kept[k])
    assert network.graph.nodes is nodes


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float16", 2e-2), ("bfloat16", 1e-1), ("longdouble", 1e-14)])
def test_formats(dtype, rtol):
    """Gradients have the format asked for and agree with float64 as far as it goes."""
    network = networks["xor-2-2-1"]
    values = network.values(0, "bfloat16")
    _, exact = backward(network.graph, values)
    loss, got = backward(network.graph, values, Floating(dtype))
    assert loss.dtype == Floating(dtype).storage
    for k, g in got.items():
        assert g.dtype == Floating(dtype).storage
        np.testing.assert_allclose(g.astype(float), exact[k], rtol=rtol, atol=rtol * np.abs(exact[k]).max())


def test_multiprecision():
    """The same sweep gives 50 digits: exp(0.1) to all of them."""
    graph = trace(lambda x: np.exp(x), [np.array(0.1)])
    m = Multiprecision(50)
    g = backward(graph, {"x": 0.1}, m)[1]["x"].item()
    assert abs(g - m.context.exp(m.context.mpf(0.1))) < m.context.mpf(10) ** -49


def test_foreign_rules():
    """An engine with rules of its own uses them and nothing else's."""
    import dataclasses

    graph = trace(lambda x: np.sum(np.tanh(x)), [X])
    ops = {**registry, "tanh": dataclasses.replace(registry["tanh"], vjp=lambda m, g, y, x: (g * 5,))}
    assert (backward(graph, {"x": X}, ops=ops)[1]["x"] == 5).all()


def test_the_sweep_is_short():
    """The loop over the nodes reads like the algorithm."""
    body = inspect.getsource(reverse.sweep).split('"""')[2]
    assert len(body.strip().splitlines()) <= 15


def test_evaluate_takes_any_arithmetic():
    """The value in float32 is a float32 array, 0-d results included."""
    y = evaluate(trace(lambda x: np.sum(x), [X]), {"x": X}, Floating("float32"))
    assert y.dtype == np.float32
    assert isinstance(y, np.ndarray)
