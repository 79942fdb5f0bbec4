"""How far a number is from the exact one, in units in the last place of its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Numbers below 2^-700 are compared times 2^256, so that float64 holds fractions of the smallest ulp.
_SMALL, _LIFT = 2.0**-700, 256


@dataclass(frozen=True, slots=True)
class Format:
    """A floating-point format.

    Args:
        digits: bits of the significand, the hidden one included.
        tiny: the smallest normal number.
        largest: the largest finite number.
        smallest: the smallest subnormal number.

    >>> Format.of("bfloat16").digits
    8
    """

    digits: int
    tiny: float
    largest: float
    smallest: float

    @classmethod
    def of(cls, dtype: str) -> Format:
        """Return one of `gradcheck.arith.floating.FORMATS`."""
        i = ml_dtypes.finfo(FORMATS[dtype])
        return cls(int(i.nmant) + 1, float(i.tiny), float(i.max), float(i.smallest_subnormal))

    def exponent(self, x: Floats) -> npt.NDArray[Any]:
        """Return e where ulp(x) = 2^e: of the binade that holds x, and of the smallest normal one below it."""
        lowest = int(np.frexp(self.tiny)[1])
        of = np.frexp(np.where(np.isfinite(x), x, 1.0))[1]
        return np.asarray(np.where(x == 0, lowest, np.maximum(of, lowest)) - self.digits)


@dataclass(frozen=True, slots=True)
class Exact:
    """Exact numbers as sums of two float64, times a power of two.

    Args:
        high: the nearest float64 of x 2^lift; infinite beyond float64, NaN where there is no real result.
        low: what is left.
        lift: 0, or more for small numbers.
        known: False where the number could not be decided.
    """

    high: Floats
    low: Floats
    lift: npt.NDArray[np.int64]
    known: Mask

    def number(self) -> Floats:
        """Return the float64 nearest to the exact number."""
        return np.asarray(np.ldexp(self.high, -self.lift))

    def take(self, index: Any) -> Exact:
        """Return a part."""
        return Exact(self.high[index], self.low[index], self.lift[index], self.known[index])

    @classmethod
    def join(cls, parts: list[Exact]) -> Exact:
        """Return parts one after the other."""
        return cls(*(np.concatenate([getattr(p, k).ravel() for p in parts]) for k in ("high", "low", "lift", "known")))


@dataclass(frozen=True, slots=True)
class Errors:
    """Numbers beside exact ones, entry by entry.

    Args:
        ulps: abs(got - exact) in ulp of the exact number; NaN where that says nothing (not finite, not known).
        subnormal: the exact number is below the normal numbers of the format, and not zero.
        flushed: a subnormal result that is not zero when rounded came as zero.
        bad: not finite where the rounded exact number is, finite where it is not, or another infinity.
    """

    ulps: Floats
    subnormal: Mask
    flushed: Mask
    bad: Mask


def errors(got: npt.NDArray[Any], exact: Exact, dtype: str) -> Errors:
    """Compare a target's numbers with the exact ones.

    The unit is that of the binade in which the exact number lies (the smallest subnormal where it
    is subnormal, or zero); signs of zeros do not count.

    Args:
        got: what the target gave.
        exact: as many numbers.
        dtype: the target's format.

    >>> one = Exact(np.array([1.0]), np.array([0.0]), np.array([0]), np.array([True]))
    >>> errors(np.array([1 + 2.0**-23]), one, "float32").ulps.item()
    1.0
    """
    f = Format.of(dtype)
    x, got = exact.number(), np.asarray(got, np.float64)
    with np.errstate(all="ignore"):
        half = np.ldexp(1.0, int(np.frexp(f.largest)[1]) - f.digits - 1)
        finite = np.isfinite(x) & (np.abs(x) < f.largest + half)
        subnormal = finite & (np.abs(x) < f.tiny) & (x != 0)
        same = np.where(np.isnan(x), np.isnan(got), got == np.where(finite, x, np.copysign(np.inf, x)))
        bad = np.where(finite, ~np.isfinite(got), ~same) & exact.known
        off = np.abs((np.ldexp(got, exact.lift) - exact.high) - exact.low)
        ulps = np.ldexp(off, -(f.exponent(x) + exact.lift))
        flushed = subnormal & (got == 0) & (np.abs(x) > f.smallest / 2)
    return Errors(np.where(finite & exact.known & ~bad, ulps, np.nan), subnormal, flushed & exact.known, bad)
