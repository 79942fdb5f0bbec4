"""Work that goes on where it was cut off: what a journal holds is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from gradcheck.files.journal import Journal
from gradcheck.files.limits import refused
from gradcheck.pool import mapped

Found = TypeVar("Found")


def resumed(
    work: Callable[[str], Found], names: Sequence[str], jobs: int, read: Callable[[Any], Found], journal: Journal | None = None
) -> Iterator[Found]:
    """Yield what is found for each name, in order: from the journal, or by doing it.

    Args:
        work: name -> a record, or a list of records.
        names: of the cases, each once.
        jobs: processes that share the work.
        read: plain data of the journal -> the same.
        journal: what was found before, and where results are kept as they come.

    Raises:
        BadDocument: if the journal holds something else.
    """
    before = {} if journal is None else {k: _read(read, v, journal, k) for k, v in journal.found.items()}
    made = mapped(work, [name for name in names if name not in before], jobs)
    for name in names:
        found = before[name] if name in before else next(made)
        if journal is not None and name not in before:
            journal.add(name, _plain(found))
        yield found


def _read(read: Callable[[Any], Found], data: Any, journal: Journal, name: str) -> Found:
    with refused(f"{journal.path}: expected a result of {name!r:.80}"):
        return read(data)


def _plain(found: Any) -> Any:
    return [asdict(x) for x in found] if isinstance(found, list) else asdict(found)
