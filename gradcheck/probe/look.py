"""A look along a direction: what was found there, and whether it is a mismatch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradcheck.probe.quotient import Residual

Floats = npt.NDArray[np.float64]

#: Error bars within which two numbers count as equal.
MARGIN = 5.0


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

    @property
    def moves(self) -> bool:
        """Whether f changes to one side by more than could be noise: then a slope of zero was measured."""
        r = self.residual
        return max(abs(r.left), abs(r.right)) > 1e3 * MARGIN * r.error
