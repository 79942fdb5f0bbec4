"""Reductions over any axes, with and without keepdims. `axes` None means all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.ops.geometry import positive_axes, reduced
from gradcheck.ops.op import Op, Sample, Value, declare, sample

_AXES = (
    sample((2, 3)),
    sample((2, 3), axes=(1,)),
    sample((2, 3), axes=(-2,), keepdims=True),
    sample((2, 2, 2), axes=(0, 2)),
    sample(()),
)


def reduction(
    name: str,
    doc: str,
    kind: str = "real",
    *,
    value: Value,
    vjp: Callable[..., Array],
    jvp: Callable[..., Array],
    samples: tuple[Sample, ...] = _AXES,
    attributes: dict[str, Any] | None = None,
    **more: Any,
) -> Op:
    """Declare a reduction from rules in which the reduced axes are positive and kept.

    value(m, x, axes), vjp(m, g, y, x, axes) and jvp(m, t, y, x, axes) see `g` and `y` with the
    reduced axes of length one.
    """

    def narrow(m: Arithmetic, y: Array, x: Array, axes: Any, keepdims: bool) -> Array:
        return y if keepdims else m.reshape(y, reduced(x.shape, axes, False))

    def wide(m: Arithmetic, y: Array, x: Array, axes: Any) -> Array:
        return m.reshape(y, reduced(x.shape, axes, True))

    def full_value(m: Arithmetic, x: Array, *, axes: Any, keepdims: bool, **a: Any) -> Array:
        axes = positive_axes(name, axes, len(x.shape))
        return narrow(m, value(m, x, axes, **a), x, axes, keepdims)

    def full_vjp(m: Arithmetic, g: Array, y: Array, x: Array, *, axes: Any, keepdims: bool, **a: Any) -> tuple[Array]:
        axes = positive_axes(name, axes, len(x.shape))
        return (vjp(m, wide(m, g, x, axes), wide(m, y, x, axes), x, axes, **a),)

    def full_jvp(m: Arithmetic, ts: tuple[Array], y: Array, x: Array, *, axes: Any, keepdims: bool, **a: Any) -> Array:
        axes = positive_axes(name, axes, len(x.shape))
        return narrow(m, jvp(m, ts[0], wide(m, y, x, axes), x, axes, **a), x, axes, keepdims)

    def shape(x: Shape, *, axes: Any, keepdims: bool, **_: Any) -> Shape:
        return reduced(x, positive_axes(name, axes, len(x)), keepdims)

    return declare(
        name,
        doc,
        kind,
        value=full_value,
        vjp=full_vjp,
        jvp=full_jvp,
        shape=shape,
        attributes={"axes": None, "keepdims": False} | (attributes or {}),
        samples=samples,
        **more,
    )


def _count(x: Array, axes: Sequence[int]) -> int:
    return math.prod(x.shape[i] for i in axes)


sum_ = reduction(
    "sum", "the sum over axes; ONNX ReduceSum",
    value=lambda m, x, axes: m.sum(x, axes, True),
    vjp=lambda m, g, y, x, axes: m.broadcast_to(g, x.shape),
    jvp=lambda m, t, y, x, axes: m.sum(t, axes, True),
    samples=(*_AXES, sample((0, 2), axes=(0,))),
)  # fmt: skip

mean = reduction(
    "mean", "the mean over axes; ONNX ReduceMean",
    value=lambda m, x, axes: m.sum(x, axes, True) / _count(x, axes),
    vjp=lambda m, g, y, x, axes: m.broadcast_to(g / _count(x, axes), x.shape),
    jvp=lambda m, t, y, x, axes: m.sum(t, axes, True) / _count(x, axes),
)  # fmt: skip
