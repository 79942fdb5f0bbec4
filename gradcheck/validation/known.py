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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradcheck.errors import BadDocument, UnknownName
from gradcheck.files import toml
from gradcheck.result.finding import Row
from gradcheck.targets.known import Known

__all__ = ["Known", "Reviewed", "excused", "read", "review"]

_REQUIRED = ("row", "reason", "link")
_KEYS = (*_REQUIRED, "op", "diagnosis", "where")


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
    unmatched: tuple[Known, ...] = ()

    @property
    def complaints(self) -> list[str]:
        """What strict runs count as failing, a line each."""
        found = [f"{r.target}/{r.network}/{r.dtype}: passes, though it is known to fail ({r.known})" for r in self.unexpected]
        return found + [f"known failure {k.row!r} matches no row ({k.reason})" for k in self.unmatched]


def read(path: Path) -> tuple[Known, ...]:
    """Return the known failures of a TOML file.

    Raises:
        BadDocument: if the file is damaged or an entry is incomplete.
        UnknownName: a key that does not exist, with the nearest one.
    """
    data = toml.read(path, "known failures")
    for key in data:
        if key != "known":
            raise UnknownName(f"table in {path}:", key, ["known"])
    entries = data.get("known", [])
    if not isinstance(entries, list) or not all(isinstance(x, dict) for x in entries):
        raise BadDocument(f"{path}: expected tables [[known]], with two brackets")
    return tuple(_entry(path, number, entry) for number, entry in enumerate(entries, 1))


def _entry(path: Path, number: int, entry: Any) -> Known:
    for key in entry:
        if key not in _KEYS:
            raise UnknownName(f"key of known failure {number} in {path}:", key, _KEYS)
    for key in _KEYS:
        value = entry.get(key, None if key in _REQUIRED else "")
        if not isinstance(value, str) or (key in _REQUIRED and not value):
            raise BadDocument(f"{path}: known failure {number}: expected {key}, a text; got {value!r}")
    return Known(**entry)


def review(rows: Iterable[Row], known: Sequence[Known]) -> Reviewed:
    """Return the rows with what is known taken into account.

    Args:
        rows: verdicts.
        known: failures that are known.
    """
    found, unexpected, used = [], [], set[Known]()
    for row in rows:
        naming = [k for k in known if k.names(row.target, row.network, row.dtype)]
        used |= set(naming)
        found.append(excused(row, naming))
        if row.verdict == "pass" and naming:
            unexpected.append(replace(row, known=naming[0].reason))
    return Reviewed(tuple(found), tuple(unexpected), tuple(k for k in known if k not in used))


def excused(row: Row, known: Iterable[Known]) -> Row:
    """Return a row whose faults are all known as inconclusive, with the reason of the first; any other row as it is.

    Args:
        row: a verdict.
        known: failures that are known; those that do not name the row are left out.
    """
    naming = [k for k in known if k.names(row.target, row.network, row.dtype)]
    faults = [f for f in row.findings if f.severity == "fault"]
    covering = [next((k for k in naming if k.covers(op=f.op, diagnosis=f.diagnosis, message=f.message)), None) for f in faults]
    first = covering[0] if covering else None
    if row.verdict != "fail" or first is None or None in covering:
        return row
    return replace(row, verdict="inconclusive", known=first.reason, message=f"known: {first.reason} ({first.link})")
