"""Reductions with a formula: logsumexp, variance, norm; and the running sum."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.errors import BadAttribute
from gradcheck.ops.geometry import positive_axes, positive_axis, reduced
from gradcheck.ops.op import Textbook, declare, sample, zero
from gradcheck.ops.reduce import rowwise, total


def exponentials(m: Arithmetic, r: Array) -> tuple[Array, Array]:
    """Return a shift s near the maximum along the last axis and exp(r - s)."""
    s = m.shift(r, len(r.shape) - 1)
    return s, m.exp(r - s)


def log_sum_exp(m: Arithmetic, r: Array) -> Array:
    """Return log(sum(exp(r))) along the last axis, kept, without overflow."""
    s, e = exponentials(m, r)
    return m.log(total(m, e)) + s


def softmax_of(m: Arithmetic, r: Array) -> Array:
    """Return exp(r) / sum(exp(r)) along the last axis, without overflow."""
    _, e = exponentials(m, r)
    return e / total(m, e)


def _by_value(m: Arithmetic, g: Array, y: Array, x: Array, *, axes: Any, keepdims: bool) -> tuple[Array]:
    wide = reduced(x.shape, positive_axes("logsumexp", axes, len(x.shape)), True)
    return (m.reshape(g, wide) * m.exp(x - m.reshape(y, wide)),)


logsumexp = rowwise(
    "logsumexp", "log(sum(exp(x))) over axes; ONNX ReduceLogSumExp",
    value=log_sum_exp,
    vjp=lambda m, g, y, r: g * softmax_of(m, r),
    jvp=lambda m, t, y, r: total(m, t * m.exp(r - y)),
    textbook=(Textbook("exp(x - y), although y rounds as much as it is large", vjp=_by_value),),
    slack=4,
)  # fmt: skip


def centred(m: Arithmetic, r: Array) -> Array:
    """Return r minus its mean along the last axis; the second pass removes the mean's rounding."""
    d = r - total(m, r) / r.shape[-1]
    return d - total(m, d) / r.shape[-1]


def _freedom(m: Arithmetic, r: Array, correction: float) -> Array:
    return m.constant(r.shape[-1] - correction)


variance = rowwise(
    "variance", "the mean square distance from the mean, over n - correction",
    value=lambda m, r, correction: total(m, m.square(centred(m, r))) / _freedom(m, r, correction),
    vjp=lambda m, g, y, r, correction: g * (2 * centred(m, r) / _freedom(m, r, correction)),
    jvp=lambda m, t, y, r, correction: 2 * total(m, centred(m, r) * centred(m, t)) / _freedom(m, r, correction),
    attributes={"correction": 0},
    least=lambda correction: int(correction) + 1,
    slack=2,
    samples=(
        sample((2, 3)), sample((2, 3), axes=(1,), correction=1), sample((2, 3), axes=(-2,), keepdims=True),
        sample((2, 2, 2), axes=(0, 2), correction=1), sample(()),
    ),
)  # fmt: skip


def _exponent(p: float) -> Fraction:
    """Return p exactly; raise `BadAttribute` where there is no norm of that exponent."""
    if not 1 <= p < math.inf:
        raise BadAttribute(f"norm: expected p to be a finite number >= 1; got p={p!r}")
    return Fraction(p)


def _raised(m: Arithmetic, x: Array, p: Fraction) -> Array:
    """Return x^p for x >= 0."""
    return m.integer_power(x, int(p)) if p.denominator == 1 else m.power(x, m.constant(p))


def _scaled_norm(m: Arithmetic, r: Array, p: Fraction) -> tuple[Array, Array, Array]:
    """Return an exact scale s, abs(r) / s and the norm of that, which neither over- nor underflows."""
    s = m.scale(r, (len(r.shape) - 1,))
    a = abs(r) / s
    if p == 2:
        return s, a, m.sqrt(total(m, m.square(a)))
    powers = total(m, _raised(m, a, p))
    return s, a, powers if p == 1 else m.power(powers, 1 / m.constant(p))


