"""The summary at the end of a session: counts, resolution, the worst offenders, where the files are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gradcheck.pytest_plugin.session import SESSION, Session

#: Rows of the list of worst offenders.
MOST_SHOWN = 10


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was checked, the worst, what is unresolved, and where the files are."""
    mine = config.stash.get(SESSION, None)
    if mine is None or not (mine.record.rows or mine.record.expected or mine.failures) or config.option.collectonly:
        return
    terminalreporter.section("gradient checks")
    for line in _summary(mine):
        terminalreporter.line(line)
    for name in ("gradcheck_report", "gradcheck_json"):
        if config.getoption(name) and not mine.failures:
            terminalreporter.line(f"written: {config.getoption(name)}")
    for line in mine.failures:
        terminalreporter.line(_clean(line), red=True)


def _summary(mine: Session) -> Iterator[str]:
    matrix = mine.matrix(ended=True)
    rows = matrix.rows
    if matrix.shortfall:
        yield matrix.shortfall
    counts = {v: sum(r.verdict == v for r in rows) for v in ("pass", "fail", "inconclusive")}
    text = ", ".join(f"{n} {v}" for v, n in counts.items() if n)
    evaluations, seconds = sum(r.evaluations for r in rows), sum(r.seconds for r in rows)
    yield f"{text}; {evaluations:,} evaluations of f, {seconds:.1f} s, seed {mine.settings.seed}"
    resolved = [r for r in rows if r.verdict == "pass" and r.resolution is not None]
    if resolved:
        coarse = max(resolved, key=lambda r: r.resolution or 0.0)
        yield f"coarsest resolution of what passes: {coarse.resolution:.2g} ({_clean(coarse.target)}, {_clean(coarse.network)})"
    wrong = sorted((r for r in rows if r.verdict != "pass"), key=lambda r: (r.verdict != "fail", -(r.worst_ratio or 0.0)))
    for r in wrong[:MOST_SHOWN]:
        yield f"{r.verdict}: {_clean(r.target)} in {_clean(r.network)}: {_clean(r.message)[:200]}"
    if len(wrong) > MOST_SHOWN:
        yield f"... and {len(wrong) - MOST_SHOWN} more"
    if mine.reviewed is not None:
        yield from (_clean(line) for line in mine.reviewed.complaints)


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
