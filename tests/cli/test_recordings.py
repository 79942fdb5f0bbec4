"""A recording is run by its name, and brings its network."""

import pytest

from gradcheck.cli.main import main

torch = pytest.importorskip("torch")

CODE = """
import torch
import gradcheck

torch.manual_seed(0)
recording = gradcheck.record(torch.nn.Linear(3, 2), torch.randn(4, 3))
"""


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    """A module of the current folder."""
    (tmp_path / "recorded_program.py").write_text(CODE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def status(*arguments):
    """Return the exit status of a command."""
    with pytest.raises(SystemExit) as found:
        main(["run", *arguments])
    return found.value.code


def test_it_is_judged(capsys):
    """One row, of its own network and format."""
    assert status("recorded_program:recording") == 0
    text = capsys.readouterr().out
    assert "1 pass" in text
    assert "Linear" in text


@pytest.mark.parametrize("more", [["reference"], ["--networks", "xor-2-2-1"]])
def test_nothing_stands_beside_it(more, capsys):
    """Neither targets nor networks."""
    assert status("recorded_program:recording", *more) == 2
    assert "expected recordings alone" in capsys.readouterr().err
