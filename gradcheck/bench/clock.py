"""Time and memory of calls: medians, paired ratios of runs that take turns, and the most memory that a call takes."""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Call = Callable[[], Any]

#: A batch of calls that is timed as one takes at least so long.
LEAST = 2e-3


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long a call takes.

    Args:
        median: of the batches.
        low, high: quartiles.
        runs: calls in all.
    """

    median: float
    low: float
    high: float
    runs: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """One call's time over another's.

    Args:
        median: of the ratios of neighbouring batches.
        low, high: quartiles of these ratios.
        seconds: of the first call, median.
        other: of the second call, median.
        runs: how many pairs there were.
    """

    median: float
    low: float
    high: float
    seconds: float
    other: float
    runs: int


def timed(call: Call, seconds: float, *, least: int = 3) -> Seconds:
    """Return how long `call` takes: batches for about `seconds`, but at least `least` of them.

    A call that takes longer than five times `seconds` is not repeated: the first one counts.
    """
    first = _once(call)
    if first > 5 * seconds:
        return Seconds(first, first, first, 1)
    count = max(1, int(LEAST / max(_batch(call, 1), 1e-9)))
    times: list[float] = []
    end = time.perf_counter() + seconds
    with quiet():
        while time.perf_counter() < end or len(times) < least:
            times.append(_batch(call, count))
    low, middle, high = statistics.quantiles(times, n=4)
    return Seconds(middle, low, high, count * len(times))


def paired(call: Call, other: Call, seconds: float, *, least: int = 5) -> Ratio:
    """Return the time of `call` over that of `other`; which of the two is first takes turns."""
    other(), call()
    count = max(1, int(LEAST / max(_batch(other, 3), 1e-9)))
    ratios: list[float] = []
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    with quiet():
        while time.perf_counter() < end or len(ratios) < least:
            if len(ratios) % 2:
                a, b = _batch(call, count), _batch(other, count)
            else:
                b, a = _batch(other, count), _batch(call, count)
            ratios.append(a / b)
            times[0].append(a)
            times[1].append(b)
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Ratio(middle, low, high, statistics.median(times[0]), statistics.median(times[1]), len(ratios))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the collector of garbage out of a measurement."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _once(call: Call) -> float:
    with quiet():
        return _batch(call, 1)


def _batch(call: Call, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def allocated(call: Call) -> int:
    """Return the most bytes that Python and NumPy hold during a call beyond what they held before: exact."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = call()
        peak = tracemalloc.get_traced_memory()[1]
        del kept
        return peak
    finally:
        tracemalloc.stop()


def resident(call: Call) -> int | None:
    """Return by how much the process's memory grew at most during a call, to a page; None where the system does not say.

    It sees libraries that do not tell Python what they allocate, and misses what such a library had kept from before.
    """
    if not sys.platform.startswith("linux"):
        return None
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark starts anew
    except (OSError, AttributeError):
        return None
    before = _status("VmRSS")
    kept = call()
    found = _status("VmHWM") - before
    del kept
    return max(0, found)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(x.split()[1]) * 1024 for x in lines if x.startswith(name))
