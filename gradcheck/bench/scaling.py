"""What every method takes on every family of networks as they grow: one measurement a row."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from gradcheck.bench.clock import timed
from gradcheck.bench.families import FAMILIES, size
from gradcheck.bench.methods import METHODS, Method, of_target
from gradcheck.bench.model import Model, model
from gradcheck.errors import GradcheckError, UnknownName

#: The sizes that are asked for; networks have about so many parameters.
SIZES = (10, 30, 100, 300, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)

#: Frameworks measured on the same networks unless targets are named.
FRAMEWORKS = ("torch", "jax-jit", "autograd", "sklearn")

#: Memory is measured of calls that take at most so many seconds: tracing allocations slows Python down.
MOST_TRACED = 20.0


@dataclass(frozen=True, slots=True)
class Job:
    """A measurement to be made.

    Args:
        family: of `FAMILIES`.
        size: parameters asked for.
        method: of `METHODS`, or the name of a target.
        seconds: to spend on it, about.
    """

    family: str
    size: int
    method: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """What one method takes on one network.

    Args:
        family, method: names.
        asked: the size asked for.
        n: parameters.
        seconds: of the whole gradient (or value), median.
        low, high: quartiles.
        entries: derivatives that were computed in a call; fewer than n where the rest is said by proportion.
        runs: calls.
        setup: seconds to make it ready: compiling, copying to the framework.
        operations: counted floating-point operations.
        bytes: the most memory that a call takes.
        exact: whether these are all bytes, not what the process grew by.
        reason: why there is no time, if there is none.
        stopped: whether this measurement was stopped because it took too long; larger networks are then not tried.
    """

    family: str
    method: str
    asked: int
    n: int
    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    entries: int = 0
    runs: int = 0
    setup: float | None = None
    operations: int | None = None
    bytes: int | None = None
    exact: bool = True
    reason: str = ""
    stopped: bool = False

    @property
    def whole(self) -> bool:
        """Whether every derivative was computed."""
        return self.entries == self.n

    def as_data(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def method(name: str) -> Method:
    """Return a method by its name; every other name is a target's."""
    return METHODS[name] if name in METHODS else of_target(name)


@lru_cache(maxsize=2)
def _counted(family: str, size_: int) -> Model:
    """Return the work of a network, which depends on its shapes only: methods on the same network share it."""
    return model(*FAMILIES[family].network(size_))


def measure(job: Job) -> Row:
    """Return the row of a job; what a method cannot do becomes a row with the reason.

    Raises:
        UnknownName: a family that does not exist.
    """
    if job.family not in FAMILIES:
        raise UnknownName("family", job.family, FAMILIES)
    graph, values = FAMILIES[job.family].network(job.size)
    n = size(graph)
    way = method(job.method)
    try:
        work = _counted(job.family, job.size)
        start = time.perf_counter()
        ready = way.prepare(graph, values, work, job.seconds)
        setup = time.perf_counter() - start
        found = timed(ready.call, job.seconds if ready.repeats else 0.0)
        peak = ready.peak(ready.call) if found.median <= MOST_TRACED and ready.repeats else None
    except (GradcheckError, MemoryError) as error:
        return Row(job.family, job.method, job.size, n, reason=str(error) or type(error).__name__)
    except Exception as error:  # foreign code: whatever goes wrong in it
        if job.method in METHODS:
            raise
        return Row(job.family, job.method, job.size, n, reason=f"{type(error).__name__}: {error}"[:300])
    share = n / ready.entries
    return Row(
        job.family, job.method, job.size, n, found.median * share, found.low * share, found.high * share,
        ready.entries, found.runs, setup, ready.operations, peak, ready.exact,
    )  # fmt: skip


def row(data: Mapping[str, Any]) -> Row:
    """Return the row of plain data."""
    return Row(**data)
