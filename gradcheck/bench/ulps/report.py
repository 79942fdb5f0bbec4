"""The accuracy of targets: every operation in every format, and what they give at kinks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from gradcheck.bench.machine import machine
from gradcheck.bench.ulps import entries, specimens
from gradcheck.bench.ulps.conventions import Cell, conventions
from gradcheck.bench.ulps.entries import ONE, TWO, Memory, variants
from gradcheck.bench.ulps.row import Row
from gradcheck.errors import GradcheckError
from gradcheck.foreign import text_of
from gradcheck.foreign.gate import description_of
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Description

SCHEMA = "gradcheck-accuracy/1"
DTYPES = ("float64", "float32", "bfloat16", "float16")

#: For so many points of a function of entries, a sample of another operation gets one point.
POINTS_A_SAMPLE = 2000
Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured.

    Args:
        dtypes: formats; a target is measured in those that it has.
        ops: shell patterns of operations.
        points: of each function of entries, where not all numbers are tried.
        seed: of the points.
        conventions: whether kinks are looked at.
    """

    dtypes: tuple[str, ...] = DTYPES
    ops: tuple[str, ...] = ("*",)
    points: int = 20_000
    seed: int = 0
    conventions: bool = True

    def chosen(self) -> list[Op]:
        """Return the operations that are wanted."""
        return [op for op in registry.values() if any(fnmatchcase(op.name, p) for p in self.ops)]


@dataclass(frozen=True, slots=True)
class Job:
    """One target, format and operation."""

    d: Description
    dtype: str
    op: Op


def jobs(described: Iterable[Description], settings: Settings) -> Iterator[Job]:
    """Yield the jobs; targets take turns, so that exact results need not be kept for long."""
    described = list(described)
    for dtype in settings.dtypes:
        for op in settings.chosen():
            for d in described:
                if dtype in (*d.dtypes, *d.unjudged):
                    yield Job(d, dtype, op)


def measure(
    described: Iterable[Description], settings: Settings, *, told: Told = lambda label, k, n: None,
    latest: list[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the accuracy of targets as plain data, in the format `SCHEMA`.

    Args:
        described: the targets.
        settings: what is measured.
        told: is called with a label, the number of this job, and how many there are.
        latest: what there is so far is added to it when the work is interrupted.
    """
    described, start = list(described), time.perf_counter()
    rows: list[Row] = []
    skipped: list[dict[str, str]] = []
    try:
        _measure_all(list(jobs(described, settings)), settings, told, rows, skipped)
    except KeyboardInterrupt:
        if latest is not None:
            latest.append(as_data(described, settings, rows, [], skipped, time.perf_counter() - start))
        raise
    names = [op.name for op in settings.chosen()]
    cells = [c for d in described for c in conventions(d, d.dtypes[0], names)] if settings.conventions else []
    return as_data(described, settings, rows, cells, skipped, time.perf_counter() - start)


def _measure_all(todo: list[Job], settings: Settings, told: Told, rows: list[Row], skipped: list[dict[str, str]]) -> None:
    memory, last = Memory(), ("", "")
    for k, job in enumerate(todo):
        told(f"{job.d.name} {job.dtype} {job.op.name}", k, len(todo))
        if (job.dtype, job.op.name) != last:
            memory, last = Memory(), (job.dtype, job.op.name)
        try:
            rows += _measured(job, settings, memory)
        except Exception as error:  # a target may fail in any way; the others are measured still
            reason = text_of(error) if isinstance(error, GradcheckError) else description_of(error)
            skipped.append({"target": job.d.name, "dtype": job.dtype, "op": job.op.name, "reason": reason.partition("\n")[0][:200]})


def _measured(job: Job, settings: Settings, memory: Memory) -> list[Row]:
    common: dict[str, Any] = {"seed": settings.seed, "memory": memory}
    if job.op.name not in (*ONE, *TWO):
        return specimens.measured(job.d, job.dtype, job.op, count=max(2, settings.points // POINTS_A_SAMPLE), **common)
    found: list[Row] = []
    for attributes in variants(job.op):
        found += entries.measured(job.d, job.dtype, job.op, attributes, count=settings.points, **common)
    return found


def as_data(
    described: Iterable[Description], settings: Settings, rows: Iterable[Row], cells: Iterable[Cell],
    skipped: list[dict[str, str]], seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """Return results as plain data."""
    return {
        "schema": SCHEMA,
        "machine": machine(),
        "settings": {
            "dtypes": list(settings.dtypes), "ops": list(settings.ops), "points": settings.points, "seed": settings.seed,
        },
        "targets": [_target(d) for d in described],
        "seconds": round(seconds, 1),
        "rows": [r.to_dict() for r in rows],
        "conventions": [c.to_dict() for c in cells],
        "skipped": skipped,
    }  # fmt: skip


def _target(d: Description) -> Mapping[str, Any]:
    return {"name": d.name, "version": d.version, "flushes": d.flushes}
