"""The rounding noise of f, measured at points close by, and what is known of it beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.probe.quotient import contract, moved, norm, tried
from gradcheck.probe.subject import Subject

Floats = npt.NDArray[np.float64]
Arrays = list[npt.NDArray[Any]]

NOISE_POINTS = 7
#: Levels of differences within this factor are those of noise.
ALIKE = 4.0
#: Stairs up to this height, relative to the outputs, are rounding.
FINE_STAIRS = 2.0**-20
#: Significant bits of the formats that outputs may have been rounded to: bfloat16, float16, float32.
NARROW = (8, 11, 24)
#: Spacings of the points that noise is measured at, where f does not change over smaller ones.
COARSER = (2.0**-22, 2.0**-10)
#: The normalising factors of difference tables: gamma_k = (k!)^2 / (2k)! (Hamming 1971).
_GAMMA = [math.factorial(k) ** 2 / math.factorial(2 * k) for k in range(NOISE_POINTS)]


def own_rounding(subject: Subject, gs: list[Floats], base: Arrays) -> float:
    """Return what rounding the outputs alone makes of <g, f>; where f is exactly zero, what rounding its inputs would."""
    u = subject.call_eps / 2
    own = u * norm([g * np.asarray(y, np.float64) for g, y in zip(gs, base, strict=True)])
    if own > 0:
        return own
    size = max((float(np.max(np.abs(np.asarray(x, np.float64)), initial=0.0)) for x in subject.point), default=0.0)
    return u * norm(gs) * size if all(np.all(np.asarray(y) == 0) for y in base) else 0.0


def narrow_rounding(gs: list[Floats], base: Arrays, far: Arrays) -> float:
    """Return the deviation of <g, f> by rounding its outputs, where all of them, elsewhere too, are numbers of a narrower format."""
    for bits in NARROW:
        unit = 2.0 ** -(bits + 1)  # half of the largest rounding error
        if all(np.array_equal(_rounded(np.asarray(y, np.float64), bits), np.asarray(y, np.float64)) for y in (*base, *far)):
            return unit * norm([g * np.asarray(y, np.float64) for g, y in zip(gs, base, strict=True)])
    return 0.0


def _rounded(y: Floats, bits: int) -> Floats:
    mantissa, exponent = np.frexp(y)
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits))


def noise_level(subject: Subject, gs: list[Floats], ts: list[Floats], base: Arrays) -> tuple[float, bool]:
    """Return the standard deviation of the rounding noise of <g, f> (ECNoise: Moré and Wild 2011), and whether f is a staircase.

    Seven points along the direction, a few units of rounding apart; the k-th differences of a smooth
    function vanish, those of noise do not. Where half of the values are equal, f is a staircase at that
    spacing. Low stairs are rounding in a narrower format inside; a wider spacing shows their height. High ones
    (floor) are what f is, unless its outputs are numbers of a narrower format.
    """

    def along(h: float) -> Floats:
        return np.asarray([contract(gs, tried(subject, moved(subject.point, ts, k * h), base), base) for k in range(NOISE_POINTS)])

    own = own_rounding(subject, gs, base)
    values = along(64 * subject.call_eps)
    stairs = bool(np.all(values == values[0]))
    if _tied(values):
        far = tried(subject, moved(subject.point, ts, (NOISE_POINTS - 1) * COARSER[-1]), base)
        own = max(own, narrow_rounding(gs, base, far)) if stairs else own
        if contract(gs, far, base) != 0:
            height = _stair_height(along, [h for h in COARSER if h > 64 * subject.call_eps])
            low = height <= FINE_STAIRS * norm([g * np.asarray(y, np.float64) for g, y in zip(gs, base, strict=True)])
            own = max(own, height) if low else own
    noise = table_noise(values)
    return max(noise, own) if math.isfinite(noise) else own, stairs


def _stair_height(along: Callable[[float], Floats], spacings: list[float]) -> float:
    """Return the noise at the first spacing that is not within a stair."""
    for h in spacings:
        values = along(h)
        if not _tied(values):
            return table_noise(values)
    return 0.0


def _tied(values: Floats) -> bool:
    return len(np.unique(values)) <= (NOISE_POINTS + 1) // 2


def table_noise(table: Floats) -> float:
    """Return the noise in `NOISE_POINTS` equally spaced numbers: the median level of their higher differences."""
    return float(np.median(_levels(table))) if np.isfinite(table).all() else math.inf


def steady_noise(table: Floats) -> float:
    """Return the noise in numbers far apart if it is one, else 0: what is smooth has levels that fall (Moré and Wild 2011, section 3)."""
    levels = _levels(table) if np.isfinite(table).all() else [0.0]
    return float(np.median(levels)) if max(levels) <= ALIKE * min(levels) else 0.0


def _levels(table: Floats) -> list[float]:
    """Return the level of the third and higher differences."""
    levels = []
    for k in range(1, NOISE_POINTS):
        table = np.diff(table)
        levels.append(norm([table]) * math.sqrt(_GAMMA[k] / table.size))
    return levels[2:]
