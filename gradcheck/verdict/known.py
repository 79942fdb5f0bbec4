"""Known failures: a file of rows that are expected to fail, each with its reason and a link.

::

    [[known]]
    row = "mypkg:Engine/relu-*/float32"   # target/network/dtype, or the id of a test; shell pattern
    reason = "our relu has slope 1 at 0"
    link = "https://example.org/issues/7"
    op = "relu"                           # optional: only where the fault sits at this operation
    diagnosis = "sign"                    # optional: start of the mistake
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gradcheck.errors import BadDocument, UnknownName
from gradcheck.verdict.finding import Finding, Row

_REQUIRED = ("row", "reason", "link")
_KEYS = (*_REQUIRED, "op", "diagnosis", "where")


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A failure that is known.

    Args:
        row: shell pattern of "target/network/dtype", or of a test's id.
        reason: what is wrong, in one sentence.
        link: where it is described.
        op: the operation at which it sits, if only there.
        diagnosis: start of the mistake, if only this one.
        where: start of the finding's message, such as "value of loss".
    """

    row: str
    reason: str
    link: str
    op: str = ""
    diagnosis: str = ""
    where: str = ""

    def names(self, row: Row) -> bool:
        """Answer whether the pattern is that of the row, whatever its verdict."""
        return any(fnmatchcase(x, self.row) for x in (f"{row.target}/{row.network}/{row.dtype}", row.network))

    def covers(self, finding: Finding) -> bool:
        """Answer whether a fault is this known one."""
        return (
            self.op in ("", finding.op) and finding.diagnosis.startswith(self.diagnosis) and finding.message.startswith(self.where)
        )


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Rows after the known failures were looked up.

    Args:
        rows: what fails as is known is inconclusive, with the reason.
        unexpected: rows that pass although they are known to fail.
        unmatched: known failures that name no row.
    """

    rows: tuple[Row, ...]
    unexpected: tuple[Row, ...] = ()
    unmatched: tuple[KnownFailure, ...] = ()

    @property
    def complaints(self) -> list[str]:
        """What strict runs count as failing, a line each."""
        found = [f"{r.target}/{r.network}/{r.dtype}: passes, though it is known to fail ({r.known})" for r in self.unexpected]
        return found + [f"known failure {k.row!r} matches no row ({k.reason})" for k in self.unmatched]


def read(path: Path) -> tuple[KnownFailure, ...]:
    """Return the known failures of a TOML file.

    Raises:
        BadDocument: if the file is damaged or an entry is incomplete.
        UnknownName: a key that does not exist, with the nearest one.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadDocument(f"{path}: expected TOML; {error}") from error
    except OSError as error:
        raise BadDocument(f"{path}: expected a file of known failures; {error.strerror}") from error
    for key in data:
        if key != "known":
            raise UnknownName(f"table in {path}:", key, ["known"])
    entries = data.get("known", [])
    if not isinstance(entries, list):
        raise BadDocument(f"{path}: expected [[known]], with two brackets")
    return tuple(_entry(path, number, entry) for number, entry in enumerate(entries, 1))


def _entry(path: Path, number: int, entry: Any) -> KnownFailure:
    for key in entry:
        if key not in _KEYS:
            raise UnknownName(f"key of known failure {number} in {path}:", key, _KEYS)
    for key in _KEYS:
        value = entry.get(key, None if key in _REQUIRED else "")
        if not isinstance(value, str) or (key in _REQUIRED and not value):
            raise BadDocument(f"{path}: known failure {number}: expected {key}, a text; got {value!r}")
    return KnownFailure(**entry)


def review(rows: Iterable[Row], known: Sequence[KnownFailure]) -> Reviewed:
    """Return the rows with what is known taken into account.

    Args:
        rows: verdicts.
        known: failures that are known.
    """
    found, unexpected, used = [], [], set[KnownFailure]()
    for row in rows:
        naming = [k for k in known if k.names(row)]
        used |= set(naming)
        found.append(_reviewed(row, naming))
        if row.verdict == "pass" and naming:
            unexpected.append(replace(row, known=naming[0].reason))
    return Reviewed(tuple(found), tuple(unexpected), tuple(k for k in known if k not in used))


def _reviewed(row: Row, known: Sequence[KnownFailure]) -> Row:
    faults = [f for f in row.findings if f.severity == "fault"]
    reasons = [next((k for k in known if k.covers(f)), None) for f in faults]
    if row.verdict != "fail" or not faults or None in reasons:
        return row
    first = reasons[0]
    assert first is not None
    return replace(row, verdict="inconclusive", known=first.reason, message=f"known: {first.reason} ({first.link})")
