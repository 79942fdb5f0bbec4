"""What is said to an engine, and what may be answered; the schema agrees."""

import json
from importlib.resources import files

import numpy as np
import pytest

from gradcheck.errors import CannotExpress, TargetFailed
from gradcheck.graph.document import loads
from gradcheck.graph.trace import trace
from gradcheck.networks import networks
from gradcheck.targets.messages import DTYPES, Hello, accepted, decoded, encoded, hello_request, read_hello, read_run, run_request

#: floats alone, an empty batch, indices, masks
SEVERAL = ["xor-2-2-1", "empty-batch", "fan-in-concatenate-30", "embedding-mean-pool", "loss-cross-entropy-labels", "attention-where", "dropout"]


@pytest.fixture(scope="module")
def schema():
    """Return a function that complains of a message that the schema does not allow."""
    jsonschema = pytest.importorskip("jsonschema")
    text = files("gradcheck.targets").joinpath("engine.schema.json").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    return jsonschema.Draft202012Validator(json.loads(text)).validate


def plain(message):
    """Return a message as the other side reads it."""
    return json.loads(encoded(message))


@pytest.mark.parametrize("name", SEVERAL)
def test_requests(name, schema):
    """A request holds the graph, and the value of every leaf in the format asked for; the schema allows it."""
    network = networks[name]
    values = network.values(0, "float32")
    message = plain(run_request(7, network.graph, values))
    schema(message)
    assert {k: message[k] for k in ("id", "kind", "dtype")} == {"id": 7, "kind": "run", "dtype": "float32"}
    assert loads(json.dumps(message["graph"])).shapes == network.graph.shapes
    assert set(message["values"]) == {x.name for x in network.graph.leaves}
    assert message["wrt"] == list(network.graph.differentiable)
    for key, x in values.items():
        assert np.array_equal(np.array(message["values"][key]["data"], x.dtype).reshape(message["values"][key]["shape"]), x)


def test_constants_are_rounded():
    """An engine takes constants from the values, where they have the format of the request."""
    graph = trace(lambda x: np.sum(x * 0.1), {"x": np.ones(2)})
    (constant,) = (x.name for x in graph.leaves if x.kind == "constant")
    message = run_request(0, graph, {"x": np.ones(2, np.float32)})
    assert message["values"][constant]["data"] == [float(np.float32(0.1))] != [0.1]


def test_hello(schema):
    """The first request."""
    assert plain(hello_request(0)) == {"id": 0, "kind": "hello", "protocol": "gradcheck-engine/1"}
    schema(plain(hello_request(0)))


def test_lines_are_ascii():
    """Whatever a value is called, a request is one line that every language can read."""
    graph = trace(lambda x: np.sum(x), {"x": np.ones(1)}, name="größe\n\u2028")
    line = encoded(run_request(0, graph, {"x": np.ones(1)}))
    assert line.isascii()
    assert b"\n" not in line
    assert json.loads(line)["graph"]["name"] == "größe\n\u2028"


def test_files(tmp_path, schema):
    """Arrays of more entries than were asked for go by files, the others as numbers."""
    graph = trace(lambda x, w: np.sum(x * w), {"x": np.ones(3), "w": np.ones((2, 3))})
    message = run_request(0, graph, {"x": np.ones(3), "w": np.ones((2, 3))}, folder=tmp_path, above=3)
    schema(plain(message))
    assert message["directory"] == str(tmp_path)
    assert message["values"]["x"] == {"shape": [3], "data": [1.0] * 3}
    assert message["values"]["w"]["shape"] == [2, 3]
    assert np.load(tmp_path / message["values"]["w"]["npy"]).shape == (2, 3)


def test_a_graph_without_a_document():
    """What JSON has no number for is skipped with the reason."""
    graph = trace(lambda x: np.sum(x * np.inf), {"x": np.ones(1)})
    with pytest.raises(CannotExpress, match="expected finite numbers"):
        run_request(0, graph, {"x": np.ones(1)})


# -- answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello, I am an engine", "expected one line of JSON; got 'hello, I am an engine'"), (b"\xff\xfe", "expected one line of JSON"), (b'{"id": 3', "expected one line of JSON"),
        (b'{"id": 3, "id": 3, "success": true}', "expected one line of JSON"), (b"[" * 100_000, "expected one line of JSON"), (b"1" * 5000, "expected one line of JSON"), (b"[3]", r"expected a JSON object; got '\[3\]'"), (b"null", "expected a JSON object"),
        (b'{"success": true}', "expected the answer to request 3; got no id"), (b'{"id": 2, "success": true}', "expected the answer to request 3; got id=2"), (b'{"id": "3", "success": true}', "got id='3'"),
        (b'{"id": 3.0, "success": true}', r"got id=3\.0"), (b'{"id": true, "success": true}', "got id=True"), (b'{"id": 3}', 'expected "success": true or false'), (b'{"id": 3, "success": 1}', 'expected "success": true or false'),
    ],
)  # fmt: skip
def test_what_is_no_answer(line, said):
    """The line is shown, made harmless."""
    with pytest.raises(TargetFailed, match=said):
        decoded(line, 3)


