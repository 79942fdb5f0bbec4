"""The smallest errors that looks would have shown, entry by entry."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.vector import Vector

#: Relative errors of which a report says what share of the entries would have shown them.
LEVELS = (1e-2, 1e-3, 1e-6, 1e-9)

Floats = npt.NDArray[np.float64]
#: A direction, the doubted gradients, and the error bar along it.
Seen = tuple[Vector, Vector, float]


def resolution(seen: Sequence[Seen], noise: Sequence[Floats], bars: Sequence[Floats]) -> tuple[tuple[Floats, ...], float]:
    """Return the smallest relative error of each entry that would have been seen (NaN at zeros), and the smallest absolute one at zeros.

    For each entry the best look counts. An entry within the noise of the gradient counts as zero.

    Args:
        seen: the looks.
        noise: of the gradient, entry by entry.
        bars: error bars of the entries, where each was compared by itself; else none.
    """
    if not seen:
        return (), math.inf
    shares, absolute = [], 0.0
    for k, t in enumerate(seen[0][0]):
        least = MARGIN * bars[k] if bars else np.full(t.shape, np.inf)
        size = np.zeros(t.shape)
        with np.errstate(all="ignore"):
            for ts, v, bar in seen:
                least = np.fmin(least, np.where(ts[k] != 0, MARGIN * bar / np.abs(ts[k]), np.inf))
                size = np.fmax(size, np.abs(v[k]))
            known = size > (MARGIN * noise[k] if noise else 0)
            shares.append(np.where(known, least / size, np.nan))
        absolute = max(absolute, float(np.max(least[~known], initial=0.0)))
    return tuple(shares), absolute
