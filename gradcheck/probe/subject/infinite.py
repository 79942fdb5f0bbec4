"""NaN or infinity in a gradient: a fault where the derivative is finite, right where it is not."""

from __future__ import annotations

from itertools import pairwise

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.probe.subject.directions import scale
from gradcheck.probe.subject.subject import Arrays, Subject
from gradcheck.probe.subject.vector import Vector

Floats = npt.NDArray[np.float64]

#: One-sided steps, relative to the entry: a finite slope has settled over them, an infinite one grows to the end.
STEPS = tuple(2.0 ** (-5 * k) for k in range(1, 8))
#: A settled quotient changes less from step to step, which is 32 times as short, by at least this factor: that of x^p by 32^(p - 1), of x log x,
#: whose slope is infinite, not at all.
SETTLING = 2.0


def finite_slope(subject: Subject, gs: Vector, base: Arrays, k: int, index: tuple[int, ...]) -> float | None:
    """Return the slope of <g, f> in one entry where it exists on every side on which f is defined, else None.

    Where the two sides differ, the right one is returned. A slope that the format has no number for is not finite in it.
    """
    x = abs(float(np.asarray(subject.point[k], np.float64)[index]))
    ts = Vector.unit(subject.point, k, index, x if x > 0 else scale(subject.point[k]))
    slopes = [_slope(subject, gs, base, ts, sign) for sign in (1.0, -1.0)]
    defined = [s for s in slopes if s is not None]
    if not defined or any(not np.isfinite(s) for s in defined):
        return None
    slope = defined[0] / float(ts[k][index])
    return slope if abs(slope) <= float(ml_dtypes.finfo(subject.point[k].dtype).max) else None


def _slope(subject: Subject, gs: Vector, base: Arrays, ts: Vector, sign: float) -> float | None:
    """Return the one-sided slope along a direction; infinity where it does not settle, None where f is not defined."""
    quotients, size = [], 0.0
    for h in STEPS:
        ys = subject.value(ts.beside(subject.point, sign * h))
        if not all(np.isfinite(np.asarray(y, np.float64)).all() for y in ys):
            continue
        quotients.append((h, gs.dot(np.asarray(y, np.float64) - b for y, b in zip(ys, base, strict=True)) / (sign * h)))
        size = max(size, gs.times([np.asarray(y, np.float64) for y in ys]).total)
    if len(quotients) < 4:
        return None
    changes = [(h, abs(b - a)) for (_, a), (h, b) in pairwise(quotients)]
    noise = [4 * subject.call_eps * size / h for h, _ in changes]
    settled = all(b <= a / SETTLING or b <= n for ((_, a), (_, b)), n in zip(pairwise(changes[1:]), noise[2:], strict=True))
    best = min(range(len(changes)), key=lambda j: changes[j][1] + noise[j])
    return quotients[best + 1][1] if settled else float("inf")