def test_errors_of_an_engine():
    """An error is a failure; what it has no form for is none."""
    with pytest.raises(TargetFailed, match=r"^the engine answered with an error: out of luck$") as caught:
        accepted(decoded(b'{"id": 3, "success": false, "error": "out of luck"}', 3))
    assert not isinstance(caught.value, CannotExpress)
    with pytest.raises(TargetFailed) as caught:
        accepted({"success": False, "error": "x" * 10**6})
    assert len(str(caught.value)) < 2100
    with pytest.raises(TargetFailed, match="no reason given"):
        accepted({"success": False, "error": None})
    with pytest.raises(CannotExpress, match=r"^no conv2d$"):
        accepted({"success": False, "unsupported": True, "error": "no conv2d"})


FULL = {
    "name": "e", "version": "1.2", "protocol": "gradcheck-engine/1", "dtypes": ["float32"], "ops": ["add"], "slack": 4, "flushes": True, "accumulates": {"float16": "float32"},
    "npy_above": 100, "author": "somebody",
}  # fmt: skip


def test_a_full_hello(schema):
    """Every field; what is not known is ignored."""
    assert read_hello(FULL) == Hello("e", "1.2", ("float32",), frozenset({"add"}), 4.0, True, {"float16": "float32"}, 100)
    schema({"id": 0, "success": True, **FULL})


def test_a_short_hello(schema):
    """A name is enough."""
    assert read_hello({"name": "e"}) == Hello("e", dtypes=("float64",))
    schema({"id": 0, "success": True, "name": "e"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", " "), ("name", 3), ("name", None), ("version", 2), ("dtypes", "float64"), ("dtypes", ["float8"]), ("dtypes", [["float64"]]), ("ops", "add"), ("ops", [1]), ("slack", 0.5), ("slack", True),
        ("slack", "4"), ("flushes", 1), ("accumulates", ["float16"]), ("accumulates", {"float16": "double"}), ("accumulates", {"float16": ["float32"]}), ("npy_above", -1), ("npy_above", 1.5), ("npy_above", True), ("protocol", "gradcheck-engine/2"),
    ],
)  # fmt: skip
def test_a_wrong_hello(field, value, schema):
    """The field, what it has to be, and what came; the schema refuses it as well."""
    jsonschema = pytest.importorskip("jsonschema")
    with pytest.raises(TargetFailed, match=f"{field}.*expected|expected.*{field}"):
        read_hello({"name": "e", field: value})
    with pytest.raises(jsonschema.ValidationError):
        schema({"id": 0, "success": True, "name": "e", field: value})


def test_slack_without_end():
    """Infinity, which Python's JSON reads, is no slack."""
    with pytest.raises(TargetFailed, match="slack"):
        read_hello({"name": "e", "slack": json.loads("Infinity")})


def test_no_name():
    """A hello without a name."""
    with pytest.raises(TargetFailed, match="expected a name in the hello"):
        read_hello({"version": "1"})


def test_a_full_answer(schema):
    """Loss, gradients, values, adjoints and plain gradients come in the format of the request."""
    answer = {
        "id": 0, "success": True, "loss": 0.1, "gradients": {"w": [[1, "nan"]]}, "node_values": {"a": {"shape": [1], "data": ["0x1p-3"]}}, "node_adjoints": {"a": [0.5]},
        "plain_gradients": {"w": [[1, 2]]}, "timings": [{"name": "gradient", "nanoseconds": 5}],
    }  # fmt: skip
    schema(answer)
    run = read_run(answer, "float32")
    assert run.loss.dtype == np.float32
    assert run.loss == np.float32(0.1)
    assert np.array_equal(run.gradients["w"], [[1, np.nan]], equal_nan=True)
    assert run.node_values["a"] == 0.125
    assert run.node_adjoints["a"] == 0.5
    assert run.plain_gradients["w"].shape == (1, 2)
    assert run.edge_adjoints is None


def test_a_short_answer():
    """Gradients are enough; null stands for what is not there."""
    run = read_run({"loss": 1, "gradients": {}, "node_values": None}, "float64")
    assert (run.node_values, run.node_adjoints, run.plain_gradients) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"gradients": {}}, "expected a loss in the answer; got none"), ({"loss": None, "gradients": {}}, "^loss: expected numbers"), ({"loss": 1}, "^gradients: expected an object from names to arrays; got null"), ({"loss": 1, "gradients": [1]}, "^gradients: expected an object"),
        ({"loss": 1, "gradients": {"w": "x"}}, "^gradient of w: expected numbers"), ({"loss": 1, "gradients": {}, "node_values": []}, "^node_values: expected an object"), ({"loss": 1, "gradients": {}, "node_values": {"a": None}}, "^value of a: "),
        ({"loss": 1, "gradients": {}, "node_adjoints": {"a": [None]}}, "^adjoint of a: "), ({"loss": 1, "gradients": {}, "plain_gradients": {"w": {}}}, "^plain gradient of w: "),
    ],
)  # fmt: skip
def test_wrong_contents(answer, said):
    """What is wrong is named by field and value."""
    with pytest.raises(TargetFailed, match=said):
        read_run(answer, "float64")


def test_formats_of_the_protocol():
    """The formats in which numbers travel: not longdouble, which has more digits than what carries them."""
    assert DTYPES == ("float64", "float32", "float16", "bfloat16")
