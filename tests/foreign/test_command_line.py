"""Hostile modules on the command line: the other rows are there, and the status is gradcheck's own."""

import json
import os
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import gradcheck
from tests.cli.status import status
from tests.foreign.raising import RAISES

GOOD = """
from gradcheck.targets.reference import Reference
class {name}(Reference):
    def __init__(self):
        super().__init__()
        self.name = "{name}"
"""
IMPORT = """
from tests.foreign.raising import RAISES
RAISES[{kind!r}]()
"""
CONSTRUCTION = """
from tests.foreign.raising import RAISES
class Bad:
    name = "bad"
    def __init__(self):
        RAISES[{kind!r}]()
    def run(self, graph, values):
        pass
"""
FUNCTIONS = """
import numpy as np
from tests.foreign.raising import RAISES
point = np.array([0.5])
def right(x): return np.sin(x)
def vjp(g, x): return (g * np.cos(x),)
def bad(*given): RAISES[{kind!r}]()
"""


def _sampled(kinds):
    """Mark all but some for the deep run."""
    return [pytest.param(k, marks=() if zlib.crc32(k.encode()) % 12 == 0 else pytest.mark.deep) for k in kinds]


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module into the current folder and gives its name."""
    monkeypatch.chdir(tmp_path)
    written = []

    def write(text):
        name = f"hostile_{abs(hash((str(tmp_path), len(written))))}"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)
    sys.path[:] = [p for p in sys.path if p != str(tmp_path)]


@pytest.mark.parametrize("text", [IMPORT, CONSTRUCTION], ids=["import", "construction"])
@pytest.mark.parametrize("kind", _sampled(RAISES))
def test_targets_that_cannot_be_made(kind, text, module, tmp_path):
    """A row says why; those of the good ones beside it are certified, on standard output and in the file."""
    good, bad, last = module(GOOD.format(name="good")), module(text.format(kind=kind)), module(GOOD.format(name="last"))
    assert status("run", f"{good}:good", f"{bad}:Bad", f"{last}:last", "--networks", "linear-neuron", "--json", "o.json") == 2
    rows = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["rows"]
    assert [(r["target"], r["verdict"], r["error"]) for r in rows] == [
        ("good", "pass", False), (f"{bad}:Bad", "inconclusive", True), ("last", "pass", False),
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["f", "--vjp", "--at"])
@pytest.mark.parametrize("kind", _sampled(RAISES))
def test_functions(kind, place, module):
    """`check` ends with 2, whatever f, its derivative or what makes the inputs raises."""
    name = module(FUNCTIONS.format(kind=kind))
    given = {"f": f"{name}:right", "--vjp": f"{name}:vjp", "--at": f"{name}:point", place: f"{name}:bad"}
    assert status("check", given.pop("f"), *(x for pair in given.items() for x in pair)) == 2


@pytest.mark.parametrize(
    "verb",
    [
        ("learn", "linear-neuron", "--steps", "2", "--target"),
        ("accuracy", "--ops", "tanh", "--dtype", "float32", "--points", "2"), ("check", "math:sin", "--at"), ("learn", "--optimizer", "adam", "--step"),
    ],
    ids=lambda v: " ".join(v[:2]),
)  # fmt: skip
def test_other_verbs(verb, module):
    """A module that exits with 0 when it is imported ends none of them with 0."""
    assert status(*verb, f"{module(IMPORT.format(kind='an exit with 0'))}:f") == 2


@pytest.mark.deep
def test_the_others_are_verified_still(module, capsys):
    """`vectors verify` goes on with the targets that there are."""
    bad = f"{module(IMPORT.format(kind='an exit with 0'))}:f"
    assert status("vectors", "verify", "--target", f"{bad},reference", "--tag", "xor-2-2-1", "--dtype", "float64") == 2
    out = capsys.readouterr().out
    assert "reference" in out
    assert "SystemExit: 0" in out


def test_the_others_are_measured_still(module, capsys):
    """`accuracy` shows what the others have too; that one gave nothing is status 2, as where none did."""
    bad = f"{module(IMPORT.format(kind='an exit with 0'))}:f"
    assert status("accuracy", bad, "reference", "--ops", "tanh", "--dtype", "float32", "--points", "2", "--no-conventions") == 2
    assert "1 operations were skipped" in capsys.readouterr().out


def test_two_of_one_name(module, capsys):
    """Each is called by what it was asked for by too, so that neither a file nor a resumed run mixes them."""
    wrong = GOOD.format(name="dup") + "    def run(self, graph, values):\n        return 5\n"
    one, two = f"{module(wrong)}:dup", f"{module(GOOD.format(name='dup'))}:dup"
    run = ("run", one, two, "--networks", "linear-neuron", "--json", "o.json")
    for command in (run, (*run, "--resume"), ("run", two, one, *run[3:], "--resume")):
        assert status(*command) == 2
        rows = {r["target"]: r["verdict"] for r in json.loads(Path("o.json").read_text(encoding="utf-8"))["rows"]}
        assert rows == {f"dup ({one})": "inconclusive", f"dup ({two})": "pass"}


def test_the_folder_is_no_place_for_other_modules(module, tmp_path):
    """A module of the folder is found by its name, and by what lies beside it; it is not there for others."""
    marker = "import pathlib; pathlib.Path(__file__).with_suffix('.ran').touch()"
    (tmp_path / "gmpy2.py").write_text(marker, encoding="utf-8")
    code = "import sys; sys.path[:] = [p for p in sys.path if p]; from gradcheck.cli.main import main; main(['list', 'oracles'])"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=tmp_path, env=_environment())
    assert not (tmp_path / "gmpy2.ran").exists()


# -- in a process of its own ---------------------------------------------------------------------------


def _environment():
    return {**os.environ, "PYTHONPATH": str(Path(gradcheck.__file__).parents[1])}


ACTS = """
import atexit, os, signal, sys, threading, time
from gradcheck.targets.reference import Reference
{first}
class good(Reference):
    def __init__(self):
        super().__init__()
        self.name = type(self).__name__
