"""`gradcheck run` in a pipeline: files while it runs, resuming, histories, baselines, known failures, settings."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from gradcheck.cli.main import main
from gradcheck.history import History
from gradcheck.result.stored import read
from gradcheck.targets.reference import Reference
from tests.judge.networks import broken

wrong = broken("tanh", vjp=lambda m, g, y, x: (g * (1 - y),))
HERE = __name__
TWO = ("--networks", "xor-2-2-1-tanh,diamond")
KNOWN = f'[[known]]\nrow = "{wrong.name}/*"\nreason = "1 - y"\nlink = "https://example.org"\n'


class Counting(Reference):
    """A target that notes what it ran, and can be interrupted."""

    def __init__(self):
        super().__init__(name="counting")
        self.ran, self.stop = [], None

    def run(self, graph, values):
        self.ran.append(graph.name)
        if graph.name == self.stop:
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does; an interrupt of its own would be its answer
        return super().run(graph, values)


counting = Counting()


def run(*arguments):
    """Return the exit status of `gradcheck run`."""
    with pytest.raises(SystemExit) as caught:
        main(["run", *map(str, arguments)])
    return caught.value.code


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder without settings, with the target in it new."""
    monkeypatch.chdir(tmp_path)
    counting.ran, counting.stop = [], None
    return tmp_path


def test_interrupted_and_resumed(elsewhere):
    """What was found before the interruption is in the file; resuming does what is missing, and nothing else."""
    counting.stop = "diamond"
    assert run(f"{HERE}:counting", *TWO, "--json", "r.json") == 130
    first = read(elsewhere / "r.json")
    assert not first.complete
    assert len(first.rows) == 1
    counting.ran, counting.stop = [], None
    assert run(f"{HERE}:counting", *TWO, "--json", "r.json", "--resume") == 0
    assert counting.ran == ["diamond"]
    second = read(elsewhere / "r.json")
    assert second.complete
    assert second.rows[0] == first.rows[0]
    assert len(second.rows) == 2


