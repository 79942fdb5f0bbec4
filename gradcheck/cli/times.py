"""``gradcheck power --times``: what every checker takes for a right derivative as inputs grow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from gradcheck.bench.comparison import LIMIT, SIZES, Row, as_data, compare
from gradcheck.bench.worker import Worker
from gradcheck.cli.output import as_json, console, finish, progress, showing_what_there_is, to_file
from gradcheck.render.comparison import markdown, table


def times(seed: int, json_file: Path | None, markdown_file: Path | None) -> int:
    """Measure, show and write the table.

    Args:
        seed: of the inputs.
        json_file: to write.
        markdown_file: to write.
    """
    rows: list[Row] = []

    def show() -> None:
        data = as_data(rows)
        for function in dict.fromkeys(r.function for r in rows):
            console().print(_table(function, list(table(data, function))))

    with showing_what_there_is(show, lambda: f"{len(rows)} measurements", resumable=False), progress() as told, Worker(limit=LIMIT) as worker:
        for row in compare(worker, SIZES, seed=seed):
            rows.append(row)
            told(f"{row.function}, {row.entries} entries, {row.checker}", len(rows), 0)
    outputs = [(json_file, as_json(lambda: as_data(rows))), (markdown_file, to_file(lambda: markdown(as_data(rows))))]
    return finish(0, show, outputs)


def _table(function: str, rows: Sequence[Sequence[str]]) -> Table:
    made = Table(title=function, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, caption="multiples of the time of gradcheck")
    for heading in rows[0]:
        made.add_column(heading, justify="right")
    for cells in rows[1:]:
        made.add_row(*cells)
    return made
