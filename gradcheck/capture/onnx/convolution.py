"""Convolutions and pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.onnx.call import Call, operator
from gradcheck.errors import CannotExpress
from gradcheck.ops.op import registry


def _pads(c: Call, image: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Return the borders before and after."""
    rank, auto = len(kernel), c.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        given = list(c.get("pads", [0] * 2 * rank))
        return given[:rank], given[rank:]
    if auto == "VALID":
        return [0] * rank, [0] * rank
    total = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in zip(image, kernel, stride, dilation, strict=True)]
    less = [t // 2 for t in total]
    more = [t - h for t, h in zip(total, less, strict=True)]
    return (less, more) if auto == "SAME_UPPER" else (more, less)


def _geometry(c: Call, kernel: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    rank = len(kernel)
    return tuple(c.get("strides", [1] * rank)), tuple(c.get("dilations", [1] * rank))


def windows(x: Any, kernel: Any, stride: Any, dilation: Any, before: Any, after: Any, beyond: float, *, ceil: bool = False) -> tuple[Any, Any]:
    """Return the entries of every window in a last axis, and which of them lie in the image or its border.

    Args:
        x: of shape (n, channels, ...).
        kernel: sizes of a window, along each axis of the image as all that follows.
        stride: from one to the next.
        dilation: from entry to entry.
        before: width of the border there.
        after: width of the other border.
        beyond: what stands in the border.
        ceil: whether a last window may reach beyond the border.
    """
    image = x.shape[2:]
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    lengths = [n + a + b - s for n, a, b, s in zip(image, before, after, spans, strict=True)]
    counts = [(-(-m // s) if ceil else m // s) + 1 for m, s in zip(lengths, stride, strict=True)]
    counts = [k - 1 if ceil and (k - 1) * s >= n + a else k for k, s, n, a in zip(counts, stride, image, before, strict=True)]
    more = [max(0, (k - 1) * s + w - (n + a + b)) for k, s, w, n, a, b in zip(counts, stride, spans, image, before, after, strict=True)]
    at = np.arange(1, x.size + 1).reshape(x.shape)
    at = np.pad(at, [(0, 0), (0, 0), *zip(before, after, strict=True)])
    at = np.pad(at, [(0, 0), (0, 0), *((0, m) for m in more)], constant_values=-1)
    key = [np.add.outer(np.arange(n) * s, np.arange(k) * d) for n, s, k, d in zip(counts, stride, kernel, dilation, strict=True)]
    rank = len(key)
    grid = [g.reshape([1] * j + [g.shape[0]] + [1] * (rank - j - 1) + [1] * j + [g.shape[1]] + [1] * (rank - j - 1)) for j, g in enumerate(key)]
    places = at[(slice(None), slice(None), *grid)].reshape((*x.shape[:2], *counts, -1))
    row = np.concatenate([np.array([beyond]), x.reshape(-1)])
    return row[np.maximum(places, 0)], places


@operator("Conv")
def conv(c: Call) -> Any:
    """Correlation with a kernel."""
    x, w = c[0], c[1]
    kernel = tuple(np.shape(w)[2:])
    rank = len(kernel)
    stride, dilation = _geometry(c, kernel)
    if rank not in (1, 2):
        raise CannotExpress(f"Conv over {rank} axes has no form here")
    before, after = _pads(c, np.shape(x)[2:], kernel, stride, dilation)
    if any((*before, *after)):
        x = registry["pad"](x, pads=(0, 0, *before, 0, 0, *after))
    y = registry[f"conv{rank}d"](x, w, stride=stride, dilation=dilation, groups=c.get("group", 1))
    return y if c[2] is None else y + np.reshape(c[2], (1, -1, *(1,) * rank))


@operator("ConvTranspose")
def conv_transpose(c: Call) -> Any:
    """The adjoint of a convolution."""
    x, w = c[0], c[1]
    rank = len(np.shape(w)) - 2
    if rank not in (1, 2):
        raise CannotExpress(f"ConvTranspose over {rank} axes has no form here")
    kernel = tuple(np.shape(w)[2:])
    stride, dilation = _geometry(c, kernel)
    more = tuple(c.get("output_padding", [0] * rank))
    image = np.shape(x)[2:]
    full = [s * (n - 1) + (k - 1) * d + 1 + m for s, n, k, d, m in zip(stride, image, kernel, dilation, more, strict=True)]
    wanted = c.get("output_shape")
    auto = c.get("auto_pad", "NOTSET")
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(image, stride, strict=True)]
    if wanted is not None:
        total = [f - n for f, n in zip(full, wanted[-rank:], strict=True)]
        before = [t // 2 if auto == "SAME_UPPER" else t - t // 2 for t in total]
        after = [t - b for t, b in zip(total, before, strict=True)]
    else:
        before, after = _pads(c, image, kernel, stride, dilation)
    if rank == 1:
        x, w = np.expand_dims(x, 2), np.expand_dims(w, 2)
        stride, dilation = (1, *stride), (1, *dilation)
    y = registry["conv_transpose2d"](x, w, stride=stride, padding=0, dilation=dilation, groups=c.get("group", 1))
    y = np.squeeze(y, 2) if rank == 1 else y
    lacking = [f - n for f, n in zip(full, y.shape[2:], strict=True)]
    around = [*(-b for b in before), *(m - a for m, a in zip(lacking, after, strict=True))]
    if any(around):
        low, high = around[:rank], around[rank:]
        y = y[(slice(None), slice(None), *(slice(max(0, -a), n - max(0, -b)) for a, b, n in zip(low, high, y.shape[2:], strict=True)))]
        if any(k > 0 for k in around):
            y = registry["pad"](y, pads=(0, 0, *(max(k, 0) for k in low), 0, 0, *(max(k, 0) for k in high)))
    return y if c[2] is None else y + np.reshape(c[2], (1, -1, *(1,) * rank))


def _pool(c: Call, beyond: float) -> tuple[Any, Any]:
    kernel = tuple(c.get("kernel_shape"))
    stride, dilation = _geometry(c, kernel)
    before, after = _pads(c, c[0].shape[2:], kernel, stride, dilation)
    return windows(c[0], kernel, stride, dilation, before, after, beyond, ceil=bool(c.get("ceil_mode", 0)))


@operator("MaxPool")
def max_pool(c: Call) -> Any:
    """The largest entry of each window, and where it is."""
    seen, places = _pool(c, -np.inf)
    best = np.argmax(numbers(seen), axis=-1)
    at = np.take_along_axis(np.maximum(places, 0), best[..., None], axis=-1)[..., 0] - 1
    if c.get("storage_order", 0):
        shape = c[0].shape
        index = np.unravel_index(at, shape)
        at = np.ravel_multi_index((index[0], index[1], *index[2:][::-1]), (*shape[:2], *shape[2:][::-1]))
    return np.max(seen, axis=-1), at


@operator("AveragePool")
def average_pool(c: Call) -> Any:
    """The mean of each window, with its border or without."""
    seen, places = _pool(c, 0.0)
    counted = places >= 0 if c.get("count_include_pad", 0) else places > 0
    return np.sum(seen, axis=-1) / counted.sum(axis=-1)


@operator("LpPool")
def lp_pool(c: Call) -> Any:
    """The norm of each window."""
    seen, _ = _pool(c, 0.0)
    p = c.get("p", 2)
    return np.sum(np.abs(seen) ** p, axis=-1) ** (1 / p)


@operator("GlobalAveragePool")
def global_average(c: Call) -> Any:
    """The mean of each image."""
    return np.mean(c[0], axis=tuple(range(2, c[0].ndim)), keepdims=True)


@operator("GlobalMaxPool")
def global_max(c: Call) -> Any:
    """The largest entry of each image."""
    return np.max(c[0], axis=tuple(range(2, c[0].ndim)), keepdims=True)


@operator("MaxUnpool")
def max_unpool(c: Call) -> Any:
    """Entries put where they were found."""
    kernel = tuple(c.get("kernel_shape"))
    stride, _ = _geometry(c, kernel)
    pads = c.get("pads", [0] * 2 * len(kernel))
    rank, shape = len(kernel), c[0].shape
    own = [(n - 1) * s - pads[k] - pads[rank + k] + kernel[k] for k, (n, s) in enumerate(zip(shape[2:], stride, strict=True))]
    index, size = np.ravel(c.data(1)).astype(int), int(np.prod([*shape[:2], *own]))
    wanted = (*shape[:2], *own) if c[2] is None else tuple(int(n) for n in c.data(2))
    if wanted != (*shape[:2], *own):
        index = np.ravel_multi_index(np.unravel_index(index, (*shape[:2], *own)), wanted)
        size = int(np.prod(wanted))
    return np.reshape(registry["scatter_add"](np.zeros(size), index, c[0].reshape(-1), axis=0), wanted)


@operator("Col2Im")
def fold(c: Call) -> Any:
    """Columns added up to an image."""
    image, block = (tuple(int(n) for n in c.data(k)) for k in (1, 2))
    rank = len(image)
    stride, dilation = _geometry(c, block)
    pads = c.get("pads", [0] * 2 * rank)
    n, channels = c[0].shape[0], c[0].shape[1] // int(np.prod(block))
    x = np.zeros((n, channels, *image))
    _, places = windows(x, block, stride, dilation, pads[:rank], pads[rank:], 0.0)
    counts = places.shape[2:-1]
    columns = np.moveaxis(places.reshape((n, channels, int(np.prod(counts)), -1)), -1, 2).reshape(c[0].shape)
    return np.reshape(registry["scatter_add"](np.zeros(x.size + 1), np.ravel(columns), c[0].reshape(-1), axis=0)[1:], x.shape)
