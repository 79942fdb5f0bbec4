"""Dual numbers of many digits: the exact derivative along a direction, where f runs over them and comes out the same."""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import OutOfBudget
from gradcheck.probe.slope.dual import DIGITS, directional
from gradcheck.probe.subject.subject import Arrays, Subject

Floats = npt.NDArray[np.float64]

#: A run that takes longer is not repeated: differences are used.
MOST_SECONDS = 0.5
#: How well f in float64 has to be reproduced by other arithmetic, relative to its largest output: conditioning may cost half of its digits,
#: and one or two of those that are left are no other function.
REPRODUCED = 1e-9


def residual(subject: Subject, gs: list[Floats], ts: list[Floats], v: list[Floats], digits: int = DIGITS) -> tuple[float, float] | None:
    """Return the derivative less the doubted one along a direction and its error, or None where the code cannot run over dual numbers here."""
    try:
        subject.meter.spend()
        _, slopes = directional(subject.over, subject.point, ts, digits)
    except OutOfBudget:
        raise
    except Exception:  # a tie, a pole: differences look there
        return None
    right = sum((np.sum(np.asarray(g, dtype=object) * s) for g, s in zip(gs, slopes, strict=True)), 0)
    number = np.frompyfunc(type(right) if hasattr(right, "context") else float, 1, 1)
    claimed = sum((np.sum(number(a) * t) for a, t in zip(v, ts, strict=True)), 0)
    try:
        value = float(right - claimed)
    except TypeError:  # a root has left the real numbers
        return None
    return (value, 0.0) if math.isfinite(value) else None


def reproduces(subject: Subject, base: Arrays, ts: list[Floats]) -> bool:
    """Answer whether f runs over dual numbers, soon enough, and gives what it gives over floats."""
    start = perf_counter()
    try:
        subject.meter.spend()
        values, _ = directional(subject.over, subject.point, ts)
    except OutOfBudget:
        raise
    except Exception:  # f does something that only floats can do
        return False
    if perf_counter() - start > MOST_SECONDS or len(values) != len(base):
        return False
    return all(_alike(v, y) for v, y in zip(values, base, strict=True))


def _alike(exact: npt.NDArray[Any], y: npt.NDArray[Any]) -> bool:
    if exact.shape != y.shape:
        return False
    try:
        value = exact.astype(np.float64)
    except TypeError:  # a root has left the real numbers
        return False
    size = np.max(np.abs(y), initial=0.0)
    return bool(np.all(np.abs(value - y) <= REPRODUCED * size + 1e-300))
