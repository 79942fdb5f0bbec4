"""Operations that read or write entries at places that are data of the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call, Operand
from gradcheck.capture.torch.tensors import Tensor


def _numbered(shape: Any) -> Tensor:
    return torch.arange(int(np.prod(shape, dtype=np.int64))).reshape(tuple(shape))


def _replaced(c: Call, x: str, new: str, at: Any) -> str:
    """Return `x` with the entries of `new`, in their order, at flat positions."""
    count = int(np.prod(c.shape(x), dtype=np.int64))
    source = np.arange(count)
    source[np.ravel(at)] = count + np.arange(np.size(at))
    joined = c.emit("concatenate", c.emit("reshape", x, shape=(-1,)), c.emit("reshape", new, shape=(-1,)), axis=0)
    return c.emit("take", joined, c.constant(source.reshape(c.shape(x)), "index"))


@operation("index_put", "_index_put_impl", "_unsafe_index_put")
def put(c: Call) -> None:
    """x[i] = v, or += v."""
    x, indices = c.operand("self"), [None if i is None else i.tensor.cpu() for i in c.arguments["indices"]]
    at = torch.ops.aten.index.Tensor(_numbered(c.shape(x)), indices).numpy()
    new = c.emit("broadcast_to", c.operand("values"), shape=at.shape)
    if c["accumulate"]:
        flat = [c.emit("reshape", y, shape=(-1,)) for y in (x, new)]
        return c.give(c.emit("reshape", c.emit("scatter_add", flat[0], c.constant(at.ravel(), "index"), flat[1]), shape=c.shape(x)))
    if len(np.unique(at)) < at.size:
        raise Unruled(f"{c.func}: several values for one entry")
    return c.give(_replaced(c, x, new, at))


@operation("index_add", "scatter_add")
def added(c: Call) -> None:
    """Entries added at places along an axis."""
    x, source = c.operand("self"), "source" if "source" in c.arguments else "src"
    new, axis, index = c.operand(source), c["dim"] % max(1, c.outs[0].dim()), c["index"].cpu()
    if c.name.startswith("index_add"):
        index = index.reshape([-1 if k == axis else 1 for k in range(len(c.shape(new)))]).expand(c.shape(new))
    elif tuple(index.shape) != c.shape(new):
        new = c.emit("slice", new, starts=(0,) * index.dim(), stops=tuple(index.shape))
    if c.arguments.get("alpha", 1) != 1:
        new = c.emit("mul", new, c.named(c["alpha"]))
    c.out("scatter_add", x, c.constant(index.numpy(), "index"), new, axis=axis)


@operation("scatter", "index_copy", "slice_scatter", "select_scatter", "masked_scatter")
def scattered(c: Call) -> None:
    """Entries of another tensor, or one number, at places."""
    x = c.operand("self")
    if c.name.startswith("masked_scatter"):
        at = _numbered(c.shape(x))[c["mask"].cpu().expand(c.shape(x))].numpy()
        new = c.emit("slice", c.emit("reshape", c.operand("source"), shape=(-1,)), starts=(0,), stops=(at.size,))
        return c.give(_replaced(c, x, new, at))
    numbered = _numbered(c.shape(x))
    if c.name.startswith("scatter"):
        at = numbered.gather(c["dim"], c["index"].cpu()) if numbered.dim() else numbered.reshape(1)
        new = c.operand("src") if "src" in c.arguments else c.emit("broadcast_to", c.operand("value"), shape=tuple(at.shape))
        if c.shape(new) != tuple(at.shape):
            new = c.emit("slice", new, starts=(0,) * at.dim(), stops=tuple(at.shape))
    else:
        key = {"index_copy": lambda: c["index"].cpu(), "select_scatter": lambda: c["index"]}.get(c.name.removesuffix("_"))
        place = key() if key else slice(c["start"], c["end"], c["step"])
        at = numbered.movedim(c["dim"], 0)[place]
        at = at.movedim(0, c["dim"]) if at.dim() == numbered.dim() else at
        new = c.operand("source" if "source" in c.arguments else "src")
    if len(np.unique(at.numpy())) < at.numel():
        raise Unruled(f"{c.func}: several values for one entry")
    return c.give(_replaced(c, x, new, at.numpy()))


@operation("embedding")
def rows(c: Call) -> None:
    """Rows of a table; those of the padding index hand on nothing, on purpose."""
    index, w, padding = c["indices"].cpu(), c.operand("weight"), c["padding_idx"]
    y = c.emit("embedding", c.constant(index, "index"), w)
    if padding is not None and padding >= 0 and (index == padding).any():
        table = c.arguments["weight"].tensor
        y = c.emit("where", c.constant((index == padding)[..., None], "mask"), c.constant(table[padding].detach().cpu().double()), y)
    c.give(y)


@operation("max", "min", "topk", "sort", "kthvalue", "median", "mode", "cummax", "cummin", "nanmedian")
def chosen(c: Call) -> None:
    """Entries that the kernel chose, at its own places; of one result alone the largest or smallest entry."""
    if isinstance(c.arguments.get("other"), Operand):
        return c.out("maximum" if c.name == "max" else "minimum", c.operand("self"), c.operand("other"))
    x = c.operand("self")
    if len(c.outs) == 1:
        if c.name not in ("max", "min"):
            raise Unruled(f"{c.func}: without its index")
        return c.out(c.name, x)
    axis = c.arguments.get("dim", -1)
    index = c.outs[1].detach().cpu()
    numbered = _numbered(c.shape(x))
    if numbered.dim() == 0:
        return c.give(x)
    if index.dim() < numbered.dim():
        return c.moved(numbered.gather(axis, index.unsqueeze(axis)).squeeze(axis).numpy(), x)
    return c.moved(numbered.gather(axis, index).numpy(), x)


@operation("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d")
def pooled(c: Call) -> None:
    """The entries that the kernel took out of each window, by its own indices into an image."""
    x = c.operand("self")
    n = 3 if "3d" in c.name else 2
    numbered, index = _numbered(c.shape(x)), c.outs[1].detach().cpu()
    lead = tuple(numbered.shape[:-n])
    flat = numbered.reshape(*lead, -1).gather(-1, index.reshape(*lead, -1))
    c.moved(flat.reshape(index.shape).numpy(), x)
