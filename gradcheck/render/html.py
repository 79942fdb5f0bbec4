"""A result as one HTML file that needs nothing else: overview, every row, a section a failure. Reads results only."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from gradcheck.render.drawing import drawing, worst
from gradcheck.result.finding import Finding, GradientAccuracy, Matrix, Row
from gradcheck.result.text import clean, number, ratio

SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}

#: Columns up to which targets and formats stand beside each other.
MOST_COLUMNS = 24
#: Failing rows that have a section of their own.
MOST_SECTIONS = 100
#: Findings of a row that are told.
MOST_FINDINGS = 12

#: Rows whose gradients are shown beside their enclosures.
MOST_ENCLOSED = 500

#: The bins of a row's histogram.
BINS = ("0", *(f"2^{k}" for k in range(-8, 9)), "more")


@cache
def templates() -> Environment:
    """Return the templates; every text in HTML is escaped."""
    made = Environment(
        loader=PackageLoader("gradcheck.render", "templates"), autoescape=select_autoescape(("html.j2",)), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"clean": clean, "ratio": ratio, "number": number, "object_id": id}
    return made


def html(matrix: Matrix, *, title: str = "Gradient checks", trend: str = "") -> str:
    """Return the report.

    Args:
        matrix: the result.
        title: of the page.
        trend: a drawing of earlier results, as SVG.
    """
    failing = [r for r in matrix.rows if r.verdict == "fail"]
    return templates().get_template("result.html.j2").render(
        title=clean(title), matrix=matrix, signs=SIGNS, counts=Counter(r.verdict for r in matrix.rows),
        evidence=Counter(r.evidence for r in matrix.rows if r.verdict == "pass").most_common(),
        grid=_grid(matrix.rows), sections=[section(r, k) for k, r in enumerate(failing[:MOST_SECTIONS], 1)],
        anchors={id(r): k for k, r in enumerate(failing[:MOST_SECTIONS], 1)}, more=max(0, len(failing) - MOST_SECTIONS),
        skipped=Counter(f"{s.target}: {s.reason}" for s in matrix.skipped).most_common(50), cost=_costs(matrix.rows), trend=trend,
        slow=sorted(matrix.rows, key=lambda r: -r.seconds)[:10], enclosed=_enclosed(matrix.rows),
    )  # fmt: skip


def _costs(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return for each target and format what its rows took, the dearest first; the first fifty."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for r in rows:
        groups.setdefault((r.target, r.dtype), []).append(r)
    found = [
        {
            "target": target, "dtype": dtype, "rows": len(of), "seconds": f"{sum(r.seconds for r in of):.2f}",
            "median": f"{statistics.median(r.seconds for r in of):.4f}", "longest": f"{max(r.seconds for r in of):.3f}",
            "evaluations": sum(r.evaluations for r in of) or "",
        }
        for (target, dtype), of in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda c: -float(c["seconds"]))[:50]


def _enclosed(rows: Sequence[Row]) -> list[tuple[Row, GradientAccuracy]]:
    """Return of each row the gradient whose error is least explained by its condition, the worst first."""
    found = [(r, max(r.accuracy, key=_unexplained)) for r in rows if r.accuracy]
    return sorted(found, key=lambda pair: -_unexplained(pair[1]))[:MOST_ENCLOSED]


def _unexplained(a: GradientAccuracy) -> float:
    ratio = a.ulps / max(a.condition, 1) if not math.isnan(a.condition) else a.ulps
    return -1.0 if math.isnan(ratio) else ratio


def _grid(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return networks down, targets and formats across; None where that would be no table."""
    columns = list(dict.fromkeys((r.target, r.dtype) for r in rows))
    names = list(dict.fromkeys(r.network for r in rows))
    if not 1 <= len(columns) <= MOST_COLUMNS or len(names) * len(columns) > 2 * len(rows) or len(rows) == 1:
        return None
    cells = {(r.network, r.target, r.dtype): r for r in rows}
    return {"columns": columns, "lines": [(n, [cells.get((n, *c)) for c in columns]) for n in names]}


def section(row: Row, number_: int) -> dict[str, Any]:
    """Return what is told about a failing row."""
    faults = [f for f in row.findings if f.severity == "fault"]
    first = faults[0] if faults else None
    bars = [(n.name, n.op or "parameter", worst(n)) for n in row.nodes]
    shown = sorted((b for b in bars if b[2] is not None), key=lambda b: -(b[2] or 0))[:20]
    return {
        "id": f"failure-{number_}", "row": row, "first": first, "facts": _facts(first) if first else [],
        "others": [f for f in row.findings if f is not first][:MOST_FINDINGS],
        "more": max(0, len(row.findings) - 1 - MOST_FINDINGS), "drawing": drawing(row.nodes, first.node if first else ""),
        "bars": [(name, op, ratio(x), _length(x)) for name, op, x in shown],
        "histogram": _histogram(row.histogram),
    }  # fmt: skip


def _facts(f: Finding) -> list[tuple[str, str]]:
    where = f"{f.direction} of {f.node}{list(f.index) if f.index else ''}" if f.node else ""
    lines = [
        ("where", where), ("operation", f.op), ("edge", f.edge), ("candidates", ", ".join(f.candidates)),
        ("got", number(f.got)), ("expected", number(f.expected)),
        ("bound", f"{f.bound:.3g}" if not math.isnan(f.bound) else ""), ("error over bound", ratio(f.ratio) if not math.isnan(f.ratio) else ""),
        ("effective bits", f"{f.effective_bits:.1f} of {f.declared_bits}" if not math.isnan(f.effective_bits) else ""),
        ("mistake", f.diagnosis or "not recognised"),
    ]  # fmt: skip
    return [(name, clean(text)) for name, text in lines if text]


def _length(x: float | None) -> float:
    """Return the length of a bar, 0 to 100: logarithmic, 50 where an error is its bound, the ends a millionth and a million of it."""
    if x is None or x <= 0:
        return 0
    return 100.0 if math.isinf(x) else round(max(1.0, min(100.0, 50 + 2.5 * math.log2(x))), 1)


def _histogram(counts: Sequence[int]) -> list[tuple[str, int, float]]:
    """Return label, count and height (0 to 100) of each bin."""
    if not any(counts):
        return []
    top = max(math.log1p(c) for c in counts)
    return [(label, c, round(100 * math.log1p(c) / top, 1)) for label, c in zip(BINS, counts, strict=False)]
