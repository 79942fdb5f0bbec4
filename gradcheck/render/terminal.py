"""Verdicts for people: a table, then what was found, then the summary. Reads results only."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from gradcheck.result.finding import Finding, Matrix, Row

STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}
SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}
MOST_FINDINGS = 20
#: Below this many columns a message beside five others would be a pillar of syllables.
TABLE_WIDTH = 120


def as_text(matrix: Matrix, width: int = 120) -> str:
    """Return what the terminal would show, without colours."""
    stream = io.StringIO()
    Terminal(file=stream, width=width, no_color=True).print(whole(matrix))
    return stream.getvalue()


class Terminal(Console):
    """A console on which foreign text does no harm, whoever printed it: nothing is markup, and control characters are replaced.

    Args:
        given: as `rich.console.Console` takes them.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **given)

    def on_broken_pipe(self) -> None:
        """Let whoever prints know that nobody reads, and decide what comes next; rich would end the process."""
        raise  # noqa: PLE0704 - it is called while the error is handled

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the pieces of what is shown; those that move the cursor are rich's own."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(_clean(piece.text, newlines=True), piece.style)


def whole(matrix: Matrix) -> RenderableType:
    """Return table, findings and summary."""
    return Group(_Rows(matrix.rows), *findings(matrix.rows), summary(matrix))


class _Rows:
    """The rows as a table where there is room for their messages, else line by line."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width >= TABLE_WIDTH:
            yield table(self.rows)
        else:
            yield Padding(Group(*lines(self.rows)), (1, 0))


def lines(rows: Iterable[Row]) -> Iterator[RenderableType]:
    """Return one short line a row, and what there is to say about it below."""
    cells = [(r, [_clean(x) for x in (r.target, r.network, r.dtype, r.evidence)] + [_ratio(r.worst_ratio)]) for r in rows]
    widths = [max((len(c[k]) for _, c in cells), default=0) for k in range(4)]
    for r, c in cells:
        style = STYLES[r.verdict]
        padded = [x.ljust(w) for x, w in zip(c, widths, strict=False)]
        yield Text.assemble((SIGNS[r.verdict], style), " ", " ".join([*padded, c[-1]]))
        if r.verdict != "pass" or any(f.severity != "fault" for f in r.findings):
            yield Padding(Text(_clean(_short(r)), style="" if r.verdict == "pass" else style), (0, 0, 0, 4))


def table(rows: Iterable[Row]) -> Table:
    """Return one line a row."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "target", "network", "dtype", "evidence"):
        made.add_column(heading, no_wrap=True)
    made.add_column("worst", justify="right", no_wrap=True)
    made.add_column("", overflow="fold")
    for r in rows:
        style = STYLES[r.verdict]
        made.add_row(
            Text(SIGNS[r.verdict], style=style), *(_plain(x) for x in (r.target, r.network, r.dtype, r.evidence)),
            _ratio(r.worst_ratio), Text(_clean(_short(r)), style="" if r.verdict == "pass" else style),
        )  # fmt: skip
    return made


def _short(row: Row) -> str:
    accuracy = sum(f.severity == "accuracy" for f in row.findings)
    note = f" ({accuracy} by textbook formula only)" if accuracy and row.verdict == "pass" else ""
    if row.verdict == "pass":
        note += "".join(f"; {f.message}" for f in row.findings if f.severity == "note")[:120]
    limit = 300 if row.verdict == "fail" else 160
    return (row.message if len(row.message) <= limit else row.message[: limit - 1] + "…") + note


def _ratio(x: float | None) -> str:
    if x is None or math.isnan(x):
        return "-"
    return f"{x:.2f}" if x < 100 else f"{x:.1e}"


