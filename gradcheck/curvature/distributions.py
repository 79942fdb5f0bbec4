"""What a loss says about its target: the distribution whose negative logarithm it is, and the covariance of its scores.

A score is the derivative of one observation's loss by the prediction. Its expectation over the model's own distribution is zero,
and its covariance is the Fisher information of the prediction: sums over outcomes where these are few, moments where they are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.curvature.split import LINKS, PREDICTION
from gradcheck.errors import BadInput
from gradcheck.graph.graph import Graph, Node
from gradcheck.ops.geometry import kept
from gradcheck.ops.softmaxes import softmax_along

#: (arithmetic, prediction z, tangent u) -> E[s s^T] u, with the scores s of every observation
Covariance: TypeAlias = Callable[[Arithmetic, Array, Array], Array]


@dataclass(frozen=True, slots=True)
class Observations:
    """The observations behind a loss node.

    Args:
        loss: the node.
        prediction: name of the value whose rows they belong to.
        count: by how much their sum is divided.
        axis: of the prediction, along which examples are; None for a single one.
        covariance: of the scores; None for a loss that is no distribution's.
    """

    loss: Node
    prediction: str
    count: int
    axis: int | None
    covariance: Covariance | None


def observations(graph: Graph, node: Node, values: Mapping[str, Any]) -> Observations:
    """Return the observations behind a loss.

    Args:
        graph: the network.
        node: its loss, one of `gradcheck.curvature.split.PREDICTION`.
        values: integer leaves by name, among others.

    Raises:
        BadInput: for a loss that is not reduced, or a prediction and a target of different shapes.
    """
    operand = node.inputs[PREDICTION[node.op]]
    target = node.inputs[1 - PREDICTION[node.op]]
    if node.attributes["reduction"] == "none":
        raise BadInput(f"expected a loss that is a sum or a mean; node {node.name!r} ({node.op}) has reduction='none'")
    shape = graph.shapes[operand]
    if node.op != "cross_entropy_logits" and graph.shapes[target] != shape:
        raise BadInput(f"node {node.name!r} ({node.op}): expected one shape; got {shape} and {graph.shapes[target]}")
    before = graph.node.get(operand)
    matched = before is not None and LINKS.get(node.op) == before.op
    prediction = before.inputs[0] if before is not None and matched else operand
    axis = _classes(graph, node, before if matched else None)
    examples = next((k for k in range(len(shape)) if k != axis), None)
    return Observations(node, prediction, _count(graph, node, axis, values), examples, _covariance(node, matched, axis, values))


def _classes(graph: Graph, node: Node, link: Node | None) -> int | None:
    """Return the axis of the prediction along which classes are; None for a loss by entries."""
    rank = len(graph.shapes[node.inputs[PREDICTION[node.op]]])
    if node.op == "cross_entropy_logits":
        return 1
    if "axis" in node.attributes:
        axis: int = node.attributes["axis"] % rank
        if link is not None and link.attributes["axis"] % rank != axis:
            raise BadInput(f"node {node.name!r} ({node.op}): expected the axis of its softmax, {link.attributes['axis']}; got axis={axis}")
        return axis
    return link.attributes["axis"] % rank if link is not None and link.op == "softmax" else None


def _count(graph: Graph, node: Node, axis: int | None, values: Mapping[str, Any]) -> int:
    """Return by how much the sum over observations is divided."""
    if node.attributes["reduction"] == "sum":
        return 1
    if node.op == "cross_entropy_logits":
        return int(kept(np.asarray(values[node.inputs[1]]), node.attributes["ignore_index"]).sum())
    shape = graph.shapes[node.inputs[0]]
    by_rows = "axis" in node.attributes
    return math.prod(n for k, n in enumerate(shape) if not (by_rows and k == axis))


def _covariance(node: Node, matched: bool, axis: int | None, values: Mapping[str, Any]) -> Covariance | None:
    if node.op in ("squared_error", "mean_squared_error", "half_squared_error"):
        return partial(gaussian, halves=1 if node.op == "half_squared_error" else 2)
    if node.op == "binary_cross_entropy_logits" or (node.op == "binary_cross_entropy" and matched):
        return bernoulli
    if axis is None or not (matched or node.op in ("softmax_cross_entropy", "cross_entropy_logits")):
        return None
    if node.op == "cross_entropy_logits":
        labels = np.asarray(values[node.inputs[1]])
        return partial(categorical, axis=axis, counted=kept(labels, node.attributes["ignore_index"]))
    return partial(categorical, axis=axis, counted=None)


def gaussian(m: Arithmetic, z: Array, u: Array, *, halves: int) -> Array:
    """Return E[s s^T] u for (z - y)^2 halves / 2: y is normal around z with variance 1 / halves, and s = halves (z - y)."""
    return u * halves


def bernoulli(m: Arithmetic, z: Array, u: Array) -> Array:
    """Return E[s s^T] u for logits z: the outcome 1 of probability p has s = p - 1, the outcome 0 has s = p."""
    p, q = m.logistic(z), m.logistic(-z)
    return (p * m.square(q) + q * m.square(p)) * u


def categorical(m: Arithmetic, z: Array, u: Array, *, axis: int, counted: npt.NDArray[np.bool_] | None) -> Array:
    """Return E[s s^T] u for logits z: the outcome c of probability p_c has s = p - e_c; summed over all outcomes."""
    rank = len(z.shape)
    last = [k for k in range(rank) if k != axis] + [axis]
    back = [last.index(k) for k in range(rank)]
    p = softmax_along(m, m.transpose(z, last), rank - 1)
    rows, n = tuple(p.shape[:-1]), p.shape[-1]
    scores = m.reshape(p, (*rows, 1, n)) - m.eye(n)  # (..., outcome, class)
    along = m.sum(m.reshape(m.transpose(u, last), (*rows, 1, n)) * scores, (rank,))
    if counted is not None:
        p = p * m.array(counted.reshape((*rows, 1)).astype(float))
    return m.transpose(m.sum(m.reshape(p * along, (*rows, n, 1)) * scores, (rank - 1,)), back)
