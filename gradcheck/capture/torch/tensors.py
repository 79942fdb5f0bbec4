"""Tensors as arrays of our own, and where in their storage their entries lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt
import torch
from torch.utils._pytree import tree_flatten

Tensor: TypeAlias = Any  # torch is not there when types are checked

#: The formats that are judged; tensors of others are data of the run.
FORMATS = {torch.float64: "float64", torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


#: What an argument without tensors usually is.
_PLAIN = (int, float, bool, str, type(None), torch.dtype, torch.device, torch.layout)


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples, mappings and other trees that torch knows."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif type(tree) in (list, tuple):
        for x in tree:
            yield from tensors_in(x)
    elif type(tree) not in _PLAIN:
        yield from (x for x in tree_flatten(tree)[0] if isinstance(x, torch.Tensor))


def array_of(t: Tensor) -> npt.NDArray[Any]:
    """Return a copy of the numbers of a tensor; half formats become float32, which holds them."""
    t = t.detach().cpu().resolve_conj().resolve_neg()
    t = t.to_dense() if t.layout != torch.strided else t
    return np.array((t.float() if t.dtype in (torch.bfloat16, torch.float16) else t).numpy())


def memory_of(t: Tensor) -> npt.NDArray[Any]:
    """Return the numbers of a tensor in their own format, in its own memory where NumPy can look at it."""
    t = t.detach().cpu().resolve_conj().resolve_neg()
    t = t.to_dense() if t.layout != torch.strided else t
    if t.dtype == torch.bfloat16:
        return np.asarray(t.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    return np.asarray(t.numpy())


def copied(t: Tensor) -> Tensor:
    """Return a copy; on a CPU in memory of NumPy's, which asks the system for large pages."""
    if t.device.type != "cpu" or t.element_size() > 8:
        return t.detach().clone()
    made = torch.from_numpy(np.empty(tuple(t.shape), f"i{t.element_size()}")).view(t.dtype)
    return made.copy_(t.detach())


def storage_of(t: Tensor) -> int:
    """Return a key of the memory that a tensor lies in; 0 for a tensor without (sparse, a subclass)."""
    try:
        return int(t.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return 0


def positions(t: Tensor) -> npt.NDArray[np.int64]:
    """Return where in its storage each entry of a tensor lies, in entries."""
    offset: Any = t.storage_offset() + sum(
        np.arange(n).reshape((-1, *(1,) * (t.dim() - 1 - k))) * s for k, (n, s) in enumerate(zip(t.shape, t.stride(), strict=True))
    )
    return np.broadcast_to(np.asarray(offset, np.int64), tuple(t.shape))


def located(inner: npt.NDArray[np.int64], outer: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the flat index in `outer` of each storage position in `inner`; -1 where it is not there."""
    size = 1 + max(int(outer.max(initial=-1)), int(inner.max(initial=-1)))
    where = np.full(size, -1)
    where[outer.ravel()] = np.arange(outer.size)
    return where[inner]


def whole_storage(t: Tensor) -> Tensor:
    """Return all entries of the storage of a tensor, in one axis."""
    count = t.untyped_storage().nbytes() // t.element_size()
    return torch.as_strided(t.detach(), (count,), (1,), 0)


def maker(t: Tensor) -> tuple[Any, int]:
    """Return the function that made a tensor and the number of its result; None for one that autograd has given up, or does not follow."""
    try:
        return t.grad_fn, t.output_nr
    except RuntimeError:  # one of several views, whose base was written into since
        return None, 0
