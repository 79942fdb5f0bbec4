"""Why a difference between f and a doubted derivative is no fault: an ordered table, walked until one applies.

Each excuse is asked only while those before it do not apply. It says when it applies, what asking it costs, and, by its name in the report,
that it was the one that acquitted. What none of them explains is a fault, if it is found again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from gradcheck.probe.excuses.hull import APART, place_in_hull
from gradcheck.probe.excuses.small import LARGE
from gradcheck.probe.line.line import LADDER, SEEN, SMALLEST, WIDE, Line, Way
from gradcheck.probe.line.stencils import LEFT, RIGHT
from gradcheck.probe.line.survey import is_narrow, survey, wavers
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.directions import own_scale
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.vector import Vector

#: What a look comes to: "right"; "wrong" at the point; "beside" it, where the point itself is right; "undecided", where f has no derivative
#: that could be told; or "blind", where the bars hide it.
Verdict = Literal["right", "wrong", "beside", "undecided", "blind"]

#: What is said of a slope through stairs.
STEPPED = "f moves in steps, and is level between them"
#: Steps up to this, relative to the outputs, are rounding to some digits: single precision, whose spacing is 2^-23, after some operations, and finer.
FINE_STEPS = 2.0**-20
#: A jump, or a step of a stair, is at least so many roundings of the outputs high: lower ones are noise, which the survey sees.
LEAST_JUMP = 2.0**16


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a line comes to.

    Args:
        verdict: see `Verdict`.
        text: the reason or remark, in words.
        excuse: the name of the excuse that decided, "" where none was needed or none applied.
    """

    verdict: Verdict
    text: str = ""
    excuse: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A line and what was declared of the derivative.

    Args:
        line: that was sampled.
        accuracy: relative differences below it are no faults, if it was declared.
    """

    line: Line
    accuracy: float | None = None

    def declares(self, difference: float) -> bool:
        """Answer whether a difference of slopes is below what was declared."""
        return self.accuracy is not None and difference <= self.accuracy * self.line.size


@dataclass(frozen=True, slots=True)
class Excuse:
    """One row of the table.

    Args:
        name: as reports have it.
        applies: when, in words.
        cost: what asking takes, in words; a table is eight evaluations of f and of the derivative.
        rule: the ruling where it applies, else None.
    """

    name: str
    applies: str
    cost: str
    rule: Callable[[Case], Ruling | None]


def rule(case: Case) -> Ruling:
    """Return what a sampled line comes to: right, or what the first excuse that applies says, or wrong."""
    line = case.line
    if not line.known("around", "alone"):
        return _one_sided(case)
    if line.agrees and (line.resolution <= SEEN or line.nothing):
        return _agreed(line)
    for excuse in EXCUSES:
        found = excuse.rule(case)
        if found is not None:
            return replace(found, excuse=excuse.name)
    if line.agrees:
        return Ruling("blind", f"the error bar is {line.resolution:.1g} of the slope")
    return Ruling("beside" if _falls(line) else "wrong", _told(line))


# -- the excuses ----------------------------------------------------------------------------------


def _accuracy(case: Case) -> Ruling | None:
    line = case.line
    if not line.known("around") or line.agrees:
        return None
    differences = [abs(getattr(line.best(way), way).value) for way in ("around", "at")]
    return Ruling("right") if case.declares(max(differences)) else None


def _kink(case: Case) -> Ruling | None:
    """Between the one-sided slopes, where beside the point both sides are right."""
    line = case.line
    for h in LADDER[2:4]:
        if h >= line.finest:
            line.table(h)
    kink = line.kink()
    if kink is None:
        return None
    left, right, bar = kink
    if not min(left, right) - MARGIN * bar <= 0 <= max(left, right) + MARGIN * bar:
        return None
    sides: tuple[Way, Way] = ("around_left", "around_right")
    for way in sides:
        if all(abs(getattr(t, way).value) > MARGIN * line.bar(t, way) + SMALLEST * line.size for t in line.tables[:2]):
            return Ruling("beside", f"beside the kink the derivative is wrong: {_told(line)}")
    return Ruling("right", "a kink at the point: any element of the generalised derivative is accepted")


def _hull(case: Case) -> Ruling | None:
    """Between the claims around, which differ from each other and are right."""
    line = case.line
    if line.kink() is None and not _branches(line):
        return None
    place, apart = place_in_hull(line.instrument, line.gs, line.ts, line.gradients)
    if place == "beside" and apart:
        return Ruling("undecided", "kinks meet at the point: the gradient is near those around it, but not between them")
    if place == "outside" or not apart or not neighbour_is_right(line.instrument, line.gs, line.ts):
        return None if line.kink() is None else Ruling("wrong", f"the claim is none of those around a kink: {_told(line)}")
    return Ruling("right", "a kink at the point: any element of the generalised derivative is accepted")


def _resolution(case: Case) -> Ruling | None:
    """Within the bars, once the tables of a kink were taken."""
    line = case.line
    return _agreed(line) if line.agrees and line.resolution <= SEEN else None


def _stair(case: Case) -> Ruling | None:
    """Level on each side over narrow tables, and zero is claimed: that is the slope of a stair, and neither right nor wrong."""
    line = case.line
    steps = line.table(LADDER[0]).around.least
    if line.total or not steps > LEAST_JUMP * line.own_rounding:
        return None
    if not any(all(line.table(h).level for h in pair) for pair in pairwise(h for h in LADDER[3:] if h >= line.finest)):
        return None
    return Ruling("undecided", "f is a staircase, and zero is the slope of a stair")


def _noise(case: Case) -> Ruling | None:
    """Within the bars of the noise that f has elsewhere, wherever that may have been seen."""
    line = case.line
    value, h = line.mismatch
    if value * h > 2 * MARGIN * max(line.most_noise, line.noise):
        return None  # no noise could make it
    survey(line)
    if _is_stepped(line):
        return Ruling("wrong", STEPPED)
    if all(t.flat for t in line.tables) and line.total * WIDE <= line.most_hidden:
        return Ruling("blind", "f does not move at all, and roundings inside may hide as much")
    if not line.agrees:
        return None
    if line.resolution > SEEN:
        return Ruling("blind", f"noise of {line.noise:.1g} hides the slope")
    return Ruling("right", f"f moves irregularly by {line.noise:.1g}: the derivative agrees to {digits(line.resolution)}")


def _truncation(case: Case) -> Ruling | None:
    """Small, and of changing sign over tables beside each other: it does not add up."""
    line = case.line
    share = line.mismatch[0] / line.size
    if share >= LARGE or line.agrees:
        return None
    survey(line)
    if not wavers(line):
        return None
    return Ruling("right", f"f is computed to a tolerance: the derivative agrees to {digits(share)}, and the difference changes sign from place to place")


def _jump(case: Case) -> Ruling | None:
    """Level on both sides, and apart, over the narrowest tables."""
    line = case.line
    for h in LADDER[-2:]:
        t = line.table(h)
        right, left = t.phi[RIGHT], t.phi[LEFT]
        rest = MARGIN * (float(np.ptp(right)) + float(np.ptp(left)) + line.instrument.noise * line.norm) + LEAST_JUMP * line.own_rounding
        if not abs(float(right.mean() - left.mean())) > rest:
            return None
    return Ruling("undecided", "f jumps at the point: it has no derivative there")


EXCUSES = (
    Excuse("accuracy", "the derivative was declared to be approximate, and the difference is below that", "nothing", _accuracy),
    Excuse("kink", "one-sided slopes stay apart as tables narrow, the claim lies between them, beside the point it is right", "2 tables", _kink),
    Excuse("hull", "branches meet: the claim lies between those at points around, and these are right", "18 gradients, 1 table", _hull),
    Excuse("resolution", "the difference is within the bars of the tables that kinks asked for", "nothing", _resolution),
    Excuse("stair", "f is level on each side of the point over narrow tables, and zero is claimed: the slope of a stair", "2 tables", _stair),
    Excuse("noise", "it is within what irregularities of f elsewhere make of it", "about 20 tables", _noise),
    Excuse("truncation", "below a hundredth, and its sign changes over adjoining tables, so that it does not add up", "nothing more", _truncation),
    Excuse("jump", "f is level on both sides of the point, and apart: there is no derivative", "2 tables", _jump),
)


# -- what they ask --------------------------------------------------------------------------------


def neighbour_is_right(instrument: Instrument, gs: Vector, ts: Vector) -> bool:
    """Answer whether the doubted derivative is right at a point beside, off the kinks."""
    subject, rng = instrument.subject, np.random.default_rng(1)
    moving = [t != 0 for t in ts]
    there = replace(subject, point=own_scale(rng, subject.point).times(moving).beside(subject.point, 2.0**-6))
    base = instrument.values(there.point)
    if not Vector.of(base).finite:
        return False
    line = Line(Instrument(there, base, instrument.noise), gs, own_scale(rng, there.point).times(moving))
    line.table(LADDER[2])
    return not (line.off("around") and line.off("alone"))


def _agreed(line: Line) -> Ruling:
    """Return "right", but for a slope through the steps of a stair."""
    return Ruling("wrong", STEPPED) if line.total and _is_stepped(line) else Ruling("right")


def _is_stepped(line: Line) -> bool:
    """Answer whether f is a staircase: level over narrow tables, in steps that are no rounding of its outputs; a slope through them is wrong."""
    steps = max(line.noise, line.best("around").around.least)
    if not steps > max(FINE_STEPS * line.instrument.size(line.gs), line.most_rounding) or line.finest > LADDER[4]:
        return False
    return all(line.table(h).flat for h in LADDER[3:5]) and not is_narrow(line)


def _branches(line: Line) -> bool:
    """Answer whether claims next to the point differ from each other by more than a smooth function's would, however narrow the table."""
    return line.table(max(LADDER[5], line.finest)).apart > APART


