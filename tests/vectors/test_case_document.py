"""The document of a case: every field, type and size is looked at."""

import copy
import json

import numpy as np
import pytest

from gradcheck.errors import BadVectors
from gradcheck.vectors.case_document import read_case
from gradcheck.vectors.parsed import parsed
from tests.vectors.sets import exported


def text(name):
    """Return the text of a case."""
    return (exported("json") / f"networks/{name}.json").read_text()


def read(document):
    """Return the vectors of a document."""
    return list(read_case(parsed(json.dumps(document).encode(), "case"), "case", "0" * 64))


def changed(change, name="xor-2-2-1"):
    """Return a document with something changed."""
    document = copy.deepcopy(json.loads(text(name)))
    change(document)
    return document


def test_what_is_there():
    """Two formats of one graph, values in their formats, expectations of their shapes."""
    a, b = read(json.loads(text("xor-2-2-1")))
    assert (a.name, b.name) == ("networks/xor-2-2-1/float64", "networks/xor-2-2-1/float32")
    assert a.graph is b.graph
    assert b.values["w1"].dtype == np.float32
    assert a.gradients["w1"].shape == a.graph.shapes["w1"]
    assert a.checksum == "0" * 64
    assert a.formulas == "any"
    assert a.kink is None
    assert read(json.loads(text("loss-cross-entropy-labels")))[0].values["t"].dtype == np.intp


V = "vectors"
BAD = {
    "schema": (lambda d: d.update(schema="gradcheck-vectors/2"), "expected schema 'gradcheck-vectors/1'; got 'gradcheck-vectors/2'"),
    "field too many": (lambda d: d.update(extra=1), "unknown field 'extra'"),
    "field missing": (lambda d: d.pop("graph"), "expected a field 'graph'"),
    "name": (lambda d: d.update(name=3), "name: expected str"),
    "tags": (lambda d: d.update(tags=[1]), "tags: expected a list of names"),
    "fault": (lambda d: d.update(fault={"name": "x"}), "fault: expected a field 'class'"),
    "fault field": (lambda d: d.update(fault={"more": "x"}), "unknown field 'more'"),
    "unknown operation": (lambda d: d["graph"]["nodes"][0].update(op="frobnicate"), "graph: no operation named 'frobnicate'"),
    "graph of another version": (lambda d: d["graph"].update(schema="gradcheck-graph/9"), "gradcheck-graph/1"),
    "huge shape": (lambda d: d["graph"]["leaves"][0].update(shape=[2**20, 2**20]), "graph: "),
    "large shape": (lambda d: d["graph"]["leaves"].append({"name": "big", "kind": "input", "type": "float", "shape": [2**23]}), "entries in all arrays"),
    "no scalar loss": (lambda d: d["graph"].update(outputs=["w1"]), "one output, a computed scalar"),
    "vector no object": (lambda d: d.update(vectors=[1]), r"vectors\[0\]: expected an object"),
    "vectors no list": (lambda d: d.update(vectors={}), "vectors: expected list"),
    "dtype": (lambda d: d[V][0].update(dtype="float128"), "expected a dtype out of float64, float32, float16, bfloat16"),
    "formulas": (lambda d: d[V][0].update(formulas="best"), "formulas any or accurate"),
    "value missing": (lambda d: d[V][0]["values"].pop("w1"), "values: expected those of"),
    "value too short": (lambda d: d[V][0]["values"]["w1"].pop(), "expected a flat list of 4 entries for the shape"),
    "value no list": (lambda d: d[V][0]["values"].update(w1=1.5), "expected a flat list of 4 entries"),
    "value null": (lambda d: d[V][0]["values"].update(w1=[None] * 4), "expected numbers; got NoneType"),
    "value text": (lambda d: d[V][0]["values"].update(w1=["1.5"] * 4), "expected numbers; got str"),
    "value bool": (lambda d: d[V][0]["values"].update(w1=[True] * 4), "expected numbers; got bool"),
    "value too precise": (lambda d: d[V][1]["values"].update(w1=[0.1] * 4), "numbers that float32 has exactly"),
    "value too large": (lambda d: d[V][1]["values"].update(w1=[1e300] * 4), "numbers that float32 has exactly"),
    "gradient missing": (lambda d: d[V][0]["gradients"].pop("w1"), "gradients: expected those of"),
    "gradient too many": (lambda d: d[V][0]["gradients"].update(w9={}), "gradients: expected those of"),
    "column missing": (lambda d: d[V][0]["gradients"]["w1"].pop("upper"), "expected the fields rounded, lower, upper, allowed"),
    "column too short": (lambda d: d[V][0]["gradients"]["w1"]["upper"].pop(), "expected a flat list of 4 entries"),
    "half null": (lambda d: d[V][0]["gradients"]["w1"]["upper"].__setitem__(0, None), "expected numbers for lower and upper; got NoneType"),
    "ends exchanged": (lambda d: d[V][0]["gradients"]["w1"].update(lower=[9.0] * 4), "lower <= upper"),
    "negative allowance": (lambda d: d[V][0]["gradients"]["w1"].update(allowed=[-1e-9] * 4), "allowed >= 0"),
    "rounded too precise": (lambda d: d[V][1]["gradients"]["w1"].update(rounded=[0.1] * 4), "rounded: expected numbers that float32 has exactly"),
    "ends text": (lambda d: d[V][0]["gradients"]["w1"].update(lower=["0"] * 4), "expected numbers for lower and upper; got str"),
    "loss": (lambda d: d[V][0]["loss"].pop("lower"), "loss: expected the fields"),
    "loss list": (lambda d: d[V][0].update(loss=[1]), "loss: expected dict"),
    "subnormal": (lambda d: d[V][0].update(subnormal=0), "subnormal: expected bool"),
    "sum": (lambda d: d[V][0].update(sums=[3]), "sums: expected objects"),
    "sum of nothing": (lambda d: d[V][0].update(sums=[{"of": ["x9"]}]), "names of parameters"),
    "kink": (lambda d: d[V][0].update(kink={"accepted": "left", "nodes": []}), "expected accepted 'hull'"),
    "kink node": (lambda d: d[V][0].update(kink={"accepted": "hull", "nodes": ["nowhere"]}), "names of nodes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name):
    """The message says where, what was expected and what came."""
    change, told = BAD[name]
    with pytest.raises(BadVectors, match=told) as caught:
        read(changed(change))
    assert str(caught.value).startswith("case")


@pytest.mark.parametrize("labels", [[0.5, 1.0, 2.0, 0.0], [True] * 4, [2**63] * 4, ["a"] * 4])
def test_labels_are_integers(labels):
    """No floats, no truth values, none beyond 64 bits."""
    with pytest.raises(BadVectors, match="expected int entries"):
        read(changed(lambda d: d["vectors"][0]["values"].update(t=labels), "loss-cross-entropy-labels"))
