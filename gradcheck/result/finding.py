"""Results: findings, rows, the matrix. Plain frozen data; rendered elsewhere."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gradcheck.mistakes.mistake import Mistake
from gradcheck.result.text import clean

Severity = Literal["fault", "accuracy", "note"]
Outcome = Literal["pass", "fail", "inconclusive"]
SCHEMA = "gradcheck-result/1"
#: Rows that a matrix shows of itself: a screen. Reports have them all.
MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: what, where, the numbers, the diagnosis and how to reproduce it.

    Args:
        severity: "fault", "accuracy" (right but less accurate than the operation allows) or "note".
        message: one sentence.
        node: the value concerned: a node, or a parameter for a gradient.
        op: operation at which the fault sits.
        edge: "consumer[position]" through which a wrong contribution came, where it is known.
        candidates: else the consumers that may have contributed wrongly.
        direction: "value", "adjoint" or "gradient"; "shape" where a gradient has a wrong one.
        index: the worst entry.
        got: the target's number there.
        expected: the exact number of the local operation there.
        bound: what rounding allows.
        ratio: error over bound.
        effective_bits: declared bits less log2 of the ratio.
        declared_bits: the precision of the format.
        diagnosis: the recognised mistake in words, or ""; made of `mistake` unless it is given.
        snippet: Python code that reproduces it.
        mistake: the recognised mistake.
    """

    severity: Severity
    message: str
    node: str = ""
    op: str = ""
    edge: str = ""
    candidates: tuple[str, ...] = ()
    direction: str = ""
    index: tuple[int, ...] = ()
    got: float = math.nan
    expected: float = math.nan
    bound: float = math.nan
    ratio: float = math.nan
    effective_bits: float = math.nan
    declared_bits: int = 0
    diagnosis: str = ""
    snippet: str = ""
    mistake: Mistake | None = None

    def __post_init__(self) -> None:
        if self.mistake is not None and not self.diagnosis:
            object.__setattr__(self, "diagnosis", str(self.mistake))

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it another finding than one at other inputs: severity, input and kind of mistake."""
        return self.severity, self.node, self.mistake.kind if self.mistake else self.diagnosis

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class NodeRatio:
    """How a node of a network fared.

    Args:
        name, op: of the node; a parameter has no operation.
        inputs: the names that it reads.
        value: the largest error over bound of its value; None where nothing was compared.
        adjoint: of its adjoint, or of a parameter's gradient.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    value: float | None = None
    adjoint: float | None = None


@dataclass(frozen=True, slots=True)
class GradientAccuracy:
    """One gradient beside its certified enclosure, at the entry whose error is least explained by its condition.

    Args:
        name: of the parameter.
        index: of the entry.
        got: the target's number.
        nearest: the number of the format nearest to the exact one.
        lower, upper: decimal ends of the enclosure, rounded outward.
        ulps: distance from the exact number in gaps of the format there; 0 within the enclosure of a kink.
        condition: by what factor relative errors of the data grow in this entry, see `gradcheck.certify`.
        proved: whether `nearest` is proved to be nearest.
        entries: of the parameter.
        nearest_entries: how many of them are the nearest number.
        largest: the largest distance of any entry, in ulps.
    """

    name: str
    index: tuple[int, ...]
    got: float
    nearest: float
    lower: str
    upper: str
    ulps: float
    condition: float
    proved: bool
    entries: int
    nearest_entries: int
    largest: float


