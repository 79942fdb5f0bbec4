"""The complex step: f(x + i h t) with h = 1e-100 gives the directional derivative without cancellation (Squire and Trapp 1998).

It is silently wrong wherever code takes a magnitude, a maximum or a conjugate, so it is used only after it reproduced f
and a difference quotient, and never to accuse: a mismatch is left to differences.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import OutOfBudget
from gradcheck.probe.quotient import Residual, moved, norm
from gradcheck.probe.subject import Arrays, Subject

Floats = npt.NDArray[np.float64]

STEP = 1e-100
#: The step of the quotient that it has to reproduce, and how well.
COARSE, REPRODUCED = 2.0**-14, 1e-6


def slopes(subject: Subject, ts: Sequence[Floats]) -> tuple[list[Floats], list[Floats]] | None:
    """Return the values and the derivatives of all outputs along a direction; None where f does not take complex numbers."""
    assert subject.raw is not None
    subject.meter.spend()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            found = [np.asarray(y) for y in subject.raw([x + 1j * STEP * t for x, t in zip(subject.point, ts, strict=True)])]
    except OutOfBudget:
        raise
    except Exception:  # whatever f raises: it is for real numbers alone
        return None
    if not all(np.issubdtype(y.dtype, np.number) and np.isfinite(y).all() for y in found):
        return None
    return [np.real(y).astype(np.float64) for y in found], [np.imag(y).astype(np.float64) / STEP for y in found]


def residual(subject: Subject, gs: list[Floats], ts: list[Floats], v: list[Floats]) -> Residual | None:
    """Return the derivative less the doubted one along a direction; None where the complex step does not work.

    Its error is that for a unit of rounding of 1: the norm of the terms that are summed.
    """
    found = slopes(subject, ts)
    if found is None:
        return None
    terms = [g * d for g, d in zip(gs, found[1], strict=True)]
    claimed = _total([a * t for a, t in zip(v, ts, strict=True)])
    value = float(_total(terms) - claimed)
    return Residual(value, norm(terms), float(claimed), math.nan, math.nan, 0.0, False) if math.isfinite(value) else None


def reproduces(subject: Subject, base: Arrays, ts: list[Floats]) -> bool:
    """Answer whether the complex step gives f and, up to its error, the difference quotient of every output."""
    found = slopes(subject, ts)
    if found is None or any(y.shape != b.shape for y, b in zip(found[0], base, strict=True)):
        return False
    up, down = (subject.value(moved(subject.point, ts, s * COARSE)) for s in (1, -1))
    return all(
        _alike(y, b, 1e-12) and _alike(d, (np.asarray(p, np.float64) - q) / (2 * COARSE), REPRODUCED)
        for y, d, b, p, q in zip(*found, base, up, down, strict=True)
    )


def _alike(a: Floats, b: Any, share: float) -> bool:
    size = float(np.max(np.abs(b), initial=0.0))
    return bool(np.all(np.abs(a - b) <= share * size))


def _total(parts: list[Floats]) -> np.longdouble:
    """Return the sum of all entries, in a wider format where there is one."""
    return np.longdouble(sum(np.sum(p, dtype=np.longdouble) for p in parts))
