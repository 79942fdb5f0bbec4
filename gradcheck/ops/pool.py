"""Pooling over windows in any number of dimensions: x (n, c, *spatial)."""

from __future__ import annotations

import math
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape
from gradcheck.errors import BadShape
from gradcheck.ops.geometry import (
    affordable,
    batched,
    filled,
    has_empty_window,
    outside,
    pairs,
    sizes,
    window_counts,
    window_sizes,
    windows,
)
from gradcheck.ops.op import REQUIRED, declare, sample


def _sides(op: str, x: Shape, a: dict[str, Any]) -> tuple[Shape, Shape, Shape, Any, Shape]:
    """Return spatial shape, kernel, stride, padding and dilation, one a dimension."""
    n = len(x) - 2
    if n < 1:
        raise BadShape(op, "x (n, c, *spatial)", x)
    stride, dilation = sizes(op, "stride", a["stride"], n), sizes(op, "dilation", a["dilation"], n)
    return x[2:], sizes(op, "kernel", a["kernel"], n), stride, pairs(op, a["padding"], n), dilation


def _pooled(op: str, x: Shape, a: dict[str, Any]) -> Shape:
    """Return the shape (n, c, *out)."""
    spatial, kernel, stride, ends, dilation = _sides(op, x, a)
    counts = window_counts(spatial, kernel, stride, ends, dilation)
    sides = zip(spatial, kernel, stride, (begin for begin, _ in ends), counts, dilation, strict=True)
    if not min(counts) or any(has_empty_window(*side) for side in sides):
        raise BadShape(op, "windows that fit, each with an entry that is no padding", x)
    affordable(op, math.prod(x[:2]) * math.prod(counts) * math.prod(kernel))
    return (*x[:2], *counts)


def _windows(op: str, x: Shape, a: dict[str, Any]) -> Index:
    """Return flat positions (n, c, *out, k), -1 for padding."""
    _pooled(op, x, a)
    index = windows(*_sides(op, x, a))
    return batched(index.reshape(*index.shape[: len(x) - 2], -1), x[:2], math.prod(x[2:]))


def _contest(m: Arithmetic, x: Array, index: Index) -> Array:
    """Return the windows (..., k), with padding below an entry of its window."""
    e = m.take(x, filled(index))
    pads = outside(index)
    return m.select(pads, e - abs(e) - 1, e) if pads.any() else e


def _pool_max(m: Arithmetic, x: Array, **a: Any) -> Array:
    index = _windows("max_pool", x.shape, a)
    return m.reshape(m.max(m.take(x, filled(index)), index.ndim - 1), index.shape[:-1])


def _pool_max_vjp(m: Arithmetic, g: Array, y: Array, x: Array, **a: Any) -> tuple[Array]:
    index = _windows("max_pool", x.shape, a)
    wins = m.winners(_contest(m, x, index), index.ndim - 1)
    each = m.broadcast_to(m.reshape(g, (*g.shape, 1)), index.shape)
    return (m.scatter_add(m.select(wins, each, 0), index, x.shape),)


def _pool_max_jvp(m: Arithmetic, ts: tuple[Array], y: Array, x: Array, **a: Any) -> Array:
    index = _windows("max_pool", x.shape, a)
    wins = m.winners(_contest(m, x, index), index.ndim - 1)
    return m.sum(m.select(wins, m.take(ts[0], index), 0), (index.ndim - 1,))


def _lead(m: Arithmetic, x: Array, **a: Any) -> tuple[Array]:
    """Return how far the winner of each window is ahead; 1 at the winner itself."""
    index = _windows("max_pool", x.shape, a)
    r, last = _contest(m, x, index), index.ndim - 1
    return (m.select(m.winners(r, last), m.constant(1), m.max(r, last) - r),)


max_pool = declare(  # the first of equals gets g; padding never wins
    "max_pool", "the largest entry of each window; ONNX MaxPool", "real",
    value=_pool_max,
    vjp=_pool_max_vjp,
    jvp=_pool_max_jvp,
    shape=lambda x, **a: _pooled("max_pool", x, a),
    kinks=_lead,
    conserves=True,
    attributes={"kernel": REQUIRED, "stride": 1, "padding": 0, "dilation": 1},
    samples=(
        sample((1, 1, 4), kernel=2), sample((2, 1, 4), kernel=2, stride=2), sample((1, 2, 3), kernel=2, padding=(1, 0)),
        sample((1, 1, 3, 3), kernel=2), sample((1, 1, 2, 3), kernel=(1, 2), stride=(1, 2), padding=((0, 0), (0, 1))),
        sample((1, 1, 3, 3), kernel=2, dilation=2, stride=2, padding=1),
    ),
)  # fmt: skip


def _shared(m: Arithmetic, y: Array, index: Index, include: bool) -> Array:
    """Return y (..., out) divided by the number of entries of its window."""
    if include:
        return y / index.shape[-1]
    counts, which = window_sizes(index)
    return y / m.take(m.stack([m.constant(c) for c in counts], 0), which)


def _pool_mean(m: Arithmetic, x: Array, *, count_include_pad: bool, **a: Any) -> Array:
    index = _windows("avg_pool", x.shape, a)
    return _shared(m, m.sum(m.take(x, index), (index.ndim - 1,)), index, count_include_pad)


def _pool_mean_vjp(m: Arithmetic, g: Array, y: Array, x: Array, *, count_include_pad: bool, **a: Any) -> tuple[Array]:
    index = _windows("avg_pool", x.shape, a)
    share = _shared(m, g, index, count_include_pad)
    each = m.broadcast_to(m.reshape(share, (*g.shape, 1)), index.shape)
    return (m.scatter_add(each, index, x.shape),)


avg_pool = declare(
    "avg_pool", "the mean of each window, padding not counted unless count_include_pad; ONNX AveragePool", "real",
    value=_pool_mean,
    vjp=_pool_mean_vjp,
    jvp=lambda m, ts, y, x, **a: _pool_mean(m, ts[0], **a),
    shape=lambda x, count_include_pad, **a: _pooled("avg_pool", x, a),
    attributes={"kernel": REQUIRED, "stride": 1, "padding": 0, "dilation": 1, "count_include_pad": False},
    slack=2,
    samples=(
        sample((1, 1, 4), kernel=2), sample((1, 2, 3), kernel=2, stride=2, padding=1),
        sample((1, 1, 3, 3), kernel=2, padding=(1, 0, 0, 1)), sample((2, 1, 2, 2), kernel=(2, 1), stride=(1, 2)),
        sample((1, 1, 3), kernel=3, padding=1, count_include_pad=True), sample((1, 1, 4), kernel=2, dilation=2),
    ),
)  # fmt: skip
