"""A kernel on a CPU: arithmetic in float32, sums in an order of its own, results rounded to the storage format where its style says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

FORMATS: dict[str, Any] = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16, "float32": np.float32}
#: In which order a kernel adds up.
ORDERS = ("pairwise", "sequential", "backwards", "tiles")
#: What a kernel rounds to the storage format: results; results, and a result that its backward reads; operands of products too; everything.
STYLES = ("boundary", "saved", "products", "every")
#: Terms of a tile.
TILE = 32


@dataclass(frozen=True)
class Kernel:
    """The machine that a kernel runs on.

    Args:
        format: of what is stored.
        order: of sums, one of `ORDERS`.
        style: one of `STYLES`.
        mutation: the mistake that the kernel has; "" for none.
    """

    format: str
    order: str = "pairwise"
    style: str = "boundary"
    mutation: str = ""

    def has(self, mutation: str) -> bool:
        """Answer whether the kernel has this mistake."""
        return self.mutation == mutation

    def stored(self, x: Any) -> Any:
        """Return numbers in the storage format."""
        if self.has("truncated"):
            return truncated(np.asarray(x, np.float32), self.format)
        return np.asarray(x, np.float32).astype(FORMATS[self.format])

    def saved(self, x: Any) -> Any:
        """Return what the backward pass reads of a result: rounded in every style but the first."""
        return self.through(x) if self.style != "boundary" else x

    def inner(self, x: Any) -> Any:
        """Return an intermediate result, rounded in eager code."""
        return self.through(x) if self.style == "every" else np.asarray(x, np.float32)

    def operand(self, x: Any) -> Any:
        """Return an operand of a product, rounded on tensor cores."""
        return self.through(x) if self.style in ("products", "every") else np.asarray(x, np.float32)

    def through(self, x: Any) -> Any:
        """Return float32 numbers after a rounding to the storage format."""
        return np.asarray(x, np.float32).astype(FORMATS[self.format]).astype(np.float32)

    def sum(self, x: Any, axis: int, keepdims: bool = False) -> Any:
        """Return sums in the kernel's order, each partial sum in float32, or in the storage format by mistake."""
        x = np.moveaxis(np.asarray(x, np.float32), axis, 0)
        if self.has("low accumulator"):
            total = self._low(x)
        elif self.order == "pairwise":
            total = np.ascontiguousarray(np.moveaxis(x, 0, -1)).sum(-1, dtype=np.float32)
        elif self.order == "tiles":
            total = self._sequential(np.stack([x[k : k + TILE].sum(0, dtype=np.float32) for k in range(0, len(x), TILE)]))
        else:
            total = self._sequential(x[::-1] if self.order == "backwards" else x)
        total = np.asarray(total, np.float32)
        return self.inner(np.expand_dims(total, axis) if keepdims else total)

    def _sequential(self, x: Any) -> Any:
        return np.add.accumulate(x, axis=0, dtype=np.float32)[-1]

    def _low(self, x: Any) -> Any:
        total = np.zeros(x.shape[1:], FORMATS[self.format])
        for row in x:
            total = (total.astype(np.float32) + row).astype(FORMATS[self.format])
        return total.astype(np.float32)

    def product(self, a: Any, b: Any) -> Any:
        """Return the matrix product over the last axis of a and the last but one of b."""
        a, b = self.operand(a), self.operand(b)
        if self.has("low accumulator"):
            return self._low(np.moveaxis(a[..., :, None, :] * np.swapaxes(b, -1, -2)[..., None, :, :], -1, 0))
        n = a.shape[-1]
        if self.order == "pairwise":
            return self.inner((a @ b).astype(np.float32))
        width = 1 if self.order == "sequential" else TILE
        starts = list(range(0, n, width))
        total: Any = np.float32(0)
        for k in reversed(starts) if self.order == "backwards" else starts:
            total = (total + (a[..., k : k + width] @ b[..., k : k + width, :]).astype(np.float32)).astype(np.float32)
        return self.inner(total)

    def scatter(self, g: Any, index: Any, rows: int) -> Any:
        """Return rows added up by their index."""
        out = np.zeros((rows, *g.shape[1:]), np.float32)
        positions = range(len(index)) if self.order in ("pairwise", "sequential") else reversed(range(len(index)))
        for k in positions:
            out[index[k]] += np.asarray(g[k], np.float32)
            if self.has("low accumulator"):
                out[index[k]] = self.through(out[index[k]])
        return self.inner(out)


def truncated(x: Any, storage: str) -> Any:
    """Return float32 numbers rounded towards zero."""
    near = x.astype(FORMATS[storage])
    beyond = np.abs(near.astype(np.float32)) > np.abs(x)
    return np.where(beyond, np.nextafter(near, np.zeros_like(near)), near)


#: What can be wrong with any gradient: name -> change of its float32 numbers, before they are stored.
GENERIC: dict[str, Callable[[Any], Any]] = {
    "times 1.02": lambda v: v * np.float32(1.02),
    "times 1.005": lambda v: v * np.float32(1.005),
    "times 1.001": lambda v: v * np.float32(1.001),
    "times 1.0002": lambda v: v * np.float32(1.0002),
    "a row times 1.02": lambda v: _part(v, 0, 1.02),
    "a column times 1.02": lambda v: _part(v, -1, 1.02),
    "a row zero": lambda v: _part(v, 0, 0.0),
    "an entry times 1.1": lambda v: _entry(v),
    "rows exchanged": lambda v: v[::-1].copy(),
    "zeros": lambda v: np.zeros_like(v),
    "last tile zero": lambda v: _last(v),
    "bias": lambda v: v + np.float32(2e-3 * np.abs(v).mean()),
}


def _part(v: Any, axis: int, factor: float) -> Any:
    out = v.copy()
    middle = v.shape[axis] // 2
    out[(middle,) if axis == 0 else (..., middle)] *= np.float32(factor)
    return out


def _entry(v: Any) -> Any:
    """The entry of median size among those that are not zero, so that neither the largest nor noise is hit."""
    out = v.copy()
    sizes = np.where(v == 0, np.inf, np.abs(v)).ravel()
    out.ravel()[np.argsort(sizes)[np.count_nonzero(np.isfinite(sizes)) // 2]] *= np.float32(1.1)
    return out


def _last(v: Any) -> Any:
    out = v.copy()
    out[-(v.shape[0] % 16 or 16) :] = 0
    return out
