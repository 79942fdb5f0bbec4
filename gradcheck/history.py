"""Results kept over time in one SQLite file, and what got worse between two of them."""

from __future__ import annotations

import json
import math
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gradcheck.errors import BadDocument, BadInput
from gradcheck.files.json import parsed
from gradcheck.files.limits import MOST_BYTES
from gradcheck.files.regular import opened
from gradcheck.result.finding import Matrix, Row
from gradcheck.result.stored import from_dict
from gradcheck.result.stored import read as read_result

#: The layout of the file; later ones have larger numbers, and are refused by earlier programs.
VERSION = 1

_TABLE = """CREATE TABLE run (id INTEGER PRIMARY KEY, saved TEXT NOT NULL, seed INTEGER NOT NULL, verdict TEXT NOT NULL,
                  pass INTEGER NOT NULL, fail INTEGER NOT NULL, inconclusive INTEGER NOT NULL, seconds REAL NOT NULL, result TEXT NOT NULL)"""

#: Seconds that another process may take to write, and that reading may take: a result of the largest size is there in less than one.
PATIENCE, MOST_SECONDS = 30.0, 10.0
#: Instructions of SQLite's machine between two looks at the clock: some hundred microseconds.
_LOOK = 10_000
#: Runs of a history, one every five minutes for a year; and characters of a text in its table but the result.
MOST_RUNS, MOST_CHARACTERS = 10**5, 80
#: The columns of an `Entry`; SQLite keeps anything of any length in any of them.
_FIELDS = ", ".join(
    f"CASE WHEN typeof({name}) = '{kind}' AND length({name}) <= {MOST_CHARACTERS} THEN {name} END"
    for name, kind in (
        ("id", "integer"), ("saved", "text"), ("verdict", "text"), ("pass", "integer"), ("fail", "integer"), ("inconclusive", "integer"),
        ("seconds", "real"),
    )
)  # fmt: skip
#: The number of a run in "history#number": SQLite has integers of 64 bits.
_NUMBER = re.compile(r"-?[0-9]{1,18}")

