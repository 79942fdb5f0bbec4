"""Hessians in closed form: SymPy differentiates twice, mpmath evaluates.

As for gradients, a small network is differentiated end to end, where second derivatives swell twice as fast; in others SymPy
gives the first and second derivatives of the formula of each entry, and the chain rule of second order is applied to numbers:
derivatives by all leaves go forward, adjoints and their derivatives by all leaves go back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import OracleGaveUp
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.estimate import Estimate, refined
from gradcheck.oracles.formulas import bends, compiled, entries, names_of, within
from gradcheck.oracles.point import Point
from gradcheck.oracles.symbolic import call_of, called, closed_form

#: Entries of nodes, derivatives, and operations in the loss up to which a network is differentiated end to end.
SMALL_ENTRIES, SMALL_SIZE, MOST_OPERATIONS = 16, 6, 60

#: Entries of nodes times derivatives beyond which an answer would take minutes.
MOST_WORK = 60_000

#: Digits at which zeros are believed: many entries of a Hessian are zero by structure.
ZEROS = 160

Matrix = npt.NDArray[Any]


def symbolic_second(
    graph: Graph, values: Values, *, cotangent: Any = None, wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry
) -> Estimate:
    """The Hessian by SymPy: name -> its rows, of shape (entries of the leaf, entries of all leaves).

    Args:
        graph: the network.
        values: inputs and parameters by name.
        cotangent: of the outputs; 1 for scalar ones.
        wrt: names of the leaves to differentiate.
        ops: the operations.

    Raises:
        OracleGaveUp: at a kink, where expressions swell, or for a network that is too large.
    """
    point = Point(graph, values, cotangent=cotangent, wrt=wrt, ops=ops)
    count = sum(math.prod(graph.shapes[n.name]) for n in point.nodes)
    if count * point.size > MOST_WORK:
        raise OracleGaveUp(f"{count:,} entries have formulas, each with {point.size} derivatives; at most {MOST_WORK:,} in all")
    point.refuse_kinks()
    if count <= SMALL_ENTRIES and point.size <= SMALL_SIZE and (closed := end_to_end(point)) is not None:
        return refined(closed, "closed form", zeros=ZEROS)
    return refined(lambda digits: point.rows(by_entries(point, Multiprecision(digits))), "entry by entry", zeros=ZEROS)


def end_to_end(point: Point) -> Callable[[int], dict[str, Array]] | None:
    """Return a function digits -> Hessian, from one closed form; None if the form is too long."""
    loss, leaves = closed_form(point)
    if sp.count_ops(loss) > MOST_OPERATIONS:
        return None
    symbols = [s for x in leaves.values() for s in np.ravel(x)]
    wanted = [s for k in point.names for s in np.ravel(leaves[k])]
    function = compiled(symbols, [x for row in sp.hessian(loss, wanted).tolist() for x in row] if wanted else [])

    def matrix(digits: int) -> dict[str, Array]:
        m = Multiprecision(digits)
        y = point.lift(m)
        found = called(within(function, _names(m)), [v for k in leaves for v in np.ravel(y[k])], "the closed form")
        made = m.array(np.array(found, dtype=object).reshape(point.size, point.size))
        return point.rows(made)

    return matrix


class _Entry:
    """An entry of a node at a point: what it is made of, and its first and second derivatives by that."""

    __slots__ = ("bends", "homes", "place", "slopes")

    def __init__(self, place: tuple[str, int], homes: list[tuple[str, int]], slopes: list[Any], second: list[tuple[int, int, Any]]) -> None:
        self.place, self.homes, self.slopes, self.bends = place, homes, slopes, second


def by_entries(point: Point, m: Multiprecision) -> Matrix:
    """Return the Hessian by the chain rule over single entries, leaves in the order of `point.names`."""
    y, names = point.forward(m), _names(m)
    local = [x for node in point.nodes for x in _local(point, node, y, names)]
    places = [(k, i) for k in point.names for i in range(math.prod(point.graph.shapes[k]))]
    nothing = m.zeros((point.size,))
    moves = dict(zip(places, m.eye(point.size), strict=True))
    for x in local:
        moves[x.place] = sum((s * moves[h] for s, h in zip(x.slopes, x.homes, strict=True)), nothing)
    share: dict[tuple[str, int], Any] = {(k, i): v for k, g in point.weights for i, v in enumerate(np.ravel(m.array(g)))}
    moving: dict[tuple[str, int], Any] = {}
    for x in reversed(local):
        if x.place in share:
            _back(x, moves, share, moving, nothing)
    return np.array([moving.get(place, nothing) for place in places], dtype=object).reshape(point.size, point.size)


def _back(x: _Entry, moves: Mapping[Any, Any], share: dict[Any, Any], moving: dict[Any, Any], nothing: Array) -> None:
    """Hand an entry's adjoint, and how all leaves move it, to what the entry is made of."""
    g, moved = share[x.place], moving.get(x.place)
    for slope, home in zip(x.slopes, x.homes, strict=True):
        share[home] = share.get(home, 0) + g * slope
        if moved is not None:
            moving[home] = moving.get(home, nothing) + moved * slope
    for i, j, bend in x.bends:
        a, b = x.homes[i], x.homes[j]
        moving[a] = moving.get(a, nothing) + g * bend * moves[b]
        if i != j:
            moving[b] = moving.get(b, nothing) + g * bend * moves[a]


def _names(m: Multiprecision) -> dict[str, Any]:
    return names_of(m.context) | {"DiracDelta": partial(_impulse, m.context)}


def _impulse(context: Any, x: Any, *_: Any) -> Any:
    """Return what SymPy finds at a kink of a first derivative: nothing beside it, no number on it."""
    return context.mpf(0) if x else context.inf


def _local(point: Point, node: Node, y: Mapping[str, Array], names: Mapping[str, Any]) -> Iterator[_Entry]:
    """Yield the entries of a node with their derivatives by the active entries of its operands."""
    real = [x for x, is_real in zip(node.inputs, point.real(node), strict=True) if is_real]
    xs = [v for x in real for v in np.ravel(y[x])]
    home = [(x, i) for x in real for i in range(math.prod(point.graph.shapes[x]))]
    what = f"node {node.name!r} ({node.op})"
    for k, entry in enumerate(entries(call_of(point, node, y))):
        at = [xs[i] for i in entry.symbols]
        slopes = called(within(entry.slopes, names), at, what)
        pairs, second = bends(entry.formula, len(entry.symbols), entry.moving)
        number = {c: i for i, c in enumerate(entry.moving)}
        curved = [(number[i], number[j], v) for (i, j), v in zip(pairs, called(within(second, names), at, what), strict=True)]
        yield _Entry((node.name, k), [home[i] for i in entry.active], slopes, curved)
