"""How many times as long one computation takes as another: runs that take turns, the median of their ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ratio:
    """One computation beside another.

    Args:
        ratio: median of the ratios of neighbouring runs.
        low, high: the quartiles of these ratios.
        seconds, beside: medians of the times of the one and of the other.
        runs: how many pairs there were.
    """

    ratio: float
    low: float
    high: float
    seconds: float
    beside: float
    runs: int

    def __str__(self) -> str:
        return f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"


def paired(run: Callable[[], Any], other: Callable[[], Any], *, seconds: float = 5.0) -> Ratio:
    """Return how many times as long `run` takes as `other`; which of the two is first takes turns.

    Args:
        run: the computation; it is run once before.
        other: the one beside.
        seconds: for all pairs, about; five pairs at least.
    """
    run(), other()
    times: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    enabled = gc.isenabled()
    gc.disable()
    try:
        while time.perf_counter() < end or len(times) < 5:
            if len(times) % 2:
                b = _seconds(other)
                times.append((_seconds(run), b))
            else:
                times.append((_seconds(run), _seconds(other)))
    finally:
        if enabled:
            gc.enable()
    low, middle, high = statistics.quantiles([a / b for a, b in times], n=4)
    a, b = (statistics.median(t) for t in zip(*times, strict=True))
    return Ratio(middle, low, high, a, b, len(times))


def _seconds(f: Callable[[], Any]) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start
