"""One array of a vector: exact ends, nearest numbers and allowed errors, and an answer held against them in exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.rounding import BINARY, spacing

Floats = npt.NDArray[np.float64]
Ends = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Checked:
    """How one array fares.

    Args:
        name: of the gradient, "loss", or "sum of ..." for gradients that are looked at together.
        ratio: the largest error over what is allowed; at most 1 for a right array, inf for one that is no array of finite numbers.
        ulps: the largest error in gaps of the format at the largest entry of the array; 0 where all entries are zero.
        message: what is wrong, or "".
    """

    name: str
    ratio: float = 0.0
    ulps: float = 0.0
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether every entry is within its allowed error of its enclosure."""
        return not self.message


@dataclass(frozen=True, eq=False)
class Expected:
    """The exact entries of an array.

    Args:
        shape: of the array.
        rounded: the nearest numbers of the format; NaN where nothing is claimed.
        ends: the texts of the lower and upper ends in C order; None where nothing is claimed.
        allowed: errors beyond the ends; NaN where nothing is claimed.
    """

    shape: tuple[int, ...]
    rounded: Floats
    ends: Sequence[tuple[str, str] | None]
    allowed: Floats

    @cached_property
    def _exact(self) -> list[Ends | None]:
        return [None if x is None else (Fraction(x[0]), Fraction(x[1])) for x in self.ends]

    @property
    def lower(self) -> npt.NDArray[Any]:
        """The lower ends: an object array of `Fraction`, None where nothing is claimed."""
        return self._shaped([None if x is None else x[0] for x in self._exact])

    @property
    def upper(self) -> npt.NDArray[Any]:
        """The upper ends: an object array of `Fraction`, None where nothing is claimed."""
        return self._shaped([None if x is None else x[1] for x in self._exact])

    def _shaped(self, entries: list[Any]) -> npt.NDArray[Any]:
        out = np.empty(len(entries), object)
        out[:] = entries
        return out.reshape(self.shape)

    def check(self, name: str, answer: Any, dtype: str, *, slack: float = 1.0) -> Checked:
        """Hold an answer against this; None stands for zeros.

        Args:
            name: for the result.
            answer: an array.
            dtype: the format.
            slack: factor on what is allowed.
        """
        try:
            got = np.zeros(self.shape) if answer is None else np.asarray(answer).astype(np.float64)
        except (TypeError, ValueError):
            return Checked(name, math.inf, math.inf, f"{name}: expected numbers; got {type(answer).__name__}")
        if got.shape != self.shape:
            return Checked(name, math.inf, math.inf, f"{name}: expected shape {self.shape}; got shape {got.shape}")
        entries = list(self._entries(np.ravel(got), dtype, slack))
        if not entries:
            return Checked(name)
        ratio, _, k = max(entries)
        message = "" if ratio <= 1 else self._told(name, k, None if answer is None else float(got.flat[k]), ratio)
        return Checked(name, ratio, max(ulps for _, ulps, _ in entries), message)

    def _entries(self, got: Floats, dtype: str, slack: float) -> Iterator[tuple[float, float, int]]:
        """Yield error over allowed error, error in ulps, and the number of each entry of which something is claimed."""
        size = float(np.nanmax(np.abs(self.rounded), initial=0.0))
        gap = Fraction(spacing(size, BINARY[dtype])) if size else None
        for k, (ends, v) in enumerate(zip(self._exact, got.tolist(), strict=True)):
            if ends is None:
                continue
            if not math.isfinite(v):
                yield math.inf, math.inf, k
                continue
            x = Fraction(v)
            away = max(ends[0] - x, x - ends[1], Fraction(0))
            may = Fraction(float(self.allowed.flat[k])) * Fraction(slack)
            yield _quotient(away, may), _quotient(away, gap) if gap else 0.0, k

    def _told(self, name: str, k: int, got: float | None, ratio: float) -> str:
        index = [int(i) for i in np.unravel_index(k, self.shape)] if self.shape else []
        ends, may, nearest = self._exact[k], float(self.allowed.flat[k]), float(self.rounded.flat[k])
        assert ends is not None
        hull = abs(ends[1] - ends[0]) > Fraction(may)
        expected = f"a number from {float(ends[0]):.6g} to {float(ends[1]):.6g}" if hull else repr(nearest)
        where = f"{name}{index}" if index else name
        return f"{where}: expected {expected} +- {may:.3g}; got {'none' if got is None else repr(got)} ({ratio:.2g} times what is allowed)"


def _quotient(a: Fraction, b: Fraction) -> float:
    if not a:
        return 0.0
    try:
        return float(a / b)
    except (OverflowError, ZeroDivisionError):
        return math.inf
