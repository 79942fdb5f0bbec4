"""The residuals of a loss that is a sum of squares: what Levenberg-Marquardt and Gauss-Newton need.

Accepted are graphs whose outputs are the residuals themselves, not one number (the loss is then half their squared sum), and graphs with one number as a
loss that is made of squared_error, half_squared_error, mean_squared_error, and sums or means of squares, added up and multiplied or
divided by positive constants. A penalty on the weights is such a sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.engine.reverse import evaluate
from gradcheck.engine.second import jacobian
from gradcheck.errors import NoResiduals
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Values

#: operation -> the factor of its sum of squares
_ERRORS = {"squared_error": 1.0, "half_squared_error": 0.5, "mean_squared_error": 1.0}
#: operations that only change the shape of a number
_SAME = ("reshape", "squeeze", "expand_dims", "broadcast_to", "transpose")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Residuals:
    """A graph of residuals r, so that the loss is half the squared sum of scaled ones.

    Args:
        graph: its outputs are the residuals.
        scales: an output's residuals are multiplied by.
    """

    graph: Graph
    scales: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many residuals there are."""
        return sum(math.prod(self.graph.shapes[k]) for k in self.graph.outputs)

    def value(self, values: Values) -> Floats:
        """Return the residuals as a vector."""
        found = evaluate(self.graph, values)
        several = found if len(self.scales) > 1 else (found,)
        return np.concatenate([s * np.ravel(x) for s, x in zip(self.scales, several, strict=True)])

    def jacobian(self, values: Values) -> Floats:
        """Return the derivatives of all residuals (rows) by all parameters (columns, in the order of the graph)."""
        found = jacobian(self.graph, values, wrt=self.graph.parameters)
        several: tuple[Mapping[str, Any], ...] = found if len(self.scales) > 1 else (found,)
        rows = []
        for name, s, blocks in zip(self.graph.outputs, self.scales, several, strict=True):
            n = math.prod(self.graph.shapes[name])
            rows.append(s * np.concatenate([np.reshape(blocks[k], (n, -1)) for k in self.graph.parameters], axis=1))
        return np.concatenate(rows)


def residuals(graph: Graph) -> Residuals:
    """Return the residuals of a graph.

    Raises:
        NoResiduals: a loss that is no sum of squares, or parameters that are none.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x, w: np.mean((x * w - 1) ** 2), {"x": np.ones(4), "w": np.ones(4)}, inputs=["x"])
    >>> found = residuals(graph)
    >>> found.graph.outputs, found.scales
    (('sub1',), (0.7071067811865476,))
    """
    if not graph.parameters:
        raise NoResiduals("expected parameters to move; the graph has none")
    if len(graph.outputs) > 1 or math.prod(graph.shapes[graph.outputs[0]]) != 1:
        return Residuals(graph, (1.0,) * len(graph.outputs))
    names: list[str] = []
    added: list[Node] = []
    scales: list[float] = []
    for term, factor in _terms(graph, graph.outputs[0]):
        if factor < 0:
            raise NoResiduals(f"expected squares with positive factors; that of {_named(term)} is {factor:g}")
        name = term if isinstance(term, str) else _fresh(graph, added)
        if not isinstance(term, str):
            added.append(Node(name, "sub", term.inputs))
        names.append(name)
        scales.append(math.sqrt(2 * factor))
    kept = graph.ancestors([x for x in names if x in graph.shapes] + [x for n in added for x in n.inputs])
    nodes = [*(n for n in graph.nodes if n.name in kept), *added]
    return Residuals(Graph(graph.leaves, nodes, names, name=graph.name), tuple(scales))


def _terms(graph: Graph, output: str) -> Iterator[tuple[str | Node, float]]:
    """Yield what is squared (a value, or the node of an error between two) with the factor of the squared sum."""
    todo = [(output, 1.0)]
    while todo:
        name, factor = todo.pop()
        node = graph.node.get(name)
        if node is None:
            raise NoResiduals(f"expected a sum of squares; {_named(name)} enters the loss as it is")
        if node.op in _ERRORS:
            n = _size(graph, node.inputs) if node.attributes["reduction"] == "mean" else 1
            yield node, factor * _ERRORS[node.op] / n
        elif (squared := _squared(node)) is not None:
            yield squared, factor
        elif node.op in ("sum", "mean") and (inner := _inner(graph, node)) is not None:
            term, own = inner
            n = math.prod(graph.shapes[node.inputs[0]]) if node.op == "mean" else 1
            yield term, factor * own / n
        else:
            todo += _parts(graph, node, factor)


def _parts(graph: Graph, node: Node, factor: float) -> list[tuple[str, float]]:
    """Return the numbers that a node adds up, with their factors."""
    if node.op in ("add", "sub"):
        return [(node.inputs[0], factor), (node.inputs[1], factor if node.op == "add" else -factor)]
    if node.op in _SAME:
        return [(node.inputs[0], factor)]
    if node.op in ("mul", "div"):
        for k in (1, 0) if node.op == "mul" else (1,):
            leaf = graph.leaf.get(node.inputs[k])
            if leaf is not None and leaf.value is not None:
                c = float(leaf.value.item())
                return [(node.inputs[1 - k], factor * c if node.op == "mul" else factor / c)]
    raise NoResiduals(
        f"expected a loss of squared errors, sums and means of squares, added up and multiplied by constants; got {node.op} at "
        f"{node.name!r}; give a graph whose outputs are the residuals"
    )


def _squared(node: Node) -> str | None:
    """Return the value whose square a node is, or None."""
    if node.op == "square" or (node.op == "mul" and node.inputs[0] == node.inputs[1]):
        return node.inputs[0]
    return node.inputs[0] if node.op == "integer_power" and node.attributes["n"] == 2 else None


def _inner(graph: Graph, node: Node) -> tuple[str | Node, float] | None:
    """Return what is squared entry by entry below a sum over all entries, with its factor, or None."""
    inner = graph.node.get(node.inputs[0])
    if inner is None:
        return None
    if inner.op in _ERRORS and inner.attributes["reduction"] == "none":
        return inner, _ERRORS[inner.op]
    squared = _squared(inner)
    return None if squared is None else (squared, 1.0)


def _size(graph: Graph, operands: tuple[str, ...]) -> int:
    return math.prod(np.broadcast_shapes(*(graph.shapes[k] for k in operands)))


def _fresh(graph: Graph, added: list[Node]) -> str:
    taken, k = {*graph.shapes, *(n.name for n in added)}, 1
    while f"residual{k}" in taken:
        k += 1
    return f"residual{k}"


def _named(term: str | Node) -> str:
    return repr(term if isinstance(term, str) else term.name)
