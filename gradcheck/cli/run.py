"""``gradcheck run``: judge implementations of backpropagation."""

from __future__ import annotations

from pathlib import Path

import click

from gradcheck.cli.output import NEW_FILE, console, progress, write_json
from gradcheck.render.terminal import whole
from gradcheck.verdict.finding import Matrix
from gradcheck.verdict.validate import validate


@click.command("run")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--networks", "patterns", multiple=True, metavar="PATTERN", help="Names, systems (S1) or tags, with * and ?.")
@click.option("--dtype", default="float64", show_default=True, metavar="LIST", help="Formats, separated by commas.")
@click.option("--random", "count", default=0, type=click.IntRange(0), metavar="N", help="Add N random networks.")
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True)
@click.option("--json", "file", type=NEW_FILE, help="Write the result as JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 if anything is inconclusive.")
def run_command(
    targets: tuple[str, ...], patterns: tuple[str, ...], dtype: str, count: int, seed: int, file: Path | None, strict: bool
) -> int:
    """Judge TARGET... (see `gradcheck list targets`, or module:attribute) on networks.

    With --random and without --networks only random networks are run.
    """
    wanted = patterns or (() if count else ("*",))
    dtypes = [d.strip() for d in dtype.split(",") if d.strip()]
    with progress() as report:
        matrix = validate(targets, wanted, dtypes=dtypes, random=count, seed=seed, progress=report)
    if file is not None:
        write_json(file, matrix.to_dict())
    console().print(whole(matrix))
    return status(matrix, strict)


def status(matrix: Matrix, strict: bool) -> int:
    """Return the exit status: 1 a gradient is wrong, 2 nothing was tested or a target never ran."""
    if any(r.verdict == "fail" for r in matrix.rows):
        return 1
    tested = {r.target for r in matrix.rows if not r.error}
    if not tested or tested != {r.target for r in matrix.rows}:
        return 2
    return 1 if strict and any(r.verdict == "inconclusive" for r in matrix.rows) else 0
