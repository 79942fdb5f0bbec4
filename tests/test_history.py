"""Stored runs: kept whole or not at all, read back, compared; what is no history is refused."""

import dataclasses
import json
import sqlite3

import pytest

from gradcheck.errors import BadDocument
from gradcheck.history import History, compare, read, regressions
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
    with pytest.raises(BadDocument, match="damaged"):
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


def test_rows_that_come_and_go():
    """A row that is not tested any more is a regression; a new one is one if it fails."""
    assert [(c.kind, c.worse) for c in compare(one(row()), one())] == [("gone", True)]
    assert [(c.kind, c.worse) for c in compare(one(), one(row()))] == [("new", False)]
    assert [(c.kind, c.worse) for c in compare(one(), one(failing()))] == [("new failure", True)]
