"""Operations that move or copy entries by their shape: nothing is computed but sums of copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape
from gradcheck.errors import BadShape
from gradcheck.ops.geometry import (
    broadcast,
    outside,
    padded,
    padded_shape,
    positive_axes,
    positive_axis,
    sliced,
    sliced_shape,
    tiled,
    tiled_shape,
)
from gradcheck.ops.op import REQUIRED, Op, declare, sample


def rearranged(name: str, doc: str, *, to: Callable[..., Shape], **more: Any) -> Op:
    """Declare an operation that is `reshape` to the shape to(shape, **attributes)."""
    return declare(
        name, doc, "real",
        value=lambda m, x, **a: m.reshape(x, to(x.shape, **a)),
        vjp=lambda m, g, y, x, **a: (m.reshape(g, x.shape),),
        jvp=lambda m, ts, y, x, **a: m.reshape(ts[0], y.shape),
        shape=to, **more,
    )  # fmt: skip


def moved(name: str, doc: str, *, index: Callable[..., Index], **more: Any) -> Op:
    """Declare an operation that takes the flat positions index(shape, **attributes) of x; its shape is a formula, which makes no positions."""

    def take(m: Arithmetic, x: Array, a: dict[str, Any]) -> Array:
        return m.take(x, index(x.shape, **a))

    return declare(
        name, doc, "real",
        value=lambda m, x, **a: take(m, x, a),
        vjp=lambda m, g, y, x, **a: (m.scatter_add(g, index(x.shape, **a), x.shape),),
        jvp=lambda m, ts, y, x, **a: take(m, ts[0], a),
        **more,
    )  # fmt: skip


def _reshaped(x: Shape, shape: Any) -> Shape:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    known = math.prod(n for n in shape if n != -1)
    if -1 in shape and known and math.prod(x) % known == 0:
        shape = tuple(math.prod(x) // known if n == -1 else n for n in shape)
    if math.prod(shape) != math.prod(x) or min(shape, default=0) < 0:
        raise BadShape("reshape", f"a shape of {math.prod(x)} entries, at most one of them -1", shape)
    return tuple(shape)


reshape = rearranged(
    "reshape", "x with the given shape, of which one may be -1; ONNX Reshape allowzero=1",
    to=_reshaped,
    attributes={"shape": REQUIRED},
    samples=(sample((2, 3), shape=(3, 2)), sample((2, 3), shape=(-1,)), sample((), shape=(1, 1)),
             sample((4,), shape=(2, -1)), sample((1,), shape=())),
)  # fmt: skip


def _expanded(x: Shape, axis: int) -> Shape:
    axis = positive_axis("expand", axis, len(x) + 1)
    return (*x[:axis], 1, *x[axis:])


expand = rearranged(
    "expand", "x with a new axis of length one; ONNX Unsqueeze",
    to=_expanded,
    attributes={"axis": 0},
    samples=(sample((3,)), sample((2, 3), axis=1), sample((2, 2), axis=-1), sample(())),
)  # fmt: skip


def _squeezed(x: Shape, axes: Any) -> Shape:
    chosen = [i for i, n in enumerate(x) if n == 1] if axes is None else positive_axes("squeeze", axes, len(x))
    if any(x[i] != 1 for i in chosen):
        raise BadShape("squeeze", "axes of length one", x)
    return tuple(n for i, n in enumerate(x) if i not in chosen)


squeeze = rearranged(
    "squeeze", "x without axes of length one (all such axes when None); ONNX Squeeze",
    to=_squeezed,
    attributes={"axes": None},
    samples=(sample((1, 3, 1)), sample((1, 3, 1), axes=(-1,)), sample((1, 2, 1), axes=0), sample((2,))),
)  # fmt: skip


def _permutation(rank: int, axes: Any) -> tuple[int, ...]:
    order = tuple(reversed(range(rank))) if axes is None else tuple(positive_axis("transpose", a, rank) for a in axes)
    if sorted(order) != list(range(rank)):
        raise BadShape("transpose", f"a permutation of {rank} axes", f"axes={axes}")
    return order


def _permuted_back(m: Arithmetic, g: Array, y: Array, x: Array, axes: Any) -> tuple[Array]:
    order = _permutation(len(x.shape), axes)
    return (m.transpose(g, [order.index(i) for i in range(len(order))]),)


transpose = declare(
    "transpose", "x with its axes permuted (reversed when None); ONNX Transpose", "real",
    value=lambda m, x, axes: m.transpose(x, _permutation(len(x.shape), axes)),
    vjp=_permuted_back,
    jvp=lambda m, ts, y, x, axes: m.transpose(ts[0], _permutation(len(x.shape), axes)),
    shape=lambda x, axes: tuple(x[i] for i in _permutation(len(x), axes)),
    attributes={"axes": None},
    samples=(sample((2, 3)), sample((2, 1, 3), axes=(1, 2, 0)), sample((1, 2, 2), axes=(-1, 0, 1)), sample(())),
)  # fmt: skip


def _repeated(x: Shape, shape: Shape) -> Shape:
    if broadcast("broadcast_to", x, shape) != shape:
        raise BadShape("broadcast_to", f"an operand that repeats to {shape}", x)
    return shape


broadcast_to = declare(
    "broadcast_to", "x repeated to a shape; ONNX Expand", "real",
    value=lambda m, x, shape: m.broadcast_to(x, shape),
    vjp=lambda m, g, y, x, shape: (m.unbroadcast(g, x.shape),),
    jvp=lambda m, ts, y, x, shape: m.broadcast_to(ts[0], shape),
    shape=_repeated,
    attributes={"shape": REQUIRED},
    samples=(sample((3,), shape=(2, 3)), sample((2, 1), shape=(2, 3)), sample((), shape=(2, 2)),
             sample((1, 2, 1), shape=(2, 2, 2)), sample((2,), shape=(2,))),
)  # fmt: skip


def _flipped(x: Shape, axes: Any) -> Shape:
    positive_axes("flip", axes, len(x))
    return x


def _flip(m: Arithmetic, x: Array, axes: Any) -> Array:
    return m.flip(x, positive_axes("flip", axes, len(x.shape)))


flip = declare(
    "flip", "x reversed along axes (all when None)", "real",
    value=_flip,
    vjp=lambda m, g, y, x, axes: (_flip(m, g, axes),),
    jvp=lambda m, ts, y, x, axes: _flip(m, ts[0], axes),
    shape=_flipped,
    attributes={"axes": None},
    samples=(sample((2, 3)), sample((2, 3), axes=(-1,)), sample((2, 2, 2), axes=(0, 2)), sample((1, 3), axes=0)),
)  # fmt: skip

slice_ = moved(
    "slice", "entries starts:stops:steps along axes; ONNX Slice",
    index=sliced,
    shape=sliced_shape,
    attributes={"starts": REQUIRED, "stops": REQUIRED, "axes": None, "steps": None},
    samples=(
        sample((4,), starts=(1,), stops=(3,)), sample((3, 4), starts=(0, 1), stops=(2, 4), steps=(1, 2)),
        sample((2, 4), starts=(-1,), stops=(-99,), axes=(-1,), steps=(-1,)),
        sample((5,), starts=(3,), stops=(0,), steps=(-2,)),
    ),
)  # fmt: skip

tile = moved(
    "tile", "x copied repeats times along every axis; ONNX Tile",
    index=tiled,
    shape=tiled_shape,
    attributes={"repeats": REQUIRED},
    samples=(sample((2,), repeats=(3,)), sample((2, 2), repeats=(1, 2)), sample((2, 1), repeats=(2, 2)),
             sample((2,), repeats=(2, 1))),
)  # fmt: skip


def _pad_value(m: Arithmetic, x: Array, pads: Any, mode: str, constant: float) -> Array:
    index = padded(x.shape, pads, mode)
    return m.select(outside(index), m.constant(constant), m.take(x, index))


pad = declare(
    "pad", "x with a border of a constant, of its edge or of its reflection; ONNX Pad", "real",
    value=_pad_value,
    vjp=lambda m, g, y, x, pads, mode, constant: (m.scatter_add(g, padded(x.shape, pads, mode), x.shape),),
    jvp=lambda m, ts, y, x, pads, mode, constant: m.take(ts[0], padded(x.shape, pads, mode)),
    shape=lambda x, pads, mode, constant: padded_shape(x, pads, mode),
    attributes={"pads": REQUIRED, "mode": "constant", "constant": 0},
    samples=(
        sample((3,), pads=1), sample((2, 2), pads=(1, 0, 0, 2), constant=2), sample((2, 2), pads=((0, 1), (1, 0))),
        sample((3,), pads=(2, 1), mode="reflect"), sample((2, 3), pads=(0, 2, 1, 1), mode="reflect"),
        sample((2, 2), pads=(1, 1, 0, 1), mode="edge"),
    ),
)  # fmt: skip


def _split(m: Arithmetic, g: Array, xs: tuple[Array, ...], axis: int) -> tuple[Array, ...]:
    """Return the parts of g that belong to each of the joined arrays."""
    out, start = [], 0
    for x in xs:
        out.append(m.part(g, start, start + x.shape[axis], axis))
        start += int(x.shape[axis])
    return tuple(out)


def _joined(*xs: Shape, axis: int) -> Shape:
    axis = positive_axis("concatenate", axis, len(xs[0]))
    if len({(*x[:axis], *x[axis + 1 :]) for x in xs}) > 1 or len({len(x) for x in xs}) > 1:
        raise BadShape("concatenate", f"shapes that differ along axis {axis} only", xs)
    return (*xs[0][:axis], sum(x[axis] for x in xs), *xs[0][axis + 1 :])


concatenate = declare(
    "concatenate", "the operands joined along an axis; ONNX Concat", "real",
    variadic=True,
    value=lambda m, *xs, axis: m.concatenate(xs, axis),
    vjp=lambda m, g, y, *xs, axis: _split(m, g, xs, axis % len(g.shape)),
    jvp=lambda m, ts, y, *xs, axis: m.concatenate(ts, axis),
    shape=_joined,
    attributes={"axis": 0},
    samples=(sample((2,), (3,)), sample((2, 1), (2, 2), (2, 1), axis=-1), sample((2, 2)), sample((1, 2), (2, 2))),
)  # fmt: skip


def _stacked(*xs: Shape, axis: int) -> Shape:
    if len(set(xs)) > 1:
        raise BadShape("stack", "operands of one shape", xs)
    axis = positive_axis("stack", axis, len(xs[0]) + 1)
    return (*xs[0][:axis], len(xs), *xs[0][axis:])


def _unstacked(m: Arithmetic, g: Array, xs: tuple[Array, ...], axis: int) -> tuple[Array, ...]:
    return tuple(m.reshape(m.part(g, i, i + 1, axis), x.shape) for i, x in enumerate(xs))


stack = declare(
    "stack", "the operands joined along a new axis; ONNX ConcatFromSequence new_axis=1", "real",
    variadic=True,
    value=lambda m, *xs, axis: m.stack(xs, axis),
    vjp=lambda m, g, y, *xs, axis: _unstacked(m, g, xs, axis % len(g.shape)),
    jvp=lambda m, ts, y, *xs, axis: m.stack(ts, axis),
    shape=_stacked,
    attributes={"axis": 0},
    samples=(sample((2,), (2,)), sample((2, 2), (2, 2), axis=-1), sample((), (), ()), sample((2, 1), axis=1)),
)  # fmt: skip
