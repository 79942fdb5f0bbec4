"""Stored runs: kept whole or not at all, read back, compared; what is no history is refused."""

import dataclasses
import json
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gradcheck.errors import BadDocument
from gradcheck.history import History, compare, read, regressions
from gradcheck.render.trend import trend
from tests.render.matrices import failing, hostile, matrix, one, row


@pytest.fixture
def history(tmp_path):
    """Return a history of one run."""
    made = History(tmp_path / "h.sqlite")
    made.add(matrix(), saved="2026-01-01T00:00:00Z")
    return made


def altered(path, statement):
    """Change a database behind the history's back."""
    db = sqlite3.connect(path)
    with db:
        db.execute(statement)
    db.close()
    return path


def test_kept(tmp_path, history):
    """Runs come back as they were, by number, from the end, and as a list."""
    assert history.add(hostile()) == 2
    assert History(tmp_path / "h.sqlite").get(1).counts == matrix().counts
    assert repr(history.get()) == repr(hostile())
    assert repr(history.get(-2)) == repr(history.get(1))
    first, second = history.entries()
    assert (first.saved, first.verdict, first.passed, first.failed, first.inconclusive) == ("2026-01-01T00:00:00Z", "fail", 2, 1, 2)
    assert (first.id, second.id) == (1, 2)


@pytest.mark.parametrize("number", [3, 0, -3])
def test_no_such_run(history, number):
    """A number that is not there."""
    history.add(matrix())
    with pytest.raises(BadDocument, match="expected run"):
        history.get(number)


def test_an_interrupted_run_leaves_the_history_whole(history):
    """What fails while it is being kept is not kept."""
    broken = dataclasses.replace(matrix(), seed=None)
    with pytest.raises(BadDocument):
        history.add(broken)
    assert len(history.entries()) == 1


def test_no_histories(tmp_path, history):
    """Other files, other databases, later versions, damage."""
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(BadDocument, match="expected a history"):
        History(text)
    with pytest.raises(BadDocument, match="version 0"):
        History(altered(tmp_path / "other.sqlite", "CREATE TABLE x (y)"))
    altered(tmp_path / "h.sqlite", "UPDATE run SET result = '{'")
    with pytest.raises(BadDocument, match="expected JSON"):
        history.get()
    with pytest.raises(BadDocument, match="version 99"):
        History(altered(tmp_path / "h.sqlite", "PRAGMA user_version = 99"))


def test_reading_by_name(tmp_path, history):
    """A JSON file, a history, a run in it; nothing is made by reading."""
    (tmp_path / "r.json").write_text(json.dumps(matrix().to_dict()))
    history.add(one(row()))
    assert len(read(str(tmp_path / "r.json"))) == 5
    assert len(read(str(tmp_path / "h.sqlite"))) == 1
    assert len(read(f"{tmp_path / 'h.sqlite'}#1")) == 5
    for name in ("none.json", "none.sqlite#1"):
        with pytest.raises(BadDocument):
            read(str(tmp_path / name))
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize(
    ("old", "new", "kind", "worse"),
    [
        (row(), failing("torch"), "new failure", True), (failing("torch"), row(), "fixed", False), (row(), row(verdict="inconclusive"), "new inconclusive", True),
        (failing("torch"), row(verdict="inconclusive"), "new inconclusive", False), (row(), row(evidence="statistical"), "worse evidence", True),
        (row(evidence="rigorous"), row(), "newly certified", False), (row(worst_ratio=0.2), row(worst_ratio=0.9), "less accurate", True),
        (row(seconds=1.0), row(seconds=3.0), "slower", True),
    ],
)  # fmt: skip
def test_changes(old, new, kind, worse):
    """Each kind, and whether it is a regression; times never decide."""
    (change,) = compare(one(old), one(new))
    assert (change.kind, change.worse) == (kind, worse)
    assert bool(regressions([change])) == (worse and kind != "slower")


@pytest.mark.parametrize(
    ("old", "new"),
    [(row(), row()), (row(worst_ratio=0.01), row(worst_ratio=0.09)), (row(worst_ratio=0.5), row(worst_ratio=0.9)), (row(seconds=0.01), row(seconds=0.4)),
     (failing(), failing()), (row(worst_ratio=None), row(worst_ratio=0.9))],
)  # fmt: skip
def test_noise(old, new):
    """What another seed or a busy machine does is no change."""
    assert compare(one(old), one(new)) == []


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        (row(worst_ratio=0.2), row(worst_ratio=0.39), []), (row(worst_ratio=0.2), row(worst_ratio=0.41), ["less accurate"]),
        (row(worst_ratio=0.001), row(worst_ratio=0.09), []), (row(worst_ratio=0.001), row(worst_ratio=0.11), ["less accurate"]),
        (row(seconds=10.0), row(seconds=19.0), []), (row(seconds=10.0), row(seconds=21.0), ["slower"]),
        (row(seconds=0.1), row(seconds=0.55), []), (row(seconds=0.1), row(seconds=0.65), ["slower"]),
    ],
)  # fmt: skip
def test_how_much_is_a_change(old, new, kinds):
    """Twice the error where it is a tenth of the bound, twice the time and half a second: a little less is noise."""
    assert [c.kind for c in compare(one(old), one(new))] == kinds


