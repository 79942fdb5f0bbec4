"""The numbers that a kernel may return: what the exact one is rounded to, but for the error inside; and the faults that this leaves room for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.rounding import Format
from gradcheck.arith.storage import gap, nearest, rounded_from

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """One result or gradient beside what rounding may have made of the exact one.

    Args:
        got: numbers of the storage format, as float64.
        exact: at the kernel's own stored operands.
        error: bound of what it may be off before its last rounding, at least 0; infinite where nothing is known.
        to: the storage format.

    >>> from gradcheck.arith.storage import storage
    >>> cells = Cells(np.array([1.0, 1.0078125]), np.array([1.003, 1.003]), np.array([1e-6, 1e-6]), storage("bfloat16"))
    >>> cells.outside
    array([False,  True])
    """

    got: Floats
    exact: Floats
    error: Floats
    to: Format

    @cached_property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Whether something is known of an entry."""
        return np.isfinite(self.exact) & np.isfinite(self.error)

    @cached_property
    def ends(self) -> tuple[Floats, Floats]:
        """The smallest and the largest number that an entry may be."""
        with np.errstate(invalid="ignore"):
            return nearest(self.exact - self.error, self.to), nearest(self.exact + self.error, self.to)

    @cached_property
    def outside(self) -> npt.NDArray[np.bool_]:
        """Whether an entry is none of the numbers that it may be."""
        low, high = self.ends
        return self.judged & ~((low <= self.got) & (self.got <= high))

    @property
    def fixed(self) -> float:
        """The share of the entries that can be one number only."""
        low, high = self.ends
        return float(np.mean(self.judged & (low == high))) if self.exact.size else 1.0

    @property
    def worst(self) -> float:
        """The largest distance from what may be returned to what is, in gaps beyond the allowed one: 1 is allowed."""
        low, high = self.ends
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.maximum(np.abs(self.got - self.exact), 0.0)
            ratio = off / (self.error + gap(np.fmax(np.abs(self.exact), np.abs(self.got)), self.to) / 2)
        inside = (low <= self.got) & (self.got <= high)
        found = np.where(self.judged, np.where(inside, np.minimum(ratio, 1.0), np.where(np.isfinite(ratio), np.maximum(ratio, 1.0), np.inf)), 0.0)
        return float(np.max(found, initial=0.0))

    def room(self, along: Any, axes: tuple[int, ...] | None = None) -> tuple[Floats, Floats]:
        """Return the least and the greatest t for which the exact numbers plus t times a direction, and no others, may have been rounded to these.

        This is a statement about this run, without probability: a fault along the direction has a size between them.

        Args:
            along: the direction, of the shape of the numbers.
            axes: over which entries are taken together; all unless given.
        """
        low, high = rounded_from(self.got, self.to)
        with np.errstate(all="ignore"):
            below, above = (low - self.error - self.exact) / along, (high + self.error - self.exact) / along
        usable = self.judged & (along != 0) & np.isfinite(self.got)
        least, greatest = np.fmin(below, above), np.fmax(below, above)
        return (
            np.max(np.where(usable, least, -np.inf), axis=axes, initial=-np.inf),
            np.min(np.where(usable, greatest, np.inf), axis=axes, initial=np.inf),
        )
