"""``gradcheck compare``: what is worse, and what is better, in a new result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from gradcheck.cli.output import NEW_FILE, as_json, console, finish
from gradcheck.history import Change, compare, read, regressions
from gradcheck.result.text import clean


@click.command("compare")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--json", "file", type=NEW_FILE, help="Write the changes as JSON.")
def compare_command(old: str, new: str, file: Path | None) -> int:
    """Compare two results: JSON files, histories (their last run), or HISTORY#NUMBER.

    Exit status 1: new failures, weaker evidence, less accuracy, or rows that are gone. Times are told, and decide nothing.
    """
    changes = compare(read(old), read(new))
    data = {"schema": "gradcheck-changes/1", "changes": [c.to_dict() for c in changes]}
    return finish(1 if regressions(changes) else 0, lambda: console().print(changed(changes)), [(file, as_json(lambda: data))])


def changed(changes: Sequence[Change]) -> RenderableType:
    """Return the changes as a table."""
    if not changes:
        return Text("no change beyond noise")
    made = Table("", "row", "", box=box.SIMPLE_HEAD, pad_edge=False)
    for c in changes:
        made.add_row(Text(c.kind, style="red" if c.worse else "green"), clean(c.row, 120), Text(clean(c.message, 200)))
    return made