def test_rows_that_come_and_go():
    """A row that is not tested any more is a regression; a new one is one if it fails."""
    assert [(c.kind, c.worse) for c in compare(one(row()), one())] == [("gone", True)]
    assert [(c.kind, c.worse) for c in compare(one(), one(row()))] == [("new", False)]
    assert [(c.kind, c.worse) for c in compare(one(), one(failing()))] == [("new failure", True)]


def test_several_make_one_history_at_once(tmp_path):
    """Whoever comes first makes the table, and nobody's result is lost."""
    for k in range(10):
        path = tmp_path / f"{k}.sqlite"
        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(lambda _, path=path: History(path).add(one(row())), range(8)))
        assert sorted(numbers) == list(range(1, 9))


WRITER = """
import sys
from pathlib import Path
from gradcheck.history import History
from gradcheck.result.finding import Matrix
folder = Path(sys.argv[1])
input()
for k in range(60):
    History(folder / f"{k}.sqlite").add(Matrix((), (), 0, {}))
"""


@pytest.mark.deep
def test_processes_make_one_history_at_once(tmp_path):
    """Eight processes, sixty histories: all 480 results are there."""
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, text=True) for _ in range(8)]
    time.sleep(3)
    for process in running:
        process.stdin.write("\n")
        process.stdin.close()
    assert [process.wait(100) for process in running] == [0] * 8
    assert [len(History(tmp_path / f"{k}.sqlite").entries()) for k in range(60)] == [8] * 60


ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) AS id, 'x' AS result FROM t"
FOREIGN = {
    "a view": ["ALTER TABLE run RENAME TO old", f"CREATE VIEW run AS {ENDLESS}"], "another view": [f"CREATE VIEW other AS {ENDLESS}"],
    "a trigger": [f"CREATE TRIGGER t BEFORE INSERT ON run BEGIN SELECT * FROM ({ENDLESS}); END"], "an index": ["CREATE INDEX i ON run(abs(seed))"],
    "a computed column": ["ALTER TABLE run ADD COLUMN more TEXT GENERATED ALWAYS AS (hex(zeroblob(100000000))) VIRTUAL"],
    "another table of that name": ["DROP TABLE run", "CREATE TABLE run (result)"], "no table": ["DROP TABLE run"],
}  # fmt: skip


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
def test_what_would_run_is_refused(tmp_path, history, statements):
    """A history has one table, and no code."""
    for statement in statements:
        altered(history.path, statement)
    start = time.process_time()
    for use in (lambda: read(str(history.path)), history.entries, lambda: history.add(matrix()), lambda: History(history.path)):
        with pytest.raises(BadDocument, match="expected a history"):
            use()
    assert time.process_time() - start < 2


DAMAGE = {
    "no text": "x'00ff'", "a number": "7", "nested": "replace(hex(zeroblob(50000)), '0', '[')", "no JSON": "'nonsense'", "another JSON": "'[]'",
    "too large": "zeroblob(200000000)", "wrong text": "cast(x'ff' as text)",
}  # fmt: skip


@pytest.mark.parametrize("value", DAMAGE.values(), ids=DAMAGE)
def test_damaged_results(history, value):
    """Of another type, no JSON, no result, nested, larger than a document."""
    altered(history.path, f"UPDATE run SET result = {value}")
    with pytest.raises(BadDocument):
        history.get()


@pytest.mark.parametrize("change", ["pass = 'many'", "saved = x'00'", "seconds = 'long'", "fail = -1", "verdict = 'perhaps'", "saved = hex(zeroblob(1000))", "inconclusive = 1.5"])
def test_damaged_entries(history, change):
    """A column holds anything; the list of runs, and its drawing, do not."""
    altered(history.path, f"UPDATE run SET {change}")
    with pytest.raises(BadDocument, match="run 1 is damaged"):
        trend(history.entries())


@pytest.mark.parametrize("mark", ["#²", "#--1", "#" + "9" * 20, "#-" + "9" * 20, "#", "#1.5", "#\0", "##1"])
def test_numbers_of_runs(history, mark):
    """Other spellings name no run."""
    with pytest.raises(BadDocument):
        read(f"{history.path}{mark}")


def test_reading_ends(tmp_path, monkeypatch):
    """A query that takes too long is given up."""
    monkeypatch.setattr("gradcheck.history.MOST_SECONDS", 0.1)
    start = time.process_time()
    with pytest.raises(BadDocument, match="interrupted"), History(tmp_path / "h.sqlite")._opened() as db:
        db.execute(ENDLESS)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("failing", [0, -1])
def test_of_rows_that_stand_twice_the_worst_counts(failing):
    """A failure is not hidden by a second row of the same name, before or after it."""
    old = matrix()
    rows = [r for r in old.rows if r.verdict == "pass"]
    twice = [rows[0], rows[0]]
    twice[failing] = dataclasses.replace(rows[0], verdict="fail")
    changes = compare(dataclasses.replace(old, rows=tuple(rows)), dataclasses.replace(old, rows=(*twice, *rows[1:])))
    assert [c.kind for c in regressions(changes)] == ["new failure"]
