"""From a run to a verdict: pass, fail or inconclusive, with the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.running import Roundoff, wide_format
from gradcheck.compare.certificate import Certificate, Certifier
from gradcheck.compare.comparison import Comparison
from gradcheck.compare.formats import Formats
from gradcheck.compare.statistics import MARGIN, SWEEPS, textbook_reach, usual_deviation
from gradcheck.compare.stream import streamed
from gradcheck.compare.strictly import acquit
from gradcheck.graph.graph import Graph
from gradcheck.judge.answer import inspect_answer
from gradcheck.judge.conservation import conserved
from gradcheck.judge.enclosed import accuracies, against, enclosures, undecided
from gradcheck.judge.kinks import conventions
from gradcheck.judge.localisation import describe
from gradcheck.judge.profile import histogram, profile
from gradcheck.ops.op import Op, registry
from gradcheck.result.finding import Finding, GradientAccuracy, NodeRatio, Outcome
from gradcheck.targets.target import Run, as_float

#: A gradient is judged locally if no more operations than this lie between what was handed back: as many as the longest chain that
#: libraries fuse has, attention (transpose, product, scale, mask, softmax, dropout, product, and the reshape behind it).
FUSED_LIMIT = 8
#: The running bound counts as rigorous evidence if it is at most this part of the gradient: a mistake that changes no entry by a
#: hundredth is not excluded by it, and what the catalogue of mistakes changes less it changes by a thousandth, on purpose.
WELL_BELOW = 0.01


#: Entries of all values from which on a stream pays.
LARGE = 20_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one run."""

    verdict: Outcome
    evidence: str
    message: str
    findings: tuple[Finding, ...] = ()
    worst_ratio: float | None = None
    node: str = ""
    op: str = ""
    resolution: float | None = None
    checks: int = 0
    nodes: tuple[NodeRatio, ...] = ()
    histogram: tuple[int, ...] = ()
    accuracy: tuple[GradientAccuracy, ...] = ()


def judge(
    graph: Graph,
    leaves: Mapping[str, Any],
    run: Run,
    roundoff: Roundoff,
    dtype: str,
    *,
    slack: float = 1.0,
    seed: int = 0,
    ops: Mapping[str, Op] = registry,
    enclose: bool = False,
    formats: Formats | None = None,
    recorded: bool = False,
) -> Judgement:
    """Judge what a target handed back.

    Args:
        graph: the network.
        leaves: its leaves in the target's format, constants included.
        run: the target's answer.
        roundoff: how the target rounds.
        dtype: the target's format.
        slack: factor on every bound.
        seed: of the stochastic sweeps.
        ops: the operations.
        enclose: whether gradients are held against certified enclosures even where values and adjoints prove them.
        formats: of the values of a recorded run, which is judged by its certificate alone: a deep region counts as local evidence if its bound is
            well below its entries, else as rigorous.
        recorded: whether the run is a record of ours, well formed and in arrays that nobody writes into.

    Raises:
        TargetFailed: the answer has unknown names or is no set of numbers.
    """
    wide = wide_format(dtype)
    run, structural = (run, list[Finding]()) if recorded else inspect_answer(graph, run)
    local = formats is not None or bool(run.node_values or run.node_adjoints)
    certifier = partial(Certifier, graph, leaves, run, roundoff, wide, slack=slack, ops=ops)
    if dtype != "float64" and local and _size(graph) >= LARGE:
        certificate = streamed(
            graph, leaves, run, roundoff, partial(certifier, formats=formats), slack=slack, ops=ops, formats=formats, local=FUSED_LIMIT
        )
    else:
        certificate = certifier(formats=formats).certify()
    if formats is not None and formats.careful:
        acquit(certificate, certifier(formats=replace(formats, roundoffs=formats.careful)).certify)
    certified = enclosures(graph, leaves, ops) if enclose or not local else None
    if certified is not None and not local:
        certificate.comparisons = [against(c, certified[c.name]) if c.direction == "gradient" else c for c in certificate.comparisons]
    certificate.comparisons += conserved(graph, certificate, run, ops, roundoff.u)
    bits = round(-math.log2(roundoff.u))
    faults = [describe(graph, certificate, c, bits, ops) for c in _in_order(certificate)]
    unused = [Finding("note", f"no output depends on {name}", node=name) for name in graph.unused]
    notes = [*conventions(graph, certificate, ops), *unused]
    findings = (*structural, *faults, *_accuracy(graph, certificate, bits), *notes)
    accuracy = () if certified is None else tuple(accuracies(graph, run.gradients, certified, dtype))
    found = replace(_summary(graph, certificate), accuracy=accuracy)
    if structural or faults:
        first = (*structural, *faults)[0]
        return replace(
            found, verdict="fail", evidence=_evidence(certificate, local), message=first.message,
            findings=findings, node=first.node, op=first.op, nodes=profile(graph, certificate), histogram=histogram(certificate),
        )  # fmt: skip
    found = replace(found, findings=findings)
    if formats is not None and (wide_regions := [c for c in certificate.comparisons if c.fused > FUSED_LIMIT and not _small(c.bound, c.expected)]):
        resolution = max(_relative_to_largest(c) for c in wide_regions)
        found = replace(found, evidence="rigorous", resolution=resolution)
    if formats is not None or (local and _most_fused(certificate) <= FUSED_LIMIT):
        return _certified(graph, leaves, run, roundoff, wide, slack, found, certificate, ops)
    hull = "" if certified is None else undecided(certified)
    return _from_gradients(graph, leaves, run, roundoff, wide, seed, found, certificate, ops, hull)


