"""Graphs read as layered networks, or refused with the node that is to blame."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import OracleGaveUp
from gradcheck.networks.network import networks
from gradcheck.oracles.layers import layers_of
from gradcheck.oracles.point import Point


def layers(name):
    """Return the layers of a network."""
    network = networks[name]
    return layers_of(Point(network.graph, network.values(0)))


def test_layers_of_a_network():
    """Sources, weights, biases, activations, in order; the last activation too, where it takes each entry on its own."""
    first, second = layers("xor-2-2-1")
    assert (first.source, first.weight, first.bias, first.value, first.output) == ("x", "w1", "b1", "z1", "a1")
    assert (second.source, second.output, [n.op for n in second.activation]) == ("a1", "a2", ["logistic"])
    assert layers("softmax-regression")[-1].activation == ()


def test_columns_fixed_layers_and_separate_biases():
    """Weights may stand to the left, be no parameters, and have a bias in a node of its own."""
    assert all(x.columns for x in layers("layered-matrix-form"))
    assert [x.weight for x in layers("amari-five-layer")] == ["w3", "w4"]
    values = {"w": np.ones((2, 3)), "b": np.ones(3), "x": np.ones((4, 2))}
    graph = gradcheck.trace(lambda w, b, x: np.sum(np.tanh((x @ w).named("p") + b)), values, inputs=["x"])
    (layer,) = layers_of(Point(graph, values))
    assert (layer.product, layer.bias, layer.output) == ("p", "b", graph.node["tanh1"].name)


def test_vectors_are_one_example():
    """A vector is one row, or one column where weights stand to the left."""
    first = layers("layered-matrix-form")[0]
    assert first.rows(np.arange(3)).shape == (1, 3)
    assert first.rows(np.ones((3, 4))).shape == (4, 3)
    assert layers("xor-2-2-1")[0].rows(np.arange(3)).shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("diamond", "no product with a weight"),
        ("skip-layers", "'add1' is not a function of each entry of 'z2'"),
        ("residual-blocks", "node 'a4' takes 'a2' past the next layer"),
        ("lenet-1989-small", r"node 'conv2d1' \(conv2d\) is no layer's"),
        ("graph-convolution", "from both sides"),
        ("autoencoder-tied", "does not multiply by one leaf"),
        ("activation-softmax", "'a1' is not a function of each entry of 'z1'"),
        ("attention-heads", "no product of two matrices"),
        ("same-operand-twice", "is no layer's"),
    ],
)
def test_what_is_not_layered(name, reason):
    """The reason names what does not fit."""
    with pytest.raises(OracleGaveUp, match=f"not layered: .*{reason}"):
        layers(name)
