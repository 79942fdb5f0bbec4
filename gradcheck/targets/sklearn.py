"""scikit-learn's MLPRegressor and MLPClassifier: their own private ``_backprop`` is what is judged.

It hands back the activations of every layer and the deltas, which are n times the adjoints of the
pre-activations (n examples): so nearly every node is checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from gradcheck.errors import CannotExpress
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Values
from gradcheck.targets.interpreter import scalar_output
from gradcheck.targets.target import Known, Run, leaf_arrays

Array = npt.NDArray[Any]

HIDDEN = {"logistic": "logistic", "tanh": "tanh", "relu": "relu"}
#: loss operation -> (estimator, sklearn's loss, operation of the output layer, its name there)
OUTPUTS: Mapping[str, tuple[Any, str, str, str]] = {
    "half_squared_error": (MLPRegressor, "squared_error", "dense", "identity"),
    "cross_entropy": (MLPClassifier, "log_loss", "softmax", "softmax"),
    "binary_cross_entropy": (MLPClassifier, "log_loss", "logistic", "logistic"),
}


@dataclass(frozen=True, slots=True)
class Layered:
    """A layered network as scikit-learn knows it, with the names that our graph uses."""

    loss: str
    data: str
    labels: str
    weights: tuple[str, ...]
    biases: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    activation: str
    penalty: str | None


class Sklearn:
    """scikit-learn's multilayer perceptrons: every activation, loss, number of layers and alpha."""

    name = "sklearn"
    version = sklearn.__version__
    dtypes = ("float64", "float32")
    slack = 2.0  # it divides by n once, after the products, where the graph divides before them
    known = (
        Known(
            "*",
            "the loss of several outputs is averaged over them, its gradient is that of their sum",
            "docs/findings.md#scikit-learn-multi-output-loss",
            where="value of loss (div)",
            mistake="factor: every entry is 1/",
        ),
    )

    def run(self, graph: Graph, values: Values) -> Run:
        """Set up an estimator with the given weights and call its ``_backprop``."""
        net = recognise(graph)
        leaves = leaf_arrays(graph, values)
        kind, loss, _, out = OUTPUTS[net.loss]
        x, t = leaves[net.data].copy(), leaves[net.labels].copy()
        weights = [leaves[k].copy() for k in net.weights]
        alpha = 0.0 if net.penalty is None else 2 * len(x) * float(leaves[net.penalty])
        model = kind(tuple(w.shape[1] for w in weights[:-1]), activation=net.activation, alpha=alpha)
        model.coefs_, model.intercepts_ = weights, [leaves[k].copy() for k in net.biases]
        model.n_layers_, model.n_outputs_, model.out_activation_ = len(weights) + 1, t.shape[1], out
        model.loss = loss
        activations, deltas = [x] + [None] * len(weights), [None] * len(weights)
        found = _backprop(model, x, t, activations, deltas, len(weights))
        value, slopes, offsets = found
        return Run(
            value,
            dict(zip(net.weights, slopes, strict=True)) | dict(zip(net.biases, offsets, strict=True)),
            {name: a for name, a in zip(net.after, activations[1:], strict=True) if a is not None},
            {name: _divided(d, len(x)) for name, d in zip(net.before, deltas, strict=True) if d is not None},
        )


def _backprop(model: Any, x: Array, t: Array, activations: list[Any], deltas: list[Any], layers: int) -> Any:
    """Call the private method; releases before sample weights have one argument less."""
    buffers = (activations, deltas, [None] * layers, [None] * layers)
    if "sample_weight" in inspect.signature(model._backprop).parameters:
        return model._backprop(x, t, None, *buffers)
    return model._backprop(x, t, *buffers)


def _divided(delta: Array, n: int) -> Array:
    """Return delta / n in a wider format, so that the division adds no rounding of ours."""
    wide = np.longdouble if delta.dtype == np.float64 else np.float64
    return np.asarray(delta.astype(wide) / n)


def recognise(graph: Graph) -> Layered:
    """Return the layers of a graph; raise `CannotExpress` with the reason if it is not layered so."""
    loss = graph.node[scalar_output(graph)] if scalar_output(graph) in graph.node else None
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
    before, after, weights, biases, hidden = [], [], [], [], []
    name, wanted = loss.inputs[0], OUTPUTS[loss.op][2]
    while name in graph.node:
        node = graph.node[name]
        after.append(name)
        if not weights and wanted != "dense":
            if node.op != wanted:
                raise CannotExpress(f"the output layer of {loss.op} is {node.op}, not {wanted}")
            node = _node(graph, node.inputs[0])
        elif weights and node.op in HIDDEN:
            hidden.append(HIDDEN[node.op])
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
