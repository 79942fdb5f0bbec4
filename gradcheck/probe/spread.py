"""How several gradients of nearby points differ, entry by entry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def steady(values: list[Floats], rough: Floats) -> npt.NDArray[np.bool_]:
    """Answer, entry by entry, whether values rise or fall all along, by more than their third difference explains."""
    steps = np.diff(np.stack(values), axis=0)
    alike = np.abs(np.sum(np.sign(steps), axis=0)) == len(steps)
    return np.asarray(alike & (np.min(np.abs(steps), axis=0) > rough / 8))


def largest(parts: list[Floats]) -> Floats:
    """Return the largest of several, entry by entry; what is not finite does not count."""
    return np.asarray(np.max([np.where(np.isfinite(p), p, 0) for p in parts], axis=0))
