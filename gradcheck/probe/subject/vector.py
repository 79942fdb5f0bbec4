"""Flat lists of arrays as one vector: what a function of several inputs is differentiated in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Vector(Sequence[Floats]):
    """Arrays in float64 that are added, scaled and multiplied together; the parts are never changed.

    Args:
        parts: one array an input (or an output).

    >>> v = Vector.of([np.array([3.0, 0.0]), np.array(4.0)])
    >>> v.dot(v), v.norm, v.total
    (25.0, 5.0, 7.0)
    """

    parts: tuple[Floats, ...]

    @classmethod
    def of(cls, arrays: Iterable[Any]) -> Vector:
        """Return arrays of any format as a vector."""
        return cls(tuple(np.asarray(a, np.float64) for a in arrays))

    @classmethod
    def zeros(cls, like: Iterable[Any]) -> Vector:
        """Return zeros in the shapes of some arrays."""
        return cls(tuple(np.zeros(np.shape(a)) for a in like))

    @classmethod
    def unit(cls, like: Sequence[Any], k: int, index: tuple[int, ...], size: float = 1.0) -> Vector:
        """Return zeros but for one entry of array k."""
        out = cls.zeros(like)
        out.parts[k][index] = size
        return out

    def dot(self, other: Iterable[Any]) -> float:
        """Return the inner product."""
        return float(sum((np.sum(a * b) for a, b in zip(self.parts, other, strict=True)), 0.0))

    @property
    def norm(self) -> float:
        """The Euclidean norm; squares neither overflow nor underflow."""
        most = self.largest
        if most == 0 or not math.isfinite(most):
            return most
        return most * math.sqrt(sum(float(np.sum(np.square(p / most))) for p in self.parts))

    @property
    def total(self) -> float:
        """The sum of all magnitudes."""
        return float(sum((np.sum(np.abs(p)) for p in self.parts), 0.0))

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max((float(np.max(np.abs(p), initial=0.0)) for p in self.parts), default=0.0)

    @property
    def flat(self) -> Floats:
        """All entries in a row."""
        return np.concatenate([p.ravel() for p in self.parts]) if self.parts else np.zeros(0)

    @property
    def finite(self) -> bool:
        """Whether every entry is a number."""
        return all(bool(np.isfinite(p).all()) for p in self.parts)

    def times(self, other: Iterable[Any] | float) -> Vector:
        """Return the product entry by entry: with another vector, with masks, or with a number."""
        if isinstance(other, int | float):
            return Vector(tuple(p * other for p in self.parts))
        return Vector(tuple(np.asarray(a * b, np.float64) for a, b in zip(self.parts, other, strict=True)))

    def plus(self, other: Iterable[Any], factor: float = 1.0) -> Vector:
        """Return the sum with a multiple of another vector."""
        return Vector(tuple(np.asarray(a + factor * np.asarray(b), np.float64) for a, b in zip(self.parts, other, strict=True)))

    def only(self, k: int) -> Vector:
        """Return the vector with all arrays zero but one."""
        return Vector(tuple(p if i == k else np.zeros_like(p) for i, p in enumerate(self.parts)))

    def beside(self, xs: Sequence[Any], h: float) -> Arrays:
        """Return x + h times this direction, each in the format of x."""
        return [(np.asarray(x, np.float64) + h * t).astype(x.dtype) for x, t in zip(xs, self.parts, strict=True)]

    def formatted(self, like: Iterable[Any]) -> Arrays:
        """Return the entries in the formats of other arrays."""
        return [p.astype(y.dtype) for p, y in zip(self.parts, like, strict=True)]

    @overload
    def __getitem__(self, k: int) -> Floats: ...
    @overload
    def __getitem__(self, k: slice) -> tuple[Floats, ...]: ...
    def __getitem__(self, k: int | slice) -> Floats | tuple[Floats, ...]:
        return self.parts[k]

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Floats]:
        return iter(self.parts)
