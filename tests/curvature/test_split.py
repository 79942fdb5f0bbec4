"""Where a loss begins: found by itself, named by the caller, or refused."""

import numpy as np
import pytest

import gradcheck
from gradcheck.curvature import split
from gradcheck.errors import BadInput, UnknownName
from gradcheck.networks.network import networks
from gradcheck.ops import registry as ops


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("xor-2-2-1", ("a2",)),
        ("softmax-regression", ("z1",)),
        ("sklearn-binary-tanh-2", ("z3",)),
        ("loss-kl-divergence", ("z2",)),
        ("two-heads", ("z2", "z3")),
        ("dead-head", ("z2",)),
        ("loss-huber", ("z2",)),
    ],
)
def test_predictions_are_found(name, outputs):
    """The operand of the loss; the logits, where a cross entropy of probabilities follows their softmax or logistic."""
    assert split(networks[name].graph).outputs == outputs


def test_the_parts_make_the_whole():
    """The nodes of the body and of the head are those that the loss depends on; penalised weights enter the head directly."""
    graph = networks["l2-regularised"].graph
    parts = split(graph)
    assert {n.name for n in (*parts.body.nodes, *parts.head.nodes)} == {n.name for n in graph.nodes}
    assert parts.direct == ("w1", "w2")
    assert split(networks["xor-2-2-1"].graph).direct == ()


def test_named_outputs():
    """A caller may cut anywhere, at several values too."""
    graph = networks["xor-2-2-1"].graph
    assert split(graph, ["z2"]).outputs == ("z2",)
    assert [n.name for n in split(graph, ["a1", "a2", "a1"]).body.nodes] == ["z1", "a1", "z2", "a2"]


def test_refusals():
    """No loss, a value that is not there, a loss that takes more than the predictions, predictions that it does not take."""
    with pytest.raises(BadInput, match="name the network's predictions"):
        split(networks["diamond"].graph)
    with pytest.raises(UnknownName, match="z9"):
        split(networks["xor-2-2-1"].graph, ["z9"])
    values = {"w": np.ones((2, 2)), "x": np.ones((3, 2)), "t": np.ones((3, 2))}

    def active(w, x, t):
        a = np.tanh(x @ w).named("a")
        return ops["half_squared_error"]((a * 2).named("z"), t) + np.sum(a * a)

    graph = gradcheck.trace(active, values, inputs=["x", "t"])
    with pytest.raises(BadInput, match=r"takes 'a' too; add it: outputs=\[..., 'a'\]"):
        split(graph)
    assert split(graph, ["z", "a"]).outputs == ("z", "a")
    dead = networks["dead-head"].graph
    with pytest.raises(BadInput, match="that the loss depends on"):
        split(dead, ["z3", "z2"])
