"""Losses. `reduction` is "sum", "mean" (over all entries) or "none"."""

from __future__ import annotations

import math
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.errors import BadAttribute
from gradcheck.ops.geometry import broadcast
from gradcheck.ops.op import declare, sample


def reduce(m: Arithmetic, x: Array, reduction: str) -> Array:
    """Return the sum, the mean or all of the per-entry losses."""
    if reduction == "none":
        return x
    total = m.sum(x)
    return total / math.prod(x.shape) if reduction == "mean" else total


def spread(m: Arithmetic, g: Array, shape: Shape, reduction: str) -> Array:
    """Return the cotangent of every per-entry loss: the adjoint of `reduce`."""
    if reduction == "none":
        return g
    return m.broadcast_to(g / math.prod(shape) if reduction == "mean" else g, shape)


def reduced_shape(op: str, shape: Shape, reduction: str) -> Shape:
    """Return the shape of a reduced loss; raise `BadAttribute` for an unknown reduction."""
    if reduction not in ("sum", "mean", "none"):
        raise BadAttribute(f"{op}: expected reduction to be sum, mean or none; got {reduction!r}")
    return shape if reduction == "none" else ()


_PAIRS = tuple(sample(a, b, reduction=r) for a, b in (((3,), (3,)), ((2, 2), (2, 2))) for r in ("sum", "mean", "none"))


def _quadratic(name: str, doc: str, half: bool, default: str) -> Any:
    """Declare (p - t)^2, or half of it, with a reduction."""

    def value(m: Arithmetic, p: Array, t: Array, *, reduction: str) -> Array:
        y = reduce(m, m.square(p - t), reduction)
        return y / 2 if half else y

    def vjp(m: Arithmetic, g: Array, y: Array, p: Array, t: Array, *, reduction: str) -> tuple[Array, Array]:
        d = p - t
        each = spread(m, g, d.shape, reduction) * d
        each = each if half else 2 * each
        return m.unbroadcast(each, p.shape), m.unbroadcast(-each, t.shape)

    def jvp(m: Arithmetic, ts: tuple[Array, Array], y: Array, p: Array, t: Array, *, reduction: str) -> Array:
        d = (p - t) * (ts[0] - ts[1])
        return reduce(m, d if half else d + d, reduction)

    return declare(
        name, doc, "real", "real",
        value=value, vjp=vjp, jvp=jvp,
        shape=lambda p, t, reduction: reduced_shape(name, broadcast(name, p, t), reduction),
        attributes={"reduction": default}, samples=_PAIRS,
    )  # fmt: skip


squared_error = _quadratic("squared_error", "(p - t)^2, summed", False, "sum")
half_squared_error = _quadratic("half_squared_error", "(p - t)^2 / 2, summed", True, "sum")
mean_squared_error = _quadratic("mean_squared_error", "the mean of (p - t)^2", False, "mean")
