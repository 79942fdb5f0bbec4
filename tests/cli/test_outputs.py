"""Files of results: found unusable before the work, tried one by one after the table was shown, and told about at the end."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gradcheck.history import History
from gradcheck.result.stored import read
from tests.cli.status import status
from tests.cli.test_keeping import TWO, counting, wrong
from tests.cli.test_output import Closed

HERE = "tests.cli.test_keeping"
REPORTS = {"--json": "r.json", "--html": "r.html", "--markdown": "r.md", "--junit": "r.xml"}
ALL = {**REPORTS, "--save": "h.sqlite"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder without settings, with the target in it new."""
    monkeypatch.chdir(tmp_path)
    counting.ran, counting.stop = [], None
    return tmp_path


def _locked(path):
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("CREATE TABLE IF NOT EXISTS x (y)")
    held.execute("BEGIN EXCLUSIVE")
    return held


#: what stands in the way of an option, made before the command
IN_THE_WAY = {
    "a folder": lambda p: p.mkdir(), "a link": lambda p: p.symlink_to("victim"), "a dangling link": lambda p: p.symlink_to("nothing"), "a FIFO": os.mkfifo,
    "a device": lambda p: p.symlink_to("/dev/full"),
}  # fmt: skip
NO_HISTORIES = {
    "a text": lambda p: p.write_text("not a database"), "another database": lambda p: sqlite3.connect(p).execute("CREATE TABLE x (y)").connection.close(),
    "a locked one": _locked,
}  # fmt: skip


@pytest.mark.parametrize("option", ALL)
@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_in_the_way(option, kind, elsewhere, capsys):
    """No target is asked before it is known that a file cannot be written; what stands there is left."""
    (elsewhere / "victim").write_text("precious")
    IN_THE_WAY[kind](elsewhere / "out")
    assert status("run", f"{HERE}:counting", *TWO, option, "out") == 2
    assert counting.ran == []
    err = capsys.readouterr().err
    assert "expected a regular file" in err or "is a directory" in err
    assert (elsewhere / "victim").read_text() == "precious"
    assert not list(elsewhere.glob(".*"))


@pytest.mark.parametrize("kind", NO_HISTORIES)
def test_no_histories(kind, elsewhere, capsys, monkeypatch):
    """A history that cannot be added to is refused before the work."""
    monkeypatch.setattr("gradcheck.history.PATIENCE", 0.1)
    held = NO_HISTORIES[kind](elsewhere / "h.sqlite")
    assert status("run", f"{HERE}:counting", *TWO, "--save", "h.sqlite") == 2
    assert counting.ran == []
    assert "history" in capsys.readouterr().err
    if isinstance(held, sqlite3.Connection):
        held.close()


@pytest.mark.parametrize("names", [("--save", ":memory:"), ("--save", "-"), ("--json", "gone/r.json"), ("--json", "same", "--html", "./same"), ("--json", "same", "--html", "again/same")])
def test_no_files(names, elsewhere, capsys):
    """What is no file, no folder for one, and one file for two results, by whatever way it is named."""
    (elsewhere / "again").symlink_to(elsewhere)
    assert status("run", f"{HERE}:counting", *TWO, *names) == 2
    assert counting.ran == []
    assert "expected a file" in capsys.readouterr().err


@pytest.mark.parametrize(("target", "found"), [("counting", 2), ("wrong", 1)])
def test_a_disk_that_fills_up(target, found, elsewhere, capsys, monkeypatch):
    """Rows are shown, every output is tried and told, old files are whole, and the status is 2, or 1 where a gradient is wrong."""
    assert wrong
    arguments = [x for pair in ALL.items() for x in pair]
    assert status("run", "reference", *TWO, *arguments) == 0
    before = {name: (elsewhere / name).read_bytes() for name in REPORTS.values()}
    capsys.readouterr()

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    assert status("run", f"{HERE}:{target}", *TWO, *arguments) == found
    out, err = capsys.readouterr()
    assert "2 pass" in out or "1 - y" in out
    assert err.count("No space left on device") == len(REPORTS) + 1  # and that the run was not kept while it went on
    assert {name: (elsewhere / name).read_bytes() for name in REPORTS.values()} == before
    assert len(History(elsewhere / "h.sqlite").entries()) == 2  # SQLite's own files were not full


