"""The reducer of failing graphs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.engine.reverse import backward
from gradcheck.errors import BadInput
from gradcheck.graph.reduce import reduce
from gradcheck.networks import networks
from gradcheck.networks.random import random_network
from gradcheck.ops import registry


class Fault:
    """A wrong vjp of one operation, and a count of the graphs it was tried on."""

    def __init__(self, op: str) -> None:
        right = registry[op].vjp
        wrong = replace(
            registry[op], vjp=lambda m, g, y, *xs, **a: tuple(None if c is None else -c for c in right(m, g, y, *xs, **a))
        )
        self.ops = {**registry, op: wrong}
        self.calls = 0

    def __call__(self, graph, values):
        self.calls += 1
        _, right = backward(graph, values)
        _, wrong = backward(graph, values, ops=self.ops)
        return any(not np.allclose(right[k], wrong[k]) for k in right)


@pytest.mark.parametrize(
    ("name", "op"),
    [("deep-chain-200", "tanh"), ("lstm", "slice"), ("lstm", "tanh"), ("transformer-block", "softmax"), ("lenet-1989", "conv2d"),
     ("tree-recursive", "concatenate"), ("fifty-uses", "sin"), ("random/0/3", "take")],
)  # fmt: skip
def test_a_planted_fault_ends_with_at_most_four_nodes(name, op):
    """A wrong derivative anywhere in a network is cut down to it and a loss, in few calls."""
    network = networks[name]
    fault = Fault(op)
    graph, values = reduce(network.graph, network.values(), fault)
    assert len(graph.nodes) <= 4
    assert op in {n.op for n in graph.nodes}
    assert fault(graph, values)
    assert fault.calls <= 40


def test_a_forgotten_sum_over_uses_keeps_both_uses():
    """A fault of `=` for `+=` needs a value that is used twice; the reducer leaves one."""

    def fails(graph, values):
        fed = [x for n in graph.nodes for x in n.inputs]
        return any(fed.count(p) > 1 for p in (*graph.parameters, *graph.node))

    graph, values = reduce(networks["lstm"].graph, networks["lstm"].values(), fails)
    assert fails(graph, values)
    assert len(graph.nodes) <= 8


@pytest.mark.parametrize("k", range(10))
def test_what_is_left_is_a_network(k):
    """The reduced graph evaluates, and no leaf or value is left over."""
    network = random_network(f"random/1/{k}")
    graph, values = reduce(network.graph, network.values(), lambda graph, values: True)
    assert not graph.unused
    assert set(values) == {*graph.parameters, *graph.inputs}
    assert np.isfinite(backward(graph, values)[0])


def test_the_format_of_the_values_is_kept():
    """Nodes that become parameters hold numbers of the format of the given values."""
    network = networks["activation-tanh"]
    _, values = reduce(
        network.graph, network.values(0, "float32"), lambda graph, values: "half_squared_error" in {n.op for n in graph.nodes}
    )
    assert {str(x.dtype) for x in values.values()} == {"float32"}


def test_a_network_that_does_not_fail_is_refused():
    """There is nothing to reduce without a failure."""
    network = networks["diamond"]
    with pytest.raises(BadInput, match="expected a network that fails"):
        reduce(network.graph, network.values(), lambda graph, values: False)


@pytest.mark.parametrize(("name", "op"), [("deep-chain-200", "tanh"), ("fifty-uses", "sin")])
def test_a_reduced_case_has_no_weights(name, op):
    """Where a plain sum shows the fault too, nothing else is left."""
    graph, _ = reduce(networks[name].graph, networks[name].values(), Fault(op))
    assert [n.op for n in graph.nodes] == [op, "sum"]
    assert [x.kind for x in graph.leaves] == ["parameter"]
