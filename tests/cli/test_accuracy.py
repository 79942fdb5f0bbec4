"""`gradcheck accuracy`: measured errors of elementary functions."""

import json
from functools import partial

import pytest

from tests.cli.status import status

run = partial(status, "accuracy")


def test_table_and_file(tmp_path, capsys):
    """The functions are shown with their errors, and merged into the file without touching other targets."""
    file = tmp_path / "ulps.json"
    file.write_text('{"other": {"float64": {"exp": 1.0}}}', encoding="utf-8")
    assert run("reference", "--dtype", "float32", "--points", "50", "--write", str(file)) == 0
    assert "tanh" in capsys.readouterr().out
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["other"] == {"float64": {"exp": 1.0}}
    assert data["reference"]["float32"]["exp"] >= 0.5


@pytest.mark.parametrize("arguments", [("nothing",), ("reference", "--dtype", "float65", "--points", "10"), ("reference", "--points", "1")])
def test_nothing_measured(arguments):
    """An unknown target or format, or too few points, is 2."""
    assert run(*arguments) == 2
