"""Operations that copy or move entries by their shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call, Operand
from gradcheck.capture.torch.tensors import located, positions


@operation(
    "alias", "clone", "_to_copy", "detach", "contiguous", "lift_fresh", "view", "_unsafe_view", "reshape", "_reshape_alias", "unsqueeze",
    "squeeze", "view_as", "flatten", "resolve_conj", "resolve_neg", "positive", "_conj", "_neg_view",
)  # fmt: skip
def same(c: Call) -> None:
    """The same numbers in another shape or format; into a narrower format they are rounded."""
    c.out("reshape", c.operand("self" if "self" in c.arguments else "input"), shape=tuple(c.outs[0].shape))


@operation("copy")
def copy(c: Call) -> None:
    """The numbers of the source in the memory of the other."""
    c.out("broadcast_to", c.operand("src"), shape=tuple(c.outs[0].shape))


@operation("t", "numpy_T")
def transposed(c: Call) -> None:
    """Axes in reverse."""
    c.out("transpose", c.operand("self"))


@operation("transpose")
def exchanged(c: Call) -> None:
    """Two axes exchanged."""
    x = c.operand("self")
    axes = list(range(len(c.shape(x))))
    if axes:
        i, j = c["dim0"], c["dim1"]
        axes[i], axes[j] = axes[j], axes[i]
    c.out("transpose", x, axes=tuple(axes))


@operation("permute")
def permuted(c: Call) -> None:
    """Axes in a given order."""
    x = c.operand("self")
    c.out("transpose", x, axes=tuple(d % len(c.shape(x)) for d in c["dims"]))


@operation("expand", "expand_as")
def repeated(c: Call) -> None:
    """Axes of length one, or new ones, repeated."""
    c.out("broadcast_to", c.operand("self"), shape=tuple(c.outs[0].shape))


@operation("slice")
def sliced(c: Call) -> None:
    """Entries start:end:step along an axis."""
    x = c.operand("self")
    n = c.shape(x)[c["dim"]]
    start, stop, step = slice(c["start"], c["end"], c["step"]).indices(n)
    c.out("slice", x, starts=(start,), stops=(max(start, stop),), axes=(c["dim"] % len(c.shape(x)),), steps=(step,))


@operation("select")
def selected(c: Call) -> None:
    """One entry along an axis, which goes."""
    x = c.operand("self")
    axis, n = c["dim"] % len(c.shape(x)), c.shape(x)[c["dim"]]
    _window(c, x, 0, axis, c["index"] % n, 1)


def _window(c: Call, x: str, k: int, axis: int, start: int, count: int) -> None:
    c.give(c.emit("slice", x, starts=(start,), stops=(start + count,), axes=(axis,)), k)


@operation("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk", "unsafe_split_with_sizes")
def split(c: Call) -> None:
    """Parts along an axis."""
    x = c.operand("self")
    axis, start = c["dim"] % len(c.shape(x)), 0
    for k, t in enumerate(c.outs):
        _window(c, x, k, axis, start, t.shape[axis])
        start += t.shape[axis]


@operation("unbind")
def unbound(c: Call) -> None:
    """Every entry along an axis."""
    x = c.operand("self")
    for k in range(len(c.outs)):
        _window(c, x, k, c["dim"] % len(c.shape(x)), k, 1)


@operation(
    "roll", "flip", "repeat", "unfold", "diagonal", "diag", "index", "index_select", "gather", "take_along_dim", "repeat_interleave", "rot90", "movedim",
    "im2col", "narrow", "take", "masked_select", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d",
    "replication_pad3d", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "view_copy", "unfold_copy", "upsample_nearest1d", "upsample_nearest2d",
    "upsample_nearest3d", "_upsample_nearest_exact2d",
)  # fmt: skip
def moved(c: Call) -> None:
    """Any operation that moves entries: it is run on their positions, which float64 counts exactly."""
    first = next(k for k, x in c.arguments.items() if isinstance(x, Operand))
    x = c.arguments[first]
    if any(isinstance(y, Operand) and y.name and k != first for k, y in c.arguments.items()):
        raise Unruled(f"{c.func}: positions that are values")
    at = torch.arange(1, x.tensor.numel() + 1, dtype=torch.float64, device=x.tensor.device).reshape(x.shape)
    found = c.func(**{**{k: _plain(y) for k, y in c.arguments.items()}, first: at})
    index = found.detach().cpu().numpy().astype(np.int64) - 1
    if (index >= 0).all():
        return c.moved(index, c.operand(first))
    return filled(c, c.operand(first), index, 0.0)  # im2col pads by zeros


def filled(c: Call, x: str, index: Any, number: float) -> None:
    """Result 0 has entries of `x` at flat positions, and a number where these are -1."""
    flat = c.emit("concatenate", c.constant([number]), c.emit("reshape", x, shape=(-1,)), axis=0)
    c.moved(index + 1, flat)


def _plain(x: Any) -> Any:
    return x.tensor if isinstance(x, Operand) else [_plain(y) for y in x] if isinstance(x, list) else x


@operation("as_strided")
def strided(c: Call) -> None:
    """Entries by positions in the storage."""
    x = c.arguments["self"]
    index = located(positions(c.outs[0]), positions(x.tensor))
    if (index < 0).any():
        raise Unruled(f"{c.func}: memory beyond its operand")
    c.moved(index, c.operand("self"))


@operation("constant_pad_nd")
def padded(c: Call) -> None:
    """A border of one number."""
    x = c.arguments["self"].tensor
    at = torch.constant_pad_nd(torch.arange(x.numel()).reshape(x.shape), c["pad"], -1)
    filled(c, c.operand("self"), at.numpy(), float(c["value"]))


@operation("tril", "triu")
def triangle(c: Call) -> None:
    """One triangle, zeros elsewhere."""
    x = c.operand("self")
    mask = c.func(torch.ones(c.shape(x)), c["diagonal"]).bool()
    c.out("where", c.constant(mask, "mask"), x, c.constant(0.0))


@operation("cat", "concatenate")
def joined(c: Call) -> None:
    """Tensors joined along an axis; legacy empty ones of one axis are left out."""
    xs = [x for x in c.arguments["tensors"] if not (x.shape == (0,) and c.outs[0].dim() != 1)]
    c.out("concatenate", *(c.named(x) for x in xs), axis=c["dim"] % c.outs[0].dim())


@operation("stack")
def stacked(c: Call) -> None:
    """Tensors joined along a new axis."""
    c.out("stack", *(c.named(x) for x in c.arguments["tensors"]), axis=c["dim"] % c.outs[0].dim())


@operation("diag_embed")
def embedded(c: Call) -> None:
    """The last axis on a diagonal, zeros elsewhere."""
    x = c.arguments["self"].tensor
    at = c.func(torch.arange(1, x.numel() + 1).reshape(x.shape), c["offset"], c["dim1"], c["dim2"])
    filled(c, c.operand("self"), at.numpy() - 1, 0.0)
