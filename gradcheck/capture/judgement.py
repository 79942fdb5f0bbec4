"""The row of a recorded run: the certificate of its values and adjoints, with the places of what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcheck.arith.running import Roundoff
from gradcheck.capture.explanation import with_explanation
from gradcheck.capture.place import BACKWARD, Place
from gradcheck.compare.formats import Formats
from gradcheck.compare.numbers import Together
from gradcheck.errors import GradcheckError
from gradcheck.judge.judge import Judgement, judge
from gradcheck.result.finding import Finding, Row
from gradcheck.validation.ulps import measured_ulps

if TYPE_CHECKING:
    from gradcheck.capture.recording import Recording

#: From the widest: the format in which a mixed run is spoken of.
_WIDEST = ("float64", "float32", "float16", "bfloat16")
#: Kernels of torch on a CPU add up in the format itself (`gradcheck.targets.torch`).
_ACCUMULATES = {"bfloat16": "bfloat16", "float16": "float16"}


def row_of(recording: Recording, seconds: Callable[[], float]) -> Row:
    """Return the verdict on a recorded run.

    Args:
        recording: the run.
        seconds: how long it took.
    """
    graph, formats = recording.graph, _formats(recording)
    dtype = next(f for f in _WIDEST if f in formats.roundoffs)
    try:
        found = judge(graph, _leaves(recording), recording.run, formats.roundoffs[dtype], dtype, formats=formats, recorded=True)
    except GradcheckError as error:  # an operation larger than its rule can hold
        found = Judgement("inconclusive", "none", str(error))
    findings = _with_script(recording, [_placed(recording, with_explanation(recording, f)) for f in found.findings])
    verdict, message = _outcome(recording, found, findings)
    return Row(
        recording.target, graph.name, recording.dtype, verdict, found.evidence, found.worst_ratio, found.node, found.op,  # type: ignore[arg-type]
        message, found.resolution, found.checks, seconds(), findings=(*findings, *_notes(recording)),
        location=_location(recording, findings), nodes=found.nodes, histogram=found.histogram,
    )  # fmt: skip


def _formats(recording: Recording) -> Formats:
    used = set(recording.formats.values())
    ulps = {f: measured_ulps(recording.target, f) for f in used}
    roundoffs = {f: Roundoff.of(f, accumulate=_ACCUMULATES.get(f), ulps=ulps[f]) for f in used}
    return Formats(recording.formats, roundoffs, {f: Roundoff.of(f, ulps=ulps[f]) for f in used} if used & _ACCUMULATES.keys() else {})


def _leaves(recording: Recording) -> Mapping[str, Any]:
    constants = {leaf.name: leaf.value for leaf in recording.graph.leaves if leaf.value is not None}
    return Together(constants, recording.values)


def _outcome(recording: Recording, found: Judgement, findings: tuple[Finding, ...]) -> tuple[str, str]:
    if found.verdict == "fail":
        return "fail", next((f.message for f in findings if f.severity == "fault"), found.message)
    if found.verdict == "pass" and (missing := recording.coverage.not_judged):
        counts = Counter(x.operation for x in missing)
        names = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in counts.items())
        return "inconclusive", f"{found.message}, but not judged: {names}: {missing[0].reason}"
    return found.verdict, found.message


def _placed(recording: Recording, f: Finding) -> Finding:
    """Return a finding that tells the place in the program."""
    place = _place(recording, f)
    return replace(f, message=f"{f.message} [{place}]") if f.severity == "fault" and place is not None else f


def _with_script(recording: Recording, findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings, the first fault of which one can be written with a script that shows it."""
    for k, f in enumerate(findings):
        if f.severity == "fault" and (code := recording.script(f)):
            findings[k] = replace(f, snippet=code)
            break
    return tuple(findings)


def _place(recording: Recording, f: Finding) -> Place | None:
    """Return where what is wrong was computed: a value itself, an adjoint by those that use it, or the backward of a Function."""
    own = recording.places.get(f.node)
    if f.direction == "value" or (own is not None and own.operation.endswith(BACKWARD)):
        return own
    users = (x.rpartition("[")[0] for x in ((f.edge,) if f.edge else f.candidates))
    return next((recording.places[x] for x in users if x in recording.places), None)


def _location(recording: Recording, findings: tuple[Finding, ...]) -> str:
    place = next((_place(recording, f) for f in findings if f.severity == "fault"), None)
    return f"{place.file}:{place.line}" if place is not None and place.file else ""


def _notes(recording: Recording) -> list[Finding]:
    """Return what a reader of the verdict has to know of how the run was covered."""
    coverage = recording.coverage
    notes = [Finding("note", f"the gradient is cut on purpose: {p}") for p in coverage.cuts]
    notes += [Finding("note", f"hooks may change the gradient of {x}, which is judged before them", node=x) for x in coverage.hooks]
    notes += [Finding("note", f"{x} was computed before the recording, or in another thread: judged up to it", node=x) for x in coverage.computed]
    return notes + [Finding("note", f"opaque{', judged by differences' if x.judged else ''}: {x.operation}: {x.reason} [{x.place}]") for x in coverage.opaque]


