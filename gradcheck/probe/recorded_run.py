"""One run of a function of torch or JAX, recorded: every value and adjoint certified, or the node and the place of what is wrong."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from gradcheck.errors import GradcheckError
from gradcheck.probe.examination.report import Report
from gradcheck.probe.question import Question
from gradcheck.probe.subject.edge import called
from gradcheck.result.finding import Finding, Row


def with_recorded_run(question: Question, report: Report) -> Report:
    """Return a report on a function of torch or JAX with what a recorded run at the given inputs says; as it is where there is none.

    What passes is certified where every value and adjoint is within rounding. What fails has the node and the place. What passes although
    rounding does not explain a node differs by less than a fault: an accuracy finding.

    Args:
        question: what was asked.
        report: the answer.
    """
    if question.owner not in _ROWS or question.second or report.verdict == "inconclusive":
        return report
    try:
        row = called("f", _ROWS[question.owner], question)
    except GradcheckError:  # it runs under check alone: what it returns has no gradient, or it records itself
        return report
    return report if row is None else _told(report, row)


def _torch_row(question: Question) -> Row | None:
    """Return the row of a run of a copy, which leaves numbers drawn at random and the module's buffers alone."""
    import torch

    from gradcheck.capture.torch.session import recorded_call

    f: Any = copy.deepcopy(question.f) if isinstance(question.f, torch.nn.Module) else question.f
    arguments = tuple(_copied(x) for x in question.arguments)
    state = torch.get_rng_state()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            recording = recorded_call(f, arguments, None, {}, {})
    finally:
        torch.set_rng_state(state)
    return recording.validate() if not recording.coverage.cuts and not recording.coverage.hooks else None


def _jax_row(question: Question) -> Row | None:
    """Return the row of a run on arguments of its own, which f may keep."""
    from jax import tree_util

    from gradcheck.capture.jax.session import recorded_function
    from gradcheck.probe.subject.jax import is_array

    arguments = tree_util.tree_map(lambda x: x.copy() if is_array(x) else x, question.arguments)
    recording = recorded_function(question.f, arguments)
    return recording.validate() if not recording.coverage.cuts else None


def _copied(x: Any) -> Any:
    """Return an argument that is differentiated, of the same numbers."""
    import torch

    if not isinstance(x, torch.Tensor):
        return x
    return x.detach().clone().requires_grad_(x.is_floating_point())


#: How the run of each library that has recordings is judged.
_ROWS = {"torch": _torch_row, "jax": _jax_row}


def _told(report: Report, row: Row) -> Report:
    faults = [f for f in row.findings if f.severity == "fault"]
    if report.verdict == "pass" and row.verdict == "pass":
        return replace(report, evidence=f"certified: {row.message} in one recorded run; {report.evidence}")
    if not faults:
        return report
    if report.verdict == "fail":
        note = Finding("note", f"recorded run: {faults[0].message}", node=faults[0].node, op=faults[0].op, direction=faults[0].direction)
    else:
        text = f"recorded run: beyond rounding, though by less than a fault: {faults[0].message}"
        note = replace(faults[0], severity="accuracy", message=text)
    return replace(report, findings=(*report.findings, note))
