"""One array of a target beside the exact result of its local operation, and the ratio of error to bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.graph.graph import Edge

#: The bounds are themselves computed in float64, of numbers that are not negative: a sum of 2^23 of them loses no more than this.
OWN_ROUNDING = 1 + 2.0**-30
Floats: TypeAlias = npt.NDArray[np.float64]
Worst: TypeAlias = tuple[float, tuple[int, ...]]


@dataclass(frozen=True)
class Comparison:
    """One array of the target beside the exact result of its local operation.

    Args:
        name: the value.
        direction: "value", "adjoint" or "gradient".
        got: the target's numbers.
        expected: the exact ones, in a wide format.
        bound: what rounding allows, entry by entry.
        judged: False where neither can be judged (operands not finite, no finite bound).
        edge: the single use of the value whose contribution this is, if it is one.
        textbook: the reason why a legitimate formula of larger error was needed, or "".
        fused: how many operations lie between what was handed back.
    """

    name: str
    direction: str
    got: npt.NDArray[Any]
    expected: npt.NDArray[Any]
    bound: Floats
    judged: npt.NDArray[np.bool_]
    edge: Edge | None = None
    textbook: str = ""
    fused: int = 1

    @property
    def ratios(self) -> Floats:
        """Error over bound, entry by entry; 0 where not judged."""
        return ratios(self.got, self.expected, self.bound, self.judged)

    @cached_property
    def plain(self) -> Worst | None:
        """The largest ratio and where it is, if all numbers are finite, so that all can be judged; else None."""
        found = plainly(self.got, self.expected, self.bound)
        return None if found is None else (found[0], _index(found[1], self.expected.shape))

    @cached_property
    def worst(self) -> Worst:
        """The largest ratio and where it is."""
        return _largest(self.ratios) if self.plain is None else self.plain

    @property
    def complete(self) -> bool:
        """Whether every entry could be judged."""
        one = self.judged.size > 0 and not any(self.judged.strides)
        return bool(self.judged.flat[0] if one else self.judged.all())


@dataclass(frozen=True, slots=True)
class Passed:
    """What is left of a comparison within the bound.

    Args:
        name: the value.
        direction: "value", "adjoint" or "gradient".
        ratio: the largest.
        position: where that is in the flat array.
        shape: of the array.
        edge: the single use of the value whose contribution this is, if it is one.
        fused: how many operations lie between what was handed back.
    """

    name: str
    direction: str
    ratio: float
    position: int
    shape: tuple[int, ...]
    edge: Edge | None = None
    fused: int = 1

    @property
    def worst(self) -> Worst:
        """The largest ratio and where it is."""
        return self.ratio, _index(self.position, self.shape)


def ratios(got: Array, expected: Array, bound: Floats, judged: Array) -> Floats:
    """Return abs(got - expected) / bound: 0 for equal, inf where only one of them is finite."""
    with np.errstate(all="ignore"):
        error = np.abs(got - expected).astype(np.float64)
        error = np.where(got == expected, 0.0, np.where(np.isfinite(got), error, np.inf))
        ratio = np.where(error == 0, 0.0, error / np.where(bound > 0, bound * OWN_ROUNDING, 5e-324))
    ratio = np.where(np.isinf(error), np.inf, ratio)
    return np.where(judged, ratio, 0.0)


def plainly(got: Array, expected: Array, bound: Floats) -> tuple[float, int] | None:
    """Return the largest of `ratios` and where it is in the flat array, if all numbers are finite; else None.

    A pass for each operation and one temporary array: this is all that is done to most arrays.
    """
    if not bound.size:
        return 0.0, 0
    with np.errstate(all="ignore"):
        if not np.maximum.reduce(bound, axis=None) < np.inf:
            return None
        error = np.array(got, np.result_type(got, expected))
        np.subtract(error, expected, out=error)
        if bound.dtype == np.float32:  # from a half format, whose bounds leave room for this rounding
            error = error.astype(np.float32)
        np.abs(error, out=error)
        np.divide(error, bound, out=error)
    k = int(error.argmax())
    ratio = float(error.flat[k]) / OWN_ROUNDING
    if ratio < np.inf:
        return ratio, k
    if np.array_equal(got, expected) and np.isfinite(got).all():  # 0 / 0: an exact operation
        return 0.0, 0
    return None


def everywhere(shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return True for every entry, in one byte."""
    return np.broadcast_to(np.True_, shape)


def _largest(ratio: Floats) -> Worst:
    if ratio.size == 0:
        return 0.0, ()
    k = int(ratio.argmax())
    return float(ratio.flat[k]), _index(k, ratio.shape)


def _index(k: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(k, shape)) if math.prod(shape) else ()
