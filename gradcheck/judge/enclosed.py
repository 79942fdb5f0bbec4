"""Gradients alone, and the proof of what they should be: the certified enclosure, widened by what rounding may do.

A target that hands back nothing but gradients is compared with balls that hold the exact ones. What lies outside of a ball by
more than the running error bound is proved wrong. How far each entry is from the number nearest to the truth is told in ulps,
beside its condition number: with a condition of 1e6, twenty bits may be lost and nothing be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.ball import Ball
from gradcheck.arith.rounding import BINARY, Format, decimal, format_of, spacing
from gradcheck.certify.certification import Certified, certify
from gradcheck.certify.enclosure import Enclosure
from gradcheck.compare.comparison import Comparison
from gradcheck.errors import BadValues
from gradcheck.graph.graph import Graph
from gradcheck.ops.op import Op
from gradcheck.result.finding import GradientAccuracy

#: Entries of leaves and nodes beyond which no enclosure is computed: it would take seconds.
MOST_ENTRIES = 60_000
#: Bits to which entries are known: far more than any format asks for.
BITS = 96
#: Bits below which a ball that was refined is a hull.
HULL = 8
#: A ball narrower than this rounds to zero in every format: all of it has cancelled.
_TINY = 5e-324
#: Significant decimal digits of the ends in a report; they are rounded outward.
DIGITS = 25


def enclosures(graph: Graph, leaves: Mapping[str, Any], ops: Mapping[str, Op]) -> Certified | None:
    """Return the certified gradient at a target's own inputs; None where it would take long, or inputs are not finite.

    Args:
        graph: the network.
        leaves: its leaves in the target's format.
        ops: the operations.
    """
    if sum(math.prod(s) for s in graph.shapes.values()) > MOST_ENTRIES or len(graph.outputs) != 1:
        return None
    given = {x.name: leaves[x.name] for x in graph.leaves if x.kind != "constant"}
    try:
        return certify(_with_constants(graph, leaves, ops), given, bits=BITS, ops=ops)
    except BadValues:
        return None


def _with_constants(graph: Graph, leaves: Mapping[str, Any], ops: Mapping[str, Op]) -> Graph:
    """Return the graph with its constants rounded to the target's format, as the target has them."""
    rounded = [
        replace(x, value=np.asarray(leaves[x.name], np.float64)) if x.kind == "constant" and x.type == "float" else x
        for x in graph.leaves
    ]
    return Graph(rounded, graph.nodes, graph.outputs, name=graph.name, ops=ops)


def against(comparison: Comparison, enclosure: Enclosure) -> Comparison:
    """Return the comparison of a gradient with the enclosure: what is expected is the point of it that is nearest.

    At a kink, where the enclosure is a hull, what is expected stays what the sweep in a wide format gave.

    Args:
        comparison: with the sweep in a wide format, and the running bound.
        enclosure: of the same gradient.
    """
    points = zip(np.ravel(comparison.got), np.ravel(comparison.expected), np.ravel(np.asarray(enclosure.balls)), strict=True)
    with Ball().precision(2 * enclosure.precision):
        nearest = [_nearest_point(got, wide, x) for got, wide, x in points]
    expected = np.array(nearest, np.longdouble).reshape(enclosure.shape)
    own = np.abs(expected).astype(np.float64) * float(np.finfo(np.longdouble).eps) + 5e-324
    return replace(comparison, expected=expected, bound=comparison.bound + own)


def _nearest_point(got: Any, wide: Any, x: Any) -> np.longdouble:
    """Return what of a ball is nearest to a number; where the ball is not finite, what the sweep in a wide format gave."""
    if _open(x):
        return np.longdouble(wide)
    if not np.isfinite(got):
        return _long(x.mid())
    point = exactly(type(x), got)
    return np.longdouble(got) if x.contains(point) else _long(x.lower() if point < x else x.upper())


