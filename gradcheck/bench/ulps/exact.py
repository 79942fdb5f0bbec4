"""Exact values and derivatives: an operation's own rules over balls, with as many bits as it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.floating import Floating
from gradcheck.arith.running import wide_format
from gradcheck.bench.ulps.distance import _LIFT, _SMALL, Exact, Format
from gradcheck.ops.op import INTEGER_KINDS, Op

Arrays = Sequence[npt.NDArray[Any]]
#: f(m) -> arrays of the arithmetic m
Formula = Callable[[Arithmetic], list[Array]]

#: bits of the balls: more where a ball is too wide
BITS = (128, 384, 1600)
#: A ball may be as wide as this part of an ulp.
WIDTH = 2.0**-10


def solved(formula: Formula, dtype: str) -> list[Exact]:
    """Return the exact results of a formula, precise to a thousandth of an ulp of a format.

    Where a ball is not finite (a pole, or an exponent beyond arb's), the result is that of the wide
    floating format, an infinity, a zero or NaN; what then still is wide is marked as not known.
    """
    m = Ball()
    found: list[Exact] = []
    for bits in BITS:
        with m.precision(bits), np.errstate(all="ignore"):
            found = [_converted(y, dtype) for y in formula(m)]
        if all(x.known.all() for x in found):
            return found
    with np.errstate(all="ignore"):
        wide = [np.asarray(y) for y in formula(Floating(wide_format("float64")))]
    return [_filled(x, w) for x, w in zip(found, wide, strict=True)]


def entrywise(op: Op, attributes: Mapping[str, Any], xs: Arrays, dtype: str) -> list[Exact]:
    """Return the exact value and derivatives of a function of entries at points.

    Args:
        op: the operation; its vjp gets the cotangent 1.
        attributes: complete.
        xs: one array of points an operand.
        dtype: the format whose ulp counts.
    """
    m, todo = Ball(), np.arange(xs[0].size)
    parts: list[Exact] | None = None
    for bits in BITS:
        with m.precision(bits), np.errstate(all="ignore"):
            new = [_converted(y, dtype) for y in rules(op, attributes, [x[todo] for x in xs], m)]
        parts = new if parts is None else [_put(p, todo, n) for p, n in zip(parts, new, strict=True)]
        todo = np.flatnonzero(~np.logical_and.reduce([p.known for p in parts]))
        if not todo.size:
            return parts
    assert parts is not None
    with np.errstate(all="ignore"):
        wide = [np.asarray(y) for y in rules(op, attributes, [x[todo] for x in xs], Floating(wide_format("float64")))]
    return [_put(p, todo, _filled(p.take(todo), w)) for p, w in zip(parts, wide, strict=True)]


def rules(op: Op, attributes: Mapping[str, Any], xs: Arrays, m: Arithmetic) -> list[Array]:
    """Return value and derivatives by the operation's own rules."""
    given = [x if k in INTEGER_KINDS else m.array(np.asarray(x, np.float64)) for k, x in zip(op.kinds(len(xs)), xs, strict=True)]
    y = op.value(m, *given, **attributes)
    back = op.vjp(m, m.ones(y.shape), y, *given, **attributes)
    return [y, *(g for g in back if g is not None)]


def _put(old: Exact, index: npt.NDArray[Any], new: Exact) -> Exact:
    made = [getattr(old, k).copy() for k in ("high", "low", "lift", "known")]
    for array, k in zip(made, ("high", "low", "lift", "known"), strict=True):
        array[index] = getattr(new, k)
    return Exact(*made)


def _converted(y: Array, dtype: str) -> Exact:
    """Return balls as pairs of float64, and whether each is narrow enough."""
    import flint

    f = Format.of(dtype)
    array = np.asarray(y)
    flat = array.ravel()
    lift = np.array([_LIFT if abs(x) < _SMALL and not x.is_zero() else 0 for x in flat], np.int64)
    scale = flint.arb(2) ** _LIFT
    mids = [x.mid() * scale if s else x.mid() for x, s in zip(flat, lift, strict=True)]
    high = np.array([float(x) for x in mids])
    low = np.array([float(x - flint.arb(h)) if np.isfinite(h) else 0.0 for x, h in zip(mids, high, strict=True)])
    radius = np.array([float(x.rad()) if x.is_finite() else np.inf for x in flat])
    widest = np.ldexp(WIDTH, f.exponent(np.ldexp(high, -lift)))
    known = (radius <= widest) & ~np.isnan(high)
    shape = array.shape
    return Exact(high.reshape(shape), low.reshape(shape), lift.reshape(shape), np.asarray(known).reshape(shape))


def _filled(x: Exact, wide: npt.NDArray[Any]) -> Exact:
    """Take the wide format's results that are zero, infinite, NaN, or beyond what the balls can say."""
    with np.errstate(all="ignore"):
        w = wide.astype(np.float64)
        low = np.where(np.isfinite(w), (wide - w.astype(wide.dtype)).astype(np.float64), 0.0)
    high, low = np.where(x.known, x.high, w), np.where(x.known, x.low, low)
    return Exact(high, low, np.where(x.known, x.lift, 0), np.ones(x.known.shape, bool))
