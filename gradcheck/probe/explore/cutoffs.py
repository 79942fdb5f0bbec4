"""Cut-offs of a derivative, found by bisection: where it jumps, both sides are worth a look."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from gradcheck.errors import OutOfBudget
from gradcheck.probe.explore.glance import outputs
from gradcheck.probe.explore.mutation import Array, Arrays, Mutation, floats, one
from gradcheck.probe.explore.outskirts import HIGHEST, LOWEST
from gradcheck.probe.subject.subject import Subject

#: Entry -> the doubted derivative in it, or None where f or the derivative refuses.
Slope = Callable[[float], float | None]

#: Magnitudes of the range that is explored, between which cut-offs are looked for, with both signs.
MAGNITUDES = (
    LOWEST, 1e-16, 1e-8, 1e-4, 1e-2, 0.1, 0.3, 1.0, 2.0, 3.0, 6.0, 12.0, 18.0, 37.0, 90.0, 120.0, 360.0, 750.0, 1e3, 1e5,
    1e8, 1e12, 1e16, 1e20, HIGHEST,
)  # fmt: skip
MOST_CUTOFFS = 5
HALVINGS = 24
#: A relative change that stays after bisection is a jump: what is left are some millionths of the entry, over which no smooth slope changes its
#: first digit.
JUMP = 0.1


def cutoffs(k: int, path: str, slope: Slope) -> Iterator[Mutation]:
    """Yield mutations that put an entry of the k-th array on both sides of a jump of the doubted derivative.

    Args:
        k: position of the array.
        path: its name.
        slope: the derivative in its first entry as a function of that entry.
    """
    points = sorted(s * m for m in MAGNITUDES for s in (1, -1))
    seen = [(t, s) for t in points if (s := slope(t)) is not None]
    steps = sorted(pairwise(seen), key=lambda pair: -_change(pair[0][1], pair[1][1]))
    for low, high in steps[:MOST_CUTOFFS]:
        found = _bisected(low, high, slope)
        if found is not None:
            for t in found:
                yield Mutation(f"{path}: an entry {t:.9g}, at a cut-off of the derivative", one(k, _first(t)))


def slope_of(subject_at: Callable[[Arrays], Subject | None], ordinary: Sequence[Array], k: int) -> Slope:
    """Return the doubted derivative in the first entry of an array as a function of that entry.

    Args:
        subject_at: arrays -> the function there; None where they lie outside.
        ordinary: the arrays.
        k: position of the array.
    """
    position = floats(ordinary).index(k)

    def slope(t: float) -> float | None:
        a = ordinary[k].copy()
        a.reshape(-1)[0] = t
        subject = subject_at([a if i == k else x for i, x in enumerate(ordinary)])
        if subject is None:
            return None
        try:
            found = subject.gradient([np.ones_like(y) for y in outputs(subject)], subject.point)[position]
        except OutOfBudget:
            raise
        except Exception:  # whatever the user's code raises there
            return None
        return None if found is None or np.shape(found) != a.shape else float(np.asarray(found).reshape(-1)[0])

    return slope


def _bisected(low: tuple[float, float], high: tuple[float, float], slope: Slope) -> tuple[float, float] | None:
    for _ in range(HALVINGS):
        t = _between(low[0], high[0])
        s = slope(t) if abs(t) >= LOWEST else None
        if s is None or not low[0] < t < high[0]:
            break
        low, high = (low, (t, s)) if _change(low[1], s) >= _change(s, high[1]) else ((t, s), high)
    return (low[0], high[0]) if _change(low[1], high[1]) > JUMP else None


def _between(a: float, b: float) -> float:
    """Return the geometric mean of two numbers of one sign, else the mean."""
    return math.copysign(math.sqrt(abs(a)) * math.sqrt(abs(b)), a) if a * b > 0 else (a + b) / 2


def _change(a: float, b: float) -> float:
    """Return how much two slopes differ: 2 if one is not finite, else relative to the larger."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return 2.0 if math.isfinite(a) != math.isfinite(b) else 0.0
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0


def _first(t: float) -> Callable[[Array, np.random.Generator], Array]:
    def change(a: Array, rng: np.random.Generator) -> Array:
        a.reshape(-1)[0] = t
        return a

    return change
