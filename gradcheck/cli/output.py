"""Where things go: tables to standard output, progress and remarks to standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from gradcheck.verdict.validate import Progress as Callback

PIPED_WIDTH = 160


def console() -> Console:
    """Return the console for data: plain and wide when piped."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=PIPED_WIDTH, no_color=True)


@contextmanager
def progress() -> Iterator[Callback]:
    """Give a callback that draws a bar on standard error, or nothing where that is no terminal."""
    columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda label, k, n: bar.update(task, description=label[:60], completed=k, total=n)


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Give a callback that shows a line on standard error while work goes on, or nothing where that is no terminal."""
    errors = Console(stderr=True)
    if not errors.is_terminal:
        yield lambda text: None
        return
    with errors.status("") as shown:
        yield lambda text: shown.update(Text(text[:100]))


class _NewFile(click.Path):
    """A file that is written at the end of long work: its folder has to be there at the start."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir() or path.name == "-":
            self.fail(f"expected a file in a folder that exists; got {str(path)!r}", param, ctx)
        return path


#: The type of every ``--json FILE``.
NEW_FILE = _NewFile(dir_okay=False, writable=True)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
