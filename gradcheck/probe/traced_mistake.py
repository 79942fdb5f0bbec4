"""The mistake in a hand-written derivative: a NumPy function that can be traced is a network, and its wrong gradient may be explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.errors import GradcheckError
from gradcheck.explain.explanation import Explanation, explain
from gradcheck.graph.graph import Graph
from gradcheck.graph.trace import trace
from gradcheck.graph.values import Arrays
from gradcheck.graph.weighted import weights, with_loss
from gradcheck.judge.explaining import affordable, as_note
from gradcheck.probe.examination.report import Report
from gradcheck.probe.question import Question
from gradcheck.probe.subject.edge import called
from gradcheck.result.finding import Finding


def with_traced_mistake(question: Question, report: Report) -> Report:
    """Return a report that fails with what explains the gradient at the given inputs; as it is, where nothing does.

    Args:
        question: what was asked.
        report: the answer.
    """
    place = next((k for k, f in enumerate(report.findings) if f.severity == "fault" and f.direction == "gradient"), None)
    if report.verdict != "fail" or place is None or not _plain(question):
        return report
    try:
        found = called("f", _explanation, question)
    except GradcheckError:  # it was not written for tracers or other inputs: it is no network, then
        return report
    if found is None:
        return report
    told = [_told(f, found) if k == place else f for k, f in enumerate(report.findings)]
    return replace(report, findings=(*told, as_note(found, str(found))))


def _told(fault: Finding, found: Explanation) -> Finding:
    """Return a finding with the explanation as its diagnosis, if it has none."""
    return fault if fault.diagnosis else replace(fault, diagnosis=str(found), mistake=found.mistake)


def _plain(question: Question) -> bool:
    """Answer whether a vjp or grad of NumPy arrays is asked about, floats all of one format."""
    arrays = all(isinstance(x, np.ndarray) and x.dtype.kind in "fiub" for x in question.arguments)
    formats = {x.dtype for x in question.arguments if isinstance(x, np.ndarray) and x.dtype.kind == "f"}
    given = question.given.get("vjp") or question.given.get("grad")
    return arrays and len(formats) == 1 and given is not None and question.owner == "numpy" and not question.second


def _explanation(question: Question) -> Explanation | None:
    """Return the explanation; None where there is none, or it would say no more than that something is wrong."""
    traced = trace(question.f, list(question.arguments))
    if not affordable(traced):
        return None
    graph = with_loss(traced.leaves, traced.nodes, traced.outputs, traced.shapes, name=traced.name)
    names = [x.name for x in traced.leaves if x.kind != "constant"]
    own = {n.name for n in traced.nodes}

    def gradients(values: Arrays) -> Mapping[str, Any]:
        return _gradients(question, graph, [traced.shapes[k] for k in traced.outputs], [values[k] for k in names], names)

    values = dict(zip(names, question.arguments, strict=True))
    found = explain(graph, values, gradients(values), again=gradients, seed=question.seed, where=own)
    return found if found is not None and (found.mistakes or set(found.consistent) < own) else None


def _gradients(question: Question, graph: Graph, shapes: list[tuple[int, ...]], arguments: list[Any], names: list[str]) -> Mapping[str, Any]:
    """Return the doubted gradients for the cotangents that the loss of the graph has, after f, whose values they may use."""
    vjp, grad = question.given.get("vjp"), question.given.get("grad")
    dtype = next(x.dtype for x in arguments if x.dtype.kind == "f")
    gs = [weights(shape).astype(dtype) if shape else dtype.type(1) for shape in shapes]
    question.f(*arguments)
    answer = vjp(gs[0] if len(gs) == 1 else tuple(gs), *arguments) if vjp is not None else grad(*arguments) if grad is not None else None
    parts = answer if isinstance(answer, tuple | list) else (answer,)
    return {k: v for k, v in zip(names, parts, strict=True) if k in graph.differentiable}
