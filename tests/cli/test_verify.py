"""``gradcheck verify``: the table, the exit status and the JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradcheck.cli import verify as module
from gradcheck.cli.main import main
from gradcheck.verify.agreement import Agreement, Answer, Case
from gradcheck.verify.second_agreement import SecondAgreement


def run(*arguments: str) -> int:
    """Return the exit status of a command line."""
    with pytest.raises(SystemExit) as stopped:
        main(["verify", *arguments])
    return int(stopped.value.code or 0)


def test_agreement_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A network alone: one line, three columns of digits, status 0."""
    assert run("--networks", "xor-2-2-1") == 0
    out = capsys.readouterr().out
    assert "xor-2-2-1" in out
    assert "1 agree to 45 digits or more" in out
    assert all(name in out for name in ("symbolic", "differences", "forward", "float64 / bound"))
    assert "tanh[0]" not in out


def test_oracles_that_give_up_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """On a kink the reason stands in the line, and the status is 0."""
    assert run("--networks", "relu-at-zero", "--oracle", "symbolic") == 0
    out = capsys.readouterr().out
    assert "gave up" in out
    assert "stands on a kink" in out


def test_json_has_a_row_a_case(tmp_path: Path) -> None:
    """The file holds digits, reasons and faults; equality is marked."""
    file = tmp_path / "v.json"
    assert run("--ops", "add", "--oracle", "forward", "--json", str(file)) == 0
    data = json.loads(file.read_text(encoding="utf-8"))
    assert [r["case"] for r in data["rows"]] == [f"add[{k}]" for k in range(5)]
    assert data["rows"][0]["answers"][0]["exact"] is True
    assert data["rows"][0]["faults"] == []


def test_disagreement_is_status_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A case with few digits fails and says which oracle."""
    bad = Agreement(Case("operation", "tanh"), (Answer("forward", 3.2, "matrix by matrix"),), 0.5, 0.1)
    monkeypatch.setattr(module, "verify", lambda *a, **k: [bad])
    assert run("--ops", "tanh", "--oracle", "forward") == 1
    assert "forward: 3.2 digits" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--ops", "tahn"), ("--networks", "xro"), ("--ops", "tanh", "--oracle", "sybolic")])
def test_unknown_names_are_status_two(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A name that does not exist is one line on standard error."""
    assert run(*arguments) == 2
    assert "no " in capsys.readouterr().err


def test_second_derivatives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--order 2 shows five ways to the Hessian, and both ratios of float64; the file says which order it is."""
    file = tmp_path / "v.json"
    assert run("--order", "2", "--networks", "xor-2-2-1", "--json", str(file)) == 0
    out = capsys.readouterr().out
    assert "1 agree to 40 digits or more" in out
    assert all(name in out for name in ("recursion", "symbolic", "differences", "line", "asymmetry"))
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["order"] == 2
    assert data["rows"][0]["asymmetry_ratio"] < 1


def test_second_derivatives_that_disagree(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and the way that disagrees."""
    bad = SecondAgreement(Case("network", "adaline"), (Answer("line", 3.2, "differences"),), 50, 0.5, 0.1, 0.1)
    monkeypatch.setattr(module, "verify_second", lambda *a, **k: [bad])
    assert run("--order", "2", "--networks", "adaline", "--oracle", "line") == 1
    assert "line: 3.2 digits" in capsys.readouterr().out