def _norm(m: Arithmetic, r: Array, p: float) -> Array:
    q = _exponent(p)
    if q == 1:
        return total(m, abs(r))
    s, _, y = _scaled_norm(m, r, q)
    return s * y


def _unit(m: Arithmetic, r: Array, p: float) -> Array:
    """Return the gradient sign(r) (abs(r) / y)^(p-1); sign(r) where y = 0."""
    q = _exponent(p)
    if q == 1:
        return m.sign(r)
    s, _, y = _scaled_norm(m, r, q)
    at_zero = m.is_zero(y)
    ratio = m.clamped(m.select(at_zero, m.sign(r), r / s / m.select(at_zero, 1, y)))
    return ratio if q == 2 else m.sign(r) * _raised(m, abs(ratio), q - 1)


def _norm_tangent(m: Arithmetic, t: Array, y: Array, r: Array, p: float) -> Array:
    """Return sum(sign(r) abs(r)^(p-1) t) / y^(p-1), in which the scale cancels."""
    q = _exponent(p)
    _, a, n = _scaled_norm(m, r, q)
    if q == 1:
        return total(m, m.sign(r) * t)
    at_zero = m.is_zero(n)
    over = _raised(m, m.select(at_zero, 1, n), q - 1)
    return m.select(at_zero, zero(m), total(m, m.sign(r) * _raised(m, a, q - 1) * t) / over)


norm = rowwise(  # at y = 0 the gradient is g sign(x): 0 where x = 0, as torch
    "norm", "the p-norm (sum abs(x)^p)^(1/p) over axes; ONNX ReduceL1 (p=1), ReduceL2 (p=2)",
    value=_norm,
    vjp=lambda m, g, y, r, p: g * _unit(m, r, p),
    jvp=_norm_tangent,
    attributes={"p": 2},
    kinks=lambda m, r, p: r if p == 1 else _norm(m, r, p),
    slack=4,
    samples=(
        sample((2, 3)), sample((2, 3), axes=(1,), p=1), sample((2, 3), axes=(-2,), keepdims=True, p=3),
        sample((2, 2, 2), axes=(0, 2)), sample(()), sample((3,), p=1.5), sample((2, 2), axes=1, p=2.5),
    ),
)  # fmt: skip


def _running_sum(m: Arithmetic, x: Array, axis: int, exclusive: bool, reverse: bool) -> Array:
    axis = positive_axis("cumsum", axis, len(x.shape))
    if reverse:
        x = m.flip(x, (axis,))
    if exclusive and x.shape[axis]:
        edge = m.zeros((*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        x = m.concatenate([edge, m.part(x, 0, x.shape[axis] - 1, axis)], axis)
    y = m.cumsum(x, axis)
    return m.flip(y, (axis,)) if reverse else y


def _sum_behind(m: Arithmetic, g: Array, y: Array, x: Array, axis: int, exclusive: bool, reverse: bool) -> tuple[Array]:
    return (_running_sum(m, g, axis, exclusive, not reverse),)


def _shape_with_axis(x: tuple[int, ...], axis: int, **_: bool) -> tuple[int, ...]:
    positive_axis("cumsum", axis, len(x))
    return x


cumsum = declare(
    "cumsum", "the running sums along axis, without the entry itself if exclusive; ONNX CumSum", "real",
    value=_running_sum,
    vjp=_sum_behind,
    jvp=lambda m, ts, y, x, axis, exclusive, reverse: _running_sum(m, ts[0], axis, exclusive, reverse),
    shape=_shape_with_axis,
    attributes={"axis": 0, "exclusive": False, "reverse": False},
    samples=(
        sample((3,)), sample((2, 3), axis=-1), sample((3, 2), exclusive=True), sample((2, 3), axis=1, reverse=True),
        sample((4,), exclusive=True, reverse=True), sample((1, 2), exclusive=True),
    ),
)  # fmt: skip
