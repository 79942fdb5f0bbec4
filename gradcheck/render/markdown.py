"""A result as Markdown: for a pull request, and for the step summary of a GitHub job."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from gradcheck.result.finding import Finding, Matrix, Row
from gradcheck.result.text import clean, number, ratio

SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}

#: Rows that are told one by one.
MOST_ROWS = 50

#: GitHub loses a step summary above 1 MiB whole.
MOST_BYTES = 1_000_000

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~@&:$])")


def markdown(matrix: Matrix) -> str:
    """Return the report, at most `MOST_BYTES` long: counts, failures with what reproduces them, what is undecided."""
    blocks, size = [], 0
    for block in _blocks(matrix):
        size += len(block.encode()) + 1
        if size > MOST_BYTES - 200:
            blocks.append("\nMore than fits here: the rest is in the HTML report.\n")
            break
        blocks.append(block)
    return "\n".join(blocks) + "\n"


def plain(text: str, limit: int = 300) -> str:
    r"""Return foreign text in which nothing is Markdown, HTML, a mention or a link.

    >>> plain("<b>@me|")
    '\\<b\\>\\@me\\|'
    """
    return _SPECIAL.sub(r"\\\1", clean(text, limit))


def code(text: str, limit: int = 300) -> str:
    """Return foreign text as inline code, also inside a table."""
    found = clean(text, limit).replace("|", "\N{BROKEN BAR}")
    longest = max((len(x) for x in re.findall(r"`+", found)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if found.startswith("`") or found.endswith("`") or not found else ""
    return f"{fence}{pad}{found}{pad}{fence}"


def _blocks(matrix: Matrix) -> Iterator[str]:
    counts = Counter(r.verdict for r in matrix.rows)
    yield f"## Gradient checks: {', '.join(filter(None, (f'{SIGNS[matrix.verdict]} {matrix.verdict}', matrix.shortfall)))}\n"
    evidence = Counter(r.evidence for r in matrix.rows if r.verdict == "pass")
    kinds = ", ".join(f"{n:,} {plain(name)}" for name, n in evidence.most_common()) or "none"
    yield f"{counts['pass']:,} pass ({kinds}), {counts['fail']:,} fail, {counts['inconclusive']:,} inconclusive; seed {matrix.seed}.\n"
    failing = [r for r in matrix.rows if r.verdict == "fail"]
    for row in failing[:MOST_ROWS]:
        yield from _failure(row)
    if len(failing) > MOST_ROWS:
        yield f"\n... and {len(failing) - MOST_ROWS:,} more failing rows.\n"
    undecided = [r for r in matrix.rows if r.verdict == "inconclusive"]
    if undecided:
        yield "\n<details><summary>Inconclusive</summary>\n"
        yield "| target | network | format | why |\n|---|---|---|---|"
        for r in undecided[:MOST_ROWS]:
            yield f"| {code(r.target, 80)} | {code(r.network, 120)} | {code(r.dtype, 20) if r.dtype else ''} | {plain(r.message)} |"
        if len(undecided) > MOST_ROWS:
            yield f"\n... and {len(undecided) - MOST_ROWS:,} more."
        yield "\n</details>\n"
    if matrix.skipped:
        yield f"\n{len(matrix.skipped):,} networks were not expressed by their targets."


def _failure(row: Row) -> Iterator[str]:
    first: Finding | None = next((f for f in row.findings if f.severity == "fault"), None)
    where = f" ({code(row.location, 200)})" if row.location else ""
    dtype = f" {code(row.dtype, 20)}" if row.dtype else ""
    yield f"### ❌ {code(row.target, 80)} · {code(row.network, 120)}{dtype}{where}\n"
    yield f"{plain(row.message, 600)}\n"
    if first is None:
        return
    facts = (
        ("where", f"{first.direction} of {first.node}{list(first.index) if first.index else ''}" if first.node else ""), ("edge", first.edge),
        ("got", number(first.got)), ("expected", number(first.expected)),
        ("error over bound", ratio(first.ratio) if first.ratio == first.ratio else ""), ("mistake", first.diagnosis or "not recognised"),
    )  # fmt: skip
    yield "| | |\n|---|---|\n" + "\n".join(f"| {name} | {code(text)} |" for name, text in facts if text)
    if first.snippet:
        text = clean(first.snippet, 10_000, newlines=True)
        fence = "`" * max(3, 1 + max((len(x) for x in re.findall(r"`+", text)), default=0))
        yield f"\n<details><summary>To reproduce</summary>\n\n{fence}python\n{text}\n{fence}\n\n</details>\n"
