"""``gradcheck power``: what every installed checker makes of wrong and of right derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.bench import check_cost as bench_cost
from gradcheck.bench import power as exam
from gradcheck.bench.check_cost import Cost, costs
from gradcheck.bench.checkers import CHECKERS, checker, installed
from gradcheck.bench.power import Row, Score, chosen, examine, false_alarms, misnamed, missed, score
from gradcheck.cli.explanations import explanations as explained
from gradcheck.cli.journals import RESUME, completing, journal_beside, kept_in, not_kept
from gradcheck.cli.output import NEW_FILE, SEED, as_json, console, document, finish, progress, showing_what_there_is
from gradcheck.cli.times import times as times_of_checkers

#: Rows shown of each list of single cases.
SHOWN = 30

_HEADINGS = (
    "wrong", "ordinary", "explored", "trigger", "right", "rejected", "at own", "undecided", "errors", "named", "otherwise", "f", "ms",
)  # fmt: skip
_CAPTION = (
    "wrong derivatives, rejected at ordinary inputs, at ordinary inputs with exploration, at triggering inputs; right ones, rejected at\n"
    "the inputs given, and at inputs of the checker's own; mistakes named rightly, or otherwise; medians of evaluations of f and of ms"
)


@click.command("power")
@click.option("--checkers", metavar="LIST", help=f"Out of {', '.join(CHECKERS)}, separated by commas; all that are installed unless given.")
@click.option("--faults", "patterns", default="*", metavar="PATTERN", help="Shell patterns of cases or classes, separated by commas.")
@click.option("--mutants", default=4, show_default=True, type=click.IntRange(0), help="At most so many mutants of each operation.")
@click.option("--explore/--no-explore", default=True, show_default=True, help="Let gradcheck vary the inputs, in rows of their own.")
@click.option("--cost", is_flag=True, help="Measure what a passing check costs as the inputs grow, and nothing else.")
@click.option("--times", is_flag=True, help="Measure what every checker takes for a right derivative as the inputs grow, and nothing else.")
@click.option("--explanations", is_flag=True, help="Place every mutant in random networks, ask which mistake was made, and nothing else.")
@click.option("--graphs", default=200, show_default=True, type=click.IntRange(1), help="Random networks of --explanations.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes that share the cases.")
@click.option("--seed", default=0, type=SEED, show_default=True)
@click.option("--json", "file", type=NEW_FILE, help="Write every row as JSON.")
@RESUME
@click.option("--markdown", "markdown_file", type=NEW_FILE, help="Write the report of --explanations or of --times.")
def power_command(
    checkers: str | None, patterns: str, mutants: int, explore: bool, cost: bool, times: bool, explanations: bool, graphs: int, jobs: int, seed: int,
    file: Path | None, resume: bool, markdown_file: Path | None,
) -> int:  # fmt: skip
    """Examine the installed checkers on historical faults, on what checkers were seen to pass or reject wrongly, and on mutants.

    What the columns mean is in docs/power.md, what --explanations counts in docs/explanation.md.
    """
    if cost or times:
        if resume:
            raise click.UsageError("--resume is for the exam and for --explanations; --cost and --times take minutes")
        return _costs(seed, file) if cost else times_of_checkers(seed, file, markdown_file)
    if explanations:
        return explained(patterns, graphs, seed, jobs, file, markdown_file, resume=resume)
    names = [c.strip() for c in checkers.split(",") if c.strip()] if checkers is not None else installed()
    for name in names:
        checker(name)  # refuses what is not there before any work
    cases = chosen(patterns, mutants)
    head = {"schema": exam.SCHEMA, "checkers": names, "faults": patterns, "mutants": mutants, "explore": explore, "seed": seed}
    rows: list[Row] = []

    def extent() -> str:
        return f"{len({r.case for r in rows})} of {len(cases)} cases"

    with (
        journal_beside(file, head, resume=resume) as journal,
        showing_what_there_is(lambda: _show(rows), extent, kept_in(journal)), progress() as told,
    ):  # fmt: skip
        rows += examine(cases, names, seed=seed, explore=explore, jobs=jobs, progress=told, journal=journal)
    outputs = [(file, completing(journal, lambda: document(exam.as_data(rows))))]
    return finish(0 if rows else 2, lambda: _show(rows), outputs, [not_kept(journal)])


def _show(rows: Sequence[Row]) -> None:
    """Print a table for each checker, then one of all, then the single cases of gradcheck's."""
    out = console()
    by_checker = {c: [r for r in rows if r.checker == c] for c in dict.fromkeys(r.checker for r in rows)}
    for name, own in by_checker.items():
        out.print(_classes(name, own))
    out.print(_table("all checkers", "checker", {name: score(own) for name, own in by_checker.items()}, _CAPTION))
    own = by_checker.get("gradcheck", [])
    for title, some in (
        ("gradcheck missed", missed(own)), ("gradcheck rejected right derivatives", false_alarms(own)),
        ("gradcheck named another mistake", misnamed(own)),
    ):
        if some:
            out.print(_cases(title, some))


