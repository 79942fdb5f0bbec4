"""Graph documents: they round-trip, and hostile ones are refused quickly."""

import contextlib
import copy
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.engine.reverse import evaluate
from gradcheck.errors import BadDocument, BadGraph, GradcheckError, UnknownName
from gradcheck.graph.document import SCHEMA, dumps, loads
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.trace import trace
from gradcheck.networks import networks

VALID = json.loads(
    dumps(trace(lambda x, i: np.sum(np.tanh(np.pad(x, 1) * 0.1)[i, None]), {"x": np.ones((2, 2)), "i": np.array([0, 1])}, name="net"))
)


def changed(*path, to):
    """Return the valid document with one field replaced; a callable changes the old value."""
    document = copy.deepcopy(VALID)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to(place[path[-1]]) if callable(to) else to
    return document


def node(op, inputs=("x",), **attributes):
    """Return a document of one operation on a 2 x 2 parameter."""
    leaves = [{"name": "x", "kind": "parameter", "type": "float", "shape": [2, 2]}]
    nodes = [{"name": "y", "op": op, "inputs": list(inputs), "attributes": attributes}]
    return {"schema": SCHEMA, "name": "net", "leaves": leaves, "nodes": nodes, "outputs": ["y"]}


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", networks)
def test_round_trip_of_all_networks(name):
    """dumps, loads, dumps gives the same text, and the graph read computes the same bits."""
    network = networks[name]
    text = dumps(network.graph)
    graph = loads(text)
    assert dumps(graph) == text
    assert graph.parameters == network.graph.parameters
    values = network.values()
    np.testing.assert_array_equal(evaluate(graph, values), evaluate(network.graph, values))


def test_constants_are_exact():
    """Every float64, the smallest and minus zero included, is read back bit by bit."""
    x = np.array([0.1, 1e-320, -0.0, 1 / 3, 1.7976931348623157e308, 2**53 + 2, 5e-324])
    graph = Graph([Leaf("x", "constant", x.shape, value=x)], [Node("y", "neg", ("x",))], ["y"])
    assert loads(dumps(graph)).leaf["x"].value.tobytes() == x.tobytes()


@pytest.mark.parametrize("leaf", [Leaf("x", "constant", (1,), value=np.array([np.nan])), Leaf("x", "constant", (), value=np.array(np.inf))])
def test_what_json_cannot_hold_is_not_written(leaf):
    """NaN and infinity are no numbers of JSON."""
    with pytest.raises(BadGraph, match="finite"):
        dumps(Graph([leaf], [Node("y", "neg", ("x",))], ["y"]))


def test_bytes_are_read():
    """A document may come as UTF-8 bytes."""
    assert loads(json.dumps(VALID).encode()).name == "net"


@pytest.mark.parametrize("end", range(0, len(json.dumps(VALID)) - 1, 50))
def test_truncated(end):
    """A document that stops somewhere is refused."""
    with pytest.raises(BadDocument):
        loads(json.dumps(VALID)[:end])


