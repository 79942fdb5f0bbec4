"""A line through the point: tables of samples at several spacings, one noise, and from them every error bar.

Bars are computed when they are asked for, from all that was seen so far: the order of looks changes nothing.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from gradcheck.probe.line import stencils as st
from gradcheck.probe.line.samples import Estimate, Samples
from gradcheck.probe.slope.instrument import CHAIN, Instrument
from gradcheck.probe.slope.traced import INFORMATIVE
from gradcheck.probe.subject.directions import scale
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.subject import smallest
from gradcheck.probe.subject.vector import Vector

#: A way of comparing.
Way = Literal["around", "at", "alone", "left", "right", "around_left", "around_right"]
#: The one-sided ones.
SIDES: tuple[Way, Way] = ("left", "right")
#: Half widths of tables, relative to the entries: each is 2^-5 of the one before, which takes an interpolant of degree 8 from a digit to all.
LADDER = tuple(2.0**-k for k in range(4, 40, 5))
#: Where noise dominates, a wider table sees more.
WIDE = 2.0**-1
#: Half widths of tables are so many spacings of the format at least: the sample next to the middle is then sin(pi / 8) / 2 times as many away,
#: 49, and half a spacing is a hundredth of that. What is off by more is another step.
SPACINGS = 256
#: A bar above this part of the slope has seen nothing: not the first digit.
SEEN = 0.1
#: No fault on record is smaller than 1.5e-8 of its worst entry, see `excuses.small`; narrower tables are tried while the bar is above that.
SMALLEST = 2.0**-26
#: Noise relative to <g, f> above this is no noise but what f is: half formats round at 2^-11.
LARGEST_NOISE = 2.0**-10
#: One-sided slopes whose difference is as large at two spacings 32 apart, by this factor and its inverse, differ by a kink: a smooth
#: function's would fall 32 times, that of |x|^p by 32^(p - 1): up to p = 1.13 nobody could tell it from a kink.
STEADY = 1.6
#: A table 32 times narrower takes the last coefficients of what is smooth down by 32^7, of what has two derivatives by 32^2, of stairs by 32 at
#: most; noise stays.
SMOOTH = 2.0**10


class Line:
    """f and the doubted derivative along one direction through the point.

    Args:
        instrument: of the function.
        gs: the cotangents.
        ts: the direction.
        gradients: the doubted gradients for `gs` at the point, if they are known.
        doubted: whether the doubted derivative is sampled too, or f alone.
    """

    def __init__(self, instrument: Instrument, gs: Vector, ts: Vector, gradients: Vector | None = None, doubted: bool = True) -> None:
        self.instrument, self.gs, self.ts, self.doubted = instrument, gs, ts, doubted
        self.gradients = instrument.gradients(gs) if gradients is None else gradients
        terms = self.gradients.times(ts)
        self.claimed, self.total = self.gradients.dot(ts), terms.total
        self.norm, self.own_rounding = gs.norm, instrument.own_rounding(gs)
        self._lost = instrument.kept * terms.norm + ts.total * smallest(max(instrument.subject.eps))
        self._most_claim_noise = CHAIN * instrument.unit * max(1.0, gs.largest, self.gradients.largest) * ts.total
        self._tables: dict[tuple[float, float], Samples] = {}

    # -- samples ----------------------------------------------------------------------------------

    def table(self, h: float, center: float = 0.0) -> Samples:
        """Return the samples of half width h around a place, taken once."""
        if (h, center) not in self._tables:
            self._tables[h, center] = self._sampled(h, center)
        return self._tables[h, center]

    def _sampled(self, h: float, center: float) -> Samples:
        phi, psi, near, changes = np.zeros(st.N), np.full(st.N, np.nan), [], np.zeros(st.N)
        for j, s in enumerate(st.NODES):
            if j == st.MIDDLE and not center:
                psi[j] = self.claimed
                continue
            changes[j], correction, v = self._at(center + h * s)
            phi[j] = changes[j] - correction
            if v is not None:
                psi[j] = v.dot(self.ts)
                near += [v] if j in (st.MIDDLE - 1, st.MIDDLE + 1) else []
        if center:
            phi -= phi[st.MIDDLE]
        level = all(np.ptp(changes[nodes]) == 0 for nodes in (st.LEFT, st.RIGHT))
        return Samples(h, center, phi, psi, self._own(phi), self._rounding(psi), _apart([*near, self.gradients]), bool(np.ptp(changes) == 0), level)

    def _at(self, s: float) -> tuple[float, float, Vector | None]:
        """Return the change of <g, f> at a place of the line, what the rounding of x + s t does to it to first order, and the doubted gradients."""
        instrument = self.instrument
        xs = self.ts.beside(instrument.subject.point, s)
        if self.doubted:
            ys, v = instrument.both(self.gs, xs)
        else:
            ys, v = instrument.values(xs), None
        astray = Vector.of(np.asarray(a, np.float64) - np.asarray(b, np.float64) - s * t for a, b, t in zip(xs, instrument.subject.point, self.ts, strict=True))
        with np.errstate(all="ignore"):
            correction = (self.gradients if v is None else v).dot(astray)
            change = instrument.contract(self.gs, ys)
        return change, correction if math.isfinite(correction) else 0.0, v

    def _own(self, phi: st.Floats) -> float:
        """Return the rounding of phi that its size brings."""
        most = float(np.max(np.abs(phi)))
        return self.instrument.subject.call_eps / 2 * most if math.isfinite(most) else 0.0

    def _rounding(self, psi: st.Floats) -> float:
        """Return what psi may be off by: the digits that may be lost of its terms, and some units of its largest value."""
        most = float(np.max(np.abs(psi[np.isfinite(psi)]), initial=0.0))
        return max(self._lost, min(8 * self.instrument.unit, self.instrument.kept) * most)

    @property
    def tables(self) -> list[Samples]:
        """The tables around the point, the narrowest first."""
        return sorted((t for t in self._tables.values() if not t.center), key=lambda t: t.h)

    @property
    def everywhere(self) -> list[Samples]:
        """All tables."""
        return list(self._tables.values())

    @property
    def finest(self) -> float:
        """The narrowest table that this format allows."""
        subject = self.instrument.subject
        narrow = [subject.call_eps, *(e for x, e in zip(subject.point, subject.eps, strict=True) if x.dtype != np.float64)]
        return SPACINGS * max(narrow)

    # -- error bars -------------------------------------------------------------------------------

    @property
    def noise(self) -> float:
        """The noise of phi: what was seen anywhere, and the rounding of the outputs."""
        return max(self.own_rounding, self.instrument.noise * self.norm)

    @property
    def claim_noise(self) -> float:
        """The noise of the doubted derivative along the line, as wider tables show it: next to 1, s (1 - s) moves in stairs.

        It counts up to what roundings of intermediate results as large as 1 or the derivative may make of it, and where a narrower table
        shows it too, or stands on one stair: what is smooth is all but gone there.
        """
        tables = self.tables
        narrower = [None, *tables[:-1]]
        noises = [t.claim_noise for t, n in zip(tables, narrower, strict=True) if n is None or n.last > t.last / SMOOTH or n.stands]
        return max((n for n in noises if n <= self._most_claim_noise), default=0.0)

    def bar(self, table: Samples, way: Way) -> float:
        """Return the error bar of a comparison."""
        found: Estimate = getattr(table, way)
        return found.bar(self.noise, table.rounding + self.claim_noise)

    def best(self, way: Way) -> Samples:
        """Return the table with the smallest bar."""
        return min(self.tables, key=lambda t: self.bar(t, way))

    def known(self, *ways: Way) -> bool:
        """Answer whether there is a comparison of one of these kinds."""
        return any(math.isfinite(self.bar(t, way)) for t in self.tables for way in ways)

    def off(self, way: Way, table: Samples | None = None) -> bool:
        """Answer whether a comparison differs beyond its bars."""
        table = table or self.best(way)
        found: Estimate = getattr(table, way)
        return abs(found.value) > MARGIN * self.bar(table, way)

    @property
    def agrees(self) -> bool:
        """Whether the claim is right around the point, and at it: against f on either side, or against the claims around."""
        if not self.doubted:
            return not self.off("alone")
        sides = [getattr(self.best(side), side).value for side in SIDES if self.known(side) and self.off(side)]
        if len(sides) == 2 and sides[0] * sides[1] > 0:  # at a kink they are sharper than both together
            return False
        return not self.off("around") and not (self.off("at") and self.off("alone"))

    @property
    def size(self) -> float:
        """The slope that differences are compared with: the terms of the claim, or the largest slope of the first table; narrower ones have jumps."""
        return max(self.total, *(t.size(self.noise) for t in self.tables if t.h == LADDER[0]), 5e-324)

    @property
    def beside(self) -> float:
        """The slope that the claim has on both sides of the point, as far as it was seen."""
        return max((t.both_sides(self.noise) for t in self.tables if t.h <= LADDER[0]), default=0.0)

    @property
    def nothing(self) -> bool:
        """Whether neither f nor the derivative moves at all."""
        return self.total == 0 and all(t.flat and not np.any(t.psi[np.isfinite(t.psi)]) for t in self.tables)

    @property
    def resolution(self) -> float:
        """The smallest relative difference that would have been seen."""
        bars: dict[str, float] = {way: self.bar(self.best(way), way) for way in ("around", "at", "alone")}
        return MARGIN * min(max(bars["around"], bars["at"]), bars["alone"]) / self.size

    @property
    def mismatch(self) -> tuple[float, float]:
        """The difference of slopes and the half width of the table that shows it."""
        way: Way = "around" if self.doubted and self.off("around") else "alone"
        table = self.best(way)
        return abs(getattr(table, way).value), table.h

    # -- where to look ----------------------------------------------------------------------------

    def descend(self) -> Line:
        """Sample until a narrower table does not help; a wider one where noise dominates."""
        for h in LADDER:
            if self.tables and h < self.finest:
                break
            self.table(h)
            if self._is_enough():
                break
        if len(self.tables) and self.doubted:
            best = self.best("around")
            if best.h == LADDER[0] and best.around.least * best.around.per_noise > SMALLEST * self.size:
                self.table(WIDE)
        return self

    def _is_enough(self) -> bool:
        """Answer whether a narrower table would see no more."""
        t = self.tables[0]
        if self.doubted:
            around = self.bar(t, "around")
            others = min(self.bar(t, "alone"), self.bar(t, "at"))
            noisy = max(t.around.least * t.around.per_noise, t.rounding, SMALLEST / 64 * self.size)
            if math.isfinite(around) and t.around.truncation <= noisy and others <= SMALLEST * self.size + 100 * around:
                return True
        elif self.bar(t, "alone") <= SMALLEST * self.size:
            return True
        if len(self.tables) < 3:
            return False
        if self.kink() is not None:
            return True
        ways: tuple[Way, ...] = ("around", "alone") if self.doubted else ("alone",)
        here, before = self.tables[:2]
        return all(math.isfinite(self.bar(before, way)) and self.bar(here, way) >= self.bar(before, way) for way in ways)

    def kink(self) -> tuple[float, float, float] | None:
        """Return what is missing to the slopes from the left and from the right, and their bar, where they stay apart as the table narrows."""
        two = self.tables[:2]
        gaps = [(t.right.value - t.left.value, self.bar(t, "left") + self.bar(t, "right")) for t in two]
        if len(two) < 2 or not all(abs(gap) > MARGIN * bar for gap, bar in gaps):
            return None
        if not 1 / STEADY < gaps[0][0] / gaps[1][0] < STEADY:
            return None
        t = two[0]
        return t.left.value, t.right.value, max(self.bar(t, "left"), self.bar(t, "right"))

    # -- noise ------------------------------------------------------------------------------------

    @property
    def most_noise(self) -> float:
        """The largest noise that phi may have before it is no noise: a share of <g, f> and of its changes, or some roundings inside."""
        changes = [float(np.max(np.abs(t.phi))) for t in self.tables if np.isfinite(t.phi).all() and t.h <= LADDER[0]]
        size = self.instrument.size(self.gs)
        return max(LARGEST_NOISE * max([size, *changes] if size else [0.0]), self.most_rounding)

    @property
    def most_rounding(self) -> float:
        """The largest noise of phi that roundings of intermediate results may make: numbers of size 1 keep a digit where they are divided by an input."""
        subject = self.instrument.subject
        chain, smallest_scale = CHAIN * subject.call_eps / 2, min(scale(x) for x in subject.point)
        largest = Vector.of((*subject.point, *self.instrument.base)).largest
        return max(chain * max(1.0, largest), min(chain / smallest_scale, INFORMATIVE)) * self.norm

    @property
    def most_hidden(self) -> float:
        """The largest change of phi that roundings of numbers as large as 1 or the outputs may hide."""
        return CHAIN * self.instrument.subject.call_eps / 2 * max(1.0, Vector.of(self.instrument.base).largest) * self.norm


def _apart(near: list[Vector]) -> float:
    """Return by how much gradients differ from the first one, relative to the largest entry: the gradients are not kept."""
    largest = max(v.largest for v in near)
    return max((v.plus(near[0], -1.0).largest for v in near[1:]), default=0.0) / largest if largest > 0 else 0.0
