"""Correct rounding of exact numbers m 2^e to a floating-point format: to nearest, ties to even, in integers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from gradcheck.errors import UnknownDtype

#: (m, e) of the number m 2^e.
Dyadic: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Format:
    """A binary format.

    Args:
        bits: of the significand, the hidden one included.
        least: exponent of the smallest subnormal number 2^least.
        largest: exponent: numbers of magnitude 2^largest and more do not exist.
    """

    bits: int
    least: int
    largest: int

    @property
    def u(self) -> float:
        """The unit roundoff, 2^-bits."""
        return 2.0**-self.bits


#: The formats to which results are rounded.
BINARY: Mapping[str, Format] = {
    "float64": Format(53, -1074, 1024),
    "float32": Format(24, -149, 128),
    "float16": Format(11, -24, 16),
    "bfloat16": Format(8, -133, 128),
}

#: Exact ends of enclosures lie on this grid or above it, and below this power of two.
TINY, HUGE = -16_384, 16_384


def format_of(dtype: str) -> Format:
    """Return a format; raise `UnknownDtype` for one that is not in `BINARY`."""
    if dtype not in BINARY:
        raise UnknownDtype(dtype, list(BINARY))
    return BINARY[dtype]


def round_to(x: Dyadic, to: Format) -> float:
    """Return the number of a format that is nearest to m 2^e, as a Python float.

    >>> round_to((3, -1), BINARY["float64"])
    1.5
    >>> round_to((2**53 + 1, -53), BINARY["float64"])
    1.0
    """
    size = _magnitude((abs(x[0]), x[1]), to)
    return -size if x[0] < 0 else size


def _magnitude(x: Dyadic, to: Format) -> float:
    m, e = x
    size = m.bit_length()
    if not m or e + size < to.least:
        return 0.0
    if e + size > to.largest + 1:
        return math.inf
    last = max(e + size - to.bits, to.least)  # exponent of the last bit that is kept
    q, exponent = (_shifted(m, last - e), last) if last > e else (m, e)
    return math.inf if q.bit_length() + exponent > to.largest else math.ldexp(q, exponent)


def _shifted(m: int, by: int) -> int:
    """Return m / 2^by rounded to nearest, ties to even."""
    q, rest = m >> by, m & ((1 << by) - 1)
    half = 1 << (by - 1)
    return q + (rest > half or (rest == half and q & 1))


def spacing(x: float, to: Format) -> float:
    """Return the gap between the numbers of a format next to `x`: an ulp in the sense of Harrison, by the binade of `x`.

    >>> spacing(1.5, BINARY["float64"]) == 2.0**-52
    True
    """
    if not math.isfinite(x):
        return math.nan
    exponent = math.frexp(x)[1] if x else to.least
    return math.ldexp(1.0, max(exponent - to.bits, to.least))


def dyadic(x: Any) -> Dyadic:
    """Return m and e of an exact, finite ball of arb."""
    m, e = x.man_exp()
    return int(m), int(e)


def fraction_down(x: Dyadic) -> Fraction | float:
    """Return m 2^e as a fraction, moved down to the grid 2^TINY where it is finer; -inf where it is too large.

    >>> fraction_down((3, -1))
    Fraction(3, 2)
    """
    m, e = x
    if m and e + abs(m).bit_length() > HUGE:
        return -math.inf if m < 0 else Fraction(1 << HUGE)
    if e >= 0:
        return Fraction(m << e)
    if e < TINY:
        m, e = (m >> min(TINY - e, abs(m).bit_length() + 1)), TINY
    return Fraction(m, 1 << -e)


def fraction_up(x: Dyadic) -> Fraction | float:
    """Return m 2^e as a fraction, moved up; see `fraction_down`."""
    return -fraction_down((-x[0], x[1]))


def decimal(x: Fraction | float, digits: int, *, up: bool) -> str:
    """Return a number in decimal with so many significant digits, rounded down or up.

    >>> decimal(Fraction(1, 3), 5, up=False), decimal(Fraction(1, 3), 5, up=True)
    ('3.3333E-1', '3.3334E-1')
    """
    if isinstance(x, float):
        return str(x)
    context = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR, Emin=MIN_EMIN, Emax=MAX_EMAX)
    return f"{context.divide(Decimal(x.numerator), Decimal(x.denominator)):E}"