def _size(graph: Graph) -> int:
    return sum(math.prod(shape) for shape in graph.shapes.values())


def _summary(graph: Graph, certificate: Certificate) -> Judgement:
    worst = certificate.worst
    ratio = worst.worst[0] if worst else None
    node = worst.name if worst else ""
    op = graph.node[node].op if node in graph.node else ""
    return Judgement("pass", "certified", "", (), ratio, node, op, None, len(certificate.all))


def _in_order(certificate: Certificate) -> list[Comparison]:
    """Return the comparisons beyond their bound; an edge's stands for that of its node."""
    exceeded = certificate.exceeded
    by_edge = {c.name for c in exceeded if c.edge is not None}
    return [c for c in exceeded if c.edge is not None or c.direction == "value" or c.name not in by_edge]


def _evidence(certificate: Certificate, local: bool) -> str:
    return "certified" if local and _most_fused(certificate) <= FUSED_LIMIT else "rigorous"


def _most_fused(certificate: Certificate) -> int:
    return max((c.fused for c in certificate.all), default=0)


def _accuracy(graph: Graph, certificate: Certificate, bits: int) -> list[Finding]:
    """Report what only a textbook formula explains: right, but less accurate than possible."""
    out = []
    for c in certificate.comparisons:
        if c.textbook and c.worst[0] <= 1:
            op = graph.node[c.name].op if c.name in graph.node else ""
            message = f"{c.direction} of {c.name}: accurate only as far as a textbook formula is ({c.textbook})"
            out.append(Finding("accuracy", message, node=c.name, op=op, direction=c.direction, declared_bits=bits))
    return out


def _unjudged(certificate: Certificate) -> str:
    """Return why some entries could not be judged, or ""."""
    for c in certificate.unjudged:
        where = f"{c.direction} of {c.name}"
        if not np.isfinite(c.expected[~c.judged]).all():
            return f"{where}: the exact result or its operands are not finite (overflow or out of domain)"
        if np.isinf(c.got[~c.judged]).any():
            return f"{where}: overflow of the format"
        return f"{where}: no finite bound (a pole or kink within rounding)"
    return ""


def _certified(
    graph: Graph, leaves: Mapping[str, Any], run: Run, roundoff: Roundoff, wide: str, slack: float,
    found: Judgement, certificate: Certificate, ops: Mapping[str, Op],
) -> Judgement:  # fmt: skip
    if reason := _unjudged(certificate):
        return replace(found, verdict="inconclusive", message=reason)
    message = f"{found.checks} arrays within rounding"
    if run.plain_gradients is None:
        return replace(found, message=message)
    distance = _distance(run.gradients, run.plain_gradients)
    if distance == 0:
        return replace(found, message=message)
    plain = replace(run, gradients=run.plain_gradients, node_values=None, node_adjoints=None, plain_gradients=None)
    bare = Certifier(graph, leaves, plain, roundoff, wide, slack=slack, ops=ops).certify()
    if bare.exceeded:
        worst = describe(graph, bare, bare.exceeded[0], round(-math.log2(roundoff.u)), ops)
        return replace(found, verdict="fail", evidence="rigorous", message=f"plain program: {worst.message}", findings=(worst,))
    return replace(
        found, evidence="certified (instrumented)",
        message=f"{message}; the plain program's gradients differ by at most {distance:.1e} of the largest entry",
    )  # fmt: skip


