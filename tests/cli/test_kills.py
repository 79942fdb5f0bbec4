"""Commands killed at random moments: whatever file is there is whole, none that is incomplete looks complete, and what can go on comes to the same."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from functools import cache

import pytest

from gradcheck.history import History
from gradcheck.result.stored import from_dict
from gradcheck.vectors import load

SLOW = """
import time
from gradcheck.targets.reference import Reference

class Slow(Reference):
    def run(self, graph, values):
        time.sleep(0.1)
        return super().run(graph, values)
"""
TESTS = """
import time
import numpy as np
import pytest

@pytest.mark.parametrize("k", range(20))
def test_it(gradcheck, k):
    time.sleep(0.05)
    gradcheck(np.sin, np.ones(3) * (k + 1), vjp=lambda g, x: (g * np.cos(x),))
"""
GRADCHECK, PYTEST = ("-m", "gradcheck"), ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
#: command, and whether it can go on where it was
COMMANDS = {
    "run": ((*GRADCHECK, "run", "slow:Slow", "--networks", "sklearn-*", "--json", "r.json", "--html", "r.html", "--save", "h.sqlite"), True),
    "cost": ((*GRADCHECK, "cost", "reference", "--families", "layered,wide", "--sizes", "10,30", "--methods", "value,reverse", "--tables", "none", "--seconds", "0.1",
              "--json", "r.json", "--markdown", "r.md"), True),
    "power": ((*GRADCHECK, "power", "--checkers", "gradcheck", "--faults", "tanh/*", "--no-explore", "--json", "r.json"), True),
    "accuracy": ((*GRADCHECK, "accuracy", "reference", "--dtype", "float32", "--ops", "s*,t*", "--points", "200", "--json", "r.json", "--html", "r.html"), False),
    "export": ((*GRADCHECK, "vectors", "export", "out", "--networks", "xor-*"), False),
    "pytest": ((*PYTEST, "--gradcheck-json=r.json", "--gradcheck-report=r.html"), False),
}  # fmt: skip
SIGNALS = [getattr(signal, name) for name in ("SIGKILL", "SIGINT", "SIGTERM") if hasattr(signal, name)]
#: every command five times, with each signal in turn
KILLS = [(name, k, SIGNALS[k % len(SIGNALS)]) for name in COMMANDS for k in range(5)]


def start(folder, name, *more):
    """Return a running command."""
    (folder / "slow.py").write_text(SLOW)
    (folder / "test_it.py").write_text(TESTS)
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"} | {"CI": "", "PYTHONPATH": ""}
    return subprocess.Popen([sys.executable, *COMMANDS[name][0], *more], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def rows(folder, name):
    """Return what a complete command has found, without times."""
    if name == "export":
        return [(v.name, v.dtype) for v in load(folder / "out")]
    data = json.loads((folder / "r.json").read_text())
    if name in ("run", "pytest"):
        assert from_dict(data).complete
        return [(r["network"], r["verdict"], r["worst_ratio"]) for r in data["rows"]]
    keys = {"cost": ("family", "asked", "method", "operations"), "power": ("case", "inputs", "role", "verdict", "message"), "accuracy": ("op", "what", "ulps")}
    return [tuple(r[k] for k in keys[name]) for r in data["rows"]]


def look_at(folder, name, expected):
    """Hold what a killed command left against what it may leave: nothing that looks complete, unless it is all that was expected."""
    for file in folder.glob("*.json"):
        data = json.loads(file.read_text())
        if name not in ("run", "pytest") or from_dict(data).complete:
            assert rows(folder, name) == expected
    for file in folder.glob("*.html"):
        text = file.read_text()
        assert text.rstrip().endswith("</html>")
        assert "incomplete" in text or rows(folder, name) == expected
    if (folder / "out").exists():
        assert rows(folder, name) == expected
    if (folder / "h.sqlite").exists() and (folder / "h.sqlite").stat().st_size:
        with sqlite3.connect(folder / "h.sqlite") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
        for entry in History(folder / "h.sqlite").entries():
            assert (entry.id, entry.passed) == (1, len(expected))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a function: name of a command -> what it finds when nobody kills it, and how long it takes."""

    @cache
    def found(name):
        folder, begun = tmp_path_factory.mktemp(name), time.monotonic()
        process = start(folder, name)
        out, err = process.communicate()
        assert process.returncode == 0, out + err
        return rows(folder, name), time.monotonic() - begun

    return found


@pytest.mark.deep  # of which tests/cli/test_keeping.py has a sample
@pytest.mark.parametrize(
    ("name", "k", "number"), [pytest.param(*x, id=f"{x[0]}-{x[1]}-{x[2].name}") for x in KILLS]
)
def test_killed(name, k, number, whole, tmp_path):
    """At a random moment, by one signal after the other."""
    expected, took = whole(name)
    process = start(tmp_path, name)
    time.sleep(random.Random(f"{name}/{k}").uniform(0.2, 1.0) * took)
    process.send_signal(number)
    process.communicate(timeout=120)
    look_at(tmp_path, name, expected)
    resumable = COMMANDS[name][1] and ((tmp_path / "r.json").exists() or (tmp_path / "r.json.journal").exists())
    if (tmp_path / "out").exists():
        return
    again = start(tmp_path, name, *(["--resume"] if resumable else []))
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, out + err
    assert rows(tmp_path, name) == expected
    assert not (tmp_path / "r.json.journal").exists()
