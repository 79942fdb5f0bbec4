"""Reductions over any axes, with and without keepdims. `axes` None means all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.errors import BadShape
from gradcheck.ops.geometry import positive_axes, reduced
from gradcheck.ops.op import Op, Sample, Textbook, Value, declare, sample

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
    check: Callable[[int, dict[str, Any]], None] = lambda n, a: None,
    **more: Any,
) -> Op:
    """Declare a reduction from rules in which the reduced axes are positive and kept.

    value(m, x, axes), vjp(m, g, y, x, axes) and jvp(m, t, y, x, axes) see `g` and `y` with the
    reduced axes of length one; check(n, attributes) refuses a number of reduced entries.
    """

    def full_value(m: Arithmetic, x: Array, *, axes: Any, keepdims: bool, **a: Any) -> Array:
        axes = positive_axes(name, axes, len(x.shape))
        return _narrow(m, value(m, x, axes, **a), x, axes, keepdims)

    def full_vjp(m: Arithmetic, g: Array, y: Array, x: Array, *, axes: Any, keepdims: bool, **a: Any) -> tuple[Array]:
        axes = positive_axes(name, axes, len(x.shape))
        return (vjp(m, _wide(m, g, x, axes), _wide(m, y, x, axes), x, axes, **a),)

    def full_jvp(m: Arithmetic, ts: tuple[Array], y: Array, x: Array, *, axes: Any, keepdims: bool, **a: Any) -> Array:
        axes = positive_axes(name, axes, len(x.shape))
        return _narrow(m, jvp(m, ts[0], _wide(m, y, x, axes), x, axes, **a), x, axes, keepdims)

    def shape(x: Shape, *, axes: Any, keepdims: bool, **a: Any) -> Shape:
        axes = positive_axes(name, axes, len(x))
        check(math.prod(x[i] for i in axes), a)
        return reduced(x, axes, keepdims)

    return declare(
        name, doc, kind, value=full_value, vjp=full_vjp, jvp=full_jvp, shape=shape,
        attributes={"axes": None, "keepdims": False} | (attributes or {}), samples=samples, **more,
    )  # fmt: skip


def _narrow(m: Arithmetic, y: Array, x: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """Return a result whose reduced axes were kept with length one as it was asked for."""
    return y if keepdims else m.reshape(y, reduced(x.shape, axes, False))


def _wide(m: Arithmetic, y: Array, x: Array, axes: Sequence[int]) -> Array:
    """Return a result or cotangent with the reduced axes kept, of length one."""
    return m.reshape(y, reduced(x.shape, axes, True))


def _count(x: Array, axes: Sequence[int]) -> int:
    return math.prod(x.shape[i] for i in axes)


def _share(m: Arithmetic, x: Array, axes: Sequence[int]) -> Array:
    return m.constant(1) / _count(x, axes)


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
    textbook=(
        Textbook(
            "times 1/n, as compilers do",
            value=lambda m, x, *, axes, keepdims: m.sum(x, positive_axes("mean", axes, len(x.shape)), keepdims)
            * _share(m, x, positive_axes("mean", axes, len(x.shape))),
            vjp=lambda m, g, y, x, *, axes, keepdims: (
                m.broadcast_to(
                    m.reshape(g, reduced(x.shape, positive_axes("mean", axes, len(x.shape)), True))
                    * _share(m, x, positive_axes("mean", axes, len(x.shape))),
                    x.shape,
                ),
            ),
        ),
    ),
)  # fmt: skip


# -- reductions along rows: the reduced axes are made one last axis ---------------------------


def _order(rank: int, axes: Sequence[int]) -> tuple[int, ...]:
    return (*(i for i in range(rank) if i not in axes), *axes)


def rows(m: Arithmetic, x: Array, axes: Sequence[int]) -> Array:
    """Return `x` with `axes` moved to the end and made one."""
    kept = reduced(x.shape, axes, False)
    return m.reshape(m.transpose(x, _order(len(x.shape), axes)), (*kept, _count(x, axes)))


def unrows(m: Arithmetic, r: Array, shape: Shape, axes: Sequence[int]) -> Array:
    """Undo `rows` for an array of shape `shape`."""
    order = _order(len(shape), axes)
    back = [order.index(i) for i in range(len(shape))]
    return m.transpose(m.reshape(r, tuple(shape[i] for i in order)), back)


def total(m: Arithmetic, r: Array) -> Array:
    """Return the sum along the last axis, kept."""
    return m.sum(r, (len(r.shape) - 1,), True)


def rowwise(
    name: str,
    doc: str,
    kind: str = "real",
    *,
    value: Value,
    vjp: Callable[..., Array],
    jvp: Callable[..., Array],
    kinks: Callable[..., Array] | None = None,
    least: Callable[..., int] = lambda **_: 1,
    **more: Any,
) -> Op:
    """Declare a reduction from rules along the last axis r (..., n), where y, g are (..., 1).

    value(m, r), vjp(m, g, y, r), jvp(m, t, y, r), kinks(m, r); `least` is the smallest n allowed.
    """

    def each(m: Arithmetic, y: Array, x: Array, axes: Any) -> Array:
        return m.reshape(y, (*reduced(x.shape, axes, False), 1))

    def checked(n: int, a: dict[str, Any]) -> None:
        if n < least(**a):
            raise BadShape(name, f"at least {least(**a)} entries to reduce", n)

    def full_value(m: Arithmetic, x: Array, axes: Any, **a: Any) -> Array:
        return m.reshape(value(m, rows(m, x, axes), **a), reduced(x.shape, axes, True))

    def full_vjp(m: Arithmetic, g: Array, y: Array, x: Array, axes: Any, **a: Any) -> Array:
        back = vjp(m, each(m, g, x, axes), each(m, y, x, axes), rows(m, x, axes), **a)
        return unrows(m, back, x.shape, axes)

    def full_jvp(m: Arithmetic, t: Array, y: Array, x: Array, axes: Any, **a: Any) -> Array:
        out = jvp(m, rows(m, t, axes), each(m, y, x, axes), rows(m, x, axes), **a)
        return m.reshape(out, reduced(x.shape, axes, True))

    def full_kinks(m: Arithmetic, x: Array, *, axes: Any, keepdims: bool, **a: Any) -> tuple[Array, ...]:
        return (kinks(m, rows(m, x, positive_axes(name, axes, len(x.shape))), **a),) if kinks else ()

    return reduction(
        name, doc, kind, value=full_value, vjp=full_vjp, jvp=full_jvp, check=checked,
        kinks=full_kinks if kinks else None, **more,
    )  # fmt: skip
