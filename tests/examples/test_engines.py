"""The engines in other languages: each is certified, speaks the protocol as the schema has it, and is caught with its mistake."""

import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import gradcheck
from gradcheck.networks import networks
from gradcheck.networks.specimen import operation_names
from gradcheck.targets.messages import encoded, hello_request, run_request
from gradcheck.targets.process import Process
from gradcheck.validation.validate import validate

ENGINES = Path(__file__).parents[2] / "examples" / "engines"
#: historical sizes, a value used fifty times, depth, softmax, products of rows and columns, recurrence, an empty batch
SOME = ["xor-2-2-1*", "encoder-8-3-8", "diamond", "fifty-uses", "deep-chain-200", "sklearn-*-relu-*", "softmax-regression", "l2-regularised", "empty-batch", "rnn*"]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Return a function that compiles the engine in C, with options, once each."""
    done = {}

    def build(*options):
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no C compiler")
        if options not in done:
            done[options] = tmp_path_factory.mktemp("engine") / "engine"
            command = [compiler, "-std=c11", "-O2", "-Wall", "-Werror", "-pedantic", *options, str(ENGINES / "engine.c"), "-o", str(done[options]), "-lm"]
            subprocess.run(command, check=True)
        return [str(done[options])]

    return build


@pytest.fixture(params=["c", pytest.param("node", marks=pytest.mark.deep), "python"])
def command(request, built):
    """Return a function that gives the command of an engine, right or broken."""

    def node(broken):
        if shutil.which("node") is None:
            pytest.skip("there is no Node")
        return ["node", str(ENGINES / "engine.mjs"), *(["--broken"] if broken else [])]

    return {
        "c": lambda broken=False: built(*(["-DBROKEN"] if broken else [])),
        "node": lambda broken=False: node(broken),
        "python": lambda broken=False: [sys.executable, "-I", "-S", str(ENGINES / "engine.py"), *(["--broken"] if broken else [])],
    }[request.param]


def test_certified(command):
    """On every network that it expresses, in every format that it has."""
    with Process(command()) as engine:
        matrix = validate(engine, SOME, dtypes=engine.dtypes)
    assert {(r.verdict, r.evidence) for r in matrix.rows} == {("pass", "certified")}, [str(r) for r in matrix.rows if r.verdict != "pass"]
    assert len(matrix.rows) >= 15 * len(engine.dtypes)


def test_useful(command):
    """The operations are enough for more than half of the networks."""
    with Process(command()) as engine:
        have = engine._hello.ops
    assert sum({n.op for n in network.graph.nodes} <= have for network in networks.values()) >= 90


@pytest.mark.deep
def test_everything(command):
    """On all networks, and on every operation by itself: certified, or skipped with a reason."""
    with Process(command()) as engine:
        matrix = validate(engine, ["*", *operation_names()], dtypes=engine.dtypes)
    assert {(r.verdict, r.evidence) for r in matrix.rows} == {("pass", "certified")}, [str(r) for r in matrix.rows if r.verdict != "pass"]
    assert len(matrix.rows) >= 200 * len(engine.dtypes)


MISTAKES = {
    "scalars-broken": "1 - y: the derivative of tanh",
    "typed-arrays-broken": "missing sum over a broadcast axis: only the first slice stands there",
    "micro-broken": "= for +=: only the",
}


def test_broken(command):
    """The mistake that is built in is caught, and named where its numbers show it; values are right."""
    with Process(command(broken=True)) as engine:
        matrix = validate(engine, ["xor-2-2-1-tanh", "encoder-8-3-8", "fifty-uses"])
    assert matrix.verdict == "fail"
    faults = [f for r in matrix.rows for f in r.findings if f.severity == "fault"]
    assert any(f.diagnosis.startswith(MISTAKES[engine.name]) for f in faults)
    assert {f.direction for f in faults} <= {"adjoint", "gradient"}


def test_protocol(command):
    """What an engine answers is what the schema allows; what it cannot do it says, and goes on."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("gradcheck.targets").joinpath("engine.schema.json").read_text(encoding="utf-8"))
    network, foreign = networks["xor-2-2-1"], networks["lenet-1989-small"]
    requests = [
        hello_request(0), run_request(1, network.graph, network.values()), run_request(2, foreign.graph, foreign.values()),
        {**run_request(3, network.graph, network.values()), "values": {}}, run_request(4, network.graph, {k: x * np.nan for k, x in network.values().items()}),
        run_request(5, network.graph, network.values()),
    ]  # fmt: skip
    text = b"".join(encoded(r) + b"\n" for r in requests)
    done = subprocess.run(command(), input=text, capture_output=True, check=True, timeout=60)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["id"] for a in answers] == list(range(6))
    assert [a["success"] for a in answers] == [True, True, False, False, True, True]
    assert [answers[k].get("unsupported") for k in (2, 3)] in ([True, False], [True, None])
    assert answers[4]["loss"] in ("nan", {"shape": [], "data": ["nan"]})
    assert {**answers[1], "id": 0} == {**answers[5], "id": 0}
    for answer in answers:
        jsonschema.validate(answer, schema)


TOOL = """
import json, math, sys

def primal(x):
    return math.log(sum(map(math.exp, x)))

def gradient(x):
    return [math.exp(v) / sum(map(math.exp, x)) FACTOR for v in x]

for line in sys.stdin:
    message = json.loads(line)
    response = {"id": message["id"]}
    if message["kind"] == "start":
        response |= {"tool": "by-hand"}
    elif message["kind"] == "define":
        response |= {"success": message["module"] == "lse"}
    else:
        response |= {"success": True, "output": globals()[message["function"]](message["input"]["x"]), "timings": [{"name": "evaluate", "nanoseconds": 7}]}
    print(json.dumps(response), flush=True)
"""


@pytest.mark.parametrize(("factor", "verdict"), [("", "pass"), ("* (1 + 1e-9)", "fail")])
def test_gradbench(factor, verdict, tmp_path):
    """A tool of GradBench is judged through the adapter, at the network that computes what its module computes."""
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL.replace("FACTOR", factor))
    network = gradcheck.Network.of(lambda x: np.log(np.sum(np.exp(x))), {"x": np.linspace(-1, 1, 5)}, name="lse")
    with Process([sys.executable, str(ENGINES / "gradbench.py"), "lse", sys.executable, "-I", "-S", str(tool)]) as engine:
        (row,) = validate(engine, network).rows
    assert engine.name == "by-hand (GradBench lse)"
    assert (row.verdict, row.evidence) == (verdict, "rigorous")


def test_gradbench_without_the_module(tmp_path):
    """A module that a tool does not have is a reason, not a crash."""
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL.replace("FACTOR", ""))
    with Process([sys.executable, str(ENGINES / "gradbench.py"), "gmm", sys.executable, "-I", "-S", str(tool)]) as engine:
        (row,) = validate(engine, "diamond").rows
    assert "the tool answered" in row.message
