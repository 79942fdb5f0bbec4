"""Results survive the way through JSON; damaged ones are refused with the place."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.errors import BadDocument
from gradcheck.result.finding import Finding, Matrix, NodeRatio, Row, Skipped
from gradcheck.result.stored import from_dict, read
from gradcheck.validation.validate import validate
from tests.render.matrices import hostile, matrix

floats = st.floats(allow_nan=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
findings = st.builds(
    Finding, st.sampled_from(["fault", "accuracy", "note"]), texts, texts, index=st.tuples(st.integers(0, 9)), candidates=st.tuples(texts), got=floats,
    ratio=floats, declared_bits=st.integers(0, 64),
)  # fmt: skip
rows = st.builds(
    Row, texts, texts, texts, st.sampled_from(["pass", "fail", "inconclusive"]), texts, st.none() | st.floats(allow_nan=False), texts, texts, texts,
    findings=st.lists(findings, max_size=2).map(tuple), nodes=st.lists(st.builds(NodeRatio, texts, texts, st.tuples(texts), st.none() | floats), max_size=2).map(tuple),
    histogram=st.lists(st.integers(0, 9), max_size=3).map(tuple), error=st.booleans(), evaluations=st.integers(0, 9),
)  # fmt: skip


@given(st.lists(rows, max_size=3), st.booleans())
def test_there_and_back(found, complete):
    """Every field, floats exactly, NaN and infinities too."""
    before = Matrix(tuple(found), (Skipped("a", "b", "c", "d"),), 3, {"x": "1"}, 0.25, complete)
    text = json.dumps(before.to_dict(), allow_nan=False)
    assert repr(from_dict(json.loads(text))) == repr(before)


def test_a_real_one(tmp_path):
    """What a run writes is read, and the same again."""
    before = validate("reference", ["xor-2-2-1", "diamond"])
    path = tmp_path / "r.json"
    path.write_text(json.dumps(before.to_dict()))
    assert read(path) == before


def test_later_fields_are_left_out():
    """A file of a later version of the same format is read as far as it is known."""
    data = matrix().to_dict()
    data["rows"][0]["new"] = 1
    data["new"] = 2
    assert from_dict(data).rows[0] == matrix().rows[0]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"schema": "gradcheck-result/2"}', '{"schema": "gradcheck-result/1"}', "NaN", "[" * 100_000, "\x00"],
)
def test_no_results(tmp_path, text):
    """Anything else is refused."""
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(BadDocument, match="expected"):
        read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["rows"][0].update(verdict="perhaps"), "row 1: expected a verdict"), (lambda d: d["rows"][0].pop("target"), "row 1: expected target"),
        (lambda d: d["rows"][0].update(seconds="long"), "row 1: seconds"), (lambda d: d["rows"][2]["findings"][0].update(index=["a"]), "row 3, finding 1: index"),
        (lambda d: d["rows"].append(3), "row 6: expected an object"), (lambda d: d.update(rows={}), "expected rows"), (lambda d: d.update(seed="x"), "seed"),
        (lambda d: d["rows"][2]["nodes"][0].update(inputs=3), "row 3, node 1: inputs"), (lambda d: d.update(versions=[1]), "versions"),
        (lambda d: d["rows"][0].update(error=1), "row 1: error"), (lambda d: d["rows"][2]["findings"][0].update(severity="bad"), "severity"),
        (lambda d: d.update(schema="gradcheck-result/2"), "expected schema"), (lambda d: d.update(seed=1.5), "expected a seed"), (lambda d: d.update(seconds="long"), "expected a seed and seconds"), (lambda d: d.update(expected=-1), "a count; got -1"),
        (lambda d: d.update(expected="many"), "a count; got 'many'"), (lambda d: d.update(versions={"a": 1}), "versions, texts by name"), (lambda d: d.update(asked=[]), "asked, texts by name"),
        (lambda d: d["rows"][2].update(histogram=[1, -1]), "expected a histogram of counts; got -1"), (lambda d: d["rows"][2].update(findings=3), "expected findings, a list"),
        (lambda d: d["rows"][2]["findings"].append(3), "finding 3: expected an object"), (lambda d: d["skipped"].append(None), "skipped 2: expected an object"),
        (lambda d: d["rows"][0].update(seconds=True), "row 1: seconds"), (lambda d: d["rows"][0].update(seconds="nan"), "row 1: seconds"), (lambda d: d["rows"][0].update(checks=True), "row 1: checks"),
        (lambda d: d["rows"][0].update(checks=1.5), "row 1: checks"), (lambda d: d["rows"][2].update(histogram=[True]), "row 3: histogram"), (lambda d: d["rows"][2].update(histogram=3), "row 3: histogram"),
        (lambda d: d["rows"][0].update(message=3), "row 1: message"), (lambda d: d["rows"][2]["findings"][0].update(severity=["fault"]), "severity"),
        (lambda d: d["rows"][2]["findings"][0].update(candidates=[1]), "candidates"), (lambda d: d["skipped"][0].pop("reason"), "expected reason"),
    ],
)  # fmt: skip
def test_damage(change, said):
    """The place and the field are told."""
    data = json.loads(json.dumps(matrix().to_dict()))
    change(data)
    with pytest.raises(BadDocument, match=said):
        from_dict(data)


def test_hostile_names_survive():
    """Names are data."""
    assert repr(from_dict(json.loads(json.dumps(hostile().to_dict())))) == repr(hostile())


@pytest.mark.parametrize(("change", "complete"), [({}, True), ({"complete": False}, False), ({"expected": 6}, True), ({"expected": 7}, False), ({"expected": None}, True), ({"complete": 1}, False)])
def test_what_is_complete(change, complete):
    """A result of all the rows that were expected, skipped ones among them, which says that it is."""
    data = matrix().to_dict() | change
    assert len(data["rows"]) + len(data["skipped"]) == 6
    assert from_dict(data).complete is complete


def test_numbers_that_json_does_not_have():
    """Null is no number, or none at all where there may be none; infinities are texts; what has a default may be missing."""
    data = matrix().to_dict()
    data["rows"][0].update(worst_ratio=None, seconds=None)
    data["rows"][1].update(worst_ratio="-inf")
    del data["rows"][2]["known"], data["rows"][2]["histogram"]
    found = from_dict(data).rows
    assert (found[0].worst_ratio, math.isnan(found[0].seconds), found[1].worst_ratio) == (None, True, -math.inf)
    assert (found[2].known, found[2].histogram) == ("", ())
