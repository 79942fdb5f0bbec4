"""Targets that are programs: right ones are certified, and what a wrong one does is said in its row while all other rows are complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import BadInput, CannotExpress, TargetFailed
from gradcheck.networks import networks
from gradcheck.targets import Description, targets
from gradcheck.targets.process import TIMEOUT, Process
from gradcheck.targets.registry import is_command
from gradcheck.validation.validate import validate
from tests.cli.status import status

ENGINES = Path(__file__).parents[2] / "examples" / "engines"
PYTHON = [sys.executable, "-I", "-S"]
#: the networks of a run; the second is where an engine goes wrong
RUN = ("xor-2-2-1", "diamond", "softmax-regression")

#: The engine of the examples, made to go wrong at one request.
WRONG = """
import json, os, signal, sys, time
sys.path.insert(0, {folder!r})
import engine

right = engine.answer

def now(request):
    return {when}

def wrong(request):
    out = sys.stdout
{body}

def answer(request):
    found = wrong(request) if now(request) else None
    return right(request) if found is None else found

engine.answer = answer
engine.main()
"""
AT = "request['kind'] == 'run' and request['graph']['name'] == 'diamond'"


@pytest.fixture
def made(tmp_path):
    """Return a function that gives the command of an engine with a mistake: code of a function of `request` that may return an answer."""

    def command(body, when=AT):
        file = tmp_path / "wrong.py"
        lines = "\n".join(f"    {line}" for line in body.splitlines() or ["pass"])
        file.write_text(WRONG.format(folder=str(ENGINES), when=when, body=lines))
        return [*PYTHON, str(file)]

    return command


def rows(command, names=RUN, **options):
    """Return the rows of a run by network, and what was skipped."""
    with Process(command, **options) as process:
        matrix = validate(process, names)
    return {r.network: r for r in matrix.rows}, {s.network: s.reason for s in matrix.skipped}


def test_a_right_engine(made):
    """Every network is certified."""
    found, skipped = rows(made(""))
    assert {(r.verdict, r.evidence) for r in found.values()} == {("pass", "certified")}
    assert list(found) == list(RUN)
    assert not skipped


LINE = "json.dumps({'id': request['id'], 'success': True, **right(request)})"
#: what an engine does at one network -> code, what the row says
FAILS = {
    "exits": ("print('no room left', file=sys.stderr, flush=True); os._exit(3)", "exited with status 3 without an answer; its standard error ends: no room left"),
    "crashes": ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by signal 11 (SIGSEGV) without an answer"),
    "prints words": ("print('step 1: loss 0.5')", "expected one line of JSON; got 'step 1: loss 0.5'"),
    "prints anything": ("out.buffer.write(b'\\x1b[2J\\xff\\n')", "expected one line of JSON; got '\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}'"),
    "prints no object": ("print('[1, 2]')", "expected a JSON object; got '[1, 2]'"),
    "wrong id": ("print('{\"id\": 77, \"success\": true}')", "expected the answer to request 2; got id=77"),
    "no success": ("print('{\"id\": 2}')", "expected \"success\": true or false; got '{\"id\": 2}'"),
    "breaks off": ("out.write('{\"id\": 2, '); out.flush(); os._exit(0)", "exited with status 0 in the middle of a line: '{\"id\": 2,'"),
    "closes its output": ("os.close(1); time.sleep(600)", "closed its standard output without an answer"),
    "answers an error": ("raise ValueError('no luck')", "the engine answered with an error: ValueError: no luck"),
    "no loss": ("return {'gradients': {}}", "expected a loss in the answer; got none"),
    "no gradients": ("return {'loss': 1}", "gradients: expected an object from names to arrays; got null"),
    "words for numbers": ("return {'loss': 'small', 'gradients': {}}", "loss: expected numbers, \"nan\", \"inf\" or \"-inf\"; got 'small'"),
    "unknown name": ("return {'loss': 1, 'gradients': {'v': 1}}", "got a gradient named 'v'"),
    "unknown node": ("return {**right(request), 'node_values': {'v': 1}}", "got a node value named 'v'"),
    "wrong length": ("return {'loss': 1, 'gradients': {request['wrt'][0]: {'shape': [7], 'data': [1]}}}", "expected 7 numbers for the shape [7]; got 1"),
    "a file nobody asked for": ("return {'loss': {'npy': '/etc/passwd'}, 'gradients': {}}", "loss: expected numbers; got a file"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILS)
def test_what_goes_wrong_is_named(name, made, monkeypatch):
    """The row says what happened; the rows before and after it are complete."""
    monkeypatch.setattr("gradcheck.targets.program.GRACE", 0.5)
    body, said = FAILS[name]
    found, _ = rows(made(body))
    row = found["diamond"]
    assert (row.verdict, row.evidence, row.error) == ("inconclusive", "none", True)
    assert said in row.message
    assert {found[n].evidence for n in RUN if n != "diamond"} == {"certified"}


@pytest.mark.parametrize(("body", "said"), [("time.sleep(600)", "no answer within 1.5 s"), ("out.write('{\"id\": 2'); out.flush(); time.sleep(600)", "no answer within 1.5 s; it had written '{\"id\": 2' without the end")])
def test_hanging(body, said, made):
    """An engine that does not answer in time is named, with the limit; the other rows are complete."""
    found, _ = rows(made(body), timeout=1.5)
    assert found["diamond"].message.startswith(said)
    assert {found[n].evidence for n in RUN if n != "diamond"} == {"certified"}


@pytest.mark.deep
def test_ten_seconds(made):
    """An engine that needs ten seconds has them by default, and is named under a lower limit."""
    assert TIMEOUT > 20
    slow = made("time.sleep(10)")
    assert {r.evidence for r in rows(slow)[0].values()} == {"certified"}
    found, _ = rows(slow, timeout=3)
    assert found["diamond"].message == "no answer within 3 s"
    assert {found[n].evidence for n in RUN if n != "diamond"} == {"certified"}


#: what is no reason to complain
HARMLESS = {
    "slow": "time.sleep(0.5)", "talks to standard error": "sys.stderr.write('x' * 1_000_000)", "blank lines": "print('\\n  \\n')",
    "unknown fields": "return {**right(request), 'timings': [{'name': 'gradient', 'nanoseconds': 5}]}", "nulls": "return {**right(request), 'plain_gradients': None}",
    "carriage returns": f"out.write({LINE} + '\\r\\n'); out.flush(); sys.stdin.readline(); os._exit(0)",
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless(name, made):
    """Patience, and room for what does not matter."""
    found, _ = rows(made(HARMLESS[name]), RUN[:2])
    assert {r.evidence for r in found.values()} == {"certified"}


#: wrong contents of the right form -> code, what the finding says
FAULTS = {
    "wrong shape": ("found = right(request); k = request['wrt'][0]; found['gradients'][k] = {'shape': [1, 1, 2], 'data': [1, 2]}; return found", r"gradient of .*: expected shape .*; got \(1, 1, 2\)"),
    "NaN": ("found = right(request); k = request['wrt'][0]; a = found['gradients'][k]; a['data'] = ['nan'] * len(a['data']); return found", "gradient of .*got nan"),
    "Python's NaN": ("found = right(request); k = request['wrt'][0]; a = found['gradients'][k]; a['data'] = [float('nan')] * len(a['data']); return found", "gradient of .*got nan"),
    "missing": ("found = right(request); del found['gradients'][request['wrt'][0]]; return found", "expected an array of shape .*; got none"),
    "a wrong node": ("found = right(request); found['node_values']['loss']['data'] = [7]; found['loss'] = 7; return found", "value of loss"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_wrong_contents_fail(name, made):
    """What an engine answered in the right form is judged like that of any target."""
    body, said = FAULTS[name]
    found, _ = rows(made(body))
    assert found["diamond"].verdict == "fail"
    assert any(re.search(said, f.message) for f in found["diamond"].findings if f.severity == "fault")
    assert {found[n].evidence for n in RUN if n != "diamond"} == {"certified"}


def test_said_twice(made):
    """A second answer to one request is not taken for the answer to the next; after that all is well."""
    found, _ = rows(made(f"print({LINE}, flush=True)"), (*RUN, "deep-chain-200"))
    assert found["softmax-regression"].verdict == "inconclusive"
    assert found["softmax-regression"].message.startswith(("wrote a line without being asked", "expected the answer to request 3; got id=2"))
    assert found["deep-chain-200"].evidence == "certified"


def test_gradients_alone(made):
    """Without node values the evidence is the rigorous bound."""
    found, _ = rows(made("found = right(request); return {k: found[k] for k in ('loss', 'gradients')}"))
    assert (found["diamond"].verdict, found["diamond"].evidence) == ("pass", "rigorous")


def test_unsupported(made):
    """What an engine has no form for is skipped: by its answer, by its operations, and by its formats."""
    found, skipped = rows(made("raise engine.Unsupported('no diamonds')"), (*RUN, "lenet-1989-small"))
    assert skipped.pop("diamond") == "no diamonds"
    assert skipped == {"lenet-1989-small": "micro has no form for conv2d, pad"}
    assert len(found) == 2
    with Process(made("")) as process:
        network = networks["xor-2-2-1"]
        with pytest.raises(CannotExpress, match="micro has no float32"):
            process.run(network.graph, network.values(0, "float32"))
        assert [s.reason for s in validate(process, "xor-2-2-1", dtypes=["float32"]).skipped] == ["the target has no float32"]


# -- starts -------------------------------------------------------------------------------------------

HELLO = "request['kind'] == 'hello'"
STARTS = {
    "exits": ("print('no licence', file=sys.stderr, flush=True); os._exit(1)", "at its start: exited with status 1 without an answer; its standard error ends: no licence"),
    "says hello in words": ("print('Welcome!')", "at its start: expected one line of JSON; got 'Welcome!'"),
    "has no name": ("return {'version': '1'}", "at its start: expected a name in the hello; got none"),
    "takes a name that is taken": ("return {'name': 'torch'}", "at its start: expected a name that no target of gradcheck has; got 'torch'"),
    "speaks another protocol": ("return {'name': 'e', 'protocol': 'gradcheck-engine/9'}", "at its start: expected the protocol 'gradcheck-engine/1'; got 'gradcheck-engine/9'"),
    "cannot": ("raise engine.Unsupported('not today')", "at its start: not today"),
    "has a wrong format": ("return {'name': 'e', 'dtypes': ['float8']}", "at its start: dtypes in the hello: expected a list of formats"),
}  # fmt: skip


@pytest.mark.parametrize("name", STARTS)
def test_starts_that_fail(name, made):
    """Each row says why there is no hello; after three starts there is no other, and other targets are judged."""
    body, said = STARTS[name]
    counted = f"open(__file__ + '.count', 'a').write('x'); {body}"
    command = made(counted, HELLO)
    with Process(command) as process:
        matrix = validate([process, "reference"], [*RUN, "deep-chain-200"])
    mine = [r for r in matrix.rows if r.target == process.name]
    assert [r.verdict for r in mine] == ["inconclusive"] * 4
    assert all(said in r.message for r in mine)
    assert process.name not in ("torch", "e")  # what no hello said is no name
    assert mine[-1].message.startswith("not started again after 3 failures in a row; ")
    assert Path(f"{command[-1]}.count").read_text() == "xxx"
    assert [r.verdict for r in matrix.rows if r.target == "reference"] == ["pass"] * 4


def test_a_start_that_fails_once(made):
    """It is tried again, and what the hello says then counts."""
    command = made("file = __file__ + '.tried'\nif not os.path.exists(file):\n    open(file, 'w').close()\n    os._exit(1)", HELLO)
    found, _ = rows(command)
    assert {r.evidence for r in found.values()} == {"certified"}


def test_hello_is_asked_again_after_a_crash(made):
    """Failures count in a row only: an engine that crashes at each network is started for each."""
    found, _ = rows(made("os._exit(1)", "request['kind'] == 'run'"), (*RUN, "deep-chain-200", "fifty-uses"))
    assert {r.message for r in found.values()} == {"exited with status 1 without an answer"}


def test_gone_while_running(tmp_path):
    """A program that is removed between two networks is a reason in the rows that follow."""
    file = tmp_path / "engine"
    file.write_text(f"#!/bin/sh\nrm -- $0\nexec '{sys.executable}' -I -S -c 'import sys; sys.stdin.readline(); sys.exit(0)'\n")
    file.chmod(0o755)
    found, _ = rows([str(file)])
    assert found["xor-2-2-1"].message.startswith("expected a program that can be run; got")


# -- what is sent and kept ----------------------------------------------------------------------------

NUMPY_ENGINE = """
import json, os, sys
import numpy as np
from gradcheck import dumps, loads
from gradcheck.targets.reference import Reference

