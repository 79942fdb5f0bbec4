"""An engine held against vectors: what passes, what fails, what it cannot express, and how accurate it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.errors import CannotExpress, GradcheckError
from gradcheck.targets.opening import opened, run_of
from gradcheck.targets.target import Description, Target
from gradcheck.vectors.reading import load
from gradcheck.vectors.vector import Vector, Vectors

#: The format of results.
SCHEMA = "gradcheck-vectors-result/1"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Row:
    """How one vector fares.

    Args:
        vector: its name.
        dtype: the format.
        status: "pass", "fail", "known" (it fails as the target says that it does) or "skipped".
        ratio: the largest error over what is allowed.
        ulps: the largest error of a gradient in gaps of the format.
        message: what is wrong, or why it was skipped.
        fault: the mistake that the vector is there to catch, or "".
    """

    vector: str
    dtype: str
    status: str
    ratio: float = 0.0
    ulps: float = 0.0
    message: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """How an engine fares in one format.

    Args:
        dtype: the format.
        passed, failed, known, skipped: how many vectors.
        median, largest: of the errors in ulps of the vectors that pass.
        ratio: the largest error over what is allowed, of those.
    """

    dtype: str
    passed: int
    failed: int
    known: int
    skipped: int
    median: float
    largest: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of a target and a set of vectors.

    Args:
        target: its name.
        version: its version.
        rows: one a vector.
        checksum: of the set.
        seconds: taken.
    """

    target: str
    version: str
    rows: tuple[Row, ...]
    checksum: str
    seconds: float

    @property
    def verdict(self) -> str:
        """Whether any vector fails ("fail"), else whether any was tried ("pass", "inconclusive")."""
        statuses = {r.status for r in self.rows}
        return "fail" if "fail" in statuses else "pass" if statuses - {"skipped"} else "inconclusive"

    def by_dtype(self) -> list[Summary]:
        """Return a summary of each format, in the order of the vectors."""
        return [_summary(dtype, [r for r in self.rows if r.dtype == dtype]) for dtype in dict.fromkeys(r.dtype for r in self.rows)]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it; infinities are text."""
        rows = [{k: _told(v) for k, v in asdict(r).items()} for r in self.rows]
        formats = [{k: _told(v) for k, v in asdict(s).items()} for s in self.by_dtype()]
        return {
            "schema": SCHEMA, "target": self.target, "version": self.version, "vectors": self.checksum, "verdict": self.verdict,
            "seconds": self.seconds, "formats": formats, "rows": rows,
        }  # fmt: skip


def _told(x: Any) -> Any:
    return ("inf" if x > 0 else "-inf" if x < 0 else None) if isinstance(x, float) and not math.isfinite(x) else x


def _summary(dtype: str, rows: Sequence[Row]) -> Summary:
    count = {s: sum(r.status == s for r in rows) for s in ("pass", "fail", "known", "skipped")}
    good = [r for r in rows if r.status == "pass"]
    ulps = [r.ulps for r in good] or [0.0]
    return Summary(
        dtype, count["pass"], count["fail"], count["known"], count["skipped"], float(np.median(ulps)), max(ulps),
        max((r.ratio for r in good), default=0.0),
    )  # fmt: skip


def verify(
    target: str | Target | Callable[..., Any], vectors: Vectors | str | Path | None = None, *, dtypes: Iterable[str] = (),
    tags: Iterable[str] = (), progress: Progress | None = None, timeout: float | None = None,
) -> Verified:  # fmt: skip
    """Hold a target against vectors: only its loss and gradients are looked at.

    Args:
        target: a target, its name, "module:attribute", or a callable.
        vectors: a set, or its folder; None for the one that ships with gradcheck.
        dtypes: formats; all that the target has unless given.
        tags: shell patterns of tags, networks, faults or vectors.
        progress: called with the name of each vector, its number, and how many there are.
        timeout: seconds that a program has for each answer (default 60); one that is started here is ended too.

    Raises:
        BadVectors: a set that is damaged.
        UnknownName: a target or a tag that does not exist.

    >>> verify("reference", tags=["xor-2-2-1"]).verdict
    'pass'
    """
    start = time.perf_counter()
    found = vectors if isinstance(vectors, Vectors) else load(vectors)
    chosen, rows = found.matching(dtypes=dtypes, tags=tags), []
    with opened(target, timeout) as d:
        for k, vector in enumerate(chosen):
            if progress:
                progress(vector.name, k, len(chosen))
            rows.append(_row(d, vector))
    return Verified(d.name, d.version, tuple(rows), found.checksum, time.perf_counter() - start)


def _row(d: Description, vector: Vector) -> Row:
    row = Row(vector.name, vector.dtype, "skipped", fault=vector.fault["name"] if vector.fault else "")
    if reason := _skipped(d, vector):
        return replace(row, message=reason)
    try:
        checked = _checked(d, vector)
    except CannotExpress as reason:
        return replace(row, message=str(reason))
    except Exception as error:  # what it answers may be anything: so may be what looking at that raises
        said = str(error) if isinstance(error, GradcheckError) else f"an answer that cannot be read: {type(error).__name__}: {error}"
        return replace(row, status="fail", ratio=math.inf, ulps=math.inf, message=said)
    ratio, ulps = max(c.ratio for c in checked), max((c.ulps for c in checked if c.name != "loss"), default=0.0)
    wrong = [c for c in checked if not c.ok]
    if not wrong:
        return replace(row, status="pass", ratio=ratio, ulps=ulps)
    known = _known(d, vector)
    message = f"known: {known}" if known else wrong[0].message
    return replace(row, status="known" if known else "fail", ratio=ratio, ulps=ulps, message=message)


def _skipped(d: Description, vector: Vector) -> str:
    if vector.dtype not in d.dtypes:
        return f"the target has no {vector.dtype}"
    if vector.subnormal and d.flushes:
        return "the target flushes subnormal numbers, which are asked for here"
    return ""


def _checked(d: Description, vector: Vector) -> Any:
    """Run the target and hold its answer against the vector.

    Raises:
        GradcheckError: an answer that is none, or inputs that were changed.
    """
    values = {k: x.copy() for k, x in vector.values.items()}
    run = run_of(d.target, vector.graph.copy(), values)
    changed = [k for k, x in vector.values.items() if k not in values or not np.array_equal(x, values[k])]
    if changed:
        raise GradcheckError(f"it changed its input {changed[0]!r} in place")
    gradients = run.gradients if run.plain_gradients is None else run.plain_gradients
    return vector.check(run.loss, gradients, slack=d.slack)


def _known(d: Description, vector: Vector) -> str:
    """Return the reason why a target fails here as is known, or ""."""
    ops = {n.op for n in vector.graph.nodes}
    for known in d.known:
        if known.op in {"", *ops} and known.names(d.name, vector.source, vector.dtype):
            return f"{known.reason} ({known.link})"
    return ""
