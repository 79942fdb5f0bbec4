"""Forward mode: the product of Jacobians taken from the input side.

What reverse mode avoids (BACKPROP: the naive product): every derivative of every value with respect
to every parameter is computed on the way. Reads the operations' values and jvps only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import OracleGaveUp
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.estimate import Estimate, refined
from gradcheck.oracles.point import Point

#: Multiplications up to which the matrix product is taken.
MATRIX_WORK = 20_000

#: Entries of tangents beyond which an answer would take minutes.
MOST_WORK = 2_000_000

Gradients = dict[str, Array]


def forward(
    graph: Graph, values: Values, *, cotangent: Any = None, wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry
) -> Estimate:
    """Forward mode in multiprecision: Jacobian products from the input side, by op.jvp.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        cotangent: of the outputs; 1 for scalar ones.
        wrt: names of the leaves to differentiate.
        ops: the operations.

    Raises:
        OracleGaveUp: at a kink, or for a network that is too large.
    """
    point = Point(graph, values, cotangent=cotangent, wrt=wrt, ops=ops)
    work = point.size * sum(math.prod(graph.shapes[n.name]) for n in point.nodes)
    if work > MOST_WORK:
        raise OracleGaveUp(f"{work:,} tangent entries are needed; at most {MOST_WORK:,}")
    point.refuse_kinks()
    small = matrix_work(point) <= MATRIX_WORK
    method, compute = ("matrix by matrix", matrix_by_matrix) if small else ("entry by entry", entry_by_entry)
    return refined(lambda digits: compute(point, Multiprecision(digits)), method)


def entry_by_entry(point: Point, m: Multiprecision) -> Gradients:
    """Return the gradient with one pass an entry, through what lies downstream of its leaf only."""
    y = point.forward(m)

    def along(name: str, tangent: Array) -> Any:
        return point.contract(m, pushed(point, m, y, name, tangent))

    return {k: each_entry(point, m, k, partial(along, k)) for k in point.names}


def each_entry(point: Point, m: Multiprecision, name: str, derivative: Callable[[Array], Any]) -> Array:
    """Return the array of derivatives along the unit tangents of a leaf."""
    shape = point.graph.shapes[name]
    out = np.full(shape, m.element(0), dtype=object)
    for i in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[i] = 1
        out[i] = derivative(m.array(unit))
    return out


def pushed(point: Point, m: Arithmetic, y: Mapping[str, Array], name: str, tangent: Array) -> dict[str, Array]:
    """Return the tangents of everything downstream of the leaf `name`."""
    t = {name: tangent}
    downstream = point.graph.descendants([name])
    for node in point.nodes:
        if node.name in downstream:
            t[node.name] = _jvp(point, m, y, node, [t.get(x) for x in node.inputs])
    return t


def _jvp(point: Point, m: Arithmetic, y: Mapping[str, Array], node: Node, tangents: list[Array | None]) -> Array:
    """Return the tangent of a node; a real operand without one does not move."""
    xs = point.operands(node, m, y)
    still = zip(tangents, xs, point.real(node), strict=True)
    ts = tuple((m.zeros(x.shape) if t is None else t) if real else None for t, x, real in still)
    return point.ops[node.op].jvp(m, ts, y[node.name], *xs, **node.attributes)


def matrix_work(point: Point) -> int:
    """Return how many multiplications the product of all local Jacobians takes."""
    shapes, total = point.graph.shapes, 0
    for node in point.nodes:
        operands = sum(math.prod(shapes[x]) for x in set(node.inputs) if x in point.active)
        total += math.prod(shapes[node.name]) * operands * point.size
    return total


def matrix_by_matrix(point: Point, m: Arithmetic) -> Gradients:
    """Return the gradient by multiplying each local Jacobian, a matrix, by the product so far."""
    y, total = point.forward(m), _identity(point, m)
    for node in point.nodes:
        terms = [m.matmul(_local(point, m, y, node, x), total[x]) for x in dict.fromkeys(node.inputs) if x in point.active]
        total[node.name] = sum(terms[1:], terms[0])
    rows = {k: m.reshape(m.array(g), (1, -1)) for k, g in point.weights}
    unmoved = m.zeros((1, point.size))
    whole = sum((m.matmul(rows[k], total[k]) for k in rows if k in total), unmoved)
    return _cut(point, m, whole)


def _identity(point: Point, m: Arithmetic) -> dict[str, Array]:
    """Return for each leaf the derivatives of its entries with respect to all: rows of an identity."""
    eye, start, out = m.eye(point.size), 0, {}
    for k in point.names:
        stop = start + math.prod(point.graph.shapes[k])
        out[k] = m.part(eye, start, stop, 0)
        start = stop
    return out


def _local(point: Point, m: Arithmetic, y: Mapping[str, Array], node: Node, operand: str) -> Array:
    """Return the Jacobian matrix of a node by one operand; each column is a jvp."""
    shapes = point.graph.shapes
    size, shape = math.prod(shapes[operand]), shapes[operand]
    columns = []
    for unit in np.eye(size):
        t = m.array(unit.reshape(shape))
        tangent = _jvp(point, m, y, node, [t if x == operand else None for x in node.inputs])
        columns.append(m.reshape(tangent, (-1,)))
    return m.stack(columns, 1) if columns else m.zeros((math.prod(shapes[node.name]), 0))


def _cut(point: Point, m: Arithmetic, row: Array) -> Gradients:
    """Return the parts of one row as arrays of the leaves' shapes."""
    start, out = 0, {}
    for k in point.names:
        shape = point.graph.shapes[k]
        stop = start + math.prod(shape)
        out[k] = m.reshape(m.part(row, start, stop, 1), shape)
        start = stop
    return out
