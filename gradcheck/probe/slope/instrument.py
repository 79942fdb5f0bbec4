"""What is known of one function while it is examined: its values and doubted gradients, its noise, and the best arithmetic that it allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import FunctionFailed, FunctionRaised
from gradcheck.probe.slope import dual_slope as duals
from gradcheck.probe.slope.dual import MOST_ENTRIES
from gradcheck.probe.slope.traced import INFORMATIVE, RECORDED, TRACED, Traced, recorded, traced
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.subject import Arrays, Subject, format_of, smallest
from gradcheck.probe.subject.vector import Vector

Floats = npt.NDArray[np.float64]

#: What the derivative is compared with, beside "differences".
DUAL, WIDER = "dual numbers of 34 digits", "differences of f run in float64"
#: Of the digits of a format a derivative may lose a fifth to its conditioning, and nobody is told: 2^-42 remains in float64, 2^-19 in float32,
#: 2^-6 in bfloat16. No recorded fault is smaller than 2^-26 of its entry; right formulas lose less.
KEPT_DIGITS = 0.8
#: Roundings, one after the other, that f or a derivative may have made without showing them at nearby inputs.
CHAIN = 64
#: Steps along the point, in units of rounding, between the gradients whose third differences show their noise: closer by, roundings repeat
#: themselves (a chain of additions passes on the same bits, in stairs of as many units as were lost: the steps are longer than those that nobody
#: is told of, see `kept`, by three times, and no power of two); in formats of a few digits a wider step would leave what is smooth.
NOISE_STEP, NARROW_NOISE_STEP = 4099, 4
#: The standard deviation of a third difference of independent numbers of deviation 1: the root of 1 + 9 + 9 + 1.
THIRD_DIFFERENCE = math.sqrt(20)


class Instrument:
    """Measures one function at its point.

    Args:
        subject: the function and its doubted derivative.
        base: the outputs at the point.
        noise: the largest noise of <g, f> that was seen for a cotangent of norm 1; it only grows.
    """

    def __init__(self, subject: Subject, base: Arrays, noise: float = 0.0) -> None:
        self.subject, self.base, self.noise = subject, base, noise
        self.shown = math.inf  # the least noise that a line has shown, for a cotangent of norm 1
        self.arithmetic = "differences" if subject.call_eps >= max(subject.eps) else WIDER
        self.traced: Traced | None = None  # the graph of f at this point
        self.recorded: Traced | None = None  # that of one run, where f cannot be traced
        self.unrecorded = ""  # what prevents such a run
        self.kinked: Traced | None = None  # the same where its gradient is not known to be a single one
        self._deviation: tuple[Floats, ...] | None = None

    @property
    def exact(self) -> bool:
        """Whether f runs over dual numbers, or was traced."""
        return self.arithmetic == DUAL or self.traced is not None or self.recorded is not None

    @property
    def label(self) -> str:
        """What the derivative is compared with."""
        return TRACED if self.traced is not None else RECORDED if self.recorded is not None else self.arithmetic

    @property
    def unit(self) -> float:
        """The relative rounding of the doubted derivative: half the spacing of its coarsest format."""
        return max(self.subject.eps) / 2

    @property
    def kept(self) -> float:
        """The relative error that a right derivative may have without being told."""
        return float(self.unit**KEPT_DIGITS)

    @property
    def chained(self) -> float:
        """The relative error of a chain of roundings; in formats of a few digits no more than those that a derivative may lose."""
        return min(CHAIN * self.unit, self.kept)

    def gradients(self, gs: Vector, at: Arrays | None = None) -> Vector:
        """Return the doubted gradients, zeros for None."""
        point = self.subject.point if at is None else at
        return _dense(self.subject.gradient(gs.formatted(self.base), point), point)

    def values(self, xs: Arrays) -> Arrays:
        """Return f; where it raises, it is as undefined as where it is NaN."""
        try:
            return self.subject.value(xs)
        except FunctionRaised:  # beside the given inputs the domain may end
            return [np.full(np.shape(y), np.nan) for y in self.base]

    def both(self, gs: Vector, xs: Arrays) -> tuple[Arrays, Vector | None]:
        """Return f and the doubted gradients at a place; None where f, or its derivative, is not defined there."""
        ys = self.values(xs)
        if not Vector.of(ys).finite:
            return ys, None
        try:
            return ys, _dense(self.subject.pulled(gs.formatted(self.base), xs), xs)
        except FunctionRaised:
            return ys, None

    def contract(self, gs: Vector, ys: Arrays) -> float:
        """Return <g, y - f(x)>; raise `FunctionFailed` where f changes the shape of its output."""
        if [np.shape(y) for y in ys] != [np.shape(z) for z in self.base]:
            shapes = [[np.shape(y) for y in found] for found in (self.base, ys)]
            raise FunctionFailed(f"f changes the shape of its output: {shapes[0]}, then {shapes[1]}")
        return gs.dot(np.asarray(y, np.float64) - np.asarray(z, np.float64) for y, z in zip(ys, self.base, strict=True))

    def size(self, gs: Vector) -> float:
        """Return the norm of the terms of <g, f>."""
        return gs.times([np.asarray(y, np.float64) for y in self.base]).norm

    def own_rounding(self, gs: Vector) -> float:
        """Return what rounding the outputs makes of <g, f>; where f is exactly zero, what rounding its inputs would."""
        u = self.subject.call_eps / 2
        own = u * self.size(gs)
        if own > 0 or any(np.any(np.asarray(y) != 0) for y in self.base):
            return own
        return u * gs.norm * Vector.of(self.subject.point).largest

    def largest_rounding(self, gs: Vector, v: Vector) -> float:
        """Return what a chain of roundings of numbers as large as 1, the outputs or the gradient may leave in any entry of it."""
        return self.chained * max(1.0, Vector.of(self.base).largest, v.largest) * gs.largest

    def roughness(self, gs: Vector) -> float:
        """Return the noise of <g, f> relative to its terms: what uses f's values is computed no better."""
        size = self.size(gs)
        noise = max(self.noise, self.shown if math.isfinite(self.shown) else 0.0)
        return noise * gs.norm / size if size > 0 else 0.0

    def deviation(self, gs: Vector) -> tuple[Floats, ...]:
        """Return the noise of each entry of the doubted gradient: third differences along the point, where nothing smooth is left in them.

        Along the point equal entries stay equal and zeros stay zero, so that no kink is crossed. What takes more than a twentieth of the
        largest entry is no noise of a derivative.
        """
        if self._deviation is None:
            step = NOISE_STEP if format_of(max(self.subject.eps)) == "float64" else NARROW_NOISE_STEP
            rows = [self.gradients(gs, self._nearby(step * k)) for k in range(1, 5)]
            with np.errstate(invalid="ignore"):
                rough = [np.abs(a - 3 * b + 3 * c - d) / THIRD_DIFFERENCE for a, b, c, d in zip(*rows, strict=True)]
            most = INFORMATIVE / MARGIN * max((float(np.max(np.abs(a), initial=0.0)) for a in rows[0]), default=0.0)
            self._deviation = tuple(np.fmin(np.where(np.isfinite(r), r, 0.0), most) for r in rough)
        return self._deviation

    def _nearby(self, step: int) -> Arrays:
        """Return the point scaled by 1 + step units of rounding."""
        factor = 1 + step * max(self.subject.eps)
        return [(np.asarray(x, np.float64) * factor).astype(x.dtype) for x in self.subject.point]

    def entry_bars(self, gs: Vector, v: Vector) -> list[Floats]:
        """Return the error bar of the doubted gradient in each entry: its noise, the digits it may lose, and underflow."""
        part = max(self.chained, 2 * self.roughness(gs))
        return [np.hypot(d, part * np.abs(a)) + smallest(max(self.subject.eps)) for d, a in zip(self.deviation(gs), v, strict=True)]

    def error_along(self, gs: Vector, ts: Vector, v: Vector) -> float:
        """Return the error bar of the doubted derivative along a direction."""
        part = max(self.chained, 2 * self.roughness(gs))
        noise = [d * t for d, t in zip(self.deviation(gs), ts, strict=True)]
        return Vector.of([*noise, *v.times(ts).times(part)]).norm + ts.total * smallest(max(self.subject.eps))

    def try_better(self, ts: Vector) -> None:
        """Find out which better arithmetic f allows: a certified graph, dual numbers, the graph of one run."""
        s = self.subject
        if s.raw is None or s.owner != "numpy" or any(x.dtype != np.float64 for x in s.point):
            return
        self.try_trace()
        if sum(x.size for x in (*s.point, *self.base)) <= MOST_ENTRIES and duals.reproduces(s, self.base, list(ts)):
            self.arithmetic = DUAL
        elif self.traced is None and self.kinked is None:
            found = recorded(s, self.base)
            if isinstance(found, str):
                self.unrecorded = found
            elif found.gradients([np.ones(y.shape) for y in self.base]) is not None:
                self.recorded = found

    def try_trace(self) -> None:
        """Take the certified gradient for the derivative, or its hull, if f can be traced at this point."""
        found = traced(self.subject, self.base)
        single = found is not None and found.gradients([np.ones(y.shape) for y in self.base]) is not None
        self.traced, self.kinked = (found, None) if single else (None, found)


def _dense(found: Sequence[npt.NDArray[Any] | None], xs: Arrays) -> Vector:
    """Return gradients as a vector, zeros for None."""
    return Vector.of(np.zeros(x.shape) if v is None else v for v, x in zip(found, xs, strict=True))