def array(x, folder, dtype):
    if "npy" not in x:
        return np.array(x["data"]).reshape(x["shape"])
    made = np.load(os.path.join(folder, x["npy"]))
    assert list(made.shape) == x["shape"] and str(made.dtype) == x["dtype"], (made.dtype, x)
    return made

for line in sys.stdin:
    r = json.loads(line)
    if r["kind"] == "hello":
        found = {"name": "files", "dtypes": ["float64", "float32", "bfloat16"], "npy_above": 4, "slack": 2, "flushes": False, "accumulates": {"bfloat16": "float32"}, "version": "2"}
    else:
        folder = r["directory"]
        print(folder, len(os.listdir(folder)), file=sys.stderr, flush=True)
        from gradcheck.arith.floating import FORMATS
        graph = loads(json.dumps(r["graph"]))
        kind = {x.name: x for x in graph.leaves}
        values = {k: array(x, folder, r["dtype"]) for k, x in r["values"].items() if kind[k].kind != "constant"}
        run = Reference().run(graph, {k: x.astype(FORMATS[r["dtype"]]) if kind[k].type == "float" else x for k, x in values.items()})
        def sent(name, x):
            np.save(os.path.join(folder, f"out-{name}.npy"), np.asarray(x, dtype=np.float32 if r["dtype"] == "bfloat16" else None))
            return {"npy": f"out-{name}.npy"}
        found = {"loss": float(run.loss), "gradients": {k: sent(k, x) for k, x in run.gradients.items()},
                 "node_values": {k: sent("v" + k, x) for k, x in run.node_values.items()}, "node_adjoints": {k: sent("a" + k, x) for k, x in run.node_adjoints.items()}}
        if BAD: found["gradients"] = {k: {"npy": BAD} for k in run.gradients}
    print(json.dumps({"id": r["id"], "success": True, **found}), flush=True)
