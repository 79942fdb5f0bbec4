"""Commands that go on where they were cut off: a journal beside the file of ``--json``, which goes when that is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gradcheck import __version__
from gradcheck.cli.output import STDOUT, put
from gradcheck.files.journal import Journal

#: ``--resume`` of every command that has a journal.
RESUME = click.option("--resume", is_flag=True, help="Do only what is missing in the journal that a run which was cut off left beside the file of --json.")


@contextmanager
def journal_beside(file: Path | None, head: Mapping[str, Any], *, resume: bool) -> Iterator[Journal | None]:
    """Give the journal of a file of results, None where there is no file.

    Args:
        file: of ``--json``.
        head: what the work is.
        resume: whether to go on with what is there.

    Raises:
        UsageError: resuming without a file.
        BadDocument: a journal of other work, or of another version of gradcheck.
        OutputFailed: it cannot be written.
    """
    if file is None or file == STDOUT:
        if resume:
            raise click.UsageError("--resume needs --json FILE")
        yield None
        return
    with Journal(file.with_name(f"{file.name}.journal"), {"gradcheck": __version__, **head}, resume=resume) as journal:
        yield journal


def completing(journal: Journal | None, text: Callable[[], str]) -> Callable[[Path], object]:
    """Return what writes a text into a file, and then removes its journal.

    Args:
        journal: of the work.
        text: makes what is written.
    """

    def completed(path: Path) -> None:
        put(path, text())
        if journal is not None:
            journal.path.unlink(missing_ok=True)

    return completed


def not_kept(journal: Journal | None) -> str:
    """Return the remark about results that a journal could not keep, "" for none.

    Args:
        journal: of the work.
    """
    return journal.remark if journal is not None else ""


def kept_in(journal: Journal | None) -> Path | None:
    """Return where results are kept that a command could go on with.

    Args:
        journal: of the work.
    """
    return journal.path if journal is not None else None
