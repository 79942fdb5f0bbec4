"""How far a long job is, wherever somebody looks: a bar in a terminal or a notebook, now and then a line in a CI log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gradcheck.result.text import clean

#: label, number, how many there are
Callback = Callable[[str, int, int], None]

#: Seconds between two lines of a log.
EVERY = 15.0


@contextmanager
def progress(console: Console | None = None, environment: Mapping[str, str] = os.environ) -> Iterator[Callback]:
    """Give a callback that shows progress on standard error: nothing where that is a file and no CI log.

    Args:
        console: where to draw; standard error unless given.
        environment: in which CI stands where a CI machine runs this.
    """
    shown = console or Console(stderr=True)
    if shown.is_terminal or shown.is_jupyter:
        columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
        with Progress(*columns, console=shown, transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda label, k, n: bar.update(task, description=clean(label, 60), completed=k, total=n)
    elif environment.get("CI", "").lower() in ("", "0", "false"):
        yield lambda label, k, n: None
    else:
        yield _Log(shown.file if console is not None else sys.stderr)


class _Log:
    """Writes a line now and then.

    Args:
        stream: to write to.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream, self.last = stream, time.monotonic()

    def __call__(self, label: str, k: int, n: int) -> None:
        now = time.monotonic()
        if now - self.last >= EVERY:
            self.last = now
            self.stream.write(f"gradcheck: {k} of {n}, {clean(label, 100)}\n")
            self.stream.flush()
