"""A factor between two arrays, and the name of a number: plain ones, sizes of axes, constants that people forget."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.mistakes.mistake import FITTED, Mistake

Floats = npt.NDArray[Any]

#: Bounds, or error bars, within which numbers count as reproduced: they are of the right ones, and a wrong one rounds by its own size.
NEAR = 16.0
#: Part of the largest difference that a pattern may leave, whatever the bars are: those of differences are estimates, and that of a right entry
#: may be far below a wrong one's rounding, of which four digits are left even in float16 and its sums.
UNEXPLAINED = 1e-4
#: What is left of a factor of a quotient of two sums in float32.
PLAIN = 1e-5
#: In so many cases of one a number without a name may seem to have one.
CHANCE = 0.01
#: Factors that are made too often to be told from accidents: -1, 2, 1/2, 3, 4.
USUAL = 4
#: Magnitudes below this may be percents (there are 400 of them); a fraction with a denominator above the other is written as a decimal.
PERCENTS_BELOW, SHORT = 2, 25
#: A factor explains a difference if at most this part of its largest entry is left: a tenth, the first digit.
LEFT = 0.1
#: Entries that show a factor that has no name: two are proportional by accident in cases enough.
SHOWN = 3

#: Numbers that are left out of derivatives, or left in: of units, logarithms, angles and normal densities.
CONSTANTS: Mapping[str, float] = {
    name: value
    for text, inverse, c in (
        ("180/pi (degrees)", "pi/180 (radians)", 180 / math.pi), ("sqrt(2)", "1/sqrt(2)", math.sqrt(2)), ("pi", "1/pi", math.pi),
        ("2 pi", "1/(2 pi)", 2 * math.pi), ("ln 2", "1/ln 2", math.log(2)), ("ln 10", "1/ln 10", math.log(10)),
        ("sqrt(2 pi)", "1/sqrt(2 pi)", math.sqrt(2 * math.pi)), ("4.184", "1/4.184", 4.184),  # joules a calorie
    )
    for name, value in ((text, c), (inverse, 1 / c))
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A number that has a name.

    Args:
        text: the name.
        value: the number itself, as exact as it is known.
        size: the size of an axis or array that it comes from; 0 where it does not.
    """

    text: str
    value: Fraction | float
    size: int = 0

    @property
    def remark(self) -> str:
        """Where it comes from, in brackets."""
        return f" ({self.size} is the size of an axis or array)" if self.size else ""


def number(c: float, near: float = PLAIN, sizes: Collection[int] = ()) -> Number | None:
    """Return a number by its name; None where it has none, or would get one by accident.

    Args:
        c: the number.
        near: how well it is known, relatively.
        sizes: of axes and arrays.

    >>> number(-57.2957795), number(0.3333334), number(1.2346)
    (Number(text='-180/pi (degrees)', value=-57.29577951308232, size=0), Number(text='1/3', value=Fraction(1, 3), size=0), None)
    """
    if not c or not math.isfinite(c):
        return None
    sign = 1 if c > 0 else -1
    for size in sizes:
        for q in (Fraction(sign * size), Fraction(sign, size)) if size > 2 else ():
            if abs(c - float(q)) <= near * abs(c):
                return Number(str(q), q, size)
    if 2 * near * len(CONSTANTS) <= CHANCE:
        for text, value in CONSTANTS.items():
            if abs(abs(c) - value) <= near * value:
                return Number(text if c > 0 else f"-{text}", math.copysign(value, c))
    most = max(USUAL, round(CHANCE / near))  # of so many fractions hardly one lies within `near` of a number that is drawn
    plain = Fraction(c).limit_denominator(max(1, math.isqrt(int(most / abs(c)))))
    percent = Fraction(round(100 * c), 100)
    if abs(c) < PERCENTS_BELOW and 2 * PERCENTS_BELOW * 100 * near <= CHANCE and abs(float(percent) - c) <= near * abs(c):
        return Number(f"{float(percent):g}" if percent.denominator > SHORT else str(percent), percent)
    if abs(plain.numerator) * plain.denominator <= most and abs(float(plain) - c) <= near * abs(c):
        return Number(str(plain), plain)
    return None


def factor(
    got: Floats, expected: Floats, bound: Floats, *, sizes: Collection[int] = (), unit: float = 0.0, unexplained: float = 0.0
) -> Mistake | None:
    """Return the factor that got is of expected in every entry; None where there is none that means something.

    Args:
        got: what came.
        expected: what is right.
        bound: what rounding allows in each.
        sizes: of axes and arrays.
        unit: the relative rounding of the format: nothing below it is a factor.
        unexplained: part of the largest difference that may be left, where bounds are estimates.
    """
    largest = float(np.max(np.abs(expected), initial=0.0))
    if largest == 0 or not np.isfinite(largest) or not np.isfinite(got).all():
        return None
    part = expected / largest  # squares of huge and of tiny numbers are none
    with np.errstate(all="ignore"):
        c = float(np.sum(got / largest * part) / np.sum(np.square(part)))
        left, difference = np.abs(got - c * expected), np.abs(got - expected)
    allowed = np.nan_to_num(NEAR * bound * max(1.0, abs(c)), posinf=0.0) + unexplained * float(np.max(difference))
    if c == 0 or not abs(c - 1) > unit or not np.isfinite(c) or not np.all(left <= allowed) or np.max(left) > LEFT * np.max(difference):
        return None
    if abs(c - 1) < FITTED:
        return Mistake("factor", number=c, detail=f"every entry is 1 {'+' if c > 1 else '-'} {abs(c - 1):.2g} times the right one")
    blur = float(np.max(np.nan_to_num(bound, posinf=0.0))) * NEAR / largest
    named = number(c, max(PLAIN, blur), sizes)
    if named is None and (np.count_nonzero(difference > NEAR * bound) < SHOWN):
        return None
    text = f"{named.text} times the right one{named.remark}" if named else f"{c:.6g} times the right one"
    return Mistake("factor", number=c, detail=f"every entry is {text}")
