"""``gradcheck power --explanations``: how often the mistake is named from gradients alone."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.bench import explanation as exam
from gradcheck.cli.journals import completing, journal_beside, kept_in, not_kept
from gradcheck.cli.output import console, finish, progress, showing_what_there_is, to_file
from gradcheck.errors import BadInput
from gradcheck.faults.mutants import mutants
from gradcheck.render.explanations import LISTED, as_json, headline, markdown, table

#: Rows shown of the mistakes that were not named.
SHOWN = 30


def explanations(patterns: str, graphs: int, seed: int, jobs: int, json_file: Path | None, markdown_file: Path | None, *, resume: bool) -> int:
    """Place mutants in random networks, ask for explanations, show and write what came of it.

    Args:
        patterns: shell patterns of mutants, separated by commas.
        graphs: how many random networks.
        seed: of networks, nodes and points.
        jobs: processes.
        json_file: to write.
        markdown_file: to write.
        resume: whether to go on with what was cut off.

    Raises:
        BadInput: if a pattern matches no mutant.
    """
    names = _chosen(patterns)
    head = {"schema": exam.SCHEMA, "mutants": patterns, "graphs": graphs, "seed": seed}
    rows: list[exam.Row] = []

    def data() -> dict[str, Any]:
        return exam.as_data(rows, graphs=graphs, seed=seed)

    with (
        journal_beside(json_file, head, resume=resume) as journal,
        showing_what_there_is(lambda: _show(data()), lambda: f"{len(rows)} of {len(names)} mutants", kept_in(journal)), progress() as told,
    ):  # fmt: skip
        rows += exam.measure(names, graphs=graphs, seed=seed, jobs=jobs, progress=told, journal=journal)
    outputs = [(json_file, completing(journal, lambda: as_json(data()))), (markdown_file, to_file(lambda: markdown(data())))]
    return finish(0, lambda: _show(data()), outputs, [not_kept(journal)])


def _show(data: dict[str, Any]) -> None:
    out = console()
    out.print(_counts(data))
    rows = [r for kind in LISTED for r in data["rows"] if r["outcome"] == kind]
    for r in rows[:SHOWN]:
        out.print(Text(f"{r['outcome']}: {r['mutant']} at {r['node']} of {r['network']}: {r['said']}"))
    if len(rows) > SHOWN:
        out.print(Text(f"... and {len(rows) - SHOWN} more"))
    out.print(Text(headline(data), style="bold"))


def _chosen(patterns: str) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns.split(","):
        hits = [n for n in mutants if fnmatch.fnmatchcase(n, pattern)]
        if not hits:
            raise BadInput(f"no mutant matches {pattern!r}")
        found.update(dict.fromkeys(hits))
    return list(found)


def _counts(data: dict[str, object]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("outcome")
    made.add_column("mutants", justify="right")
    made.add_column("")
    for name, count, meaning in table(data):
        made.add_row(name, str(count), meaning)
    return made
