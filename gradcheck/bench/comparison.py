"""What the check of a right derivative takes by every checker as inputs grow: ratios of one run, each entry stopped at a limit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradcheck.bench.check_cost import FUNCTIONS
from gradcheck.bench.checkers import CHECKERS, Problem, checker
from gradcheck.bench.machine import machine
from gradcheck.bench.worker import Worker
from gradcheck.errors import MeasurementFailed, MeasurementStopped

SCHEMA = "gradcheck-checkers/1"
#: Entries of the inputs.
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
#: The checkers that are compared, ours first: the others are told as multiples of it.
COMPARED = ("gradcheck", "torch", "torch-fast", "jax", "scipy")
#: Seconds after which an entry is stopped: a minute is more than anybody waits for a test of one function.
LIMIT = 60.0
#: Calls of which the median is taken, where they take less than `SHORT` seconds: single calls vary by some tenths.
CALLS, SHORT = 3, 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the table.

    Args:
        function: what was checked.
        entries: of its inputs.
        checker: by whom.
        seconds: of a check; None where there is no time.
        evaluations: of f in it.
        verdict: of the checker.
        reason: why there is no time.
    """

    function: str
    entries: int
    checker: str
    seconds: float | None = None
    evaluations: int = 0
    verdict: str = ""
    reason: str = ""


def loss(rng: np.random.Generator, n: int) -> Problem:
    """Return a logistic loss of n parameters, one number."""
    signs = rng.choice([-1.0, 1.0], n)
    return Problem(
        lambda x: np.sum(np.logaddexp(0.0, -signs * x)), lambda g, x: (-g * signs / (1 + np.exp(signs * x)),), (rng.normal(size=n),)
    )


PROBLEMS = {"loss": loss, "elementwise": FUNCTIONS["elementwise"]}


def measured(function: str, n: int, name: str, seed: int) -> Row:
    """Return the time of a check; everything was imported by one at ten entries.

    Args:
        function: of `PROBLEMS`.
        n: entries.
        name: of the checker.
        seed: of the inputs.
    """
    _asked(function, 10, name, seed)
    rows = [_asked(function, n, name, seed)]
    while len(rows) < CALLS and rows[0].seconds is not None and rows[0].seconds < SHORT:
        rows.append(_asked(function, n, name, seed))
    times = [r.seconds for r in rows if r.seconds is not None]
    first = rows[0]
    return Row(function, n, name, statistics.median(times) if times else None, first.evaluations, first.verdict, first.reason)


def _asked(function: str, n: int, name: str, seed: int) -> Row:
    problem = PROBLEMS[function](np.random.default_rng(seed), n)
    start = time.perf_counter()
    answer = checker(name).examine(problem)
    seconds = time.perf_counter() - start
    if answer.verdict == "inconclusive" and not problem.evaluations > 1:  # it declined
        return Row(function, n, name, reason=answer.message)
    return Row(function, n, name, seconds, problem.evaluations, answer.verdict, answer.message if answer.verdict == "error" else "")


def compare(worker: Worker, sizes: Sequence[int] = SIZES, names: Sequence[str] = COMPARED, *, seed: int = 0) -> Iterator[Row]:
    """Yield the entries of the table, a size after the other; what was stopped is not asked at larger sizes.

    Args:
        worker: that measures, and stops what takes longer than its limit.
        sizes: numbers of entries.
        names: of checkers.
        seed: of inputs.
    """
    stopped: dict[tuple[str, str], str] = {}
    for n in sizes:
        for function in PROBLEMS:
            for name in names:
                package = CHECKERS[name].package
                reason = stopped.get((function, name), "") if find_spec(package) else f"{package} is not installed"
                row = Row(function, n, name, reason=reason) if reason else _of_worker(worker, function, n, name, seed)
                if row.seconds is None:
                    stopped[function, name] = row.reason
                yield row


def _of_worker(worker: Worker, function: str, n: int, name: str, seed: int) -> Row:
    try:
        row: Row = worker(measured, function, n, name, seed)
    except MeasurementStopped:
        return Row(function, n, name, reason=f"over {worker.limit:g} s")
    except MeasurementFailed as error:
        return Row(function, n, name, reason=str(error))
    return row


def as_data(rows: Iterable[Row], limit: float = LIMIT) -> dict[str, Any]:
    """Return plain data for JSON, with the ratio to our own check of the same function and size."""
    found = list(rows)
    own = {(r.function, r.entries): r.seconds for r in found if r.checker == COMPARED[0]}

    def ratio(r: Row) -> float | None:
        ours = own.get((r.function, r.entries))
        return None if r.seconds is None or not ours else r.seconds / ours

    return {"schema": SCHEMA, "machine": machine(), "limit": limit, "rows": [{**asdict(r), "ratio": ratio(r)} for r in found]}