def exactly(arb: Any, x: Any) -> Any:
    """Return a longdouble as a ball without radius."""
    head = float(x)
    return arb(head) + arb(float(np.longdouble(x) - np.longdouble(head)))


def _long(x: Any) -> np.longdouble:
    """Return an exact ball as a longdouble."""
    head = float(x)
    return np.longdouble(head) + np.longdouble(float(x - type(x)(head)) if math.isfinite(head) else 0.0)


def _open(x: Any) -> bool:
    """Answer whether all that is known of an entry is a hull, or nothing."""
    return not x.is_finite() or (x.rel_accuracy_bits() < HULL and x.rad() > _TINY)


def in_longdouble(balls: Any) -> npt.NDArray[Any]:
    """Return the middles of balls in longdouble; call it within a precision that holds them."""
    return np.array([_long(x.mid()) for x in np.ravel(np.asarray(balls))], np.longdouble).reshape(np.shape(balls))


def undecided(certified: Certified) -> str:
    """Return which gradient has entries of which nothing is proved but a hull, and why, or ""."""
    for name, x in certified.items():
        flat = np.ravel(np.asarray(x.balls))
        if not all(ball.is_finite() for ball in flat):
            return f"gradient of {name}: the exact derivative is not finite, or not known (a pole, or a kink)"
        if any(_open(ball) for ball in flat):
            return f"gradient of {name}: at a kink, within the hull of all generalised derivatives; values and adjoints of nodes would show which"
    return ""


def accuracies(
    graph: Graph, gradients: Mapping[str, Any], certified: Certified, dtype: str
) -> Iterator[GradientAccuracy]:
    """Yield for each parameter how its worst entry fares against the number nearest to the truth.

    Args:
        graph: the network.
        gradients: of the target, by name, those that fit.
        certified: the enclosures.
        dtype: the target's format.
    """
    of = dtype if dtype in BINARY else "float64"
    to = format_of(of)
    for name, enclosure in certified.items():
        if gradients.get(name) is None or not math.prod(graph.shapes[name]):
            continue
        got = np.asarray(gradients[name], np.longdouble)
        flat = np.ravel(got)
        nearest = np.ravel(enclosure.rounded_to(of).astype(np.float64))
        balls = np.ravel(np.asarray(enclosure.balls))
        ulps = np.array([_ulps(v, x, r, to) for v, x, r in zip(flat, balls, nearest, strict=True)])
        with np.errstate(all="ignore"):  # the entry of which least is explained by its condition
            k = int(np.argmax(np.nan_to_num(ulps / np.fmax(np.ravel(enclosure.condition), 1), nan=-1.0)))
        index = tuple(int(i) for i in np.unravel_index(k, got.shape))
        yield GradientAccuracy(
            name=name, index=index, got=float(flat[k]), nearest=float(nearest[k]),
            lower=decimal(enclosure.lower[index], DIGITS, up=False), upper=decimal(enclosure.upper[index], DIGITS, up=True),
            ulps=float(ulps[k]), condition=float(enclosure.condition[index]), proved=bool(enclosure.proved_in(of)[index]),
            entries=int(got.size), nearest_entries=int(np.sum(flat == nearest)), largest=float(np.nanmax(ulps, initial=0.0)),
        )  # fmt: skip


def _ulps(got: Any, ball: Any, nearest: float, to: Format) -> float:
    """Return how far a number is from the exact one, or from a wide ball, in gaps of the format at the nearest number."""
    if not ball.is_finite():
        return math.nan
    if not np.isfinite(got):
        return 0.0 if float(got) == nearest else math.inf
    point = exactly(type(ball), got)
    if ball.rel_accuracy_bits() <= to.bits:
        away = 0.0 if ball.contains(point) else abs(float(point - (ball.lower() if point < ball else ball.upper())))
    else:
        away = abs(float(point - ball.mid()))
    gap = spacing(nearest, to)
    return away / gap if math.isfinite(gap) else math.inf