def _unread():
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def _full():
    return os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
@pytest.mark.parametrize("stream", [Closed, _unread, _full], ids=["closed", "a pipe that nobody reads", "a full device"])
def test_nobody_reads(stream, elsewhere, monkeypatch, capsys):
    """What cannot be shown loses no file, and is told."""
    monkeypatch.setattr(sys, "stdout", stream())
    assert status("run", "reference", *TWO, *(x for pair in ALL.items() for x in pair)) == 2
    with suppress(OSError, AttributeError):
        sys.stdout.close()
    monkeypatch.undo()
    assert "standard output: expected to write all of it" in capsys.readouterr().err
    assert read(elsewhere / "r.json").complete
    assert len(read(elsewhere / "r.json")) == len(History(elsewhere / "h.sqlite").get()) == 2


def test_nobody_reads_what_is_no_result(monkeypatch, capsys):
    """A list that is cut off is told in our own words."""
    monkeypatch.setattr(sys, "stdout", _unread())
    assert status("list", "networks") == 2
    with suppress(OSError):
        sys.stdout.close()
    monkeypatch.undo()
    assert "closed pipe" in capsys.readouterr().err


#: Each command with results, which the disk is too full for.
COMMANDS = {
    "run": ("run", "reference", *TWO, "--json", "r.json", "--save", "h.sqlite"),
    "check": ("check", "tests.cli.test_output:cube", "--vjp", "tests.cli.test_output:cube_vjp", "--at", "tests.cli.test_output:inputs", "--json", "r.json"),
    "verify": ("verify", "--networks", "xor-2-2-1", "--oracle", "forward", "--oracle", "differences", "--json", "r.json"),
    "power": ("power", "--checkers", "gradcheck", "--faults", "tanh/sign", "--no-explore", "--json", "r.json"),
    "explanations": ("power", "--explanations", "--faults", "tanh/sign", "--graphs", "20", "--json", "r.json", "--markdown", "r.md"),
    "cost": ("cost", "reference", "--families", "layered", "--sizes", "10", "--methods", "value", "--tables", "none", "--seconds", "0.01", "--json", "r.json"),
    "accuracy": ("accuracy", "reference", "--dtype", "float32", "--ops", "tanh", "--points", "20", "--no-conventions", "--json", "r.json"),
    "learn": ("learn", "xor-2-2-1", "--steps", "3", "--json", "r.json"),
    "vectors": ("vectors", "verify", "--target", "reference", "--dtype", "float64", "--tag", "xor-*", "--json", "r.json"),
    "compare": ("compare", "old.json", "old.json", "--json", "r.json"),
    "report": ("report", "old.json", "-o", "r.json"),
}  # fmt: skip
#: No file may be longer, in bytes: as on a full disk, a part of each is written before it fails.
_FULL = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))"


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit of files on this system")
@pytest.mark.parametrize("name", [pytest.param(c, marks=pytest.mark.deep if c != "run" else ()) for c in COMMANDS])
def test_a_full_disk(name, elsewhere):
    """Of every command: the table is shown, the old file is left, nothing lies beside it, and the status is 2."""
    assert status("run", "reference", *TWO, "--json", "old.json") == 0
    (elsewhere / "r.json").write_text('{"old": true}')
    code = f"{_FULL}; from gradcheck.cli.main import main; main(sys.argv[1:])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code, *COMMANDS[name]], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2, done.stderr
    assert "too large" in done.stderr or "full" in done.stderr
    assert done.stdout.strip() or name in ("report", "cost", "power", "explanations")  # the journal of these is refused before the work
    assert json.loads((elsewhere / "r.json").read_text()) == {"old": True}
    assert not list(elsewhere.glob(".*.partial"))
    if (elsewhere / "h.sqlite").exists():
        with sqlite3.connect(elsewhere / "h.sqlite") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
