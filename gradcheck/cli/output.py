"""Where things go: tables to standard output, results to files, progress and remarks to standard error."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from gradcheck.errors import GradcheckError, OutputFailed
from gradcheck.files.writing import check, write
from gradcheck.foreign import text_of
from gradcheck.foreign.gate import description_of
from gradcheck.history import History
from gradcheck.render.progress import progress
from gradcheck.render.terminal import Terminal

__all__ = [
    "HISTORY", "NEW_FILE", "Output", "as_json", "console", "document", "finish", "interrupted", "let_go", "progress", "put",
    "remark", "showing_what_there_is", "status_line", "to_file",
]  # fmt: skip

PIPED_WIDTH = 160
#: In the place of a file: standard output, which has the result alone then.
STDOUT = Path("-")

#: A file, None where none was asked for, and what writes it.
Output = tuple[Path | None, Callable[[Path], object]]


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


# -- before the work ---------------------------------------------------------------------------------


class _NewFile(click.Path):
    """A file that is written at the end of long work: whether it can be is found out at the start. A - is standard output."""

    _streams = True

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if path == STDOUT and self._streams:
            if ctx is not None and param is not None and ctx.meta.setdefault(f"{__name__}:-", param.name) != param.name:
                self.fail("expected one result on standard output; got - twice", param, ctx)
            return path
        if not path.parent.is_dir() or path.name in ("-", ":memory:"):
            self.fail(f"expected a file in a folder that exists; got {str(path)!r}", param, ctx)
        path = path.parent.resolve() / path.name  # the folder may be changed by then
        if ctx is not None and param is not None and ctx.meta.setdefault(f"{__name__}:{path}", param.name) != param.name:
            self.fail(f"expected a file for each option; got {str(path)!r} twice", param, ctx)
        try:
            self._check(path)
        except GradcheckError as error:
            self.fail(str(error), param, ctx)
        return path

    def _check(self, path: Path) -> None:
        check(path)


class _HistoryFile(_NewFile):
    """A history that is added to at the end."""

    _streams = False

    def _check(self, path: Path) -> None:
        check(path)
        if path.exists():
            History(path).check()


#: A seed, in every command: what a result can hold, whose reader takes 20 digits, and a history, whose integers have 64 bits.
SEED = click.IntRange(0, 2**63 - 1)

#: The types of every ``--json FILE`` and of ``--save FILE``.
NEW_FILE, HISTORY = _NewFile(dir_okay=False), _HistoryFile(dir_okay=False)


# -- after it ----------------------------------------------------------------------------------------


def to_file(text: Callable[[], str]) -> Callable[[Path], object]:
    """Return what writes a text into a file.

    Args:
        text: makes it.
    """
    return lambda path: put(path, text())


def as_json(data: Callable[[], Any]) -> Callable[[Path], object]:
    """Return what writes plain data into a file.

    Args:
        data: makes it.
    """
    return lambda path: put(path, document(data()))


def put(path: Path, text: str) -> None:
    """Write a text into a file, or to standard output."""
    if path == STDOUT:
        click.echo(text, nl=False)
    else:
        write(path, text)


def document(data: Any) -> str:
    """Return plain data as JSON."""
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def finish(status: int, show: Callable[[], object], outputs: Sequence[Output] = (), remarks: Sequence[str] = ()) -> int:
    """Show what was found, write every file, tell at the end what could not be, and return the exit status.

    Args:
        status: of the work.
        show: prints; not called where a result goes to standard output.
        outputs: files.
        remarks: told at the end; empty ones are not.

    Returns:
        1 where a gradient is wrong, else 2 where an output failed, else the status of the work.
    """
    failures = [] if any(path == STDOUT for path, _ in outputs) else [_failure("standard output", show)]
    failures += [_failure(str(path), lambda path=path, write=write: write(path)) for path, write in outputs if path is not None]  # type: ignore[misc]
    found = [x for x in failures if x]
    for line in (*filter(None, remarks), *found):
        remark(line)
    return 2 if found and status != 1 else status


def _failure(name: str, act: Callable[[], object]) -> str:
    """Return what went wrong, "" for nothing."""
    try:
        act()
    except OutputFailed as error:
        return str(error)
    except (GradcheckError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            let_go()
        return f"{name}: expected to write all of it; {text_of(error)}"
    except Exception as error:  # the others are tried still
        return f"{name}: expected to write all of it; unexpected {description_of(error)}"
    return ""


def let_go() -> None:
    """Let standard output lead nowhere: nobody reads it, and it would be flushed once more at the end of the process."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def remark(text: str) -> None:
    """Tell something beside the results, in one line."""
    cleaned = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    with suppress(OSError, ValueError):  # nobody may be there
        click.echo(f"gradcheck: {cleaned}", err=True)


@contextmanager
def showing_what_there_is(show: Callable[[], object], extent: Callable[[], str], file: Path | None = None, *, resumable: bool = True) -> Iterator[None]:
    """Show, when the user interrupts the work, what there is of it, and tell how to go on.

    Args:
        show: prints it.
        extent: see `interrupted`.
        file: likewise.
        resumable: likewise.
    """
    try:
        yield
    except KeyboardInterrupt:
        finish(2, show, remarks=[interrupted(extent(), file, resumable=resumable)])
        raise


def interrupted(extent: str, file: Path | None = None, *, resumable: bool = True) -> str:
    """Return the remark that ends work which was cut off: what there is of it, and the command that goes on.

    Args:
        extent: such as "131 of 362 rows".
        file: in which it is kept; None where it is not.
        resumable: whether the command can go on at all.
    """
    if not resumable:
        return f"interrupted after {extent}; no file is written; the command begins anew next time"
    if file is None:
        return f"interrupted after {extent}; nothing is kept; with --json FILE it could be resumed"
    return f"interrupted after {extent}, which {file} keeps; to go on:\n{_command('--resume')}"


def _command(option: str) -> str:
    """Return the command line of this process, with one more option."""
    context = click.get_current_context()
    told = context.find_root().obj
    given = list(told["arguments"]) if isinstance(told, dict) and "arguments" in told else [str(context.info_name), *sys.argv[1:]]
    at = given.index(str(context.info_name)) + 1 if context.info_name in given else len(given)  # what follows -- is no option
    return shlex.join(["gradcheck", *given[:at], *([] if option in given else [option]), *given[at:]])