@dataclass(frozen=True, slots=True)
class Row:
    """The verdict on one network, target and format.

    Args:
        evidence: "certified", "certified (instrumented)", "rigorous", "statistical" or "none".
        worst_ratio: the largest error over bound of any entry (None: nothing was compared).
        node, op: where that was, or where the first fault is.
        message: one line for the table.
        resolution: smallest relative error of a gradient that this evidence would have shown.
        checks: the number of arrays compared.
        seconds: time the target and the verdict took.
        known: the reason, where the finding is a known one.
        findings: what was found.
        error: whether the target raised, or its answer could not be read.
        evaluations: of a function that was checked.
        location: "file:line" of what was checked, where it is known.
        nodes: of a row that fails: how each node fared.
        histogram: of a row that fails: how many entries have an error over bound of 0, up to 2^-8, 2^-7, ... 1, 2, ... 2^8, more.
        accuracy: each gradient beside its certified enclosure, where that was computed.
    """

    target: str
    network: str
    dtype: str
    verdict: Outcome
    evidence: str
    worst_ratio: float | None
    node: str
    op: str
    message: str
    resolution: float | None = None
    checks: int = 0
    seconds: float = 0.0
    known: str = ""
    findings: tuple[Finding, ...] = ()
    error: bool = False
    evaluations: int = 0
    location: str = ""
    nodes: tuple[NodeRatio, ...] = ()
    histogram: tuple[int, ...] = ()
    accuracy: tuple[GradientAccuracy, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; numbers that are not finite become text."""
        found: dict[str, Any] = as_plain(asdict(self))
        return found

    def __str__(self) -> str:
        return f"{self.target}/{self.network}/{self.dtype}: {self.verdict} ({self.evidence}): {self.message}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A network that a target cannot express, with the reason."""

    target: str
    network: str
    dtype: str
    reason: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """The verdicts on targets x networks x formats.

    Args:
        rows: what was judged.
        skipped: what targets could not express.
        seed: of data and random networks.
        versions: by name.
        seconds: of the whole run.
        complete: whether the run came to its end.
        expected: how many rows and networks that are not expressed that end would have; None where nobody knows.
        asked: what a run that goes on has to have in common with this one: order, enclose, and by "target NAME" what each was asked for by.

    >>> Matrix((), (), 0, {}).verdict
    'inconclusive'
    """

    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    seed: int
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    complete: bool = True
    expected: int | None = None
    asked: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def verdict(self) -> Outcome:
        """fail if any row fails, inconclusive if any is, nothing was tested or the run did not come to its end, else pass."""
        found = {r.verdict for r in self.rows}
        if "fail" in found:
            return "fail"
        return "pass" if found == {"pass"} and self.complete else "inconclusive"

    @property
    def extent(self) -> str:
        """How far the run came, such as "131 of 362 rows"."""
        count = len(self.rows) + len(self.skipped)
        return f"{count} of {self.expected} rows" if self.expected is not None else f"{count} rows"

    @property
    def shortfall(self) -> str:
        """What every report says of a run that did not come to its end; "" of one that did."""
        return "" if self.complete else f"incomplete: {self.extent}"

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows have each verdict, and how many of those that pass have each evidence."""
        return dict(Counter(r.verdict for r in self.rows) + Counter(r.evidence for r in self.rows if r.verdict == "pass"))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; numbers that are not finite become text."""
        return {
            "schema": SCHEMA,
            "seed": self.seed,
            "versions": dict(self.versions),
            "asked": dict(self.asked),
            "seconds": self.seconds,
            "verdict": self.verdict,
            "complete": self.complete,
            "expected": self.expected,
            "rows": [r.to_dict() for r in self.rows],
            "skipped": [asdict(s) for s in self.skipped],
        }

    def __str__(self) -> str:
        rows = sorted(self.rows, key=lambda r: r.verdict == "pass")
        more = len(rows) - MOST_ROWS
        counts = ", ".join(f"{count} {name}" for name, count in Counter(r.verdict for r in rows).items()) or "nothing was tested"
        closing = f"{counts}; {len(self.skipped)} networks not expressed; seed {self.seed}"
        lines = [*(clean(str(r)) for r in rows[:MOST_ROWS]), f"... and {more:,} more rows" if more > 0 else "", self.shortfall, closing]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def as_plain(x: Any) -> Any:
    """Return data for JSON: NaN becomes null, infinities text."""
    if isinstance(x, dict):
        return {k: as_plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [as_plain(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return None if math.isnan(x) else ("inf" if x > 0 else "-inf")
    return x
