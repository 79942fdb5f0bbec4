"""The project's own check."""

from __future__ import annotations

from gradcheck.bench.checkers.problem import Answer, Problem
from gradcheck.probe.check import check


def examine(problem: Problem, *, mode: str = "", explore: bool = False, budget: int | str | None = None) -> Answer:
    """Ask `gradcheck.check`; with `explore` it varies the inputs as well, shapes too: the cases are operations."""
    report = check(problem.call, problem.inputs, vjp=problem.vjp, seed=problem.seed, explore="shapes" if explore else False, budget=budget)
    faults = [f for f in report.findings if f.severity == "fault"]
    message = "; ".join([f.message for f in faults[:1]] or list(report.reasons))
    kinds = tuple(f.mistake.kind for f in faults if f.mistake is not None)
    return Answer(report.verdict, tuple(f.diagnosis for f in faults if f.diagnosis), message[:300], kinds)
