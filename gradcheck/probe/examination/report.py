"""What a check says: a verdict that carries its evidence."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from gradcheck.errors import GradientWrong
from gradcheck.probe.examination.kernel import KernelEvidence
from gradcheck.probe.subject.subject import Subject
from gradcheck.result.finding import Finding, Outcome, Row, as_plain

SCHEMA = "gradcheck-check/1"


@dataclass(frozen=True, slots=True)
class Explored:
    """What was explored beside the given inputs.

    Args:
        tried: inputs.
        refused: of these, inputs that f itself refused.
        undefined: at which f was not finite.
        unsupported: that f takes and the derivative does not.
        complete: whether the list came to its end; else the budget, or enough findings, ended it.
    """

    tried: int
    refused: int
    undefined: int
    unsupported: int
    complete: bool

    def __str__(self) -> str:
        out = f"explored {self.tried} inputs ({self.refused} refused by f, {self.undefined} where f is not finite"
        out += f", {self.unsupported} that the derivative does not take)"
        return out if self.complete else f"{out}; the budget ended it"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `gradcheck.check`.

    Args:
        verdict: "pass", "fail" or "inconclusive".
        evidence: how it was decided, in words.
        findings: what is wrong, where, and the mistake; remarks too.
        reasons: why it is inconclusive.
        resolution: the smallest relative error in any entry that this check would have caught.
        absolute: the smallest absolute error in entries whose gradient is zero.
        evaluations: of f.
        arithmetic: "differences" or the better arithmetic that f allowed.
        seed: of directions and cotangents.
        accuracy: the accuracy that the user declared, if any.
        seconds: spent.
        remarks: what else was noticed.
        explored: what was explored, if anything.
        shares: of the entries, by the relative errors that would have been seen in them.
        kernel: what was seen of a kernel that was checked against its reference.
    """

    verdict: Outcome
    evidence: str
    findings: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = ()
    resolution: float = math.inf
    absolute: float = math.inf
    evaluations: int = 0
    arithmetic: str = "differences"
    seed: int = 0
    accuracy: float | None = None
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()
    explored: Explored | None = None
    shares: tuple[tuple[float, float], ...] = ()
    kernel: KernelEvidence | None = None

    def after(self, first: Report | None) -> Report:
        """Return this report on second derivatives as the continuation of one on first derivatives."""
        findings = tuple(replace(f, message=f"second derivative: {f.message}") for f in self.findings)
        reasons = tuple(f"second derivative: {r}" for r in self.reasons)
        mine = replace(self, evidence=f"second derivative: {self.evidence}", findings=findings, reasons=reasons)
        if first is None:
            return mine
        verdicts = (first.verdict, self.verdict)
        return replace(
            mine, verdict=next((v for v in ("fail", "inconclusive") if v in verdicts), "pass"),
            evidence=f"{first.evidence}; {mine.evidence}", findings=(*first.findings, *findings), reasons=(*first.reasons, *reasons),
            resolution=max(first.resolution, self.resolution), absolute=max(first.absolute, self.absolute),
            remarks=tuple(dict.fromkeys((*first.remarks, *self.remarks))),
        )  # fmt: skip

    def raise_if_failed(self) -> None:
        """Raise `GradientWrong` with the report if the verdict is fail."""
        if self.verdict == "fail":
            raise GradientWrong(str(self))

    def as_row(self, target: str, network: str, location: str = "", dtype: str = "") -> Row:
        """Return this report as a row beside others.

        Args:
            target: the name of the function.
            network: where it was checked: the id of a test.
            location: "file:line" of the function.
            dtype: of its inputs.
        """
        faults = [f for f in self.findings if f.severity == "fault"]
        said = [f.message for f in faults] or list(self.reasons) or [f.message for f in self.findings] or [self.evidence]
        ratios = [f.ratio for f in faults if not math.isnan(f.ratio)]
        first = faults[0] if faults else None
        return Row(
            target, network, dtype, self.verdict, self.arithmetic, max(ratios, default=None), first.node if first else "", first.op if first else "",
            said[0], self.resolution if math.isfinite(self.resolution) else None, 0, self.seconds, findings=self.findings,
            evaluations=self.evaluations, location=location,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        out: dict[str, Any] = as_plain({"schema": SCHEMA, **asdict(self)})
        return out

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {self.evidence}"]
        lines += [f"  {f.message}" for f in self.findings]
        lines += [f"  {r}" for r in (*self.reasons, *self.remarks)]
        lines += [f"  {self.explored}"] if self.explored is not None else []
        lines += [f"  {line}" for line in str(self.kernel).splitlines()] if self.kernel is not None else []
        lines.append(f"  {self._seen}{self.evaluations} evaluations of f, seed {self.seed}")
        return "\n".join(lines)

    @property
    def _seen(self) -> str:
        """What was seen of the entries, in words."""
        told = next((x for x in reversed(self.shares) if x[1]), None)
        most = "" if told is None or told[1] == 1 else f"; {100 * told[1]:.3g} % of the entries to {told[0]:g}"
        return f"resolution {self.resolution:.2g}{most}, "

    def _repr_html_(self) -> str:
        colour = {"pass": "#1a7f37", "fail": "#cf222e", "inconclusive": "#9a6700"}[self.verdict]
        return f'<pre style="border-left:4px solid {colour};padding-left:8px">{html.escape(str(self))}</pre>'


def limits(subject: Subject) -> list[str]:
    """Return what is left out of a check, in words.

    Args:
        subject: that is examined.
    """
    outputs, matrices = ", ".join(f"output {k}" for k in subject.constant), ", ".join(sorted(subject.symmetric))
    return [
        *([f"not differentiated, since they require no gradient: {outputs}"] if outputs else []),
        *([f"f reads one triangle of the symmetric {matrices}, and the derivative counts both: checked along symmetric matrices"] if matrices else []),
    ]
