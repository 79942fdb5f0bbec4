"""``gradcheck accuracy``: how many ulp the elementary functions of a target are off."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.bench.accuracy import Accuracy, as_table, measure
from gradcheck.cli.output import console, write_json
from gradcheck.targets.registry import targets
from gradcheck.targets.target import Description


@click.command("accuracy")
@click.argument("names", nargs=-1, required=True, metavar="TARGET...")
@click.option("--dtype", default="float64,float32", show_default=True, metavar="LIST", help="Formats, separated by commas.")
@click.option("--points", default=20_000, show_default=True, type=click.IntRange(2), help="Inputs for each function.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True)
@click.option(
    "--write", "file", type=click.Path(dir_okay=False, path_type=Path),
    help="Put the errors found into this table, which decides the rounding bounds of elementary functions.",
)  # fmt: skip
def accuracy_command(names: tuple[str, ...], dtype: str, points: int, seed: int, file: Path | None) -> int:
    """Search the largest error of each elementary function of TARGET..., in ulp (at least)."""
    rows: list[Accuracy] = []
    for name in names:
        known = Description.of(targets[name]).dtypes
        for d in (d.strip() for d in dtype.split(",")):
            if d in known:
                rows += measure(targets[name], d, points=points, seed=seed)
    if file is not None:
        _merge(file, as_table(rows))
    console().print(_table(rows))
    return 0 if rows else 2


def _table(rows: list[Accuracy]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption="searched: the largest error is at least this")
    for heading in ("target", "dtype", "function", "ulp", "median", "at", "inputs"):
        made.add_column(heading, justify="right" if heading in ("ulp", "median", "at", "inputs") else "left")
    for r in rows:
        made.add_row(Text(r.target), r.dtype, r.function, f"{r.ulps:.2f}", f"{r.median:.2f}", repr(r.worst), str(r.points))
    return made


def _merge(file: Path, new: dict[str, dict[str, dict[str, float]]]) -> None:
    old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for target, formats in new.items():
        old.setdefault(target, {}).update(formats)
    write_json(file, old)