HOSTILE = {
    "deep lists": "[" * 10**5, "deep objects": '{"a":' * 10**5, "NaN": json.dumps(VALID).replace("0.1", "NaN"), "infinity": json.dumps(VALID).replace("0.1", "-Infinity"),
    "overflow": json.dumps(VALID).replace("0.1", "1e999"), "huge integer": json.dumps(VALID).replace("0.1", "1" * 5000), "no UTF-8": b'{"schema": "\xff\xfe"}',
    "UTF-16 halves": b"\xff\xfe{", "duplicate keys": json.dumps(VALID).replace('"name": "net"', '"name": "net", "name": "other"'), "empty": "", "number": "1", "list": "[]",
    "null": "null", "text": '"gradcheck-graph/1"', "trailing": json.dumps(VALID) + "{}", "no text": 3,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text(name):
    """What is no JSON of ours is refused with our error."""
    with pytest.raises(BadDocument):
        loads(HOSTILE[name])


WRONG = {
    "schema": changed("schema", to="gradcheck-graph/2"), "no schema": {k: v for k, v in VALID.items() if k != "schema"}, "unknown field": {**VALID, "run": "code"},
    "leaf kind": changed("leaves", 0, "kind", to="weight"), "leaf type": changed("leaves", 0, "type", to="object"), "leaf field": changed("leaves", 0, to=lambda x: {**x, "extra": 1}),
    "leaf is text": changed("leaves", 0, to="x"), "negative shape": changed("leaves", 0, "shape", to=[-1]), "float shape": changed("leaves", 0, "shape", to=[2.0]),
    "bool shape": changed("leaves", 0, "shape", to=[True]), "huge shape": changed("leaves", 0, "shape", to=[10**6, 10**6]), "empty huge shape": changed("leaves", 0, "shape", to=[0, 10**15]),
    "many axes": changed("leaves", 0, "shape", to=[1] * 70), "parameter with a value": changed("leaves", 0, to=lambda x: {**x, "value": [1.0] * 4}),
    "constant without": changed("leaves", -1, to=lambda x: {k: v for k, v in x.items() if k != "value"}), "constant too long": changed("leaves", -1, "value", to=[0.1, 0.2]),
    "constant of text": changed("leaves", -1, "value", to=["0.1"]), "constant of bool": changed("leaves", -1, "value", to=[True]), "nested constant": changed("leaves", -1, "value", to=[[0.1]]),
    "huge int constant": changed("leaves", -1, to={"name": "k", "kind": "constant", "type": "int", "shape": [1], "value": [2**63]}),
    "names": changed("outputs", to=[1]), "inputs": changed("nodes", 0, "inputs", to="x"), "attributes": changed("nodes", 0, "attributes", to=[]),
    "attribute object": changed("nodes", 0, "attributes", "pads", to={"a": 1}), "attribute depth": changed("nodes", 0, "attributes", "pads", to=[[[[1]]]]),
    "nodes": changed("nodes", to={}), "no outputs": changed("outputs", to=[]), "name": changed("name", to=None),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_fields(name):
    """Every field is checked, and the message says where."""
    with pytest.raises(GradcheckError, match=r"expected|unknown field"):
        loads(json.dumps(WRONG[name]))


def test_unknown_operation():
    """An operation that does not exist is refused with a suggestion."""
    with pytest.raises(UnknownName, match="did you mean 'tanh'"):
        loads(json.dumps(node("tanhh")))


def test_cycle():
    """Nodes that feed each other are named."""
    document = node("add", ("x", "y"))
    with pytest.raises(BadGraph, match="cycle among y"):
        loads(json.dumps(document))


EXPENSIVE = {
    "tile": node("tile", repeats=[10**9, 1]), "tile twice": node("tile", repeats=[2**16, 2**14]), "tile of text": node("tile", repeats="3"), "pad": node("pad", pads=10**12),
    "pad list": node("pad", pads=[0, 0, 10**10, 0]), "reflect": node("pad", pads=[0, 0, 10**9, 0], mode="reflect"), "broadcast_to": node("broadcast_to", shape=[10**15, 2, 2]),
    "reshape": node("reshape", shape=[10**18, -1]), "pool": node("max_pool", kernel=10**12), "flip": node("flip", axes=10**18), "expand": node("expand", axis=10**18),
    "slice": node("slice", starts=[0], stops=[10**19], steps=[0]), "einsum": node("einsum", equation="ij->" + "i" * 1000), "gather": node("gather", ("x", "x"), axis=0),
    "pool padding": {**node("max_pool", kernel=2, stride=1, padding=10**10, dilation=1), "leaves": [{"name": "x", "kind": "input", "type": "float", "shape": [1, 1, 4, 4]}]},
    "conv padding": {**node("conv2d", ("x", "x"), padding=10**10), "leaves": [{"name": "x", "kind": "input", "type": "float", "shape": [1, 1, 4, 4]}]},
    "conv transpose": {**node("conv_transpose2d", ("x", "x"), stride=10**12), "leaves": [{"name": "x", "kind": "input", "type": "float", "shape": [1, 1, 4, 4]}]},
}  # fmt: skip


@pytest.mark.parametrize("name", EXPENSIVE)
def test_attributes_that_would_fill_the_memory(name, peak):
    """Huge attributes are refused before anything of their size is made."""
    with pytest.raises(GradcheckError), peak(2**24):
        loads(json.dumps(EXPENSIVE[name]))


@pytest.fixture
def peak():
    """Return a context that limits how many bytes Python and NumPy may hold at once."""
    @contextlib.contextmanager
    def limit(most):
        tracemalloc.start()
        try:
            yield
        finally:
            _, highest = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert highest < most

    return limit


def _places(x, path=()):
    yield path
    for key, v in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        yield from _places(v, (*path, key))


PLACES = [p for p in _places(VALID) if p]
scalars = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["", "x", "\x1b[2J", "\ud800", "pad1", "constant", "int"])
anything = st.recursive(scalars, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["name", "shape", "a"]), x, max_size=2), max_leaves=4)


@given(st.lists(st.tuples(st.sampled_from(PLACES), anything), min_size=1, max_size=3))
def test_any_change_is_read_or_refused(changes):
    """A document with some fields replaced by anything is a graph, or an error of ours."""
    document = copy.deepcopy(VALID)
    for path, x in changes:
        place = document
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = x
        except (LookupError, TypeError):
            continue
    with contextlib.suppress(GradcheckError):
        assert isinstance(loads(json.dumps(document)), Graph)


SIZES = "leaves[0].shape: expected non-negative integers, at most"
SAID = {
    "leaf kind": "expected a known kind and type; got kind='weight'", "leaf type": "expected a known kind and type; got kind='parameter', type='object'",
    "negative shape": SIZES, "float shape": SIZES, "bool shape": SIZES, "huge shape": SIZES, "empty huge shape": SIZES, "many axes": SIZES,
    "attribute depth": "attributes.pads: expected a number, text, null or a list of such",
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_of_wrong_fields(name):
    """The field is named where it is read, not by what it would have led to."""
    with pytest.raises(BadDocument) as found:
        loads(json.dumps(WRONG[name]))
    assert SAID[name] in str(found.value)


@pytest.mark.parametrize(("attributes", "said"), [({"repeats": [10**9, 1]}, True), ({"repeats": [0, 10**12]}, True), ({"more": [[[1]]]}, False), ({"repeats": [2, 2]}, False)])
def test_what_is_said_of_attributes(attributes, said):
    """Sizes are limited without the axes of size zero that hide them; lists may be three deep, as those of padding are."""
    try:
        loads(json.dumps(node("tile", **attributes)))
        text = ""
    except GradcheckError as error:
        text = str(error)
    assert ("attributes.repeats: expected at most" in text) is said
    assert "null or a list of such" not in text
