"""A command that is interrupted shows what it has, says how to go on, and goes on where it was."""

import json
import signal

import pytest

from gradcheck.bench import power as exam
from gradcheck.cli import accuracy, vectors, verify
from tests.cli.status import status

POWER = ("power", "--checkers", "gradcheck", "--faults", "tanh/sign,tanh/right-0,nan-input-times-seven", "--no-explore")


def interrupting(f, at):
    """Return a function that is interrupted at one of its calls."""
    count = 0

    def called(*given, **more):
        nonlocal count
        count += 1
        if count == at:
            signal.raise_signal(signal.SIGINT)
        return f(*given, **more)

    return called


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_power(elsewhere, capsys, monkeypatch):
    """The command line to go on with is the one that was given, with --resume; what is found then is what would have been found at once."""
    monkeypatch.setattr("gradcheck.cli.power.chosen", lambda patterns, per_op: patterns.split(","))  # looking through all cases takes a second
    assert status(*POWER, "--json", "whole.json") == 0
    with monkeypatch.context() as patch:
        patch.setattr(exam, "_sit", interrupting(exam._sit, 3))
        capsys.readouterr()
        assert status(*POWER, "--json", "p.json") == 130
    out, err = capsys.readouterr()
    assert "all checkers" in out
    assert "interrupted after 2 of 3 cases" in err
    assert f"\ngradcheck power --resume --checkers gradcheck --faults {POWER[4]} --no-explore --json p.json\n" in err
    assert not (elsewhere / "p.json").exists()
    assert status(*POWER, "--mutants", "1", "--json", "p.json", "--resume") == 2
    assert "got another's" in capsys.readouterr().err
    calls = []
    monkeypatch.setattr(exam, "_sit", lambda name, sit=exam._sit, **more: calls.append(name) or sit(name, **more))
    assert status(*POWER, "--json", "p.json", "--resume") == 0
    assert len(calls) == 1
    whole, resumed = (json.loads((elsewhere / name).read_text())["rows"] for name in ("whole.json", "p.json"))
    assert [{**r, "seconds": 0} for r in whole] == [{**r, "seconds": 0} for r in resumed]
    assert not list(elsewhere.glob("*.journal"))
    assert status(*POWER, "--resume") == 2
    assert status("power", "--cost", "--resume", "--json", "p.json") == 2


@pytest.mark.parametrize(
    ("module", "name", "arguments", "shown"),
    [
        (verify, "verify", ("verify", "--networks", "xor-2-2-1,diamond", "--oracle", "forward", "--oracle", "differences", "--json", "r.json"), "1 agree"),
        (accuracy, "measure", ("accuracy", "reference", "--dtype", "float32", "--ops", "tanh,exp", "--points", "20", "--json", "r.json"), "the worst"),
        pytest.param(
            vectors, "verify", ("vectors", "verify", "--target", "reference,reference", "--dtype", "float64", "--tag", "xor-*", "--json", "r.json"), "reference",
            marks=pytest.mark.deep,
        ),
    ],
)
def test_what_cannot_go_on(module, name, arguments, shown, elsewhere, capsys, monkeypatch):
    """What there is is shown; no file says that it is all."""
    if name == "measure":
        from gradcheck.bench.ulps import report

        monkeypatch.setattr(report, "_measured", interrupting(report._measured, 2))
    elif module is verify:
        from gradcheck.verify import agreement

        monkeypatch.setattr(agreement, "agree", interrupting(agreement.agree, 2))
    else:
        monkeypatch.setattr(vectors, "verify", interrupting(vectors.verify, 2))
    assert status(*arguments) == 130
    out, err = capsys.readouterr()
    assert shown in out
    assert "interrupted after" in err
    assert "no file is written" in err
    assert "ended by SIGINT" in err
    assert not (elsewhere / "r.json").exists()
