"""Enclosures of the gradient from `op.value` alone: dual numbers over balls, one pass an entry.

The derivative of each primitive of the arithmetic (`gradcheck.arith.slopes`) is all that is differentiated here; neither a vjp
nor a jvp is read. What comes out encloses the exact derivative, and at an exact tie every generalised derivative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.elements import numbers
from gradcheck.arith.refinement import Refined, refined
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.errors import OracleGaveUp
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.estimate import DIGITS, Estimate, estimate
from gradcheck.oracles.point import Point

#: Bits of the enclosures: `DIGITS` decimal digits.
BITS = math.ceil(DIGITS * math.log2(10))

#: Entries of tangents beyond which an answer would take minutes.
MOST_WORK = 2_000_000


def ball(
    graph: Graph, values: Values, *, cotangent: Any = None, wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry
) -> Estimate:
    """Enclosures by dual numbers over balls, one pass an entry, by op.value.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        cotangent: of the outputs; 1 for scalar ones.
        wrt: names of the leaves to differentiate.
        ops: the operations.

    Raises:
        OracleGaveUp: where a derivative is not finite, or the network is too large.
    """
    point = Point(graph, values, cotangent=cotangent, wrt=wrt, ops=ops)
    return enclosed(enclosures(point, BITS), "dual numbers over balls")


def enclosed(found: Refined, method: str) -> Estimate:
    """Return the estimate that balls are: their middles, their radii, and the balls.

    Raises:
        OracleGaveUp: where a ball is not finite.
    """
    context = _context(found.precision)
    value = {k: np.frompyfunc(lambda x: _number(context, x.mid()), 1, 1)(x) for k, x in found.balls.items()}
    bound = {k: np.frompyfunc(lambda x: _number(context, x.rad()), 1, 1)(x) for k, x in found.balls.items()}
    made = estimate(value, bound, round(found.precision / math.log2(10)), method)
    return replace(made, balls=found.balls)


def enclosures(point: Point, bits: int) -> Refined:
    """Return balls that hold the derivatives, by leaf, to `bits` bits where that can be had; see `refined`.

    Raises:
        OracleGaveUp: for a network that is too large.
    """
    work = point.size * sum(math.prod(point.graph.shapes[n.name]) for n in point.nodes)
    if work > MOST_WORK:
        raise OracleGaveUp(f"{work:,} tangent entries are needed; at most {MOST_WORK:,}")
    return refined(lambda m: {k: _leaf(point, m, k) for k in point.names}, bits, negligible=None)


def _leaf(point: Point, m: Ball, name: str) -> Array:
    """Return the derivatives with respect to every entry of one leaf."""
    shape = point.graph.shapes[name]
    out = np.full(shape, m.element(0), dtype=object)
    if name in point.active:
        dual, y = Taylor(m), point.forward(m)
        for i in np.ndindex(*shape):
            out[i] = derivative(point, dual, y, name, i)
    return numbers(out)


def derivative(point: Point, dual: Taylor, y: Mapping[str, Array], name: str, index: tuple[int, ...]) -> Any:
    """Return the derivative with respect to one entry: what lies downstream is computed in dual numbers.

    Args:
        point: the question.
        dual: dual numbers over balls.
        y: every value at the point, in balls.
        name: of the leaf.
        index: of the entry.
    """
    downstream = point.graph.descendants([name])
    still = {k: Series(dual, x) if x.dtype == object else x for k, x in y.items() if k not in downstream}
    moved = still | {name: dual.along(y[name], _unit(point.graph.shapes[name], index))}
    return _along(point, dual, propagate(point.graph, moved, dual, ops=point.ops))


def _along(point: Point, dual: Taylor, y: Mapping[str, Any]) -> Any:
    slopes = {k: dual.coefficient(y[k], 1) for k, _ in point.weights if isinstance(y[k], Series)}
    return point.contract(dual.inner, slopes)


def _unit(shape: tuple[int, ...], i: tuple[int, ...]) -> npt.NDArray[np.float64]:
    unit = np.zeros(shape)
    unit[i] = 1
    return unit


def _context(bits: int) -> Any:
    from mpmath.ctx_mp import MPContext

    context = MPContext()
    context.prec = bits + 60
    return context


def _number(context: Any, x: Any) -> Any:
    """Return the mpmath number that an exact ball is."""
    if not x.is_finite():
        return context.nan
    mantissa, exponent = x.man_exp()
    return context.ldexp(context.mpf(int(mantissa)), int(exponent))
