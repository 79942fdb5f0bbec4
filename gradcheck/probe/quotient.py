"""Directional differences with error bars.

The cotangent is contracted after subtracting, <g, f(x + h t) - f(x - h t)>. What is extrapolated is
the residual against the doubted derivative along the step that was really taken (x + h t is rounded),
in powers of h^2 (Romberg), over steps that shrink by 4. Each level carries a noise bar from the measured
noise of f; the level with the smallest sum of noise and of the last corrections (Ridders 1982) wins. No tolerance, and
never "passes if any step agrees".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.probe.subject import Subject

Floats = npt.NDArray[np.float64]
Arrays = list[npt.NDArray[Any]]

NOISE_POINTS = 7
LEVELS = 5
FIRST_STEP = 2.0**-4
SHRINK = 4.0
#: The normalising factors of difference tables: gamma_k = (k!)^2 / (2k)! (Hamming 1971).
_GAMMA = [math.factorial(k) ** 2 / math.factorial(2 * k) for k in range(NOISE_POINTS)]


@dataclass(frozen=True, slots=True)
class Residual:
    """Difference quotient minus doubted derivative along a direction, with its error bar.

    Args:
        value: the extrapolated residual.
        error: its error bar: truncation and noise.
        claimed: the doubted derivative along the direction.
        left, right: one-sided residuals, extrapolated where there is a kink.
        step: the smallest step used.
        kink: whether the one-sided quotients stay apart as the step shrinks.
    """

    value: float
    error: float
    claimed: float
    left: float
    right: float
    step: float
    kink: bool


def contract(gs: list[Floats], ys: Arrays, zs: Arrays) -> float:
    """Return <g, y - z>."""
    total = 0.0
    for g, y, z in zip(gs, ys, zs, strict=True):
        total += float(np.sum(g * (np.asarray(y, np.float64) - np.asarray(z, np.float64))))
    return total


def moved(xs: Arrays, ts: list[Floats], h: float) -> Arrays:
    """Return x + h t in the format of x."""
    return [(np.asarray(x, np.float64) + h * t).astype(x.dtype) for x, t in zip(xs, ts, strict=True)]


def noise_level(subject: Subject, gs: list[Floats], ts: list[Floats], base: Arrays) -> float:
    """Return the standard deviation of the rounding noise of <g, f> (ECNoise: Moré and Wild 2011).

    Seven points along the direction, a few units of rounding apart; the k-th differences of a smooth
    function vanish, those of noise do not.
    """
    u = subject.call_eps
    h = 64 * u
    values = [contract(gs, subject.value(moved(subject.point, ts, k * h)), base) for k in range(NOISE_POINTS)]
    own = u / 2 * sum(float(np.sqrt(np.sum(np.square(g * np.asarray(y, np.float64))))) for g, y in zip(gs, base, strict=True))
    return max(table_noise(np.asarray(values)), own)


def table_noise(table: Floats) -> float:
    """Return the noise in `NOISE_POINTS` equally spaced numbers: the median level of their higher differences."""
    if not np.isfinite(table).all():
        return math.inf
    levels = []
    for k in range(1, NOISE_POINTS):
        table = np.diff(table)
        levels.append(math.sqrt(_GAMMA[k] * float(np.mean(np.square(table)))))
    return float(np.median(levels[2:]))


def residual(
    subject: Subject,
    gs: list[Floats],
    ts: list[Floats],
    gradients: list[Floats],
    noise: float,
    base: Arrays,
    *,
    first: float = FIRST_STEP,
    levels: int = LEVELS,
) -> Residual:
    """Measure how far the doubted derivative is from the difference quotient along a direction.

    Args:
        subject: the function.
        gs: cotangents.
        ts: the direction.
        gradients: the doubted gradients for `gs`.
        noise: the noise of <g, f>, see `noise_level`.
        base: f at the point.
        first: the largest step.
        levels: how many steps.
    """
    claimed = float(sum(np.sum(v * t) for v, t in zip(gradients, ts, strict=True)))
    rows: list[tuple[float, float, float, float]] = []
    for k in range(levels):
        made = _level(subject, gs, ts, gradients, base, first / SHRINK**k)
        if made is not None:
            rows.append(made)
    if not rows:
        return Residual(math.nan, math.inf, claimed, math.nan, math.nan, math.nan, False)
    size = sum(float(np.sum(np.abs(v * t))) for v, t in zip(gradients, ts, strict=True))
    value, error = _extrapolated([(h, r) for h, r, _, _ in rows], noise, size * 2.0**-52)
    if len(rows) == 1:
        error = max(error, abs(value))
    h, _, right, left = rows[-1]
    if not _is_kink(rows, noise):
        return Residual(value, error, claimed, left, right, h, False)
    right, right_error = _extrapolated([(h, r) for h, _, r, _ in rows], noise, size * 2.0**-52, order=1)
    left, left_error = _extrapolated([(h, r) for h, _, _, r in rows], noise, size * 2.0**-52, order=1)
    return Residual(value, max(right_error, left_error), claimed, left, right, h, True)


def _level(
    subject: Subject, gs: list[Floats], ts: list[Floats], gradients: list[Floats], base: Arrays, h: float
) -> tuple[float, float, float, float] | None:
    """Return (h, central, right and left residual) for one step; None where f is not finite."""
    plus, minus = moved(subject.point, ts, h), moved(subject.point, ts, -h)
    up, down = subject.value(plus), subject.value(minus)
    total, right, left = contract(gs, up, down), contract(gs, up, base), contract(gs, base, down)
    if not math.isfinite(total):
        return None
    central = (total - _along(gradients, plus, minus)) / (2 * h)
    return h, central, (right - _along(gradients, plus, subject.point)) / h, (left - _along(gradients, subject.point, minus)) / h


def _along(gradients: list[Floats], a: Arrays, b: Arrays) -> float:
    """Return <v, a - b> for the steps that were really taken."""
    parts = zip(gradients, a, b, strict=True)
    return float(sum(np.sum(v * (np.asarray(p, np.float64) - np.asarray(q, np.float64))) for v, p, q in parts))


def _extrapolated(
    rows: list[tuple[float, float]], noise: float, rounding: float, order: int = 2
) -> tuple[float, float]:
    """Return the Romberg value with the smallest error bar, and the bar; errors go with h^order, h^(2 order), ..."""
    table: list[list[tuple[float, float]]] = []
    best = (rows[0][1], math.inf)
    for k, (h, r) in enumerate(rows):
        line = [(r, noise / (math.sqrt(2) * h) + rounding)]
        for j in range(1, k + 1):
            f = SHRINK ** (order * j)
            a, b = line[j - 1], table[k - 1][j - 1]
            line.append(((f * a[0] - b[0]) / (f - 1), (f * a[1] + b[1]) / (f - 1)))
            error = line[j][1] + max(abs(line[j][0] - line[j - 1][0]), abs(line[j][0] - table[k - 1][j - 1][0]))
            if error < best[1]:
                best = (line[j][0], error)
        table.append(line)
    return best


def _is_kink(rows: list[tuple[float, float, float, float]], noise: float) -> bool:
    """Answer whether the jump of the one-sided quotients does not shrink with the step."""
    jumps = [(h, abs(right - left)) for h, _, right, left in rows]
    if len(jumps) < 3:
        return False
    (h1, first), (h2, last) = jumps[-2], jumps[-1]
    bar = 8 * noise * (1 / h1 + 1 / h2)
    return last > bar and 0.6 * first < last < 1.6 * first
