"""The accuracy report in JSON, Markdown and HTML: complete, escaped, of one piece."""

import json
import re

import pytest

from gradcheck.render.accuracy import (
    as_json,
    at_least,
    derivative,
    exactly,
    html,
    markdown,
    number,
    operation,
    place,
    told,
    worst,
)
from tests.render.test_cost import Checker


def row(target, op, what, ulps, **more):
    """Return a made-up result."""
    return {"target": target, "dtype": "bfloat16", "op": op, "what": what, "how": "exhaustive", "points": 65280, "ulps": ulps, "median": 0.1, **more}


@pytest.fixture
def data():
    """Return made-up results: right ones, wrong ones, not finite ones, by sample, skipped, and a name that is an attack."""
    at = {"at": [0.5], "got": 0.25, "exact": 0.2500001}
    sample = {"network": "op/matmul/2", "seed": 3, "scale": 16.0, "entry": [0, 1]}
    rows = [
        row("<script>", "tanh", "value", 0.4998, worst=at),
        row("b", "tanh", "value", 3.0, worst=at, bad=2, bad_example={"at": [1e30], "got": "nan", "exact": 1.0}),
        row("b", "elu", "gradient 0", 1e7, attributes={"alpha": 0.5}, worst=at, how="searched, at least"),
        row("b", "matmul", "value", 1e5, worst={"got": 1.0, "exact": 2.0, "sample": sample}, scaled=0.3, how="searched, at least"),
        row("b", "reshape", "value", 0.0, worst={"got": 1.0, "exact": 1.0, "sample": sample}),
        row("b", "relu", "value", None, median=None),
    ]
    kinks = [
        {"target": "<script>", "dtype": "float64", "point": "relu at 0", "op": "relu", "allowed": "[0, 1]", "given": [0.5], "status": "inside"},
        {"target": "b", "dtype": "float64", "point": "relu at 0", "op": "relu", "allowed": "[0, 1]", "given": ["nan"], "status": "not finite"},
    ]
    return {
        "schema": "gradcheck-accuracy/1", "machine": {"processor": "x"}, "seconds": 1.0,
        "settings": {"dtypes": ["float32", "bfloat16"], "ops": ["*"], "points": 10, "seed": 0},
        "targets": [{"name": "<script>", "version": "1", "flushes": False}, {"name": "b", "version": "2", "flushes": True}],
        "rows": rows, "conventions": kinks, "skipped": [{"target": "b", "dtype": "float16", "op": "conv1d", "reason": "no | form"}],
    }  # fmt: skip


def test_cells(data):
    """Numbers, operations, places."""
    assert [number(x) for x in (None, 0, 0.4998, 12.345, 16777216.0, 1e-9, "inf")] == ["–", "0", "0.50", "12.35", "1.68e+07", "1e-09", "inf"]
    assert exactly(0.1, "bfloat16") == "0.1"
    assert exactly(1 / 3, "float64") == "0.33333333333333331"
    assert operation(data["rows"][2]) == "elu alpha=0.5"
    assert place(data["rows"][3]) == "op/matmul/2 seed 3 scale 16 entry (0, 1)"
    assert place(data["rows"][5]) == told(data["rows"][5]) == ""
    assert told(data["rows"][1], "bad_example") == "nan for 1"
    assert [at_least(r) for r in data["rows"]] == ["", "", "≥ ", "≥ ", "", ""]
    assert derivative(None) == ""
    assert derivative(data["conventions"][1]) == "nan (not finite)"


def test_worst_first(data):
    """By ulp; where entries mix by the error over what rounding may do; what is exact is not listed."""
    assert [(r["op"], r["ulps"]) for r in worst(data["rows"], 9)] == [("elu", 1e7), ("tanh", 3.0), ("tanh", 0.4998), ("matmul", 1e5)]
    assert len(worst(data["rows"], 2)) == 2


def test_json(data):
    """It is JSON, the same data, a row a line."""
    text = as_json(data)
    assert json.loads(text) == data
    assert sum('"points": 65280' in line for line in text.splitlines()) == len(data["rows"])
    assert json.loads(as_json({"a": []})) == {"a": []}


def test_markdown(data):
    """Kinks, what is not finite, the worst, a table a format, what was skipped; every table has one width."""
    text = markdown(data)
    assert "| relu at 0 | [0, 1] | 0.5 | nan (not finite) |" in text
    assert "| b | bfloat16 | tanh | value | 2 | 65280 | 1e+30 | nan for 1 |" in text
    assert "≥ 1e+05 (0.30)" in text
    assert "Without any error everywhere: reshape (value)." in text
    assert "no / form" in text or "no | form" in text.replace("\\", "")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert all(len({line.replace(r"\|", "").count("|") for line in t.strip().splitlines()}) == 1 for t in tables)
    assert len(tables) >= 5


def test_html(data):
    """One file: nothing is fetched, no script, every name escaped, sections that the navigation leads to."""
    text, checker = html(data), Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.fetched == []
    assert "script" not in checker.tags
    assert "&lt;script&gt;" in text
    assert text.count("<h1>") == 1
    assert "prefers-color-scheme: dark" in text
    for anchor in re.findall(r'href="#(\w+)"', text):
        assert f'id="{anchor}"' in text


def test_empty(data):
    """Nothing measured is a report too."""
    empty = {**data, "rows": [], "conventions": [], "skipped": []}
    assert "At kinks" not in markdown(empty)
    assert "<h1>" in html(empty)
