"""Where is the fault, and which mistake is it: a comparison beyond its bound becomes a finding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.running import Bounded
from gradcheck.compare.certificate import Certificate
from gradcheck.compare.comparison import Comparison
from gradcheck.explain.diagnosis import among, diagnose, inside, proportional, same, suspects
from gradcheck.graph.graph import Edge, Graph
from gradcheck.mistakes.factor import factor
from gradcheck.mistakes.mistake import Kind, Mistake
from gradcheck.ops.op import Op
from gradcheck.result.finding import Finding

Floats = npt.NDArray[Any]

#: Mistakes that look alike wherever in a fused region they were made; others only arise at the last operation.
_ANYWHERE: tuple[Kind, ...] = ("factor", "zero", "sign")


def describe(graph: Graph, certificate: Certificate, c: Comparison, bits: int, ops: Mapping[str, Op]) -> Finding:
    """Return the finding for a comparison beyond its bound."""
    ratio, index = c.worst
    got, expected = float(c.got[index]), float(c.expected[index])
    edge, mistake = _explain(graph, certificate, c, ops, 2.0**-bits)
    op = _op_of(graph, c, edge)
    candidates = () if edge else tuple(_label(e) for e, _ in _parts(certificate, c))
    return Finding(
        "fault", _message(c, edge, candidates, op, index, got, expected, ratio, mistake),
        node=c.name, op=op, edge=_label(edge) if edge else "", candidates=candidates,
        direction=c.direction, index=index, got=got, expected=expected, bound=float(c.bound[index]),
        ratio=ratio, effective_bits=max(0.0, bits - math.log2(ratio)), declared_bits=bits, mistake=mistake,
    )  # fmt: skip


def _label(edge: Edge) -> str:
    return f"{edge.consumer}[{edge.position}]"


def _op_of(graph: Graph, c: Comparison, edge: Edge | None) -> str:
    if c.direction == "value":
        return graph.node[c.name].op
    uses = [edge] if edge else list(graph.consumers(c.name))
    return graph.node[uses[0].consumer].op if uses else ""


def _parts(certificate: Certificate, c: Comparison) -> list[tuple[Edge, Bounded]]:
    return [] if c.direction == "value" else certificate.contributions.get(c.name, [])


def _explain(
    graph: Graph, certificate: Certificate, c: Comparison, ops: Mapping[str, Op], unit: float
) -> tuple[Edge | None, Mistake | None]:
    """Return the guilty edge, where the numbers show it, and the mistake."""
    if c.direction == "value":
        return None, factor(_number(c.got), _number(c.expected), c.bound, unit=unit)
    parts = [(e, _number(p.value)) for e, p in _parts(certificate, c) if c.edge is None or e == c.edge]
    only = parts[0][0] if len(parts) == 1 else None
    if len(parts) > 1:
        found, edge = among(_number(c.got), parts, c.bound)
        if found:
            return edge, found
    named: list[tuple[Edge, Mistake]] = []

    def numbers(name: str) -> npt.NDArray[Any]:
        y = certificate.values[name]
        return _number(y.value) if isinstance(y, Bounded) else np.asarray(y)

    def adjoints(name: str) -> npt.NDArray[Any]:
        return _number(certificate.adjoints[name].value)

    ways = list(suspects(graph, ops, numbers, adjoints, _number(c.got), parts, c.bound))
    for s in ways:
        if found := diagnose(s, unit) or (inside(s) if len(ways) == 1 and c.fused == 1 else None):
            named.append((s.edge, found))
    if not named and c.direction == "gradient":
        found = proportional(_number(c.got) - _number(c.expected), numbers(c.name), c.bound)
        if found:
            return None, found
    if len(named) == 1:
        edge, found = named[0]
        return (edge if c.fused == 1 or found.kind not in _ANYWHERE else None), found
    return (only if c.fused == 1 else None), _whole(_number(c.got), _number(c.expected), c.bound, unit)


def _whole(got: Floats, expected: Floats, bound: Floats, unit: float) -> Mistake | None:
    """Return the mistake that was made of all that an operand was handed, whichever way it came."""
    if same(got, -expected, bound):
        return Mistake("sign")
    if expected.ndim == 2 and expected.shape[0] == expected.shape[1] and same(got, expected.T, bound):
        return Mistake("transpose")
    return factor(got, expected, bound, unit=unit)


def _number(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(x).astype(np.float64)


def _message(
    c: Comparison, edge: Edge | None, candidates: tuple[str, ...], op: str, index: tuple[int, ...],
    got: float, expected: float, ratio: float, mistake: Mistake | None,
) -> str:  # fmt: skip
    entry = f"[{', '.join(map(str, index))}]" if index else ""
    where = f"{c.direction} of {c.name}{entry}"
    if c.direction == "value":
        where += f" ({op})"
    elif edge is not None:
        where += f" through {_label(edge)} ({op})"
    elif candidates:
        some = f"{', '.join(candidates[:5])}{', ...' if len(candidates) > 5 else ''}"
        where += f" through {'one of ' if len(candidates) > 1 else ''}{some}{' or beyond' if c.fused > 1 else ''}"
    text = f"{where}: got {got:.17g}, expected {expected:.17g}, {ratio:.3g} times the rounding bound"
    return f"{text}; {mistake}" if mistake else text