#: Errors over bounds are compared only where they matter, above a tenth of what is a fault, and where they grew by more than this: the
#: largest of some thousand errors that are spread evenly up to the bound differ by less from seed to seed.
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
        with self._opened() as db:
            new = _is_empty(db)
        if new:
            with self._opened(writing=True) as db:
                if _is_empty(db):  # another process may have been quicker
                    db.execute(_TABLE)
                    db.execute(f"PRAGMA user_version = {VERSION}")
        with self._checked():
            pass

    @contextmanager
    def _opened(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a transaction; one that writes has the file for itself from its beginning."""
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as db:
                db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
                db.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                deadline = time.monotonic() + MOST_SECONDS
                db.set_progress_handler(lambda: time.monotonic() > deadline, _LOOK)
                yield db
                db.execute("COMMIT")
        except (sqlite3.Error, OverflowError, ValueError) as error:  # ValueError: a name or a text that cannot be encoded
            if isinstance(error, BadDocument):
                raise
            raise BadDocument(f"{self.path}: expected a history of results; {error}") from error

    @contextmanager
    def _checked(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a transaction on what is a history: one table as it was made, and nothing that would run when it is read or written."""
        with self._opened(writing=writing) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise BadDocument(f"{self.path}: expected a history of version {VERSION}; got version {version}; another gradcheck wrote it")
            found = db.execute("SELECT type, substr(sql, 1, 1000) FROM sqlite_master").fetchall()
            if {kind for kind, _ in found} != {"table"} or _TABLE.split() not in [str(made).split() for _, made in found]:
                raise BadDocument(f"{self.path}: expected a history with its table of runs, and no view, trigger or index; got something else")
            yield db

    def check(self) -> None:
        """Find out whether it can be added to.

        Raises:
            BadDocument: it cannot.
        """
        with self._checked(writing=True):
            pass

    def add(self, matrix: Matrix, *, saved: str | None = None) -> int:
        """Keep a result, whole or not at all, and return its number.

        Args:
            matrix: the result.
            saved: when, in ISO format; now unless given.

        Raises:
            BadInput: if the run did not come to its end: what is compared with it later would miss its rows.
            BadDocument: if the history cannot be added to.
        """
        if not matrix.complete:
            raise BadInput(f"{self.path}: expected a complete result; got {matrix.extent}; resume the run")
        when = saved or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        counts = [sum(r.verdict == v for r in matrix.rows) for v in ("pass", "fail", "inconclusive")]
        data = json.dumps(matrix.to_dict(), allow_nan=False)
        with self._checked(writing=True) as db:
            done = db.execute(
                "INSERT INTO run (saved, seed, verdict, pass, fail, inconclusive, seconds, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (when, matrix.seed, matrix.verdict, *counts, matrix.seconds, data),
            )
            return int(done.lastrowid or 0)

    def entries(self) -> list[Entry]:
        """Return the stored runs, oldest first."""
        with self._checked() as db:
            found = db.execute(f"SELECT {_FIELDS} FROM run ORDER BY id LIMIT {MOST_RUNS + 1}").fetchall()  # noqa: S608 - our own text
        if len(found) > MOST_RUNS:
            raise BadDocument(f"{self.path}: expected at most {MOST_RUNS} runs; got more")
        return [self._entry(x) for x in found]

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        """Return a row of the table; None stands for what has another type than its column."""
        if None in row or min(row[3:6]) < 0 or row[2] not in ("pass", "fail", "inconclusive"):
            raise BadDocument(f"{self.path}: run {row[0]} is damaged; expected when, verdict, counts and seconds; got {row[1:]!r:.200}")
        return Entry(*row)

    def get(self, number: int = -1) -> Matrix:
        """Return a stored result: by its number, or, counted from the end, -1 for the last.

        Raises:
            BadDocument: if there is none of that number, or it is damaged.
        """
        query, key = ("SELECT result FROM run WHERE id = ?", number)
        if number < 0:
            query, key = "SELECT result FROM run ORDER BY id DESC LIMIT 1 OFFSET ?", -1 - number
        with self._checked() as db:
            found = db.execute(query, (key,)).fetchone()
            (count,) = db.execute("SELECT count(*) FROM run").fetchone()
        if found is None:
            raise BadDocument(f"{self.path}: expected run {number}; there are {count}")
        where = f"{self.path}, run {number}"
        if not isinstance(found[0], str):
            raise BadDocument(f"{where}: expected a result as text; got {type(found[0]).__name__}")
        return from_dict(parsed(found[0], where, "a result"), where)


def _is_empty(db: sqlite3.Connection) -> bool:
    (version,), (count,) = (db.execute(query).fetchone() for query in ("PRAGMA user_version", "SELECT count(*) FROM sqlite_master"))
    return bool(version == count == 0)


def read(spec: str) -> Matrix:
    """Return the result that a text names: a JSON file, a history (its last run), or "history#number".

    Raises:
        BadDocument: if there is none.
    """
    path, mark, number = spec.rpartition("#")
    if mark and _NUMBER.fullmatch(number) and _is_history(Path(path)):
        return History(Path(path)).get(int(number))
    return History(Path(spec)).get() if _is_history(Path(spec)) else read_result(Path(spec))


def _is_history(path: Path) -> bool:
    """Return whether a file begins as a database does; raise `BadDocument` where there is none."""
    with opened(path, "a result or a history") as (file, _):
        return file.read(16).startswith(b"SQLite format 3")


# -- comparing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What is different in one row.

    Args:
        kind: "new failure", "worse evidence", "new inconclusive", "less accurate", "slower", "gone", "fixed", "newly certified", "new", "incomplete".
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
    found = [] if new.complete else [Change("incomplete", True, "", f"expected every row; got {new.extent}")]
    found += [c for key, row in after.items() for c in (_changes(key, before[key], row) if key in before else _first(key, row))]
    found += [Change("gone", True, key, f"was {row.verdict}, is not tested any more") for key, row in before.items() if key not in after]
    return sorted(found, key=lambda c: not c.worse)


def _keyed(matrix: Matrix) -> Mapping[str, Row]:
    """Return the rows by what they are of; of several of one thing the worst."""
    order = ("pass", "inconclusive", "fail")
    return {f"{r.target}/{r.network}/{r.dtype}": r for r in sorted(matrix.rows, key=lambda r: order.index(r.verdict))}


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
