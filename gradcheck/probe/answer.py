"""One question answered: the first derivative, the second where it is asked for, and both beside the given inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np

from gradcheck.probe.examination.examination import Examination
from gradcheck.probe.examination.report import Explored, Report
from gradcheck.probe.explore.arguments import arguments_of
from gradcheck.probe.explore.domain import Domain, with_symmetric
from gradcheck.probe.explore.explore import Explorer
from gradcheck.probe.explore.snippet import Reproduction
from gradcheck.probe.question import Question
from gradcheck.probe.subject.subject import Subject


def answer(question: Question) -> Report:
    """Return the report on a function and its derivative; on submodules it says nothing."""
    start = monotonic()
    subject = question.subject(question.arguments)
    subject.meter = question.meter()
    flat = arguments_of(question.arguments, question.adapter)
    domain = with_symmetric(question.domain_of(flat), flat.paths, subject.symmetric)
    reproduction = Reproduction(question.f, question.given, subject.owner, flat, question.options, question.domain)
    first, second, explored = Examination(subject, question.seed, question.accuracy), None, None
    with np.errstate(all="ignore"):
        if subject.pull is not None:
            first.run()
        if question.second and not first.findings:
            second = _curvature(question, subject)
        if question.explore:
            explored = _explored(question, first, second, reproduction, domain)
        report = first.report(monotonic() - start)
        if second is not None:
            report = second.report(report.seconds).after(report if subject.pull is not None else None)
    code = reproduction.code(flat.arrays) if report.findings else ""
    return replace(report, explored=explored, findings=tuple(x if x.snippet else replace(x, snippet=code) for x in report.findings))


def _curvature(question: Question, subject: Subject) -> Examination:
    """Return the examination of the second derivative, out of the same budget."""
    above = question.above(subject, question.arguments)
    above.meter = subject.meter
    examination = Examination(above, question.seed, question.accuracy)
    examination.run()
    return examination


def _explored(question: Question, first: Examination, second: Examination | None, reproduction: Reproduction, domain: Domain) -> Explored | None:
    """Explore the first derivative, or the second where there is no first one; add what is found to its findings."""

    def beyond(at: tuple[Any, ...]) -> Subject:
        return question.above(question.subject(at), at)

    ways: tuple[tuple[Examination | None, Callable[[tuple[Any, ...]], Subject]], ...] = ((first, question.subject), (second, beyond))
    for examination, make in ways:
        if examination is None or examination.instrument is None or examination.findings:
            continue
        explorer = Explorer(
            make, reproduction.arguments, examination.instrument, question.seed, question.accuracy, reproduction=reproduction,
            domain=domain, shapes=question.explore == "shapes",
        )  # fmt: skip
        explorer.progress = question.progress or explorer.progress
        explored = explorer.run()
        examination.findings += explorer.findings
        examination.remarks += explorer.remarks
        return explored
    return None