"""


def numpy_engine(tmp_path, bad=None):
    """Return the command of an engine that takes and gives large arrays by files."""
    root = str(Path(gradcheck.__file__).parents[1])
    file = tmp_path / "files.py"
    file.write_text(f"import sys\nsys.path.insert(0, {root!r})\nBAD = {bad!r}\n{NUMPY_ENGINE}")
    return [sys.executable, str(file)]


def test_arrays_by_files(tmp_path):
    """Large arrays go by files in every format, there and back; the folder of a request is gone after it."""
    with Process(numpy_engine(tmp_path)) as process:
        matrix = validate(process, ["xor-2-2-1", "embedding-mean-pool", "encoder-8-3-8"], dtypes=["float64", "float32", "bfloat16"])
        program = process._program
        assert (process.slack, process.flushes, process.accumulates, process.version) == (2.0, False, {"bfloat16": "float32"}, "2")
    assert {(r.verdict, r.evidence) for r in matrix.rows} == {("pass", "certified")}
    assert len(matrix.rows) >= 8
    folders = [line.split() for line in program._said]
    assert folders
    assert all(int(n) > 0 and not Path(folder.decode()).exists() for folder, n in folders)


@pytest.mark.parametrize("bad", ["../../etc/passwd", "/etc/passwd", "none.npy"])
def test_files_elsewhere(bad, tmp_path):
    """A file outside of the directory of the request is not read."""
    found, _ = rows(numpy_engine(tmp_path, bad), ["xor-2-2-1"])
    assert "expected the name of a file in the directory of the request" in found["xor-2-2-1"].message


def test_slack_and_version_reach_the_report(made):
    """What the hello declares is what the verdict and the report use."""
    command = made("return {**right(request), 'slack': 3, 'flushes': True, 'version': '7.1'}", HELLO)
    with Process(command) as process:
        d = Description.of(process)
        assert (d.name, d.version, d.slack, d.flushes, d.dtypes) == ("micro", "7.1", 3.0, True, ("float64",))
        assert validate(process, "xor-2-2-1").versions["micro"] == "7.1"


# -- names, commands, ends ----------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["./engine", "/usr/bin/engine", "engines/engine -v", "python3 engine.py", "process:engine"])
def test_commands(spec):
    """A path, several words, or the prefix."""
    assert is_command(spec)


@pytest.mark.parametrize("spec", ["torch", "jax-jit", "mypkg.engines:Engine", "", " torch", "processes:Engine"])
def test_no_commands(spec):
    """Names and module:attribute stay what they were."""
    assert not is_command(spec)


def test_words_of_a_command(tmp_path):
    """Quotes are read as by a shell, and nothing else is: no variables, no pipes, no second command."""
    file = tmp_path / "a b.py"
    file.write_text("import json, sys\nsys.stdin.readline()\nprint(json.dumps({'id': 0, 'success': True, 'name': '|'.join(sys.argv[1:])}), flush=True)")
    with Process(f"{sys.executable} -S '{file}' one 'two  words' $HOME '*' '|' ';'") as process:
        assert process.name == "one|two  words|$HOME|*|||;"
    with Process([sys.executable, "-S", str(file), "$(x)"], name="mine") as process:
        assert process.name == "mine"


@pytest.mark.parametrize("command", ["", "process:", "process:  ", "./x 'open", []])
def test_no_command(command):
    """Nothing to run."""
    with pytest.raises(TargetFailed, match="expected a command; got"):
        Process(command)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_no_time(timeout):
    """A limit has to leave some time."""
    with pytest.raises(BadInput, match="expected a timeout above 0 seconds"):
        Process("process:cat", timeout=timeout)


def test_by_name(made):
    """`validate` starts the program and ends it; the snippet of a finding asks for it again, and prints the number."""
    spec = " ".join(made("found = right(request); found['gradients'][request['wrt'][0]]['data'][0] = 7; return found"))
    matrix = validate(spec, RUN)
    (row,) = (r for r in matrix.rows if r.verdict == "fail")
    finding = next(f for f in row.findings if f.severity == "fault")
    assert f"gradcheck.targets[{spec!r}]" in finding.snippet
    done = subprocess.run([sys.executable, "-c", finding.snippet], capture_output=True, text=True, check=True, env=_environment())
    assert float(done.stdout) == finding.got == 7
    assert not done.stderr


def _environment():
    return {**os.environ, "PYTHONPATH": str(Path(gradcheck.__file__).parents[1]), "PYTHONWARNINGS": "error"}


def test_a_recompiled_engine_is_another(made):
    """A program is started anew for each run: nobody is judged by what was there before."""
    spec = " ".join(made(""))
    assert validate(spec, "diamond").verdict == "pass"
    assert " ".join(made("return {'loss': 1, 'gradients': {}}")) == spec
    assert validate(spec, "diamond").verdict == "fail"


def test_ended_with_the_run(made, monkeypatch):
    """No process is left after a run by name, one that failed included; a target that is kept is started again on request."""
    started = []
    original = Process._greet
    monkeypatch.setattr(Process, "_greet", lambda self, program: (started.append(program._process), original(self, program))[1])
    validate(" ".join(made("os._exit(1)")), RUN)
    assert len(started) == 2
    assert all(p.returncode is not None for p in started)
    network = networks["xor-2-2-1"]
    process = Process(made(""))
    process.close()
    process.close()
    assert np.isfinite(process.run(network.graph, network.values()).loss)
    del process
    assert all(p.returncode is not None for p in started)


def test_ended_with_python(tmp_path, made):
    """A target that nobody closed is ended when Python ends, without a word."""
    note = tmp_path / "note"
    command = made("", "False")
    Path(command[-1]).write_text(Path(command[-1]).read_text() + f"\nopen({str(note)!r}, 'w').write('ended')")
    code = f"from gradcheck.targets.process import Process\nkept = Process({command!r})\nprint(kept.name)"
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert done.stdout == "micro\n"
    assert not done.stderr
    assert note.read_text() == "ended"


# -- the command line ---------------------------------------------------------------------------------


def test_command_line(made, capsys, tmp_path, monkeypatch):
    """Statuses: 0 certified, 1 wrong, 2 no such program, or one that never answered."""
    monkeypatch.chdir(tmp_path)
    right, xor = " ".join(made("")), ("--networks", "xor-2-2-1")
    assert status("run", right, *xor) == 0
    assert "micro" in capsys.readouterr().out
    assert status("run", right, *xor, "--timeout", "0") == 2
    assert status("run", "./nothing", *xor) == 2
    assert "expected a program that can be run; got './nothing': No such file" in capsys.readouterr().out
    assert status("run", "sleep 600", "reference", *xor, "--timeout", "0.3") == 2
    out = capsys.readouterr().out
    assert "no answer within 0.3 s" in out
    assert "1 pass" in out
    (tmp_path / "engine").write_text("")
    assert status("run", "engine", *xor) == 2
    assert "did you mean './engine'?" in capsys.readouterr().err


def test_resume(made, capsys, tmp_path):
    """A run can be taken up where it was interrupted: rows of a program are rows like others."""
    spec, file = " ".join(made("")), str(tmp_path / "o.json")
    assert status("run", spec, "--networks", "diamond", "--json", file) == 0
    assert status("run", spec, "--networks", "diamond", "--networks", "xor-2-2-1", "--json", file, "--resume") == 0
    assert "2 pass" in capsys.readouterr().out


def test_settings(made, capsys, tmp_path, monkeypatch):
    """Program and limit may stand in pyproject.toml."""
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text(f"[tool.gradcheck]\ntargets = {[' '.join(made('time.sleep(600)'))]!r}\nnetworks = ['diamond']\ntimeout = 0.75\n")
    assert status("run") == 2
    assert "within 0.75 s" in capsys.readouterr().out


def test_listed():
    """Programs are not among the names, and are made anew each time they are asked for."""
    assert all(not is_command(name) for name in targets)
    with pytest.raises(TargetFailed):
        targets["./nothing"]
