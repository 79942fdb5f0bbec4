"""An operation without a rule, judged alone: what it handed on beside differences of its own value, in float64.

Along a direction t the number sum g (F(x + h t) - F(x - h t)) / 2h is extrapolated to h = 0 (Ridders, Advances in Engineering Software 4, 1982); the table
says how far it can be believed. The run is allowed half the digits of its format, which is what a stable kernel keeps up to a condition of 1 / sqrt(u).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: Directions: a wrong derivative is hidden from one with probability zero; two more are for bad luck with kinks.
DIRECTIONS = 3
#: Steps of the table, each half of the last, from a 2^-5 of the operands: the last one is 2^-16 of them, where float64 still has 20 bits of the difference.
STEPS = 12


@dataclass(frozen=True, slots=True)
class Alone:
    """One operation as it was called.

    Args:
        value: its results in float64 for operands in float64.
        operands: that are differentiated.
        results: of the run.
        cotangents: what came back to each result; None for nothing.
        handed: what it handed on to each operand.
        u: unit roundoff of the run.
    """

    value: Callable[[Sequence[Array]], Sequence[Array]]
    operands: tuple[Array, ...]
    results: tuple[Array, ...]
    cotangents: tuple[Array | None, ...]
    handed: tuple[Array, ...]
    u: float

    def verdict(self) -> str:
        """Return "" where what was handed on is right by differences, else why that cannot be said."""
        return self._judged()[1]

    def is_contradicted(self) -> bool:
        """Answer whether differences converge to another number than what was handed on."""
        return self._judged()[0]

    def _judged(self) -> tuple[bool, str]:
        try:
            return self._compared()
        except Exception as error:  # whatever a kernel does with float64
            return False, f"it cannot be called in float64 ({type(error).__name__})"

    def _compared(self) -> tuple[bool, str]:
        again = self.value(self.operands)
        for old, new in zip(self.results, again, strict=True):
            if not np.allclose(old, new, rtol=math.sqrt(self.u), atol=math.sqrt(self.u) * float(np.max(np.abs(old), initial=0.0))):
                return False, "it gives other numbers in float64, or at random"
        rng = np.random.default_rng(0)
        for _ in range(DIRECTIONS):
            directions = [_direction(rng, x) for x in self.operands]
            slope, error = self._slope(directions)
            terms = [c * t for c, t in zip(self.handed, directions, strict=True)]
            allowed = math.sqrt(self.u) * sum(float(np.sum(np.abs(x))) for x in terms)
            found = sum(float(np.sum(x)) for x in terms)
            if not error <= max(allowed, math.sqrt(self.u) * abs(slope)):
                return False, "its differences do not converge"
            if not abs(found - slope) <= allowed + error:
                return True, f"its differences give {slope:.6g} along a direction where it handed on {found:.6g}"
        return False, ""

    def _slope(self, directions: Sequence[Array]) -> tuple[float, float]:
        """Return the derivative along a direction, and how far it can be off."""
        row: list[float] = []
        best, error = math.nan, math.inf
        for k in range(STEPS):
            h = 2.0 ** -(5 + k)
            new = [(self._along(directions, h) - self._along(directions, -h)) / (2 * h)]
            for j, old in enumerate(row):
                new.append(new[j] + (new[j] - old) / (4.0 ** (j + 1) - 1))
                off = max(abs(new[j + 1] - new[j]), abs(new[j + 1] - old))
                if off <= error:
                    best, error = new[j + 1], off
            row = new
        return best, error

    def _along(self, directions: Sequence[Array], h: float) -> float:
        moved = self.value([x + h * t for x, t in zip(self.operands, directions, strict=True)])
        pairs = zip(self.cotangents, moved, strict=True)
        return sum(float(np.sum(np.asarray(g, np.float64) * y)) for g, y in pairs if g is not None)


def _size(x: Array) -> float:
    """Return the size of an operand's entries, by which it is moved."""
    return float(np.sqrt(np.mean(np.square(x)))) if x.size and np.any(x) else 1.0


def _direction(rng: np.random.Generator, x: Array) -> Array:
    """Return where an operand is moved; a symmetric matrix stays one, of which functions read one half as they like."""
    t = rng.standard_normal(x.shape) * _size(x)
    symmetric = x.ndim > 1 and x.shape[-1] == x.shape[-2] and np.array_equal(x, np.swapaxes(x, -1, -2))
    return (t + np.swapaxes(t, -1, -2)) / 2 if symmetric else t