@pytest.mark.deep
def test_killed(elsewhere):
    """A process that is killed leaves a file that can be read, and a run that can be resumed."""
    (elsewhere / "slow.py").write_text(
        "import time\nfrom gradcheck.targets.reference import Reference\nclass Slow(Reference):\n    def run(self, graph, values):\n"
        "        time.sleep(0.3)\n        return super().run(graph, values)\n"
    )
    command = [sys.executable, "-m", "gradcheck", "run", "slow:Slow", "--networks", "sklearn-*", "--json", "r.json", "--save", "h.sqlite"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while time.monotonic() < end and not ((elsewhere / "r.json").exists() and len(read(elsewhere / "r.json")) > 3):
        time.sleep(0.05)
    process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()
    before = read(elsewhere / "r.json")
    assert 3 < len(before) < 18
    assert not before.complete
    assert not (elsewhere / "h.sqlite").exists() or History(elsewhere / "h.sqlite").entries() == []
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    after = read(elsewhere / "r.json")
    assert after.complete
    assert after.rows[: len(before)] == before.rows
    assert len(History(elsewhere / "h.sqlite").entries()) == 1


def test_another_run_is_not_resumed(elsewhere, capsys):
    """Another seed's results are not these."""
    assert run("reference", *TWO, "--json", "r.json", "--seed", 1) == 0
    assert run("reference", *TWO, "--json", "r.json", "--resume") == 2
    assert "results of seed 0; got seed 1" in capsys.readouterr().err
    assert run("reference", *TWO, "--resume") == 2


class Again(Reference):
    """Another target of the same name and version."""

    def __init__(self):
        super().__init__(name="counting")


again = Again()


def test_another_target_of_the_name_is_not_resumed(elsewhere, capsys):
    """Rows of one target are never those of another, whatever it calls itself; nor those of another order, or without enclosures."""
    assert run(f"{HERE}:counting", *TWO, "--json", "r.json") == 0
    for more, said in ((f"{HERE}:again",), "target counting"), ((f"{HERE}:counting", "--order", 2), "order 2"), ((f"{HERE}:counting", "--enclose"), "enclose True"):
        assert run(*more, *TWO, "--json", "r.json", "--resume") == 2
        assert said in capsys.readouterr().err
    data = json.loads((elsewhere / "r.json").read_text())
    data["versions"]["gradcheck"] = "0.0.1"
    (elsewhere / "r.json").write_text(json.dumps(data))
    assert run(f"{HERE}:counting", *TWO, "--json", "r.json", "--resume") == 2
    assert "gradcheck 0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize("less", [("counting", "--networks", "diamond"), ("counting", *TWO, "--dtype", "float32"), ("again", "--networks", "diamond")])
def test_results_of_another_run_are_not_lost(elsewhere, capsys, less):
    """A run that goes on has every row that is there, or says that it has not, and leaves the file."""
    assert run(f"{HERE}:counting", *TWO, "--json", "r.json") == 0
    before = (elsewhere / "r.json").read_bytes()
    name, *options = less
    assert run(f"{HERE}:{name}", *options, "--json", "r.json", "--resume") == 2
    assert "expected results of" in capsys.readouterr().err
    assert (elsewhere / "r.json").read_bytes() == before
    assert run(f"{HERE}:counting", *TWO, "--dtype", "float64,float32", "--json", "r.json", "--resume") == 0
    assert len(read(elsewhere / "r.json")) == 4


def test_rows_that_stand_twice_are_judged_again(elsewhere):
    """Which of them holds is not known."""
    assert run(f"{HERE}:counting", *TWO, "--json", "r.json") == 0
    data = json.loads((elsewhere / "r.json").read_text())
    data["rows"] += [{**data["rows"][0], "verdict": "fail"}]
    (elsewhere / "r.json").write_text(json.dumps(data))
    counting.ran = []
    assert run(f"{HERE}:counting", *TWO, "--json", "r.json", "--resume") == 0
    assert counting.ran == [data["rows"][0]["network"]]


def test_every_file(elsewhere):
    """HTML, Markdown, JUnit, JSON and a history in one run."""
    names = {"--json": "r.json", "--html": "r.html", "--markdown": "r.md", "--junit": "r.xml", "--save": "h.sqlite"}
    assert run(f"{HERE}:wrong", *TWO, *(x for pair in names.items() for x in pair)) == 1
    assert all((elsewhere / name).stat().st_size > 100 for name in names.values())
    assert "1 - y" in (elsewhere / "r.html").read_text()
    assert run("reference", *TWO, "--save", "h.sqlite", "--html", "r.html") == 0
    assert 'id="trend"' in (elsewhere / "r.html").read_text()


def test_baseline(elsewhere, capsys):
    """What was wrong before does not fail; what is worse does."""
    assert run(f"{HERE}:wrong", *TWO, "--json", "old.json") == 1
    assert run(f"{HERE}:wrong", *TWO, "--baseline", "old.json") == 0
    data = json.loads((elsewhere / "old.json").read_text())
    for r in data["rows"]:
        r.update(verdict="pass", findings=[])
    (elsewhere / "old.json").write_text(json.dumps(data))
    capsys.readouterr()
    assert run(f"{HERE}:wrong", *TWO, "--baseline", "old.json") == 1
    assert "new failure" in capsys.readouterr().out
    assert run("reference", *TWO, "--baseline", "none.json") == 2


def test_known_failures(elsewhere, capsys):
    """Known failures do not count; unexpected passes and rows that are not there do, strictly."""
    (elsewhere / "known.toml").write_text(KNOWN)
    assert run(f"{HERE}:wrong", *TWO, "--known-failures", "known.toml", "--json", "r.json") == 0
    assert {r.known for r in read(elsewhere / "r.json").rows if r.verdict == "inconclusive"} == {"1 - y"}
    assert run("reference", *TWO, "--known-failures", "known.toml") == 0
    assert "matches no row" in capsys.readouterr().out
    assert run("reference", *TWO, "--known-failures", "known.toml", "--strict") == 1


def test_settings(elsewhere, capsys):
    """[tool.gradcheck] says what is not given; what is given goes before it."""
    (elsewhere / "known.toml").write_text(KNOWN)
    (elsewhere / "pyproject.toml").write_text(
        f'[tool.gradcheck]\ntargets = ["{HERE}:wrong"]\nnetworks = ["diamond"]\ndtypes = ["float32"]\nseed = 4\nknown-failures = "known.toml"\n'
    )
    assert run("--json", "r.json") == 0
    found = read(elsewhere / "r.json")
    assert [(r.network, r.dtype) for r in found.rows] == [("diamond", "float32")]
    assert found.seed == 4
    assert run("reference", "--json", "r.json", "--dtype", "float64", "--seed", 0) == 0
    assert [(r.target, r.dtype) for r in read(elsewhere / "r.json").rows] == [("reference", "float64")]
    (elsewhere / "pyproject.toml").write_text("[tool.gradcheck]\nneworks = []\n")
    assert run("reference") == 2
    assert "did you mean 'networks'" in capsys.readouterr().err


def test_no_target(elsewhere, capsys):
    """Neither given nor set: what to do is said."""
    assert run() == 2
    assert "expected a TARGET" in capsys.readouterr().err
