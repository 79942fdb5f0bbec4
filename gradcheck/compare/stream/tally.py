"""The largest ratio of error to bound of an array that is looked at piece by piece."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.arith.running import Bounded
from gradcheck.compare.numbers import widened

Numbers = npt.NDArray[Any]


class Tally:
    """What was found so far.

    Args:
        shape: of the whole array.
        coarse: whether bounds are smaller by more than our own rounding than those of the certificate.

    Attributes:
        ratio: the largest; infinite once anything is not plainly within its bound.
        position: where that is in the flat array.
    """

    __slots__ = ("coarse", "position", "ratio", "shape")

    def __init__(self, shape: Shape, *, coarse: bool = False) -> None:
        self.shape, self.coarse, self.ratio, self.position = shape, coarse, 0.0, 0

    def add(self, ratio: float, position: int, shape: Shape = (), start: tuple[int, ...] = ()) -> None:
        """Count a piece in.

        Args:
            ratio: its largest.
            position: where that is in the flat piece.
            shape: of the piece.
            start: where in the whole array its first entry is.
        """
        if ratio > self.ratio or math.isnan(ratio):
            self.ratio = math.inf if math.isnan(ratio) else ratio
            self.position = position
            if start:  # a piece of fewer axes lies along the last ones
                index = [0] * (len(start) - len(shape)) + [int(i) for i in np.unravel_index(position, shape)]
                self.position = int(np.ravel_multi_index([i + k for i, k in zip(index, start, strict=True)], self.shape))

    def compare(self, got: Numbers, predicted: Bounded, start: tuple[int, ...] = ()) -> None:
        """Compare a piece with what it may be.

        Args:
            got: the target's numbers.
            predicted: what they are, and the bound.
            start: where in the whole array the first entry is.
        """
        bound = predicted.radius() if predicted.error is None else predicted.error
        numbers = widened(got, predicted.value.dtype)
        self.add(*(_largest(numbers, predicted.value, bound) or _where_exact(numbers, predicted.value, bound)), predicted.shape, start)


def _largest(got: Numbers, expected: Numbers, bound: Numbers) -> tuple[float, int] | None:
    """Return the largest ratio and its position, if all numbers are finite and no bound is zero; else None."""
    if not bound.size:
        return 0.0, 0
    if not np.maximum.reduce(bound, axis=None) < np.inf:
        return None
    error = np.asarray(np.subtract(got, expected))
    np.divide(np.abs(error, out=error), bound, out=error, casting="same_kind")
    k = int(error.argmax())
    return (float(error.flat[k]), k) if error.flat[k] < np.inf else None


def _where_exact(got: Numbers, expected: Numbers, bound: Numbers) -> tuple[float, int]:
    """Return the largest ratio and its position where some entries are exact: their bound is zero, and so is their error."""
    wrong = got != expected
    if not np.isfinite(bound).all() or not np.isfinite(got).all():
        return math.inf, 0
    ratio = np.divide(np.abs(got - expected), bound, out=np.zeros(bound.shape), where=wrong)
    k = int(ratio.argmax())
    return float(ratio.flat[k]), k
