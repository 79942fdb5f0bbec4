"""Directional differences with error bars.

The cotangent is contracted after subtracting, <g, f(x + h t) - f(x - h t)>. What is extrapolated is
the residual against the doubted derivative along the step that was really taken (x + h t is rounded),
in powers of h^2 (Romberg), over steps that shrink by 4. Each level carries a noise bar from the measured
noise of f, or from the corrections themselves where they grow as the steps shrink; the level with the smallest sum of
noise and of the last corrections (Ridders 1982) wins. No tolerance, and never "passes if any step agrees".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import FunctionFailed, FunctionRaised
from gradcheck.probe.subject import Subject

Floats = npt.NDArray[np.float64]
Arrays = list[npt.NDArray[Any]]

LEVELS = 5
FIRST_STEP = 2.0**-4
SHRINK = 4.0
#: Where f is not defined on both sides, a step shrinks by this much at once, at most so many times.
TO_THE_EDGE, MOST_EDGES = 2.0**6, 9


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
        noise: of <g, f>, as measured before or as the quotients showed it.
    """

    value: float
    error: float
    claimed: float
    left: float
    right: float
    step: float
    kink: bool
    noise: float = 0.0


def contract(gs: list[Floats], ys: Arrays, zs: Arrays) -> float:
    """Return <g, y - z>."""
    total = 0.0
    if [np.shape(y) for y in ys] != [np.shape(z) for z in zs]:
        raise FunctionFailed(f"f changes the shape of its output: {[np.shape(z) for z in zs]}, then {[np.shape(y) for y in ys]}")
    for g, y, z in zip(gs, ys, zs, strict=True):
        total += float(np.sum(g * (np.asarray(y, np.float64) - np.asarray(z, np.float64))))
    return total


def moved(xs: Arrays, ts: list[Floats], h: float) -> Arrays:
    """Return x + h t in the format of x."""
    return [(np.asarray(x, np.float64) + h * t).astype(x.dtype) for x, t in zip(xs, ts, strict=True)]


def norm(parts: list[Floats]) -> float:
    """Return the Euclidean norm of several arrays; squares neither overflow nor underflow."""
    largest = max((float(np.max(np.abs(p), initial=0.0)) for p in parts), default=0.0)
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(sum(float(np.sum(np.square(p / largest))) for p in parts))


def tried(subject: Subject, xs: Arrays, base: Arrays) -> Arrays:
    """Evaluate f; where it raises, it is as undefined as where it is NaN."""
    try:
        return subject.value(xs)
    except FunctionRaised:  # beside the given inputs the domain may end
        return [np.full(np.shape(y), np.nan) for y in base]


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
    rows = _rows(subject, gs, ts, gradients, base, first, levels)
    if not rows:
        return Residual(math.nan, math.inf, claimed, math.nan, math.nan, math.nan, False)
    size = sum(float(np.sum(np.abs(v * t))) for v, t in zip(gradients, ts, strict=True))
    if not abs(rows[-1][1] + claimed) <= 2.0**-40 * abs(claimed):  # a stair: f is flat there, and not by noise
        noise = max(noise, _growing([(h, r) for h, r, _, _ in rows]))
    value, error = _extrapolated([(h, r) for h, r, _, _ in rows], noise, size * 2.0**-52)
    if len(rows) == 1:
        error = max(error, abs(value))
    h, _, right, left = rows[-1]
    if not _is_kink(rows, noise):
        return Residual(value, error, claimed, left, right, h, False, noise)
    right, right_error = _extrapolated([(h, r) for h, _, r, _ in rows], noise, size * 2.0**-52, order=1)
    left, left_error = _extrapolated([(h, r) for h, _, _, r in rows], noise, size * 2.0**-52, order=1)
    return Residual(value, max(right_error, left_error), claimed, left, right, h, True, noise)


def _rows(
    subject: Subject, gs: list[Floats], ts: list[Floats], gradients: list[Floats], base: Arrays, first: float, levels: int
) -> list[tuple[float, float, float, float]]:
    """Return the residuals of `levels` steps; the largest is as small as the domain of f makes it."""
    rows: list[tuple[float, float, float, float]] = []
    h, edges = first, 0
    while len(rows) < levels and edges < MOST_EDGES:
        made = _level(subject, gs, ts, gradients, base, h)
        edges += made is None
        rows += [] if made is None else [made]
        h /= SHRINK if rows else TO_THE_EDGE
    return rows


def _growing(rows: list[tuple[float, float]]) -> float:
    """Return the noise that extrapolated residuals show: corrections that grow while steps shrink are not truncation.

    A function may be smooth over a few units of rounding and rough beyond (a solver that stops early, a table, a narrow
    format inside): its quotients then scatter by noise / h.
    """
    table: list[list[float]] = []
    corrections: list[tuple[float, float]] = []
    for k, (h, r) in enumerate(rows):
        line = [r]
        for j in range(1, k + 1):
            f = SHRINK ** (2 * j)
            line.append((f * line[j - 1] - table[k - 1][j - 1]) / (f - 1))
        if k >= 2:
            corrections.append((h, min(abs(line[j] - table[k - 1][j]) for j in range(1, k))))
        table.append(line)
    grown = [(h, c) for (_, before), (h, c) in pairwise(corrections) if c > before]
    return max((h * c for h, c in grown), default=0.0)


def residual_at(
    subject: Subject, gs: list[Floats], ts: list[Floats], gradients: list[Floats], base: Arrays, h: float
) -> float | None:
    """Return the central difference quotient at one step less the doubted derivative; None where f is not finite."""
    made = _level(subject, gs, ts, gradients, base, h)
    return None if made is None else made[1]


def _level(
    subject: Subject, gs: list[Floats], ts: list[Floats], gradients: list[Floats], base: Arrays, h: float
) -> tuple[float, float, float, float] | None:
    """Return (h, central, right and left residual) for one step; None where f is not finite."""
    plus, minus = moved(subject.point, ts, h), moved(subject.point, ts, -h)
    up, down = tried(subject, plus, base), tried(subject, minus, base)
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
