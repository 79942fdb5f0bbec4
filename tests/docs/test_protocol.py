"""What docs/protocol.md says is so: its messages are messages, its engine runs, its limits are ours."""

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.running import Roundoff
from gradcheck.graph.document import loads
from gradcheck.judge.judge import judge
from gradcheck.targets.messages import accepted, decoded, encoded, hello_request, read_hello, read_run, run_request
from gradcheck.targets.process import MOST_STARTS, TIMEOUT, Process
from gradcheck.targets.program import LONGEST
from gradcheck.targets.target import leaf_arrays
from gradcheck.validation.validate import validate
from tests.cli.status import status

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
MESSAGES = [json.loads(x) for x in re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)]
ENGINE, ADAPTER = re.findall(r"```py\n(.*?)```", TEXT, flags=re.DOTALL)
SCHEMA = json.loads(files("gradcheck.targets").joinpath("engine.schema.json").read_text(encoding="utf-8"))


def test_messages_fit_the_schema():
    """Every message that is shown, and the array that goes by a file."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    arrays = [m for m in MESSAGES if "npy" in m]
    assert len(arrays) == 1
    assert len(MESSAGES) == 7
    for message in MESSAGES:
        part = {"$ref": "#/$defs/sent_array", "$defs": SCHEMA["$defs"]} if message in arrays else SCHEMA
        jsonschema.validate(message, part)


def test_the_schema_by_its_command(tmp_path):
    """The tool that people use for it accepts the messages."""
    pytest.importorskip("check_jsonschema")
    for k, message in enumerate(m for m in MESSAGES if "npy" not in m):
        (tmp_path / f"{k}.json").write_text(json.dumps(message))
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(ROOT / "gradcheck" / "targets" / "engine.schema.json"), *map(str, sorted(tmp_path.glob("*.json")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_requests_are_what_is_sent():
    """Hello and run are, to the last field, what an engine is sent."""
    hello, _, run, *_ = MESSAGES
    assert hello == json.loads(encoded(hello_request(0)))
    graph = loads(json.dumps(run["graph"]))
    values = {k: np.array(x["data"]).reshape(x["shape"]) for k, x in run["values"].items() if k != "c1"}
    assert run == json.loads(encoded(run_request(1, graph, values)))


def test_answers_are_read():
    """The hello is read, and the answer to run is certified."""
    _, hello, run, answer, _, unsupported, error = MESSAGES
    assert read_hello(hello).name == "tiny"
    graph = loads(json.dumps(run["graph"]))
    values = {k: np.array(x["data"]).reshape(x["shape"]) for k, x in run["values"].items() if k != "c1"}
    found = read_run(accepted(decoded(json.dumps(answer).encode(), 1)), "float64")
    judged = judge(graph, leaf_arrays(graph, values), found, Roundoff.of("float64"), "float64")
    assert (judged.verdict, judged.evidence) == ("pass", "certified")
    for message, kind in ((unsupported, gradcheck.errors.CannotExpress), (error, gradcheck.errors.TargetFailed)):
        with pytest.raises(kind, match=message["error"]):
            accepted(message)


def test_the_engine_is_certified(tmp_path, monkeypatch, capsys):
    """The engine of the page, by its command, in both formats that it has."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.py").write_text(ENGINE)
    assert status("run", f"{sys.executable} tiny.py", "--dtype", "float64,float32", "--json", "o.json") == 0
    assert "certified" in capsys.readouterr().out
    rows = json.loads(Path("o.json").read_text())["rows"]
    assert len(rows) >= 20
    assert {(r["verdict"], r["evidence"]) for r in rows} == {("pass", "certified")}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"ops": list(FORWARD)', '"ops": []', "nothing was tested"),
        ('"gradients": {x: adjoint[x].tolist() for x in request["wrt"]}', '"gradients": {}', "expected an array of shape"),
        ("g * (1 - y * y)", "g * (1 - y)", "1 - y"),
    ],
)
def test_steps(old, new, said, tmp_path, monkeypatch, capsys):
    """The steps towards an engine say what the page says that they say."""
    monkeypatch.chdir(tmp_path)
    assert ENGINE.count(old) == 1
    Path("tiny.py").write_text(ENGINE.replace(old, new))
    assert status("run", f"{sys.executable} tiny.py", "--networks", "deep-chain-200", "--networks", "xor-2-2-1-tanh") != 0
    assert said in capsys.readouterr().out


def test_the_adapter_for_gradbench(tmp_path, capsys):
    """The lines of the page judge a tool of GradBench."""
    from tests.examples.test_engines import TOOL

    tool = tmp_path / "tool.py"
    tool.write_text(TOOL.replace("FACTOR", ""))
    names = {"adapter": ROOT / "examples" / "engines" / "gradbench.py", "tool": f"{sys.executable} {tool}"}
    exec(compile(ADAPTER.replace("python3", sys.executable), "protocol.md", "exec"), names)
    assert capsys.readouterr().out == "pass - rigorous\n"


def test_limits_are_those_of_the_page():
    """Seconds, bytes, starts."""
    assert f"`--timeout` ({TIMEOUT:g} s)" in TEXT
    assert f"{LONGEST // 2**20} MiB" in TEXT
    assert ("three starts" in TEXT) == (MOST_STARTS == 3)


def test_every_field_is_described():
    """Every field of the schema's messages stands in the text."""
    described = set(re.findall(r"`(\w+)`", TEXT))
    for kind in ("hello", "run", "hello_answer", "run_answer", "error_answer"):
        assert set(SCHEMA["$defs"][kind]["properties"]) <= described | {"protocol", "kind"}, kind


def test_the_examples_are_there():
    """The files of the table."""
    for name in re.findall(r"`(examples/[\w./]+)", TEXT):
        assert (ROOT / name).is_file(), name


def test_by_hand():
    """From Python, as the page says."""
    assert all(r.error for r in validate("./engine-that-is-not-there", "xor-*"))
    with pytest.raises(gradcheck.errors.TargetFailed):
        Process("./engine-that-is-not-there", name="e", timeout=5)