def findings(rows: Iterable[Row]) -> list[RenderableType]:
    """Return a panel for the first fault of each failing row."""
    failing = [r for r in rows if r.verdict == "fail" and any(f.severity == "fault" for f in r.findings)]
    shown: list[RenderableType] = [x for r in failing[:MOST_FINDINGS] for x in _finding(r)]
    if len(failing) > MOST_FINDINGS:
        shown.append(Text(f"... and {len(failing) - MOST_FINDINGS} more failing rows", style="red"))
    return shown


def _finding(row: Row) -> Iterator[RenderableType]:
    """Return the panel of a failing row, and below it, without a frame, code to copy."""
    faults = [f for f in row.findings if f.severity == "fault"]
    body: list[RenderableType] = [_facts(faults[0])]
    if len(faults) > 1:
        body.append(Text(f"and {len(faults) - 1} more:"))
        body += [Text("  " + _clean(f.message)[:240]) for f in faults[1:4]]
    title = _clean(f"{row.target} · {row.network} · {row.dtype}")
    yield Panel(Group(*body), title=Text(title), title_align="left", border_style="red", box=box.ROUNDED)
    if faults[0].snippet:
        code = _clean(faults[0].snippet, newlines=True)
        yield Padding(Syntax(code, "python", word_wrap=True, background_color="default"), (0, 0, 1, 0))


def _facts(f: Finding) -> Table:
    grid = Table.grid(padding=(0, 2))
    where = f"{f.direction} of {f.node}{list(f.index) if f.index else ''}"
    lines = [
        ("where", where), ("operation", f.op), ("edge", f.edge),
        ("candidates", ", ".join(f.candidates)),
        ("got", _number(f.got)), ("expected", _number(f.expected)),
        ("bound", f"{f.bound:.3g}" if not math.isnan(f.bound) else ""),
        ("ratio", f"{f.ratio:.3g} ({f.effective_bits:.1f} effective bits, {f.declared_bits} declared)" if not math.isnan(f.ratio) else ""),
        ("mistake", f.diagnosis or "not recognised"),
    ]  # fmt: skip
    if math.isnan(f.ratio):
        lines.insert(0, ("what", f.message))
    for name, text in lines:
        if text:
            grid.add_row(Text(name, style="dim"), Text(_clean(text)))
    return grid


def _number(x: float) -> str:
    return "" if math.isnan(x) else repr(x)


def summary(matrix: Matrix) -> Text:
    """Return the closing lines: counts of verdicts and evidence, skipped networks, seed, time."""
    verdicts = Counter(r.verdict for r in matrix.rows)
    evidence = Counter(_clean(r.evidence) for r in matrix.rows if r.verdict == "pass")
    out = Text()
    if matrix.shortfall:
        out.append(f"{matrix.shortfall}\n", style=STYLES["inconclusive"])
    for name in ("pass", "fail", "inconclusive"):
        out.append(f"{verdicts[name]} {name}", style=STYLES[name] if verdicts[name] else "dim")
        out.append("   ")
    out.append("\n" + (", ".join(f"{n} {name}" for name, n in evidence.most_common()) or ("nothing passed" if matrix.rows else "nothing was tested")))
    known = sum(bool(r.known) for r in matrix.rows)
    if known:
        out.append(f"\n{known} known failures, counted as inconclusive")
    if matrix.skipped:
        out.append(f"\n{len(matrix.skipped)} networks not expressed: ", style="dim")
        reasons = Counter(f"{s.target}: {s.reason}" for s in matrix.skipped)
        out.append(_clean("; ".join(f"{reason} ({n})" for reason, n in reasons.most_common(6))), style="dim")
    versions = ", ".join(f"{k} {v}" for k, v in matrix.versions.items() if v)
    out.append(f"\nseed {matrix.seed}, {matrix.seconds:.1f} s, {_clean(versions)}", style="dim")
    return out


def _plain(text: str) -> Text:
    return Text(_clean(text))


def _clean(text: str, newlines: bool = False) -> str:
    """Make control characters harmless."""
    return text if text.isprintable() else "".join(c if c.isprintable() or (newlines and c == "\n") else "�" for c in text)
