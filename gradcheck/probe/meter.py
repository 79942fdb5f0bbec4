"""Measurements of a doubted derivative along directions: differences, or better arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gradcheck.probe import complexstep, duals
from gradcheck.probe.jet import DIGITS, MOST_ENTRIES
from gradcheck.probe.look import MARGIN, Look
from gradcheck.probe.noise import NOISE_POINTS, noise_level, own_rounding, steady_noise, table_noise
from gradcheck.probe.quotient import FIRST_STEP, LEVELS, SHRINK, Residual, contract, moved, norm, residual
from gradcheck.probe.spread import largest, steady
from gradcheck.probe.staircase import explicable, height
from gradcheck.probe.subject import Arrays, Subject, smallest
from gradcheck.probe.traced import INFORMATIVE, TRACED, Traced, traced

Floats = npt.NDArray[np.float64]

#: What the derivative is compared with, beside "differences".
DUAL, WIDER = "dual numbers of 34 digits", "differences of f run in float64"
COMPLEX = "complex step, where it reproduces differences"
#: Roundings that a doubted derivative may have made in a chain without showing them at nearby inputs.
ROUNDINGS = 64
#: Step along the point, in units of rounding, for the noise of the doubted derivative: closer by, roundings repeat themselves.
NOISE_STEP = 4099
#: The same where a derivative moves in stairs.
STAIRS, WIDE_STAIRS = 2**30, 2**42
#: The largest step, for functions that are rough.
WIDEST_STEP = 2.0**-1
#: Formats as coarse as this show their stairs as noise; in finer ones they are searched for, at most so many times.
FINE, MOST_SEARCHES = 2.0**-40, 3
#: Steps to points next to the point, in units of rounding, for the gradient's own noise.
NEARBY = (-2, -1, 1, 2)


class Instrument:
    """Looks along directions, by the best arithmetic that f allows.

    Args:
        subject: the function and its doubted derivative.
        base: the outputs at the point.
    """

    def __init__(self, subject: Subject, base: Arrays) -> None:
        self.subject, self.base = subject, base
        self.arithmetic = "differences" if subject.call_eps >= max(subject.eps) else WIDER
        self.first = FIRST_STEP
        self._noise: float | None = None
        self.shown = math.inf  # the least noise that a look has shown
        self.suspected = 0  # looks that only the complex step calls wrong
        self.stairs = False  # f is flat over a few units of rounding
        self.height = 0.0  # of the jumps that cancellation makes in f
        self._searches = 0  # for those
        self._deviation: list[Floats] | None = None
        self.traced: Traced | None = None  # the graph of f at this point
        self.kinked: Traced | None = None  # the same where its gradient is not known to be a single one

    def at(self, subject: Subject, base: Arrays) -> Instrument:
        """Return an instrument for the same function at another point, with what is known of its noise."""
        other = Instrument(subject, base)
        other.arithmetic, other.first = self.arithmetic, self.first
        if self._noise is not None:  # where the outputs are larger, so is their noise
            ones = [np.ones(y.shape) for y in base]
            here, there = own_rounding(self.subject, ones, self.base), own_rounding(subject, ones, base)
            other._noise = self._noise * max(1.0, there / here) if here > 0 else None
        return other

    @property
    def exact(self) -> bool:
        """Whether f runs over dual numbers, or was traced."""
        return self.arithmetic == DUAL or self.traced is not None

    @property
    def label(self) -> str:
        """What the derivative is compared with."""
        return self.arithmetic if self.traced is None else TRACED

    def gradients(self, gs: list[Floats], at: Arrays | None = None) -> list[Floats]:
        """Return the doubted gradients in float64, zeros for None."""
        point = self.subject.point if at is None else at
        typed = [g.astype(y.dtype) for g, y in zip(gs, self.base, strict=True)]
        found = self.subject.gradient(typed, point)
        return [np.zeros(x.shape) if v is None else np.asarray(v, np.float64) for v, x in zip(found, point, strict=True)]

    def noise(self, gs: list[Floats], ts: list[Floats]) -> float:
        """Return the noise of <g, f>, measured once and scaled to the cotangent."""
        if self._noise is None:
            noise, self.stairs = noise_level(self.subject, gs, ts, self.base)
            self._noise = noise / (norm(gs) or 1.0)
            if self.first == FIRST_STEP:
                self._widen(gs)
        return self._noise * (norm(gs) or 1.0)

    def _widen(self, gs: list[Floats]) -> None:
        """Choose wider steps where smaller ones are lost in noise."""
        self.first = min(max(FIRST_STEP, self.roughness(gs) ** 0.125), WIDEST_STEP)

    def roughness(self, gs: list[Floats], shown: bool = False) -> float:
        """Return the noise of <g, f> relative to its terms, where it is known: the derivative is computed no better.

        Args:
            gs: the cotangents.
            shown: whether what all looks so far have shown counts too.
        """
        size = norm([g * np.asarray(y, np.float64) for g, y in zip(gs, self.base, strict=True)])
        noise = max(self._noise or 0.0, self.shown if shown and math.isfinite(self.shown) else 0.0)
        return noise * norm(gs) / size if size > 0 else 0.0

    def deviation(self, gs: list[Floats]) -> list[Floats]:
        """Return how much the doubted gradient varies when its inputs vary by a unit of rounding."""
        if self._deviation is None:
            here = self.gradients(gs)
            worst = [np.zeros(v.shape) for v in here]
            around = {s: self.gradients(gs, self._nearby(s)) for s in (NEARBY[1:3] if max(self.subject.eps) > 2.0**-20 else NEARBY)}
            for k, w in enumerate(worst):
                left, right = (largest([np.abs(v[k] - here[k]) for s, v in around.items() if (s > 0) is up]) for up in (False, True))
                one, other = np.fmin(left, right), np.fmax(left, right)
                least = 256 * max(self.subject.eps) * np.abs(here[k])
                near = np.ptp(np.stack([v[k] for v in around.values()]), axis=0)
                alone = one > 16 * near + least  # this value is a branch of its own: no noise either
                w[...] = np.where(alone, near, np.where(other > 16 * one + least, one, other))  # nor is a kink
            step = self._noise_step()
            line = [self.gradients(gs, self._nearby(step * k)) for k in (1, 2, 3, 4)] if step == NOISE_STEP else []
            for w, *four in zip(worst, *line, strict=True) if line else ():  # third differences: nothing smooth is left in them
                rough = np.abs(four[0] - 3 * four[1] + 3 * four[2] - four[3]) / 4
                rough = np.where(steady(four, rough), 0, rough)  # next to a pole it is the slope that changes
                np.fmax(w, np.where(np.isfinite(rough), rough, 0), out=w)
            self._deviation = worst
        return self._deviation

    def _nearby(self, step: int) -> Arrays:
        """Return the point scaled by 1 + step * eps: equal entries stay equal and zeros stay zero."""
        u = max(self.subject.eps)
        return [(np.asarray(x, np.float64) * (1 + step * u)).astype(x.dtype) for x in self.subject.point]

    def _noise_step(self) -> int:
        return NOISE_STEP if max(self.subject.eps) < 2.0**-40 else 4

    def claim_noise(self, gs: list[Floats], ts: list[Floats], v: list[Floats]) -> float:
        """Return the noise of the doubted derivative along a direction: what is left of differences along the point."""
        line = self._line(gs, ts, self._noise_step())
        noise = 3 * table_noise(line) + max(self.subject.eps) * float(np.max(np.abs(line)))  # seven points may be quiet by chance
        return max(noise, self._stair_noise(gs, ts, v)) if self.exact else noise

    def _stair_noise(self, gs: list[Floats], ts: list[Floats], v: list[Floats]) -> float:
        """Return the noise of the doubted derivative over wider steps, where it moves in stairs: next to 1, s (1 - s) does.

        It counts where it is rounding beside the gradient's largest entries, and leaves most of what is doubted.
        """
        if max(self.subject.eps) > FINE:
            return 0.0
        line = self._line(gs, ts, STAIRS)
        noise = 3 * max(table_noise(line), steady_noise(self._line(gs, ts, WIDE_STAIRS)))
        most = sum(float(np.max(np.abs(a), initial=0.0)) * float(np.sum(np.abs(t))) for a, t in zip(v, ts, strict=True))
        return min(noise, INFORMATIVE * abs(float(line[0])) / MARGIN) if noise <= FINE * most else 0.0

    def _line(self, gs: list[Floats], ts: list[Floats], step: int) -> Floats:
        """Return the doubted derivative along a direction at points in a row."""
        found = (self.gradients(gs, self._nearby(step * k)) for k in range(NOISE_POINTS))
        return np.asarray([float(sum(np.sum(a * t) for a, t in zip(v, ts, strict=True))) for v in found])

    def own_error(self, gs: list[Floats], ts: list[Floats], gradients: list[Floats], kink: bool = False) -> float:
        """Return the error bar of the doubted derivative along a direction: its own rounding.

        At a kink the derivative of a nearby point is another one; the difference is no noise.
        """
        u = max(self.subject.eps) / 2
        coarse = u > 2.0**-20  # a unit of rounding is a real step there: what it does is no noise
        deviation = [] if kink else self.deviation(gs)
        spread = [(1 if coarse else 4) * d * t for d, t in zip(deviation, ts, strict=False)]
        count = 2 if coarse else ROUNDINGS
        rounding = [max(count * u, 2 * self.roughness(gs)) * v * t for v, t in zip(gradients, ts, strict=True)]
        underflow = sum(float(np.sum(np.abs(t))) for t in ts) * smallest(max(self.subject.eps))
        return norm([*spread, *rounding]) + underflow

    def look(
        self,
        gs: list[Floats],
        ts: list[Floats],
        *,
        gradients: list[Floats] | None = None,
        first: float | None = None,
        levels: int = LEVELS,
        fresh: bool = False,
        confirmed: bool = False,
    ) -> Look:
        """Compare the two sides along one direction; see `gradcheck.probe.quotient.residual`.

        Args:
            gs: cotangents.
            ts: the direction.
            gradients: the doubted gradients for `gs`, if they are known.
            first: the largest step.
            levels: how many steps.
            confirmed: whether differences have shown that something is wrong, so that quicker looks may say where.
            fresh: whether `gs` weighs the outputs so differently that the noise has to be measured for it.
        """
        if fresh:
            other = self.at(self.subject, self.base)
            other._noise = None
            return other.look(gs, ts, gradients=gradients, first=first, levels=levels)
        v = self.gradients(gs) if gradients is None else gradients
        found = self._known(gs, ts, v) if first is None else None
        stepped = self._stepped(gs, ts, v) if found is None and self.arithmetic == COMPLEX and (first is None or confirmed) else None
        if stepped is not None and (confirmed or not stepped.wrong):
            return stepped  # by itself the complex step accuses nobody
        if found is None:
            found = residual(self.subject, gs, ts, v, self.noise(gs, ts), self.base, first=first or self.first, levels=levels)
            if first is None and found.step * SHRINK ** (levels - 1) < self.first / 2:  # the domain of f ends close by
                self.first = found.step * SHRINK ** (levels - 1)
            self.shown = min(self.shown, found.noise / (norm(gs) or 1.0))
        own = self.own_error(gs, ts, v, found.kink)
        made = Look(replace(found, error=found.error + own), gs, ts, v)
        if made.wrong and self.traced is not None and first is None and self.traced.grant_reuse():
            return self.look(gs, ts, gradients=v, levels=levels, confirmed=confirmed)
        self.suspected += stepped is not None and not made.wrong
        if made.wrong and self.stairs and not any(np.any(a * t) for a, t in zip(v, ts, strict=True)):
            made.residual = replace(found, error=math.inf)  # zero is the slope of a stair: nothing to accuse, nor to praise
        elif made.wrong and not found.kink:  # before anything is accused: the doubted derivative's own noise
            noise = self.claim_noise(gs, ts, v)
            again = duals.residual(self.subject, gs, ts, v, 2 * DIGITS) if found.step == 0.0 and self.arithmetic == DUAL else None
            if again is not None:  # cancellation inside f costs digits of the dual numbers too
                found = replace(again, error=abs(again.value - found.value))
            made.residual = replace(found, error=found.error + own + noise)
        return made

    def _known(self, gs: list[Floats], ts: list[Floats], v: list[Floats]) -> Residual | None:
        """Return the derivative less the doubted one where it is known exactly: certified, or by dual numbers."""
        found = self.traced.residual(gs, ts, v) if self.traced is not None else None
        if found is None and self.arithmetic == DUAL:
            found = duals.residual(self.subject, gs, ts, v)
        return found

    def entry_bars(self, gs: list[Floats], v: list[Floats]) -> list[Floats]:
        """Return the error bar of the doubted gradient in each entry: what `own_error` gives along it alone."""
        u = max(self.subject.eps) / 2
        rounding = max(ROUNDINGS * u, 2 * self.roughness(gs))
        return [np.hypot(4 * d, rounding * np.abs(a)) + smallest(max(self.subject.eps)) for d, a in zip(self.deviation(gs), v, strict=True)]

    def over_steps(self, look: Look) -> Look | None:
        """Look once more at a mismatch, if f moves in steps higher than its noise, as cancellation makes them; they are its noise then."""
        if self.arithmetic == COMPLEX or self.subject.call_eps > FINE or self._searches == MOST_SEARCHES:
            return None
        if not explicable(self.subject, look.gs, self.base, look.residual, self.first):
            return None
        self._searches += 1
        size = norm(look.gs) or 1.0
        found = height(self.subject, look.gs, look.ts, self.base, self.noise(look.gs, look.ts)) / size
        if found == 0:
            return None
        self.height, self._noise = max(self.height, found), max(self._noise or 0.0, found)
        self._widen(look.gs)
        return self.look(look.gs, look.ts, gradients=look.gradients)

    def blurred(self, look: Look) -> Look:
        """Return a look with an error bar that owns up to the jumps of f, if they were found after it."""
        r = look.residual
        least = self.noise(look.gs, look.ts) / self.first if self.height and r.step else 0.0
        return replace(look, residual=replace(r, error=max(r.error, least)))

    def floor(self, look: Look) -> float:
        """Return the part of a look's error bar that no smaller step makes smaller: noise, and the doubted derivative's own."""
        return 16 * self.noise(look.gs, look.ts) / self.first + self.own_error(look.gs, look.ts, look.gradients, look.residual.kink)

    def _stepped(self, gs: list[Floats], ts: list[Floats], v: list[Floats]) -> Look | None:
        """Return a look by the complex step; None where it does not work."""
        found = complexstep.residual(self.subject, gs, ts, v)
        if found is None:
            return None
        self.noise(gs, ts)
        unit = max(16 * max(self.subject.eps), 4 * self.roughness(gs))
        return Look(replace(found, error=unit * found.error + self.own_error(gs, ts, v)), gs, ts, v)

    def try_better(self, ts: list[Floats]) -> None:
        """Switch to dual numbers of thirty digits, or to the complex step, if f runs over them and comes out the same."""
        s = self.subject
        if s.raw is None or s.owner != "numpy" or any(x.dtype != np.float64 for x in s.point):
            return
        self.try_trace()
        if sum(x.size for x in (*s.point, *self.base)) <= MOST_ENTRIES and duals.reproduces(s, self.base, ts):
            self.arithmetic = DUAL
        elif all(y.dtype == np.float64 for y in self.base) and complexstep.reproduces(s, self.base, ts):
            self.arithmetic = COMPLEX

    def try_trace(self, informative: float = INFORMATIVE) -> None:
        """Take the certified gradient for the derivative, or its hull, if f can be traced at this point.

        Args:
            informative: see `gradcheck.probe.traced.Traced`.
        """
        found = traced(self.subject, self.base, informative)
        single = found is not None and found.gradients([np.ones(y.shape) for y in self.base]) is not None
        self.traced, self.kinked = (found, None) if single else (None, found)


def vary(subject: Subject, base: Arrays, gs: list[Floats]) -> bool:
    """Answer whether f gives the same numbers twice."""
    again = subject.value(moved(subject.point, [np.zeros(x.shape) for x in subject.point], 0.0))
    return contract(gs, again, base) == 0.0 or not any(np.any(a != b) for a, b in zip(again, base, strict=True))
