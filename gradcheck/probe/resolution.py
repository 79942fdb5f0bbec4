"""The smallest error that a set of looks would have shown."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from gradcheck.probe.look import MARGIN, Look

Floats = npt.NDArray[np.float64]


def resolution(looks: list[Look], noise: list[Floats], bars: list[Floats]) -> tuple[float, float]:
    """Return the smallest error in a single entry that the looks would have shown: relative, and absolute at zeros.

    For each entry the best look counts, and of all entries the worst. An entry within the noise of the gradient counts
    as zero.

    Args:
        looks: along directions.
        noise: of the gradient, entry by entry.
        bars: error bars of the entries, where each was compared by itself; else none.
    """
    if not looks:
        return math.inf, math.inf
    relative, absolute = 0.0, 0.0
    for k in range(len(looks[0].ts)):
        best_relative = np.full(looks[0].ts[k].shape, np.inf)
        best_absolute = MARGIN * bars[k] if bars else np.full(looks[0].ts[k].shape, np.inf)
        with np.errstate(all="ignore"):
            for s in looks:
                if bars:
                    known = np.abs(s.gradients[k]) > (4 * noise[k] if noise else 0)
                    best_relative = np.fmin(best_relative, np.where(known, MARGIN * bars[k] / np.abs(s.gradients[k]), np.inf))
                bar = MARGIN * s.residual.error + (abs(s.residual.right - s.residual.left) if s.residual.kink else 0.0)
                seen = bar / np.abs(s.ts[k])
                best_absolute = np.fmin(best_absolute, np.where(s.ts[k] != 0, seen, np.inf))
                known = np.abs(s.gradients[k]) > (4 * noise[k] if noise else 0)
                share = np.where(known, seen / np.abs(s.gradients[k]), np.inf)
                best_relative = np.fmin(best_relative, np.where(s.ts[k] != 0, share, np.inf))
        zero = np.isinf(best_relative)
        relative = max(relative, float(np.max(best_relative[~zero], initial=0.0)))
        absolute = max(absolute, float(np.max(best_absolute[zero], initial=0.0)))
    return relative, absolute
