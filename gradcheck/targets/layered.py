"""Layered networks recognised in a graph: for implementations that know nothing else.

A layered network is a chain of ``dense`` nodes, each followed by the same activation or none, then the output
layer, then a loss summed over examples and divided by their number; optionally plus alpha / 2n times the sum of
the squares of all weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck.errors import CannotExpress
from gradcheck.graph.graph import Graph, Node
from gradcheck.targets.interpreter import scalar_output

ACTIVATIONS = ("logistic", "tanh", "relu")
#: loss operation -> operation of the output layer
OUTPUTS: Mapping[str, str] = {
    "half_squared_error": "dense",
    "cross_entropy": "softmax",
    "binary_cross_entropy": "logistic",
}


@dataclass(frozen=True, slots=True)
class Layered:
    """A layered network, with the names that the graph uses.

    Args:
        loss: operation of the loss.
        data, labels: the inputs.
        weights, biases: the parameters, layer by layer.
        before, after: the values before and after each activation.
        activation: of the hidden layers; "identity" for none.
        penalty: the constant alpha / 2n, if there is one.
    """

    loss: str
    data: str
    labels: str
    weights: tuple[str, ...]
    biases: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    activation: str
    penalty: str | None

    def alpha(self, leaves: Mapping[str, Any]) -> float:
        """Return the factor of the penalty, alpha in alpha / 2n."""
        return 0.0 if self.penalty is None else 2 * len(leaves[self.data]) * float(leaves[self.penalty])


def recognise(graph: Graph) -> Layered:
    """Return the layers of a graph; raise `CannotExpress` with the reason if it is not layered so."""
    loss = graph.node.get(scalar_output(graph))
    if loss is None:
        raise CannotExpress("a network of layers and a loss is expected")
    error, penalty = (loss, None)
    if loss.op == "add":
        error, penalty = _node(graph, loss.inputs[0]), _node(graph, loss.inputs[1])
    inner = _averaged(graph, error)
    if inner.op not in OUTPUTS or inner.attributes.get("reduction") != "sum":
        raise CannotExpress(f"the loss {inner.op} is none of {', '.join(OUTPUTS)}, summed and divided by n")
    before, after, weights, biases, hidden, data = _layers(graph, inner)
    if len(set(hidden)) > 1:
        raise CannotExpress("the hidden layers have different activations")
    if graph.leaf.get(inner.inputs[1]) is None or graph.leaf[inner.inputs[1]].kind != "input":
        raise CannotExpress("the target of the loss is no input")
    if len(graph.shapes[inner.inputs[1]]) != 2 or {*weights, *biases} != set(graph.parameters):
        raise CannotExpress("there are parameters outside of the layers")
    factor = None if penalty is None else _penalty(graph, penalty, weights)
    return Layered(
        inner.op, data, inner.inputs[1], weights, biases, before, after, hidden[0] if hidden else "identity", factor
    )


def _node(graph: Graph, name: str) -> Node:
    if name not in graph.node:
        raise CannotExpress(f"{name} is no operation")
    return graph.node[name]


def _averaged(graph: Graph, error: Node) -> Node:
    """Return the loss whose sum over examples is divided by their number."""
    if error.op != "div" or graph.leaf.get(error.inputs[1]) is None:
        raise CannotExpress("the loss is not divided by the number of examples")
    inner, n = _node(graph, error.inputs[0]), graph.leaf[error.inputs[1]].value
    if n is None or not inner.inputs or float(n) != (graph.shapes[inner.inputs[0]] or (0,))[0]:
        raise CannotExpress("the loss is not divided by the number of examples")
    return inner


def _layers(graph: Graph, loss: Node) -> tuple[Any, ...]:
    """Walk from the loss to the data."""
    before: list[str] = []
    after: list[str] = []
    weights: list[str] = []
    biases: list[str] = []
    hidden: list[str] = []
    name, wanted = loss.inputs[0], OUTPUTS[loss.op]
    while name in graph.node:
        node = graph.node[name]
        after.append(name)
        if not weights and wanted != "dense":
            if node.op != wanted:
                raise CannotExpress(f"the output layer of {loss.op} is {node.op}, not {wanted}")
            node = _node(graph, node.inputs[0])
        elif weights and node.op in ACTIVATIONS:
            hidden.append(node.op)
            node = _node(graph, node.inputs[0])
        elif weights:
            hidden.append("identity")
        if node.op != "dense" or any(graph.leaf.get(p) is None for p in node.inputs[1:]):
            raise CannotExpress(f"{node.name} is {node.op}, not a layer x w + b with an activation that it has")
        before.append(node.name)
        weights.append(node.inputs[1])
        biases.append(node.inputs[2])
        name = node.inputs[0]
    if graph.leaf[name].kind != "input" or len(graph.shapes[name]) != 2:
        raise CannotExpress("the first layer does not read a matrix of data")
    return *(tuple(reversed(x)) for x in (before, after, weights, biases)), hidden, name


def _penalty(graph: Graph, node: Node, weights: tuple[str, ...]) -> str:
    """Return the constant alpha / 2n of the sum of the squares of all weights."""
    if node.op != "mul":
        raise CannotExpress("the penalty is not a factor times a sum of squares")
    factor = next((x for x in node.inputs if x in graph.leaf and graph.leaf[x].kind == "constant"), None)
    pending = [x for x in node.inputs if x != factor]
    squared: list[str] = []
    while pending:
        inner = _node(graph, pending.pop())
        if inner.op == "sum" and _node(graph, inner.inputs[0]).op in ("mul", "square"):
            squared += set(_node(graph, inner.inputs[0]).inputs)
        elif inner.op == "add":
            pending += inner.inputs
        else:
            raise CannotExpress("the penalty is not a sum of squares of the weights")
    if factor is None or sorted(squared) != sorted(weights):
        raise CannotExpress("the penalty is not on all weights and on nothing else")
    return factor
