"""Measurements of a doubted derivative along directions: differences, or better arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import OutOfBudget
from gradcheck.probe.jet import MOST_ENTRIES, directional
from gradcheck.probe.quotient import FIRST_STEP, LEVELS, Residual, contract, moved, noise_level, residual
from gradcheck.probe.subject import Arrays, Subject

Floats = npt.NDArray[np.float64]

#: What the derivative is compared with, beside "differences".
DUAL, WIDER = "dual numbers of 34 digits", "differences of f run in float64"
#: Error bars within which two numbers count as equal.
MARGIN = 5.0
#: Roundings that a doubted derivative may have made in a chain without showing them at nearby inputs.
ROUNDINGS = 16
#: Repetitions of the gradient next to the point, for its own noise.
GRADIENT_REPEATS = 4


@dataclass(slots=True)
class Look:
    """One look along a direction: what was found there.

    Args:
        residual: quotient minus doubted derivative.
        gs: the cotangents.
        ts: the direction.
        gradients: the doubted gradients for `gs`.
    """

    residual: Residual
    gs: list[Floats]
    ts: list[Floats]
    gradients: list[Floats]

    @property
    def wrong(self) -> bool:
        """Whether the two sides differ beyond their error bars, and no kink explains it."""
        r = self.residual
        if not math.isfinite(r.value):
            return False
        if r.kink:
            bar = MARGIN * r.error
            return not min(r.left, r.right) - bar <= 0 <= max(r.left, r.right) + bar
        return abs(r.value) > MARGIN * r.error


class Instrument:
    """Looks along directions, by the best arithmetic that f allows.

    Args:
        subject: the function and its doubted derivative.
        base: the outputs at the point.
        seed: of the perturbations that measure noise.
    """

    def __init__(self, subject: Subject, base: Arrays, seed: int) -> None:
        self.subject, self.base = subject, base
        self.random = np.random.default_rng([seed, 1])
        self.arithmetic = "differences" if subject.call_eps >= max(subject.eps) else WIDER
        self.first = FIRST_STEP
        self._noise: float | None = None
        self._deviation: list[Floats] | None = None

    @property
    def exact(self) -> bool:
        """Whether f runs over dual numbers."""
        return self.arithmetic == DUAL

    def gradients(self, gs: list[Floats], at: Arrays | None = None) -> list[Floats]:
        """Return the doubted gradients in float64, zeros for None."""
        point = self.subject.point if at is None else at
        typed = [g.astype(y.dtype) for g, y in zip(gs, self.base, strict=True)]
        found = self.subject.gradient(typed, point)
        return [np.zeros(x.shape) if v is None else np.asarray(v, np.float64) for v, x in zip(found, point, strict=True)]

    def noise(self, gs: list[Floats], ts: list[Floats]) -> float:
        """Return the noise of <g, f>, measured once and scaled to the cotangent."""
        if self._noise is None:
            size = math.sqrt(sum(float(np.sum(g * g)) for g in gs)) or 1.0
            self._noise = noise_level(self.subject, gs, ts, self.base) / size
        return self._noise * (math.sqrt(sum(float(np.sum(g * g)) for g in gs)) or 1.0)

    def deviation(self, gs: list[Floats]) -> list[Floats]:
        """Return how much the doubted gradient varies when its inputs vary by a unit of rounding."""
        if self._deviation is None:
            here = self.gradients(gs)
            worst = [np.zeros(v.shape) for v in here]
            for _ in range(GRADIENT_REPEATS):
                for w, v, other in zip(worst, here, self.gradients(gs, self._nearby()), strict=True):
                    np.fmax(w, np.where(np.isfinite(other), np.abs(other - v), 0), out=w)
            self._deviation = worst
        return self._deviation

    def _nearby(self) -> Arrays:
        out = []
        for x, u in zip(self.subject.point, self.subject.eps, strict=True):
            noise = 1 + u * self.random.choice(np.array([-1.0, 1.0]), x.shape)
            out.append((np.asarray(x, np.float64) * noise).astype(x.dtype))
        return out

    def own_error(self, gs: list[Floats], ts: list[Floats], gradients: list[Floats]) -> float:
        """Return the error bar of the doubted derivative along a direction: its own rounding."""
        u = max(self.subject.eps) / 2
        spread = [4 * d * t for d, t in zip(self.deviation(gs), ts, strict=True)]
        count = ROUNDINGS if u < 2.0**-20 else 2
        rounding = [count * u * v * t for v, t in zip(gradients, ts, strict=True)]
        underflow = sum(float(np.sum(np.abs(t))) for t in ts) * 2.0**-1060
        return math.sqrt(sum(float(np.sum(s * s)) for s in (*spread, *rounding))) + underflow

    def look(
        self,
        gs: list[Floats],
        ts: list[Floats],
        *,
        gradients: list[Floats] | None = None,
        first: float | None = None,
        levels: int = LEVELS,
    ) -> Look:
        """Compare the two sides along one direction; see `gradcheck.probe.quotient.residual`."""
        v = self.gradients(gs) if gradients is None else gradients
        own = self.own_error(gs, ts, v)
        found = self._exact(gs, ts, v) if self.exact and first is None else None
        if found is None:
            found = residual(self.subject, gs, ts, v, self.noise(gs, ts), self.base, first=first or self.first, levels=levels)
        widened = Residual(
            found.value, found.error + own, found.claimed, found.left, found.right, found.step, found.kink
        )  # fmt: skip
        return Look(widened, gs, ts, v)

    def _exact(self, gs: list[Floats], ts: list[Floats], v: list[Floats]) -> Residual | None:
        """Return the residual by dual numbers, or None where the code cannot run over them here."""
        assert self.subject.raw is not None
        try:
            self.subject.meter.spend()
            _, slopes = directional(self.subject.raw, self.subject.point, ts)
        except OutOfBudget:
            raise
        except Exception:  # a tie, a pole: differences look there
            return None
        right = sum((np.sum(np.asarray(g, dtype=object) * s) for g, s in zip(gs, slopes, strict=True)), 0)
        claimed = float(sum(np.sum(a * t) for a, t in zip(v, ts, strict=True)))
        total = float(right)
        return Residual(total - claimed, 0.0, claimed, math.nan, math.nan, 0.0, False) if math.isfinite(total) else None

    def try_better(self, ts: list[Floats]) -> None:
        """Switch to dual numbers of thirty digits if f runs over them and its values come out the same."""
        s = self.subject
        if s.raw is None or s.owner != "numpy" or sum(x.size for x in (*s.point, *self.base)) > MOST_ENTRIES:
            return
        if any(x.dtype != np.float64 for x in s.point):
            return
        try:
            s.meter.spend()
            values, _ = directional(s.raw, s.point, ts)
        except OutOfBudget:
            raise
        except Exception:  # f does something that only floats can do
            return
        if len(values) == len(self.base) and all(self._reproduces(v, y) for v, y in zip(values, self.base, strict=True)):
            self.arithmetic = DUAL

    def _reproduces(self, exact: npt.NDArray[Any], y: npt.NDArray[Any]) -> bool:
        if exact.shape != y.shape:
            return False
        value = exact.astype(np.float64)
        size = np.max(np.abs(y), initial=0.0)
        return bool(np.all(np.abs(value - y) <= 1e-9 * size + 1e-300))


def vary(subject: Subject, base: Arrays, gs: list[Floats]) -> bool:
    """Answer whether f gives the same numbers twice."""
    again = subject.value(moved(subject.point, [np.zeros(x.shape) for x in subject.point], 0.0))
    return contract(gs, again, base) == 0.0 or not any(np.any(a != b) for a, b in zip(again, base, strict=True))

