"""Convolutions and the pools of their images."""

from __future__ import annotations

from typing import Any

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call


def _per_axis(x: Any, n: int) -> tuple[int, ...]:
    sizes: tuple[int, ...] = tuple(x) if isinstance(x, list | tuple) else (x,)
    return sizes if len(sizes) == n else sizes * n


@operation("convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution")
def convolution(c: Call) -> None:
    """Correlation with a kernel, or its adjoint; in one axis the adjoint is that of images of one row."""
    x, w = c.operand("input"), c.operand("weight")
    n, transposed = len(c.shape(x)) - 2, bool(c.arguments.get("transposed"))
    of: dict[str, Any] = {k: _per_axis(c[k], n) for k in ("stride", "padding", "dilation")}
    more: dict[str, Any] = {"output_padding": _per_axis(c["output_padding"], n)} if transposed else {}
    if n == 2 and not transposed and c["groups"] == 1 and _is_tiling(c.shape(x), c.shape(w), of):
        return _biased(c, _tiles(c, x, w), 2)
    if n > 2:
        raise Unruled(f"{c.func}: {n} axes")
    if transposed and n == 1:
        x, w = (c.emit("reshape", v, shape=(*c.shape(v)[:2], 1, c.shape(v)[2])) for v in (x, w))
        of = {"stride": (1, *of["stride"]), "padding": (0, *of["padding"]), "dilation": (1, *of["dilation"])}
        more = {"output_padding": (0, *more["output_padding"])}
    name = "conv_transpose2d" if transposed else f"conv{n}d"
    y = c.emit(name, x, w, **of, groups=c["groups"], **more)
    if tuple(c.outs[0].shape) != c.shape(y):
        y = c.emit("reshape", y, shape=tuple(c.outs[0].shape))
    return _biased(c, y, n)


def _biased(c: Call, y: str, n: int) -> None:
    if c.arguments.get("bias") is None:
        return c.give(y)
    return c.out("add", y, c.emit("reshape", c.operand("bias"), shape=(1, -1) + (1,) * n))


def _is_tiling(x: tuple[int, ...], w: tuple[int, ...], of: dict[str, Any]) -> bool:
    """Answer whether windows lie side by side, as patches of an image do."""
    return of["stride"] == w[2:] and not any(of["padding"]) and set(of["dilation"]) == {1} and not any(a % b for a, b in zip(x[2:], w[2:], strict=True))


def _tiles(c: Call, x: str, w: str) -> str:
    """Return the convolution with a window for every tile as a product of matrices, which needs no index of what windows see."""
    (n, channels, height, width), (filters, _, rows, columns) = c.shape(x), c.shape(w)
    tiles = (height // rows, width // columns)
    x = c.emit("reshape", x, shape=(n, channels, tiles[0], rows, tiles[1], columns))
    x = c.emit("reshape", c.emit("transpose", x, axes=(0, 2, 4, 1, 3, 5)), shape=(n * tiles[0] * tiles[1], channels * rows * columns))
    y = c.emit("matmul", x, c.emit("transpose", c.emit("reshape", w, shape=(filters, -1))))
    return c.emit("transpose", c.emit("reshape", y, shape=(n, *tiles, filters)), axes=(0, 3, 1, 2))


@operation("avg_pool1d", "avg_pool2d", "avg_pool3d")
def averaged(c: Call) -> None:
    """The mean of each window."""
    x = c.operand("self")
    n = int(c.name[-2])
    if c.arguments.get("divisor_override") or c["ceil_mode"] or len(c.shape(x)) != n + 2:
        raise Unruled(f"{c.func}: windows beyond the image, another divisor, or no batch")
    kernel = _per_axis(c["kernel_size"], n)
    stride = _per_axis(c["stride"], n) if c["stride"] else kernel
    c.out("avg_pool", x, kernel=kernel, stride=stride, padding=_per_axis(c["padding"], n), count_include_pad=c["count_include_pad"])


@operation("_adaptive_avg_pool2d", "adaptive_avg_pool2d", "adaptive_avg_pool1d", "_adaptive_avg_pool3d")
def adaptive(c: Call) -> None:
    """The mean of windows of one size, where the image has whole ones."""
    x, size = c.operand("self"), tuple(c["output_size"])
    image = c.shape(x)[-len(size) :]
    if any(n % k for n, k in zip(image, size, strict=True)):
        raise Unruled(f"{c.func}: windows of several sizes")
    split = [k for n, m in zip(image, size, strict=True) for k in (m, n // m)]
    first = len(c.shape(x)) - len(size)
    y = c.emit("reshape", x, shape=(*c.shape(x)[:first], *split))
    c.out("mean", y, axes=tuple(first + 2 * k + 1 for k in range(len(size))))
