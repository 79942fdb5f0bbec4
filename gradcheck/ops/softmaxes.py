"""Softmax and its logarithm along one axis, shifted by the maximum."""

from __future__ import annotations

from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.ops.geometry import positive_axis
from gradcheck.ops.op import Op, declare, sample


def _shifted(m: Arithmetic, x: Array, axis: int) -> tuple[Array, Array, Array]:
    """Return x - s, exp(x - s) and its sum along `axis`, s near the maximum."""
    d = x - m.shift(x, axis)
    e = m.exp(d)
    return d, e, m.sum(e, (axis,), True)


def _along_axis(name: str, doc: str, *, value: Any, vjp: Any, jvp: Any) -> Op:
    """Declare value(m, x, axis), vjp(m, g, y, x, axis) and jvp(m, t, y, x, axis), 0 <= axis."""

    def shape(x: Shape, axis: int) -> Shape:
        positive_axis(name, axis, len(x))
        return x

    return declare(
        name, doc, "real",
        value=lambda m, x, axis: value(m, x, axis % len(x.shape)),
        vjp=lambda m, g, y, x, axis: (vjp(m, g, y, x, axis % len(x.shape)),),
        jvp=lambda m, ts, y, x, axis: jvp(m, ts[0], y, x, axis % len(x.shape)),
        shape=shape, attributes={"axis": -1}, slack=4,
        samples=(sample((3,)), sample((2, 3)), sample((3, 2), axis=0), sample((2, 2, 2), axis=-2), sample((2, 1))),
    )  # fmt: skip


def softmax_along(m: Arithmetic, x: Array, axis: int) -> Array:
    """Return exp(x) / sum(exp(x)) along `axis`, counted from the front."""
    _, e, total = _shifted(m, x, axis)
    return e / total


def _softmax_tangent(m: Arithmetic, t: Array, y: Array, x: Array, axis: int) -> Array:
    """Return the tangent of e / sum(e) by the quotient rule."""
    _, e, total = _shifted(m, x, axis)
    return (e * t * total - e * m.sum(e * t, (axis,), True)) / total / total


softmax = _along_axis(
    "softmax", "exp(x) / sum(exp(x)) along axis; ONNX Softmax",
    value=softmax_along,
    vjp=lambda m, g, y, x, axis: y * (g - m.sum(g * y, (axis,), True)),
    jvp=_softmax_tangent,
)  # fmt: skip


def log_softmax_along(m: Arithmetic, x: Array, axis: int) -> Array:
    """Return x - log(sum(exp(x))) along `axis`, counted from the front."""
    d, _, total = _shifted(m, x, axis)
    return d - m.log(total)


log_softmax = _along_axis(
    "log_softmax", "x - log(sum(exp(x))) along axis; ONNX LogSoftmax",
    value=log_softmax_along,
    vjp=lambda m, g, y, x, axis: g - m.exp(y) * m.sum(g, (axis,), True),
    jvp=lambda m, t, y, x, axis: t - m.sum(softmax_along(m, x, axis) * t, (axis,), True),
)  # fmt: skip
