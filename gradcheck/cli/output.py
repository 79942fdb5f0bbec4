"""Where things go: tables to standard output, progress and remarks to standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from gradcheck.render.progress import progress
from gradcheck.render.terminal import Terminal

__all__ = ["NEW_FILE", "console", "progress", "status_line", "write_json", "write_text"]

PIPED_WIDTH = 160


def console() -> Console:
    """Return the console for data: plain and wide when piped."""
    made = Terminal()
    return made if made.is_terminal else Terminal(width=PIPED_WIDTH, no_color=True)


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Give a callback that shows a line on standard error while work goes on, or nothing where that is no terminal."""
    errors = Terminal(stderr=True)
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
        return path.absolute()  # the folder may be changed by then


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
