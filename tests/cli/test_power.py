"""`gradcheck power`: tables for people, rows for machines."""

import json
from functools import partial

import pytest

from gradcheck.bench.check_cost import Cost
from tests.cli.status import status

run = partial(status, "power")


def test_tables_and_file(tmp_path, capsys):
    """A table with a row a class, one of all checkers, what was missed; every row in the file."""
    file = tmp_path / "power.json"
    assert run("--checkers", "gradcheck", "--faults", "tanh/sign,tanh/right-0,tiny-square-*,nan-input-times-seven", "--no-explore", "--json", str(file)) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("false-negative", "mutant", "all checkers", "gradcheck missed", "nan-input-times-seven"))
    assert "\x1b" not in shown
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert {r["case"] for r in rows} == {"tanh/sign", "tanh/right-0", "tiny-square-zero", "tiny-square-minus-three", "nan-input-times-seven"}
    assert {r["inputs"] for r in rows} == {"ordinary", "trigger"}


def test_long_lists_are_cut(capsys, monkeypatch):
    """Only the first cases are shown."""
    monkeypatch.setattr("gradcheck.cli.power.SHOWN", 0)
    assert run("--checkers", "gradcheck", "--faults", "nan-input-times-seven", "--no-explore") == 0
    assert "... and 1 more" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--checkers", "nothing"), ("--faults", "nothing"), ("--checkers", "", "--faults", "tanh/sign"), ("--mutants", "-1")])
def test_nothing_examined(arguments):
    """An unknown checker or case, no checker, or a bad number is 2."""
    assert run(*arguments) == 2


def test_cost(tmp_path, capsys, monkeypatch):
    """The measurements are shown with their ratio, and written."""
    rows = [Cost("elementwise", 1000, 1, "pass", 0.5, 50, 2.0, 2001), Cost("elementwise", 100_000, 1, "pass", 0.5, 50)]
    monkeypatch.setattr("gradcheck.cli.power.costs", lambda seed: iter(rows))
    file = tmp_path / "cost.json"
    assert run("--cost", "--json", str(file)) == 0
    shown = capsys.readouterr().out
    assert "100,000" in shown
    assert "4.0" in shown
    assert len(json.loads(file.read_text(encoding="utf-8"))["rows"]) == 2
