"""``gradcheck power --explanations``: how often the mistake is named from gradients alone."""

from __future__ import annotations

import fnmatch
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.bench import explanation as exam
from gradcheck.cli.output import console, progress, write_text
from gradcheck.errors import BadInput
from gradcheck.faults.mutants import mutants
from gradcheck.render.explanations import LISTED, as_json, headline, markdown, table

#: Rows shown of the mistakes that were not named.
SHOWN = 30


def explanations(patterns: str, graphs: int, seed: int, jobs: int, json_file: Path | None, markdown_file: Path | None) -> int:
    """Place mutants in random networks, ask for explanations, show and write what came of it.

    Args:
        patterns: shell patterns of mutants, separated by commas.
        graphs: how many random networks.
        seed: of networks, nodes and points.
        jobs: processes.
        json_file: to write.
        markdown_file: to write.

    Raises:
        BadInput: if a pattern matches no mutant.
    """
    names = _chosen(patterns)
    with progress() as told:
        data = exam.as_data(list(exam.measure(names, graphs=graphs, seed=seed, jobs=jobs, progress=told)), graphs=graphs, seed=seed)
    for file, made in ((json_file, as_json), (markdown_file, markdown)):
        if file is not None:
            write_text(file, made(data))
    out = console()
    out.print(_counts(data))
    rows = [r for kind in LISTED for r in data["rows"] if r["outcome"] == kind]
    for r in rows[:SHOWN]:
        out.print(Text(f"{r['outcome']}: {r['mutant']} at {r['node']} of {r['network']}: {r['said']}"))
    if len(rows) > SHOWN:
        out.print(Text(f"... and {len(rows) - SHOWN} more"))
    out.print(Text(headline(data), style="bold"))
    return 0


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
