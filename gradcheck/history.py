"""Results kept over time in one SQLite file, and what got worse between two of them."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gradcheck.errors import BadDocument
from gradcheck.verdict.finding import Matrix, Row
from gradcheck.verdict.stored import from_dict
from gradcheck.verdict.stored import read as read_result

#: The layout of the file; later ones have larger numbers, and are refused by earlier programs.
VERSION = 1

_TABLES = """
CREATE TABLE run (id INTEGER PRIMARY KEY, saved TEXT NOT NULL, seed INTEGER NOT NULL, verdict TEXT NOT NULL,
                  pass INTEGER NOT NULL, fail INTEGER NOT NULL, inconclusive INTEGER NOT NULL, seconds REAL NOT NULL, result TEXT NOT NULL);
"""

#: Errors over bounds are compared only where they matter, and where they grew by more than this: other seeds do as much.
WORSE_RATIO, LEAST_RATIO = 2.0, 0.1
#: Times: by so much, and by so many seconds at least; a machine at work elsewhere does as much.
WORSE_TIME, LEAST_SECONDS = 2.0, 0.5


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored run, without its rows."""

    id: int
    saved: str
    verdict: str
    passed: int
    failed: int
    inconclusive: int
    seconds: float


class History:
    """A file of results.

    Args:
        path: of the file; it is made where there is none.

    Raises:
        BadDocument: if it is no history, damaged, or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (count,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if version == 0 and count == 0:
                db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
            elif version != VERSION:
                raise BadDocument(f"{path}: expected a history of version {VERSION}; got version {version}; another gradcheck wrote it")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30.0)) as db, db:
                yield db
        except sqlite3.DatabaseError as error:
            raise BadDocument(f"{self.path}: expected a history of results; {error}") from error

    def add(self, matrix: Matrix, *, saved: str | None = None) -> int:
        """Keep a result, whole or not at all, and return its number.

        Args:
            matrix: the result.
            saved: when, in ISO format; now unless given.
        """
        when = saved or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        counts = [sum(r.verdict == v for r in matrix.rows) for v in ("pass", "fail", "inconclusive")]
        data = json.dumps(matrix.to_dict(), allow_nan=False)
        with self._open() as db:
            done = db.execute(
                "INSERT INTO run (saved, seed, verdict, pass, fail, inconclusive, seconds, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (when, matrix.seed, matrix.verdict, *counts, matrix.seconds, data),
            )
            return int(done.lastrowid or 0)

    def entries(self) -> list[Entry]:
        """Return the stored runs, oldest first."""
        with self._open() as db:
            found = db.execute("SELECT id, saved, verdict, pass, fail, inconclusive, seconds FROM run ORDER BY id").fetchall()
        return [Entry(*x) for x in found]

    def get(self, number: int = -1) -> Matrix:
        """Return a stored result: by its number, or, counted from the end, -1 for the last.

        Raises:
            BadDocument: if there is none of that number, or it is damaged.
        """
        query, key = ("SELECT result FROM run WHERE id = ?", number)
        if number < 0:
            query, key = "SELECT result FROM run ORDER BY id DESC LIMIT 1 OFFSET ?", -1 - number
        with self._open() as db:
            found = db.execute(query, (key,)).fetchone()
        if found is None:
            raise BadDocument(f"{self.path}: expected run {number}; there are {len(self.entries())}")
        try:
            return from_dict(json.loads(found[0]), f"{self.path}, run {number}")
        except ValueError as error:
            raise BadDocument(f"{self.path}: run {number} is damaged; {error}") from error


def read(spec: str) -> Matrix:
    """Return the result that a text names: a JSON file, a history (its last run), or "history#number".

    Raises:
        BadDocument: if there is none.
    """
    path, mark, number = spec.rpartition("#")
    if mark and number.lstrip("-").isdigit():
        return _stored(Path(path)).get(int(number))
    file = Path(spec)
    try:
        with file.open("rb") as opened:
            head = opened.read(16)
    except OSError as error:
        raise BadDocument(f"{spec}: expected a result or a history; {error.strerror}") from error
    return _stored(file).get() if head.startswith(b"SQLite format 3") else read_result(file)


def _stored(path: Path) -> History:
    if not path.is_file():
        raise BadDocument(f"{path}: expected a history; there is no such file")
    return History(path)


# -- comparing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What is different in one row.

    Args:
        kind: "new failure", "worse evidence", "new inconclusive", "less accurate", "slower", "gone", "fixed", "newly certified", "new".
        worse: whether it is a regression.
        row: "target/network/dtype".
        message: what it was and what it is.
    """

    kind: str
    worse: bool
    row: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def compare(old: Matrix, new: Matrix) -> list[Change]:
    """Return what is different in the new result, regressions first; nothing that noise explains.

    Args:
        old: what it is compared with.
        new: the result.
    """
    before, after = _keyed(old), _keyed(new)
    found = [c for key, row in after.items() for c in (_changes(key, before[key], row) if key in before else _first(key, row))]
    found += [Change("gone", True, key, f"was {row.verdict}, is not tested any more") for key, row in before.items() if key not in after]
    return sorted(found, key=lambda c: not c.worse)


def _keyed(matrix: Matrix) -> Mapping[str, Row]:
    return {f"{r.target}/{r.network}/{r.dtype}": r for r in matrix.rows}


def _first(key: str, row: Row) -> Iterator[Change]:
    if row.verdict == "fail":
        yield Change("new failure", True, key, f"tested for the first time: {row.message}")
    else:
        yield Change("new", False, key, f"tested for the first time: {row.verdict}")


_STRENGTH = ("none", "statistical", "rigorous", "certified (instrumented)", "certified")


def _changes(key: str, old: Row, new: Row) -> Iterator[Change]:
    if new.verdict != old.verdict:
        kinds = {"fail": ("new failure", True), "inconclusive": ("new inconclusive", old.verdict == "pass"), "pass": ("fixed", False)}
        kind, worse = kinds[new.verdict]
        yield Change(kind, worse, key, f"was {old.verdict}, is {new.verdict}: {new.message}")
        return
    if new.verdict == "pass" and old.evidence in _STRENGTH and new.evidence in _STRENGTH and old.evidence != new.evidence:
        worse = _STRENGTH.index(new.evidence) < _STRENGTH.index(old.evidence)
        kind = "worse evidence" if worse else "newly certified" if new.evidence.startswith("certified") else "better evidence"
        yield Change(kind, worse, key, f"was {old.evidence}, is {new.evidence}")
    a, b = old.worst_ratio, new.worst_ratio
    if new.verdict == "pass" and a is not None and b is not None and math.isfinite(a) and b > max(LEAST_RATIO, WORSE_RATIO * a):
        yield Change("less accurate", True, key, f"error over bound was {a:.3g}, is {b:.3g}")
    if new.seconds > max(WORSE_TIME * old.seconds, old.seconds + LEAST_SECONDS):
        yield Change("slower", True, key, f"took {old.seconds:.3g} s, takes {new.seconds:.3g} s")


def regressions(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that are worse, times left out: they depend on the machine."""
    return [c for c in changes if c.worse and c.kind != "slower"]
