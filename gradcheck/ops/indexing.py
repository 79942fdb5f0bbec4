"""Operations that move entries to or from positions given at run time by integer operands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape
from gradcheck.errors import BadShape
from gradcheck.ops.geometry import (
    checked_index,
    end_to_end,
    gathered,
    gathered_elements,
    integers,
    positions,
    positive_axis,
)
from gradcheck.ops.op import Op, declare, sample


def indexed(name: str, doc: str, *, index: Callable[..., Index], **more: Any) -> Op:
    """Declare an operation on (x, i) that takes the flat positions index(shape, i, **attributes)."""
    return declare(
        name, doc, "real", "index",
        value=lambda m, x, i, **a: m.take(x, index(x.shape, i, **a)),
        vjp=lambda m, g, y, x, i, **a: (m.scatter_add(g, index(x.shape, i, **a), x.shape), None),
        jvp=lambda m, ts, y, x, i, **a: m.take(ts[0], index(x.shape, i, **a)),
        **more,
    )  # fmt: skip


def _gather_shape(x: Shape, i: Shape, axis: int) -> Shape:
    axis = positive_axis("gather", axis, len(x))
    return (*x[:axis], *i, *x[axis + 1 :])


gather = indexed(
    "gather", "the entries i of x along axis, as NumPy's take; ONNX Gather",
    index=lambda shape, i, axis: gathered("gather", shape, i, axis),
    shape=_gather_shape,
    attributes={"axis": 0},
    samples=(
        sample((3,), integers([0, 2, 0])), sample((3, 2), integers([[0, -1], [1, 1]])),
        sample((2, 3), integers([-1, 0]), axis=-1), sample((2, 3), integers(1), axis=1),
    ),
)  # fmt: skip


def _elements_shape(op: str, x: Shape, i: Shape, axis: int) -> Shape:
    axis = positive_axis(op, axis, len(x))
    if len(x) != len(i) or any(n > k for a, (n, k) in enumerate(zip(i, x, strict=True)) if a != axis):
        raise BadShape(op, f"indices that are no longer than {x} but along axis {axis}", i)
    return i


gather_elements = indexed(
    "gather_elements", "x at one index an entry along axis; ONNX GatherElements",
    index=lambda shape, i, axis: gathered_elements("gather_elements", shape, i, axis),
    shape=lambda x, i, axis: _elements_shape("gather_elements", x, i, axis),
    attributes={"axis": 0},
    samples=(
        sample((3, 2), integers([[0, 2], [0, -1]])), sample((2, 3), integers([[0, 0, 2, 1]]), axis=1),
        sample((3,), integers([1, 1]), axis=-1),
    ),
)  # fmt: skip

take = indexed(
    "take", "the entries of x at flat positions i, as NumPy's take without an axis",
    index=lambda shape, i: checked_index("take", i, math.prod(shape)),
    shape=lambda x, i: i,
    samples=(sample((2, 3), integers([5, 0, -1])), sample((3,), integers([[0, 0], [1, 2]])), sample((2,), integers(1))),
)  # fmt: skip


def _embedding_shape(i: Shape, w: Shape) -> Shape:
    if len(w) != 2:
        raise BadShape("embedding", "ids of any shape, w (words, features)", (i, w))
    return (*i, w[1])


def _rows(i: Index, w: Shape) -> Index:
    return gathered("embedding", w, i, 0)


embedding = declare(
    "embedding", "the rows i of w", "index", "real",
    value=lambda m, i, w: m.take(w, _rows(i, w.shape)),
    vjp=lambda m, g, y, i, w: (None, m.scatter_add(g, _rows(i, w.shape), w.shape)),
    jvp=lambda m, ts, y, i, w: m.take(ts[1], _rows(i, w.shape)),
    shape=_embedding_shape,
    samples=(sample(integers([0, 2, 0]), (3, 2)), sample(integers([[1, 1], [0, 1]]), (2, 2)),
             sample(integers(1), (3, 2))),
)  # fmt: skip


def _scattered(m: Arithmetic, x: Array, i: Index, u: Array, axis: int) -> Array:
    """Return x + updates as one sum, so that any order of the additions is covered."""
    both = m.concatenate([m.reshape(x, (-1,)), m.reshape(u, (-1,))], 0)
    index = gathered_elements("scatter_add", x.shape, i, axis)
    return m.scatter_add(both, end_to_end(positions(x.shape), index), x.shape)


def _scatter_shape(x: Shape, i: Shape, u: Shape, axis: int) -> Shape:
    if u != _elements_shape("scatter_add", x, i, axis):
        raise BadShape("scatter_add", f"updates of the shape {i} of the indices", u)
    return x


scatter_add = declare(
    "scatter_add", "x with updates u added at one index an entry along axis; ONNX ScatterElements reduction=add",
    "real", "index", "real",
    value=_scattered,
    vjp=lambda m, g, y, x, i, u, axis: (g, None, m.take(g, gathered_elements("scatter_add", x.shape, i, axis))),
    jvp=lambda m, ts, y, x, i, u, axis: _scattered(m, ts[0], i, ts[2], axis),
    shape=_scatter_shape,
    attributes={"axis": 0},
    samples=(
        sample((3,), integers([0, 2, 0]), (3,)), sample((2, 3), integers([[0, 0, -1, 1]]), (1, 4), axis=1),
        sample((2, 2), integers([[1, 0], [1, 1]]), (2, 2), axis=-2),
    ),
)  # fmt: skip
