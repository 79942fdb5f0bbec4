"""`gradcheck accuracy`: errors in ulp, conventions at kinks, files; and the table that decides rounding bounds."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

from tests.cli.status import status

run = partial(status, "accuracy")
DOCS = Path(__file__).parents[2] / "docs"


def test_table_and_file(tmp_path, capsys):
    """--write: the functions are shown with their errors, and merged into the file without touching other targets."""
    file = tmp_path / "ulps.json"
    file.write_text('{"other": {"float64": {"exp": 1.0}}}', encoding="utf-8")
    assert run("reference", "--dtype", "float32", "--points", "50", "--write", str(file)) == 0
    assert "tanh" in capsys.readouterr().out
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["other"] == {"float64": {"exp": 1.0}}
    assert data["reference"]["float32"]["exp"] >= 0.5


def test_report(tmp_path, capsys):
    """All results go into the files; the terminal shows the worst; every field of the JSON document is described."""
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "markdown", "html")}
    options = [x for kind, file in files.items() for x in (f"--{kind}", str(file))]
    assert run("reference", "--dtype", "float32", "--ops", "tanh,matmul,relu", "--points", "60", *options) == 0
    out = capsys.readouterr().out
    assert "tanh" in out
    assert "≥" in out
    data = json.loads(files["json"].read_text(encoding="utf-8"))
    assert data["schema"] == "gradcheck-accuracy/1"
    assert {r["op"] for r in data["rows"]} == {"tanh", "matmul", "relu"}
    assert data["conventions"]
    assert "At kinks" in files["markdown"].read_text(encoding="utf-8")
    assert "<h1>" in files["html"].read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", (DOCS / "formats.md").read_text(encoding="utf-8")))
    for part in (data, data["settings"], data["targets"][0], *data["rows"], *data["conventions"], *(r["worst"] for r in data["rows"] if "worst" in r)):
        assert set(part) <= described


def test_no_conventions(capsys):
    """Without kinks; the same seed gives the same table."""
    shown = []
    for _ in range(2):
        assert run("reference", "--dtype", "float64", "--ops", "tanh", "--points", "40", "--seed", "5", "--no-conventions") == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    "arguments",
    [("nothing",), ("reference", "--dtype", "float65", "--points", "10", "--no-conventions"), ("reference", "--points", "1"),
     ("reference", "--ops", "nothing*", "--points", "5"), ("reference", "--json", "/nowhere/at/all.json")],
)  # fmt: skip
def test_nothing_measured(arguments):
    """An unknown target, format or operation, too few points, or a folder that is not there is 2."""
    assert run(*arguments) == 2


def test_a_target_that_never_answers(capsys):
    """What the others have is shown, and the job was not done."""
    assert run("reference", "no_such_module:x", "--dtype", "float32", "--ops", "tanh", "--points", "20", "--no-conventions") == 2
    out, err = capsys.readouterr()
    assert "tanh" in out
    assert "no_such_module:x: nothing was measured" in err


def test_the_kept_report():
    """reports/accuracy.* is what the command wrote: all three files, every operation, at most 1.5 MB."""
    reports = DOCS.parent / "reports"
    text = (reports / "accuracy.json").read_text(encoding="utf-8")
    data = json.loads(text)
    assert len(text) < 1_500_000
    assert {t["name"] for t in data["targets"]} == {"reference", "torch", "jax"}
    assert set(data["settings"]["dtypes"]) == {"float64", "float32", "bfloat16", "float16"}
    from gradcheck.ops import registry
    from gradcheck.render.accuracy import html, markdown

    assert {r["op"] for r in data["rows"] if r["target"] == "reference"} == set(registry)
    assert (reports / "accuracy.md").read_text(encoding="utf-8") == markdown(data)
    tables = re.findall(r"(?:^\|.*\n)+", markdown(data), re.MULTILINE)
    assert all(len({line.count("|") for line in t.splitlines()}) == 1 for t in tables)
    assert (reports / "accuracy.html").read_text(encoding="utf-8") == html(data)
