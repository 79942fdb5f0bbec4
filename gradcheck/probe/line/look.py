"""A look along one direction at the point: the right slope less the doubted one, exactly where f allows it, else by differences of f."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradcheck.probe.line.line import LADDER, Line
from gradcheck.probe.slope import dual_slope as duals
from gradcheck.probe.slope.dual import DIGITS
from gradcheck.probe.slope.instrument import DUAL, Instrument
from gradcheck.probe.slope.traced import INFORMATIVE
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.vector import Vector


@dataclass(frozen=True, slots=True)
class Look:
    """One look along a direction.

    Args:
        gs: the cotangents.
        ts: the direction.
        gradients: the doubted gradients for `gs`.
        value: the right slope less the doubted one.
        error: its error bar.
        sides: at a kink, what is missing to the slopes from the left and from the right.
        size: the slope of f on both sides.
        exact: whether no difference of f was taken.
        certified: whether the right slope is enclosed: that of the program as it was traced.
    """

    gs: Vector
    ts: Vector
    gradients: Vector
    value: float
    error: float
    sides: tuple[float, float] | None = None
    size: float = 0.0
    exact: bool = False
    certified: bool = False

    @property
    def claimed(self) -> float:
        """The doubted slope."""
        return self.gradients.dot(self.ts)

    @property
    def wrong(self) -> bool:
        """Whether the slopes differ beyond their error bars; at a kink, whether the doubted one lies outside of both."""
        if not math.isfinite(self.value):
            return False
        low, high = (min(self.sides), max(self.sides)) if self.sides is not None else (self.value, self.value)
        return not low - MARGIN * self.error <= 0 <= high + MARGIN * self.error


def look(instrument: Instrument, gs: Vector, ts: Vector, gradients: Vector | None = None) -> Look:
    """Return what is seen along a direction.

    Args:
        instrument: of the function.
        gs: the cotangents.
        ts: the direction.
        gradients: the doubted gradients for `gs`, if they are known.
    """
    v = instrument.gradients(gs) if gradients is None else gradients
    return exact_look(instrument, gs, ts, v) or by_differences(Line(instrument, gs, ts, v, doubted=False).descend())


def by_differences(line: Line) -> Look:
    """Return what the samples of f alone say of the claim at the point."""
    sides = line.kink()
    table = line.best("alone")
    value, error = table.alone.value, line.bar(table, "alone")
    if sides is not None:
        value, error = (sides[0] + sides[1]) / 2, sides[2]
    elif not line.known("alone"):
        value, error = _one_sided(line)
    return Look(line.gs, line.ts, line.gradients, value, error, None if sides is None else sides[:2], line.beside)


def _one_sided(line: Line) -> tuple[float, float]:
    """Return the difference and its bar by the side on which f is defined."""
    ways = [(line.bar(t, side), getattr(t, side).value) for t in line.tables for side in ("left", "right")]
    error, value = min(ways, default=(math.inf, math.nan), key=lambda w: w[0])
    return value, error


def exact_look(instrument: Instrument, gs: Vector, ts: Vector, v: Vector) -> Look | None:
    """Return the look by the certified gradient or by dual numbers; None where neither is known here."""
    found = _known(instrument, gs, ts, v)
    if found is None:
        return None
    value, error = found
    certified = instrument.traced is not None
    made = Look(gs, ts, v, value, error + instrument.error_along(gs, ts, v), exact=True, certified=certified)
    if not made.wrong:
        return made
    if instrument.traced is not None and instrument.traced.grant_reuse():
        return exact_look(instrument, gs, ts, v)
    if instrument.traced is None and instrument.recorded is None:  # cancellation inside f costs digits of the dual numbers too
        again = duals.residual(instrument.subject, list(gs), list(ts), list(v), 2 * DIGITS)
        value, error = (again[0], abs(again[0] - value)) if again is not None else (value, error)
    line = Line(instrument, gs, ts, v).descend()
    line.table(LADDER[1])
    noise = min(line.claim_noise, INFORMATIVE * abs(made.claimed) / MARGIN)
    stationary = math.sqrt(max(instrument.subject.eps)) * line.beside  # a derivative with half of its digits is zero there
    if line.agrees and max(abs(made.claimed), abs(value)) < stationary:
        noise += instrument.kept * line.beside
    return Look(gs, ts, v, value, error + instrument.error_along(gs, ts, v) + noise, size=line.beside, exact=True, certified=certified)


def _known(instrument: Instrument, gs: Vector, ts: Vector, v: Vector) -> tuple[float, float] | None:
    graph = instrument.traced or instrument.recorded
    found = graph.residual(list(gs), list(ts), list(v)) if graph is not None else None
    if found is None and instrument.arithmetic == DUAL:
        found = duals.residual(instrument.subject, list(gs), list(ts), list(v))
    return found
