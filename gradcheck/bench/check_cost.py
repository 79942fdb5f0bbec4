"""What a passing check costs as inputs grow: seconds and evaluations of f, beside torch's slow gradcheck in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradcheck.bench.checkers import Problem, checker
from gradcheck.probe.check import check

#: Sizes at which torch is measured too: beyond, its Jacobians take gigabytes.
SIDE_BY_SIDE = (100, 1_000, 10_000)
ALONE = (10, 100_000, 1_000_000)
#: Entries of the largest Jacobian that torch is asked for here.
MOST_ENTRIES = 10**8
WIDTH = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement.

    Args:
        function: what was checked.
        entries: of all inputs together.
        arrays: how many inputs that is.
        verdict: of gradcheck.
        seconds, evaluations: of gradcheck.
        torch_seconds, torch_evaluations: of torch's slow gradcheck; None where it was not asked.
    """

    function: str
    entries: int
    arrays: int
    verdict: str
    seconds: float
    evaluations: int
    torch_seconds: float | None = None
    torch_evaluations: int | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as long torch takes."""
        return None if self.torch_seconds is None else self.torch_seconds / self.seconds


def costs(sizes: Sequence[int] | None = None, *, seed: int = 0) -> Iterator[Cost]:
    """Yield the costs of an elementwise function, a dense layer and, where torch is installed, a torch function.

    Args:
        sizes: numbers of entries; unless given, those of `SIDE_BY_SIDE` and `ALONE`.
        seed: of inputs and directions.
    """
    for n in sorted({*SIDE_BY_SIDE, *ALONE}) if sizes is None else sizes:
        for name, made in FUNCTIONS.items():
            problem = made(np.random.default_rng(seed), n)
            yield _cost(name, problem, find_spec("torch") is not None and n in SIDE_BY_SIDE)
        if find_spec("torch"):
            yield _torch_function(n, seed)


def _elementwise(rng: np.random.Generator, n: int) -> Problem:
    return Problem(np.tanh, lambda g, x: (g * (1 - np.tanh(x) ** 2),), (rng.normal(size=n),))


def _dense(rng: np.random.Generator, n: int) -> Problem:
    """Return y = x w + b with about n weights, ten outputs and a batch of four."""
    k = max(1, n // WIDTH)
    inputs = (rng.normal(size=(4, k)), rng.normal(size=(k, WIDTH)), rng.normal(size=WIDTH))
    return Problem(lambda x, w, b: x @ w + b, lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(axis=0)), inputs)


FUNCTIONS: Mapping[str, Callable[[np.random.Generator, int], Problem]] = {"elementwise": _elementwise, "dense layer": _dense}


def _cost(name: str, problem: Problem, with_torch: bool) -> Cost:
    entries, arrays = sum(x.size for x in problem.floats), len(problem.floats)
    seconds, report = _timed(lambda: check(problem.call, problem.inputs, vjp=problem.vjp))
    evaluations = problem.evaluations
    if not with_torch:
        return Cost(name, entries, arrays, report.verdict, seconds, evaluations)
    other = Problem(problem.f, problem.vjp, problem.inputs)
    theirs, answer = _timed(lambda: checker("torch").examine(other, most=MOST_ENTRIES))
    if answer.verdict != "pass":  # too large, or no answer: no time to compare with
        return Cost(name, entries, arrays, report.verdict, seconds, evaluations)
    return Cost(name, entries, arrays, report.verdict, seconds, evaluations, theirs, other.evaluations)


def _torch_function(n: int, seed: int) -> Cost:
    from gradcheck.bench.checkers.torch import own_autodiff

    ask, theirs = own_autodiff(n, seed)
    seconds, report = _timed(ask)
    if n not in SIDE_BY_SIDE or n**2 > MOST_ENTRIES:
        return Cost("torch function", n, 1, report.verdict, seconds, report.evaluations)
    torch_seconds, count = _timed(theirs)
    return Cost("torch function", n, 1, report.verdict, seconds, report.evaluations, torch_seconds, count)


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = run()
    return time.perf_counter() - start, found


def as_data(rows: Iterable[Cost]) -> dict[str, Any]:
    """Return plain data for JSON."""
    names = Cost.__slots__
    return {"schema": "gradcheck-check-cost/1", "rows": [{k: getattr(r, k) for k in names} | {"ratio": r.ratio} for r in rows]}
