"""The examination: what check says of the right derivatives and of the mutants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gradcheck.probe.examination.report import Report
from tests.right.kinds.case import Case


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one derivative.

    Args:
        case: its case.
        mutant: which mutant it is; "" is the right one.
        verdict: "pass", "inconclusive", "fail", or "crash" where the check raised.
        message: the first finding, reason, or the exception.
        evaluations: of f.
        calls: of the derivative.
        seconds: spent.
        named: the kind of the mistake that was recognised, "" where none was; what several changes of a network explain is "explained".
    """

    case: Case
    mutant: str
    verdict: str
    message: str
    evaluations: int = 0
    calls: int = 0
    seconds: float = 0.0
    named: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the verdict is the one to be given."""
        return self.verdict == ("fail" if self.mutant else "pass")

    def __str__(self) -> str:
        return f"{self.case.name}{f' [{self.mutant}]' if self.mutant else ''}: {self.verdict}: {self.message}"


def said(case: Case, mutant: str = "", *, explore: bool = False) -> Said:
    """Return what check says of a derivative."""
    calls: list[str] = []
    try:
        report = case.check(mutant, calls, explore=explore)
    except Exception as error:  # a crash is a verdict of its own here
        return Said(case, mutant, "crash", f"{type(error).__name__}: {error}")
    faults = [f.message for f in report.findings if f.severity == "fault"]
    message = next(iter((*faults, *report.reasons, report.evidence)), "")
    return Said(case, mutant, str(report.verdict), message, report.evaluations, len(calls), report.seconds, _named(report))


def _named(report: Report) -> str:
    """Return what kind of mistake the first fault with a name has."""
    faults = [f for f in report.findings if f.severity == "fault"]
    kinds = [f.mistake.kind for f in faults if f.mistake is not None]
    told = [f.diagnosis for f in faults if f.diagnosis and not f.diagnosis.startswith("no single known mistake")]
    return next(iter((*kinds, *("explained" for _ in told))), "")


def of_right(cases: Iterable[Case], *, explore: bool = False) -> Iterator[Said]:
    """Yield what is said of right ones."""
    return (said(case, explore=explore) for case in cases)


def of_mutants(cases: Iterable[Case], *, explore: bool = False) -> Iterator[Said]:
    """Yield what is said of wrong ones."""
    return (said(case, name, explore=explore) for case in cases for name, _ in case.mutants)
