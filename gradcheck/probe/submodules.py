"""Which submodule is it? Each one is checked by itself, at the operands that it really saw."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from gradcheck.errors import GradcheckError
from gradcheck.probe.answer import answer
from gradcheck.probe.examination.report import Report
from gradcheck.probe.question import Question
from gradcheck.probe.subject.edge import called
from gradcheck.result.finding import Finding

#: Submodules that are checked; a network of more is searched from the outside in.
MOST_CHECKED = 60


def with_wrong_submodules(question: Question, report: Report) -> Report:
    """Return the report on a torch module that is wrong with the innermost submodules named whose own derivative is wrong.

    Args:
        question: what was asked.
        report: the answer; that on a function, or that is no fail, comes back as it is.
    """
    if report.verdict != "fail" or question.owner != "torch" or not hasattr(question.f, "named_modules"):
        return report
    try:
        found = called("f", import_module("gradcheck.probe.subject.torch").submodules, question.f, question.arguments)[:MOST_CHECKED]
    except GradcheckError:
        return report
    wrong = {name: x for name, module, operands in found if (x := _fault(question, module, operands)) is not None}
    inner = [name for name in wrong if not any(other.startswith(f"{name}.") for other in wrong)]
    named = [_named(name, dict(question.f.named_modules())[name], wrong[name]) for name in inner]
    return replace(report, findings=(*named, *report.findings))


def _fault(question: Question, module: Any, operands: tuple[Any, ...]) -> Finding | None:
    """Return the fault of a submodule alone; operands of integers are left to the whole."""
    try:
        report = answer(replace(question, f=module, arguments=operands, explore=False, budget=None, domain=None))
    except GradcheckError:
        return None
    return next((x for x in report.findings if x.severity == "fault"), None)


def _named(name: str, module: Any, finding: Finding) -> Finding:
    text = f"submodule {name!r} ({type(module).__name__}) is wrong by itself: {finding.message}"
    return replace(finding, message=text, node=f"{name}: {finding.node}")
