"""What a right engine hands back: the exact results, enclosed and rounded, and how far rounding may take it from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradcheck.arith.rounding import BINARY, round_to, spacing
from gradcheck.arith.running import Roundoff
from gradcheck.certify.enclosure import Enclosure
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, bind
from gradcheck.judge.enclosed import enclosures
from gradcheck.ops.op import registry
from gradcheck.vectors.allowed import Allowed, allowed
from gradcheck.vectors.canonical import allowance, end, power_of_ten
from gradcheck.vectors.hull import Sides, one_sided
from gradcheck.vectors.reproducible import Reproducible
from gradcheck.vectors.ties import Total, totals

#: format -> significant decimal digits of the ends of an enclosure
DIGITS: Mapping[str, int] = {"float64": 21, "float32": 13, "float16": 9, "bfloat16": 8}
#: An enclosure wider than this part of the allowed error is a hull.
_WIDE = Fraction(1, 1024)
#: The ends of a ball around zero are written no finer than this part of the allowed error.
_FINE = Fraction(1, 10**8)
#: A bound that is more than this part of a hull's width is about the hull itself (the slope of a norm at zero, within -1 and 1).
_PART = Fraction(1, 100)
#: In its place so many unit roundoffs of the larger end are allowed beyond the hull.
_ROUNDINGS = 64
#: What flushing may do counts from this part of a unit roundoff of the largest entry.
_SEEN = 2.0**-10

#: The fields of every array.
COLUMNS = ("rounded", "lower", "upper", "allowed")

Json = dict[str, Any]


@dataclass(frozen=True)
class Expectation:
    """What is expected of a graph at some values, as it is written.

    Args:
        document: the fields of the vector besides `dtype`, `values` and `formulas`.
        claimed: of how many entries of gradients something is claimed.
    """

    document: Json
    claimed: int


def expectation(graph: Graph, values: Arrays, dtype: str, *, textbook: bool) -> Expectation | None:
    """Return what is expected; None where inputs are not finite or an enclosure would take long.

    Args:
        graph: the network.
        values: its inputs and parameters in the format.
        dtype: the format.
        textbook: whether all legitimate formulas are allowed.
    """
    leaves = bind(graph, values, dtype)
    certified = enclosures(graph, leaves, registry)
    if certified is None:
        return None
    usual = allowed(graph, leaves, Roundoff.of(dtype), textbook=textbook)
    flushed = allowed(graph, leaves, Roundoff.of(dtype, flushes=True), textbook=textbook)
    entries = {k: list(_entries(x, usual, k)) for k, x in certified.items()}
    kinked: list[str] = []
    if any(e.hull for found in entries.values() for e in found):
        kinked, sides = list(_on_kink(graph, leaves)), one_sided(graph, leaves)
        entries = {k: [e.settled(sides, k, i, BINARY[dtype].u) for i, e in enumerate(found)] for k, found in entries.items()}
    document = {
        "gradients": {k: _columns(found, dtype) for k, found in entries.items()},
        "loss": {k: v[0] for k, v in _columns(list(_entries(certified.loss, usual, "")), dtype).items()},
        "sums": [_sum(x, dtype) for x in totals(graph, leaves, kinked, dtype)],
        "subnormal": any(_differs(x, usual, flushed, k, BINARY[dtype].u) for k, x in (("", certified.loss), *certified.items())),
        "kink": {"accepted": "hull", "nodes": kinked} if kinked else None,
    }  # fmt: skip
    return Expectation(document, sum(e.known for found in entries.values() for e in found))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One number.

    Args:
        low, high: its exact ends, or infinities.
        error: what rounding may do to it.
        inside: the same, one side taken of every exact tie.
    """

    low: Any
    high: Any
    error: float
    inside: float

    @property
    def known(self) -> bool:
        """Whether anything is claimed."""
        return isinstance(self.low, Fraction) and isinstance(self.high, Fraction) and math.isfinite(self.error)

    @property
    def hull(self) -> bool:
        """Whether there are several derivatives, and the running bound is about their hull."""
        return self.known and (not math.isfinite(self.inside) or self.high - self.low > Fraction(self.inside) * _WIDE)

    def settled(self, sides: Sides, name: str, k: int, u: float) -> _Entry:
        """Return a hull with sharp ends, and as its error what may lie beyond them; any other entry as it is."""
        if not self.hull:
            return self
        low, high = sides.sharpened(name, self.low, self.high, k)
        tight = math.isfinite(self.inside) and Fraction(self.inside) <= (high - low) * _PART
        error = self.inside if tight else _ROUNDINGS * u * float(max(abs(low), abs(high)))
        return _Entry(low, high, error, self.inside)


def _entries(enclosure: Enclosure, usual: Allowed, name: str) -> Iterator[_Entry]:
    for low, high, error, inside in zip(*map(np.ravel, (enclosure.lower, enclosure.upper, usual.bounds[name], usual.settled[name])), strict=True):
        yield _Entry(low, high, float(error), float(inside))


def _columns(entries: list[_Entry], dtype: str) -> Json:
    """Return nearest numbers, ends and allowed errors; null where nothing is claimed."""
    rows = [_row(e, dtype) for e in entries]
    return {key: [r[k] for r in rows] for k, key in enumerate(COLUMNS)}


def _row(e: _Entry, dtype: str) -> tuple[Any, Any, Any, Any]:
    nearest = _nearest((e.low + e.high) / 2, dtype) if e.known else math.inf
    if not math.isfinite(nearest):
        return None, None, None, None
    error = allowance(e.error + spacing(nearest, BINARY["float64"]) / 2) if e.error else 0.0
    coarsest = power_of_ten(Fraction(error) * _FINE) if error else Fraction(0)
    low, high = (end(x, DIGITS[dtype], coarsest, up=up) for x, up in ((e.low, False), (e.high, True)))
    return nearest, low, high, error


def _differs(enclosure: Enclosure, usual: Allowed, flushed: Allowed, name: str, u: float) -> bool:
    """Answer whether flushing subnormal numbers to zero may be seen in an array."""
    size = float(np.nanmax(np.abs(enclosure.rounded), initial=0.0))
    own, other = usual.bounds[name], flushed.bounds[name]
    finite = np.isfinite(own)
    return bool(size and np.any(other[finite] - own[finite] > _SEEN * u * size))


def _on_kink(graph: Graph, leaves: Arrays) -> Iterator[str]:
    """Yield the nodes with an operand on a kink in float64."""
    m = Reproducible()
    y = {k: np.asarray(x, np.float64) if graph.leaf[k].type == "float" else x for k, x in leaves.items()}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            op, xs = registry[node.op], [y[x] for x in node.inputs]
            y[node.name] = op.value(m, *xs, **node.attributes)
            if op.kinks is not None and any(np.any(np.asarray(k) == 0) for k in op.kinks(m, *xs, **node.attributes)):
                yield node.name


def _sum(x: Total, dtype: str) -> Json:
    return {"of": list(x.names), **dict(zip(COLUMNS, _row(_Entry(x.lower, x.upper, x.error, x.error), dtype), strict=True))}


def _nearest(x: Fraction, dtype: str) -> float:
    """Return the number of a format nearest to a fraction whose denominator is a power of two."""
    return round_to((x.numerator, 1 - x.denominator.bit_length()), BINARY[dtype])
