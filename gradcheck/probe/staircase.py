"""Functions that cancel: smooth from one number to the next of an intermediate result, with jumps of its rounding between.

Close to a point 1 + erf(x), far below zero, is flat, and x (1 + erf(x)) is a straight line: over a few units of rounding
neither shows noise, and small steps measure the slope of a stair. Before anything is accused that rounding could explain,
a jump is looked for, by halving: one that keeps its height between neighbouring points.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gradcheck.probe.directions import scale
from gradcheck.probe.noise import table_noise
from gradcheck.probe.quotient import Residual, contract, moved, norm, tried
from gradcheck.probe.subject import Arrays, Subject

Floats = npt.NDArray[np.float64]

#: Roundings of a number as large as 1, the outputs, the inputs or their inverses that a jump may be high; a higher one is what f is.
PLAUSIBLE = 64
#: A jump is higher than the noise that is known by this factor.
LEAST = 8
#: The largest inverse of an input that a rounding may be multiplied with.
MOST_INVERSE = 2.0**44
#: Spacings of points around the point at which stairs are looked for; the widest leave the order of magnitude.
SPACINGS = (2.0**-28, 2.0**-21, 2.0**-14, 2.0**-9, 2.0**-5, 2.0**-1, 2.0**4)
#: A step that stays within a stair.
WITHIN = 2.0**-40
AROUND = (-3, -2, -1, 0, 1, 2, 3)
#: So many halvings of an interval take what is smooth down to the share that follows, and a jump not below itself.
HALVINGS, SMOOTH = 8, 2.0**-7


def plausible(subject: Subject, gs: list[Floats], base: Arrays) -> float:
    """Return the largest jump of <g, f> that roundings inside f may make."""
    sizes = [float(np.max(np.abs(np.asarray(v, np.float64)), initial=0.0)) for v in (*subject.point, *base)]
    inverse = min(MOST_INVERSE, 1 / min(scale(x) for x in subject.point))
    return PLAUSIBLE * subject.call_eps / 2 * max(1.0, *sizes, inverse) * norm(gs)


def explicable(subject: Subject, gs: list[Floats], base: Arrays, found: Residual, first: float) -> bool:
    """Answer whether jumps of a plausible height could make a mismatch at one of the steps that were used."""
    return found.step > 0 and abs(found.value) * min(found.step, first) <= 2 * plausible(subject, gs, base)


def height(subject: Subject, gs: list[Floats], ts: list[Floats], base: Arrays, noise: float) -> float:
    """Return the height of the jumps of <g, f> around the point along a direction; 0 where none is above its noise."""

    def along(h: float) -> float:
        return contract(gs, tried(subject, moved(subject.point, ts, h), base), base)

    most, outputs = plausible(subject, gs, base), sum(y.size for y in base)
    slope = (along(WITHIN) - along(-WITHIN)) / (2 * WITHIN)
    for spacing in SPACINGS:
        table = np.asarray([along(k * spacing) if k else 0.0 for k in AROUND])
        if not np.isfinite(table).all():
            continue
        jump = _jump(along, table, spacing, slope, LEAST * noise)
        if LEAST * noise < jump <= most:
            return max(jump, min(table_noise(table), jump * math.sqrt(outputs)))
    return 0.0


def cancelled(base: Arrays, height: float) -> str:
    """Return in words what jumps of a height mean for the outputs."""
    text = f"f cancels here: it moves in steps of {height:.1g}"
    if sum(y.size for y in base) > 1:
        return text
    digits = math.log10(max(norm([np.asarray(y, np.float64) for y in base]) / height, 1.0))
    return f"{text}, its value keeps {math.floor(digits)} digits"


def _jump(along: Callable[[float], float], table: Floats, spacing: float, slope: float, least: float) -> float:
    """Return the height of a jump in a table, 0 where f is smooth or jumps by no more than the least that counts.

    The half of the interval is kept that differs more from the slope of a stair.
    """
    k = int(np.argmax(np.abs(np.diff(table) - slope * spacing)))
    (low, at_low), (high, at_high) = ((AROUND[j] * spacing, float(table[j])) for j in (k, k + 1))
    rest = abs(at_high - at_low - slope * spacing)
    for _ in range(2):
        before = rest
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            value, half = along(middle), slope * (high - low) / 2
            if abs(value - at_low - half) > abs(at_high - value - half):
                high, at_high = middle, value
            else:
                low, at_low = middle, value
        rest = abs(at_high - at_low - slope * (high - low))
        if rest <= max(least, SMOOTH * before):
            return 0.0
    return rest if rest >= before / 2 else 0.0