def _classes(name: str, rows: Sequence[Row]) -> Table:
    ordered = sorted(rows, key=lambda r: r.fault_class)
    scores = {c: score(list(own)) for c, own in groupby(ordered, key=lambda r: r.fault_class)}
    return _table(name, "class", scores | {"all": score(rows)})


def _table(title: str, first: str, scores: dict[str, Score], caption: str | None = None) -> Table:
    made = Table(title=title, title_justify="left", caption=caption, caption_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column(first)
    for heading in _HEADINGS:
        made.add_column(heading, justify="right")
    for name, s in scores.items():
        made.add_row(Text(name), *_figures(s), style="bold" if name == "all" else "")
    return made


def _figures(s: Score) -> tuple[str, ...]:
    places = (_of(s.rejected[p], s.wrong) if p in s.rejected else "" for p in ("ordinary", "explored", "trigger"))
    return (
        str(s.wrong), *places, str(s.right), str(s.right_rejected), str(s.right_explored) if "explored" in s.rejected else "",
        str(s.inconclusive), str(s.errors), _of(s.named, s.nameable), str(s.misnamed), f"{s.evaluations:.0f}", f"{1e3 * s.seconds:.1f}",
    )  # fmt: skip


def _of(k: int, n: int) -> str:
    return f"{k}/{n}" if n else ""


def _cases(title: str, rows: Sequence[Row]) -> Table:
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("case", "inputs", "verdict", "mistake", "what was said"):
        made.add_column(heading, overflow="fold" if heading == "what was said" else "ellipsis")
    for r in rows[:SHOWN]:
        said = "; ".join(r.diagnoses) or r.message
        made.add_row(*(Text(t) for t in (r.case, r.inputs, r.verdict, r.mistake, said[:160])))
    if len(rows) > SHOWN:
        made.add_row(Text(f"... and {len(rows) - SHOWN} more"))
    return made


def _costs(seed: int, file: Path | None) -> int:
    rows: list[Cost] = []
    show, extent = (lambda: console().print(_cost_table(rows))), (lambda: f"{len(rows)} measurements")
    with showing_what_there_is(show, extent, resumable=False), progress() as told:
        for row in costs(seed=seed):
            rows.append(row)
            told(f"{row.function}, {row.entries} entries", len(rows), 0)
    return finish(0, show, [(file, as_json(lambda: bench_cost.as_data(rows)))])


def _cost_table(rows: Sequence[Cost]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption="torch: its slow gradcheck of the same function, in the same run")
    made.add_column("function")
    for heading in ("entries", "arrays", "evaluations", "seconds", "torch evaluations", "torch seconds", "ratio"):
        made.add_column(heading, justify="right")
    for r in rows:
        torch = (str(r.torch_evaluations), f"{r.torch_seconds:.3f}", f"{r.ratio:.1f}") if r.torch_seconds is not None else ("", "", "")
        made.add_row(r.function, f"{r.entries:,}", str(r.arrays), str(r.evaluations), f"{r.seconds:.3f}", *torch)
    return made