class last(good):
    pass
class bad(good):
    def run(self, graph, values):
        found = super().run(graph, values)
        {act}
        return found
"""


def _done(folder, act="", first="", bad="bad", timeout=60.0):
    """Run a hostile target between two good ones in a process."""
    (folder / "acts.py").write_text(ACTS.format(first="", act=act or "pass"), encoding="utf-8")
    (folder / "other.py").write_text(ACTS.format(first=first, act="pass"), encoding="utf-8")
    command = [sys.executable, "-m", "gradcheck", "run", "acts:good", f"{'other' if first else 'acts'}:{bad}", "acts:last", "--networks", "linear-neuron"]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=_environment(), timeout=timeout, start_new_session=True)


def _complete(done):
    """Answer whether the rows of the good ones were shown, with a status of gradcheck's own."""
    return done.returncode in (0, 1, 2) and all(any(line.split()[:2] == ["✓", name] for line in done.stdout.splitlines()) for name in ("good", "last"))


#: what a target does to the streams
CLOSES = ("sys.stdout.close(); sys.stderr.close()", "os.close(1); os.close(2)", "os.dup2(os.open(os.devnull, os.O_WRONLY), 1); sys.__stdout__ = None; os.chdir('/')")


@pytest.mark.parametrize("act", [CLOSES[0], *(pytest.param(x, marks=pytest.mark.deep) for x in CLOSES[1:])])
def test_streams(act, tmp_path):
    """What a target does to standard output does not lose the table."""
    done = _done(tmp_path, act)
    assert _complete(done), done.stderr
    assert done.returncode == 0


#: what only another process can stop -> what the target does when it is run, or when it is imported
LATER = {
    "os._exit(0)": {"act": "os._exit(0)"}, "os._exit(0) at import": {"first": "os._exit(0)"}, "killed": {"act": "os.kill(os.getpid(), signal.SIGKILL)"},
    "terminated": {"act": "os.kill(os.getpid(), signal.SIGTERM)"}, "a segmentation fault": {"act": "os.kill(os.getpid(), signal.SIGSEGV)"}, "aborted": {"act": "os.abort()"},
    "an interrupt by itself": {"act": "os.kill(os.getpid(), signal.SIGINT); time.sleep(1)"},
    "exit by a handler at the end": {"act": "atexit.register(lambda: os._exit(7))"}, "hangs": {"act": "time.sleep(600)"}, "hangs at import": {"first": "time.sleep(600)"},
    "hangs deaf": {"act": "signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"}, "a thread that never ends": {"act": "threading.Thread(target=time.sleep, args=(600,)).start()"},
    "closed descriptors": {"act": "os.closerange(0, 256)"},
    "another judge": {"act": "import gradcheck.validation.case; gradcheck.validation.case.judge = None"},
}  # fmt: skip


@pytest.mark.xfail(strict=True, raises=(AssertionError, subprocess.TimeoutExpired), reason='only another process can stop it: the issue "One executor"')
@pytest.mark.parametrize("kind", [pytest.param(k, marks=() if k == "os._exit(0)" else pytest.mark.deep) for k in LATER])
def test_what_only_another_process_can_stop(kind, tmp_path):
    """The rows of the good ones are shown within the limit."""
    assert _complete(_done(tmp_path, **LATER[kind], timeout=8.0))


@pytest.mark.deep
@pytest.mark.xfail(strict=True, raises=AssertionError, reason='only another process has a limit: the issue "One executor"')
def test_memory(tmp_path):
    """A target that takes 2 GB is stopped before it has them."""
    assert _complete(_done(tmp_path, "x = b'1' * 2**31"))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2**20  # in KiB