def _falls(line: Line) -> bool:
    """Answer whether a difference falls with the width of tables that could see it, as where only the claim at the point is right.

    A wrong slope is the same in every table.
    """
    wide = line.best("around")
    reference = abs(wide.around.value)
    if line.off("alone") or not line.off("around") or not line.total:
        return False
    for h in (h for h in LADDER if h < wide.h):
        if h < line.finest or line.own_rounding / h * MARGIN > reference / 8:
            break
        line.table(h)
    rows = [t for t in line.tables if t.h < wide.h and MARGIN * line.bar(t, "around") < reference / 4]
    shares = [(abs(t.around.value) / reference, t.h / wide.h) for t in rows if line.off("around", t)]
    return bool(shares) and all(width / 8 < share < 8 * width for share, width in shares)


def _one_sided(case: Case) -> Ruling:
    """An edge of the domain: the slope of one side, the same in two tables."""
    line = case.line
    for h in LADDER:
        if h >= line.finest:
            line.table(h)
    if line.known("around", "alone"):
        return rule(case)
    for side in ("right", "left"):
        two = [t for t in line.tables if math.isfinite(line.bar(t, side))][:2]
        if len(two) < 2:
            continue
        slopes = [getattr(t, side).value + line.claimed for t in two]
        t = min(two, key=lambda t: line.bar(t, side))
        bar = MARGIN * line.bar(t, side)
        if bar > SEEN * max(abs(slopes[0]), abs(slopes[1])):
            continue
        off = all(line.off(side, t) for t in two) and not case.declares(abs(getattr(t, side).value))
        if off and abs(slopes[0] - slopes[1]) < max(bar, SEEN * abs(slopes[0])):
            return Ruling("wrong", f"the one-sided slope is {slopes[0]:.6g} +- {bar:.1g}, the derivative gives {line.claimed:.6g}")
        return Ruling("blind", "f ends at the point, and its slope there is not resolved") if off else Ruling("right")
    return Ruling("blind", "f is not finite beside the point")


def digits(share: float) -> str:
    """Return a relative difference in words.

    >>> digits(2.5e-12)
    '11.6 digits (relative difference 2.5e-12)'
    """
    return f"{-math.log10(min(max(share, 1e-17), 1.0)):.1f} digits (relative difference {share:.2g})"


def _told(line: Line) -> str:
    way: Way = "around" if line.known("around") and line.off("around") else "alone"
    t = line.best(way)
    value = getattr(t, way).value
    where = f"within {t.h:.1g} of the point" if way == "around" else "at the point"
    return f"{where} the slope of f is {line.claimed + value:.9g} +- {line.bar(t, way):.1g}, the derivative gives {line.claimed:.9g}"
