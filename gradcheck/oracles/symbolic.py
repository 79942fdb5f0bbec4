"""Closed forms: SymPy differentiates, mpmath evaluates.

A small network is written down whole and differentiated end to end. In a larger one the expression
would swell, so every entry of every node gets a symbol (the graph's own common subexpressions);
SymPy differentiates the formula of each entry, and the chain rule is applied to numbers, entry by
entry. Only the operations' values are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import sympy as sp

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.elements import numbers
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.symbolic import Symbolic
from gradcheck.errors import OracleGaveUp
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.estimate import Estimate, refined
from gradcheck.oracles.formulas import Call, as_array, compiled, entries, names_of, within
from gradcheck.oracles.point import Point

#: Entries of nodes and derivatives up to which a network is differentiated end to end.
SMALL_ENTRIES, SMALL_SIZE = 24, 12

#: Operations in the loss's formula beyond which it is not.
MOST_OPERATIONS = 250

#: Entries of nodes beyond which an answer would take minutes.
MOST_ENTRIES = 4000

Gradients = dict[str, Array]


def symbolic(
    graph: Graph, values: Values, *, cotangent: Any = None, wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry
) -> Estimate:
    """Closed forms differentiated by SymPy, end to end in small networks, entry by entry in others.

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
    count = sum(math.prod(graph.shapes[n.name]) for n in point.nodes)
    if count > MOST_ENTRIES:
        raise OracleGaveUp(f"the network has {count:,} entries, each with a formula; at most {MOST_ENTRIES:,}")
    point.refuse_kinks()
    if count <= SMALL_ENTRIES and point.size <= SMALL_SIZE and (closed := end_to_end(point)) is not None:
        return refined(closed, "closed form")
    return refined(lambda digits: by_entries(point, Multiprecision(digits)), "entry by entry")


def closed_form(point: Point) -> tuple[Any, dict[str, Array]]:
    """Return the loss as one formula, and the symbols of the float leaves."""
    m, start, y = Symbolic(), 0, dict[str, Array]()
    for leaf in point.graph.leaves:
        if leaf.type != "float":
            y[leaf.name] = np.asarray(point.values[leaf.name] if leaf.value is None else leaf.value)
            continue
        stop = start + math.prod(leaf.shape)
        y[leaf.name] = as_array(sp.symbols(f"x{start}:{stop}", real=True), leaf.shape)
        start = stop
    symbols = {k.name: y[k.name] for k in point.graph.leaves if k.type == "float"}
    return sp.sympify(point.contract(m, propagate(point.graph, y, m, ops=point.ops))), symbols


def end_to_end(point: Point) -> Callable[[int], Gradients] | None:
    """Return a function digits -> gradient, from one closed form; None if the form is too long."""
    loss, leaves = closed_form(point)
    if sp.count_ops(loss) > MOST_OPERATIONS:
        return None
    symbols = [s for x in leaves.values() for s in np.ravel(x)]
    wanted = [s for k in point.names for s in np.ravel(leaves[k])]
    function = compiled(symbols, [sp.diff(loss, s) for s in wanted])

    def gradient(digits: int) -> Gradients:
        m = Multiprecision(digits)
        y = point.lift(m)
        numbers_ = [v for k in leaves for v in np.ravel(y[k])]
        found = iter(called(within(function, names_of(m.context)), numbers_, "the closed form"))
        return {k: _taken(found, point.graph.shapes[k], m) for k in point.names}

    return gradient


def called(function: Callable[..., list[Any]], xs: list[Any], what: str) -> list[Any]:
    """Return what compiled formulas give; raise `OracleGaveUp` where they have no value."""
    try:
        return function(xs)
    except (ZeroDivisionError, ValueError) as error:
        raise OracleGaveUp(f"{what} has no derivative here ({error})") from error


def _taken(found: Iterator[Any], shape: tuple[int, ...], m: Multiprecision) -> Array:
    out = np.empty(shape, dtype=object)
    for i in np.ndindex(*shape):
        out[i] = m.element(next(found))
    return numbers(out)


def by_entries(point: Point, m: Multiprecision) -> Gradients:
    """Return the gradient by the chain rule over single entries.

    Every entry of a node hands its share of the loss's derivative to the entries in its formula.
    """
    y, names = point.forward(m), names_of(m.context)
    share = {k: np.full(math.prod(point.graph.shapes[k]), m.element(0), dtype=object) for k in point.active | {*point.names}}
    for k, g in point.weights:
        if k in share:
            share[k] = share[k] + np.ravel(m.array(g))
    for node in reversed(point.nodes):
        _distribute(point, m, node, y, share, names)
    return {k: numbers(share[k].reshape(point.graph.shapes[k])) for k in point.names}


def _distribute(
    point: Point, m: Multiprecision, node: Node, y: Mapping[str, Array], share: dict[str, Any], names: Mapping[str, Any]
) -> None:
    """Add to the shares of a node's operands what its own entries hand on."""
    real = [x for x, is_real in zip(node.inputs, point.real(node), strict=True) if is_real]
    xs = [v for x in real for v in np.ravel(y[x])]
    home = [(x, i) for x in real for i in range(math.prod(point.graph.shapes[x]))]
    functions: dict[int, Any] = {}
    for g, entry in zip(share[node.name], entries(call_of(point, node, y)), strict=True):
        if not entry.active:
            continue
        key = id(entry.slopes)
        f = functions.get(key) or functions.setdefault(key, within(entry.slopes, names))
        slopes = called(f, [xs[i] for i in entry.symbols], f"node {node.name!r} ({node.op})")
        for i, slope in zip(entry.active, slopes, strict=True):
            name, k = home[i]
            share[name][k] = share[name][k] + g * slope


def call_of(point: Point, node: Node, y: Mapping[str, Array]) -> Call:
    """Return what of a node decides the formulas of its entries."""
    shapes = point.graph.shapes
    operands = tuple(shapes[x] if r else np.asarray(y[x]) for x, r in zip(node.inputs, point.real(node), strict=True))
    return Call(point.ops[node.op], operands, node.attributes, tuple(x in point.active for x in node.inputs))
