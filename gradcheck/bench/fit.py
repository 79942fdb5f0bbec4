"""Exponents of power laws with their confidence, and the sizes at which one method overtakes another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: Quantiles of Student's t at 0.975 for 1, 2, ... degrees of freedom (any table); 1.96 beyond.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)


@dataclass(frozen=True, slots=True)
class Exponent:
    """p of a law c n^p.

    Args:
        value: least squares of log time over log n.
        low, high: the interval of 95 % confidence.
        first, last: the sizes between which it was fitted.
        points: how many sizes.
    """

    value: float
    low: float
    high: float
    first: int
    last: int
    points: int


def exponent(sizes: Sequence[float], times: Sequence[float]) -> Exponent | None:
    """Return the exponent of times over sizes; None of fewer than three sizes, which leave nothing to judge it by.

    Args:
        sizes: positive, not all equal.
        times: positive, one a size.

    >>> found = exponent([10, 100, 1000], [0.1, 10.1, 990])
    >>> round(found.value, 2), found.low < 2 < found.high
    (2.0, True)
    """
    if len(set(sizes)) < 3:
        return None
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(times, float))
    d = x - x.mean()
    slope = float(d @ (y - y.mean()) / (d @ d))
    free = len(x) - 2
    residual = y - y.mean() - slope * d
    error = math.sqrt(float(residual @ residual) / free / float(d @ d))
    t = _STUDENT[free - 1] if free <= len(_STUDENT) else 1.96
    return Exponent(slope, slope - t * error, slope + t * error, int(min(sizes)), int(max(sizes)), len(x))


def crossover(slow: dict[int, float], fast: dict[int, float]) -> float | None:
    """Return the size from which on `fast` takes less time than `slow`.

    Between two sizes both times are taken to be power laws. 0 if `fast` is ahead at every common size, None if it is
    behind at the largest.

    Args:
        slow: size -> seconds.
        fast: size -> seconds.

    >>> round(crossover({10: 1.0, 1000: 100.0}, {10: 10.0, 1000: 10.0}))
    100
    """
    common = sorted(set(slow) & set(fast))
    if not common or fast[common[-1]] >= slow[common[-1]]:
        return None
    gaps = {n: math.log(fast[n] / slow[n]) for n in common}
    for a, b in reversed(list(pairwise(common))):
        if gaps[a] >= 0 > gaps[b]:
            share = gaps[a] / (gaps[a] - gaps[b])
            return math.exp(math.log(a) + share * (math.log(b) - math.log(a)))
    return 0.0
