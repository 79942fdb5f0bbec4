"""A result as GitHub's workflow commands: an annotation at the line of each wrong function. The step summary is Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck.result.finding import Matrix, Row
from gradcheck.result.text import clean, file_and_line

#: GitHub shows ten annotations of a kind in a step.
MOST = 10


def github(matrix: Matrix) -> str:
    """Return workflow commands, a line each: errors for what fails and for rows that are missing, warnings for what is inconclusive."""
    return "".join(f"{line}\n" for line in _lines(matrix))


def _lines(matrix: Matrix) -> Iterator[str]:
    if matrix.shortfall:
        yield f"::error title=gradcheck::{_data(matrix.shortfall)}"
    for kind, verdict in (("error", "fail"), ("warning", "inconclusive")):
        rows = [r for r in matrix.rows if r.verdict == verdict]
        # the last one that is shown says how many more there are
        for k, row in enumerate(rows[:MOST], 1):
            more = f" (and {len(rows) - MOST} more)" if k == MOST and len(rows) > MOST else ""
            yield f"::{kind} {_place(row)}::{_data(clean(row.message, 800) + more)}"


def _place(row: Row) -> str:
    file, line = file_and_line(row.location)
    title = clean(f"gradcheck: {row.target} · {row.network} {row.dtype}".rstrip(), 200)
    parts = [f"file={_property(clean(file, 400))}", f"line={line}"] if line else []
    return ",".join([*parts, f"title={_property(title)}"])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
