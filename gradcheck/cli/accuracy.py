"""``gradcheck accuracy``: how many ulp values and gradients of a target are off, and what it gives at kinks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.bench.accuracy import Accuracy, as_table
from gradcheck.bench.accuracy import measure as elementary
from gradcheck.bench.ulps.report import DTYPES, Settings, measure
from gradcheck.cli.output import NEW_FILE, SEED, as_json, console, finish, progress, showing_what_there_is, to_file
from gradcheck.errors import BadDocument
from gradcheck.files import json
from gradcheck.render.accuracy import as_json as report_json
from gradcheck.render.accuracy import html, markdown, number, operation, place, told, worst
from gradcheck.targets.opening import all_opened

#: Rows that the terminal shows.
SHOWN = 30


def _list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(x.strip() for x in (value or "").split(",") if x.strip())


@click.command("accuracy")
@click.argument("names", nargs=-1, required=True, metavar="TARGET...")
@click.option("--dtype", "dtypes", default=",".join(DTYPES), show_default=True, callback=_list, metavar="LIST", help="Formats; each target's own.")
@click.option("--ops", default="*", show_default=True, callback=_list, metavar="PATTERNS", help="Operations, by shell patterns.")
@click.option("--points", default=20_000, show_default=True, type=click.IntRange(2), help="Inputs for each function that is searched.")
@click.option("--seed", default=0, type=SEED, show_default=True)
@click.option("--conventions/--no-conventions", default=True, show_default=True, help="What is given at kinks.")
@click.option("--json", "json_file", type=NEW_FILE, help="Write everything as JSON.")
@click.option("--markdown", "markdown_file", type=NEW_FILE, help="Write Markdown.")
@click.option("--html", "html_file", type=NEW_FILE, help="Write one HTML file.")
@click.option(
    "--write", "table_file", type=NEW_FILE,
    help="Measure values of elementary functions alone, and put their errors into this table, which decides rounding bounds.",
)  # fmt: skip
def accuracy_command(
    names: tuple[str, ...], dtypes: tuple[str, ...], ops: tuple[str, ...], points: int, seed: int, conventions: bool,
    json_file: Path | None, markdown_file: Path | None, html_file: Path | None, table_file: Path | None,
) -> int:  # fmt: skip
    """Measure errors of every operation's value and gradients in TARGET..., in units in the last place.

    Functions of one entry are tried at every float16 and bfloat16 number; what is searched in the other formats is at least as wrong.
    """
    if table_file is not None:
        return _elementary(names, dtypes, points, seed, table_file)
    latest: list[Mapping[str, Any]] = []

    def show() -> None:
        for data in latest:
            _show(data)

    with (
        showing_what_there_is(show, lambda: f"{sum(len(x['rows']) for x in latest)} results", resumable=False),
        all_opened(names) as described, progress() as told,
    ):  # fmt: skip
        data = measure(described, Settings(dtypes, ops, points, seed, conventions), told=told, latest=latest)
    outputs = [(json_file, to_file(lambda: report_json(data))), (markdown_file, to_file(lambda: markdown(data))), (html_file, to_file(lambda: html(data)))]
    silent = {d.name for d in described} - {r["target"] for r in (*data["rows"], *data["conventions"])}
    return finish(2 if silent else 0, lambda: _show(data), outputs, [f"{name}: nothing was measured" for name in sorted(silent)])


def _show(data: Mapping[str, Any]) -> None:
    out, rows = console(), worst(data["rows"], SHOWN)
    caption = f"the worst {len(rows)} of {len(data['rows'])}; all of them go into --json, --html and --markdown"
    made = Table("target", "dtype", "operation", "what", "ulp", "median", "at", "not finite", "flushed", box=box.SIMPLE_HEAD, pad_edge=False, caption=caption)
    for r in rows:
        sign = "" if r["how"] == "exhaustive" else "≥ "
        made.add_row(
            Text(r["target"]), r["dtype"], operation(r), r["what"], sign + number(r["ulps"]), number(r["median"]), Text(place(r)),
            str(r.get("bad", 0) or ""), str(r.get("flushed", 0) or ""),
        )  # fmt: skip
    out.print(made)
    broken = [r for r in data["rows"] if r.get("bad")]
    if broken:
        out.print(Text(f"{len(broken)} results are not finite somewhere where they should be, or the reverse; such as"))
        for r in broken[:SHOWN // 3]:
            out.print(Text(f"  {r['target']} {r['dtype']} {operation(r)}, {r['what']} at {place(r, 'bad_example')}: {told(r, 'bad_example')}"))
    odd = [c for c in data["conventions"] if c["status"] in ("outside", "not finite")]
    for c in odd:
        out.print(Text(f"{c['target']}: {c['point']}: {', '.join(map(number, c['given']))} is {c['status']} ({c['allowed']})"))
    if data["skipped"]:
        out.print(Text(f"{len(data['skipped'])} operations were skipped: a target has no form for them, or failed"))


# -- the table that decides rounding bounds ---------------------------------------------------------


def _elementary(names: tuple[str, ...], dtypes: tuple[str, ...], points: int, seed: int, file: Path) -> int:
    rows: list[Accuracy] = []
    old = _table_of(file)
    with all_opened(names) as described:
        for target in described:
            for dtype in (x for x in dtypes if x in target.dtypes):
                rows += elementary(target, dtype, points=points, seed=seed)
    for name, formats in as_table(rows).items():
        old.setdefault(name, {}).update(formats)
    return finish(0 if rows else 2, lambda: console().print(_table(rows)), [(file, as_json(lambda: old))])


def _table(rows: list[Accuracy]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption="searched: the largest error is at least this")
    for heading in ("target", "dtype", "function", "ulp", "median", "at", "inputs"):
        made.add_column(heading, justify="right" if heading in ("ulp", "median", "at", "inputs") else "left")
    for r in rows:
        made.add_row(Text(r.target), r.dtype, r.function, f"{r.ulps:.2f}", f"{r.median:.2f}", repr(r.worst), str(r.points))
    return made


def _table_of(file: Path) -> dict[str, Any]:
    """Return the table in a file, which is added to."""
    old = json.read(file, "a table of errors") if file.exists() else {}
    if not isinstance(old, dict) or not all(isinstance(x, dict) for x in old.values()):
        raise BadDocument(f"{file}: expected a table of errors by target and format; got something else; name a new file")
    return old