def _distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Return the largest difference of two sets of gradients, relative to each array's size."""
    worst = 0.0
    for name, x in a.items():
        p, q = as_float(x), as_float(b.get(name, math.nan))
        size = float(np.max(np.abs(p), initial=0.0)) or 1.0
        worst = max(worst, float(np.max(np.abs(p - q), initial=0.0)) / size)
    return worst


def _from_gradients(
    graph: Graph, leaves: Mapping[str, Any], run: Run, roundoff: Roundoff, wide: str, seed: int,
    found: Judgement, certificate: Certificate, ops: Mapping[str, Op], hull: str,
) -> Judgement:  # fmt: skip
    """Judge by the running bound, and what is within it by what rounding usually does; `hull` says where that is not usual."""
    gradients = [c for c in certificate.comparisons if c.direction == "gradient"]
    resolution = max((_relative(c.bound, c.expected, c.judged) for c in gradients), default=math.inf)
    if reason := _unjudged(certificate):
        return replace(found, verdict="inconclusive", evidence="rigorous", message=reason, resolution=resolution)
    usual = usual_deviation(graph, leaves, roundoff, wide, seed, ops=ops)
    allowed = {k: MARGIN * x.deviation + 2 * roundoff.u * np.abs(x.centre) + roundoff.eta for k, x in usual.items()}
    statistical = max((_relative(allowed[c.name], c.expected, c.judged) for c in gradients), default=0.0)
    if unusual := [c for c in gradients if _excess(c, allowed) > 1]:
        reach = textbook_reach(graph, leaves, roundoff, wide, seed, {k: x.centre for k, x in usual.items()}, ops=ops)
        wider = {k: x + reach[k] for k, x in allowed.items()}
        for c in unusual:
            if _excess(c, wider) > 1:
                message = (
                    f"gradient of {c.name}: {_excess(c, wider) * MARGIN:.3g} times what rounding did in {SWEEPS} sweeps, "
                    "yet within the running bound; hand back node values and adjoints for a proof"
                )
                return replace(found, verdict="inconclusive", evidence="statistical", message=hull or message, resolution=resolution)
        found = replace(found, findings=(*_less_accurate(graph, unusual, roundoff, ops), *found.findings))
    if all(_small(c.bound, c.expected) for c in gradients):
        return replace(found, evidence="rigorous", resolution=resolution, message="gradients within the running error bound")
    return replace(
        found, evidence="statistical", resolution=statistical,
        message=f"gradients within {MARGIN:g} times the largest deviation of {SWEEPS} stochastic sweeps",
    )  # fmt: skip


def _excess(c: Comparison, allowed: Mapping[str, npt.NDArray[Any]]) -> float:
    """Return the largest deviation of a gradient over what is usual."""
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(c.got - c.expected).astype(np.float64) / allowed[c.name], initial=0.0))


def _less_accurate(graph: Graph, unusual: list[Comparison], roundoff: Roundoff, ops: Mapping[str, Op]) -> list[Finding]:
    """Report gradients that only a textbook formula usually takes so far, unless the certificate did."""
    out = []
    for c in unusual:
        if not c.textbook:
            after = graph.descendants([c.name])
            reasons = dict.fromkeys(b.reason for n in graph.nodes if n.name in after for b in ops[n.op].textbook)
            message = f"gradient of {c.name}: accurate only as far as a textbook formula usually is ({'; '.join(reasons)})"
            bits = round(-math.log2(roundoff.u))
            out.append(Finding("accuracy", message, node=c.name, direction="gradient", declared_bits=bits))
    return out


def _relative(bound: npt.NDArray[Any], value: npt.NDArray[Any], judged: npt.NDArray[Any]) -> float:
    """Return the largest bound relative to its entry, over entries that are not zero."""
    some = (np.abs(value) > 0) & judged
    if not some.any():
        return 0.0
    with np.errstate(all="ignore"):
        return float(np.max(bound[some] / np.abs(value[some]).astype(np.float64)))


def _relative_to_largest(c: Comparison) -> float:
    """Return the largest bound relative to the largest entry, over what could be judged."""
    size = float(np.max(np.abs(c.expected), initial=0.0, where=c.judged))
    return float(np.max(c.bound, initial=0.0, where=c.judged)) / size if size else math.inf


def _small(bound: npt.NDArray[Any], value: npt.NDArray[Any]) -> bool:
    size = float(np.max(np.abs(value), initial=0.0))
    return float(np.max(bound, initial=0.0)) <= WELL_BELOW * size or size == 0
