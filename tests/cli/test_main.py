"""The command line as a whole: verbs, errors, exit statuses."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gradcheck.cli.main import VERBS, cli
from tests.cli.status import status


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    """Each verb is one file, and says what it does without loading a framework."""
    assert status(verb, "--help") == 0
    assert f"Usage: gradcheck {verb}" in capsys.readouterr().out


def test_help_and_version(capsys):
    """Both work, and help shows the verbs and the exit statuses."""
    assert status("--help") == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)
    assert "130 interrupted" in shown
    assert status("--version") == 0
    assert "gradcheck" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("walk",), ("run",), ("run", "reference", "--colour"), ("list", "nothing"), ("run", "reference", "--random", "-1")])
def test_usage_errors(arguments, capsys):
    """An unknown verb or option, or a missing argument, is 2, on standard error."""
    assert status(*arguments) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err


def test_interrupted(monkeypatch):
    """An interrupt of the user is 130, without a traceback; click's own end of one is none."""

    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli, "main", interrupted)
    assert status("run", "reference") == 130
    for error in (KeyboardInterrupt, click.exceptions.Abort, SystemExit(0), SystemExit(1), GeneratorExit):
        monkeypatch.setattr(cli, "main", lambda *_, error=error, **__: (_ for _ in ()).throw(error))
        assert status("run", "reference") == 2


def test_debug(monkeypatch, capsys):
    """Where an error comes from is shown on request alone."""
    for options, shown in (((), False), (("--debug",), True)):
        assert status(*options, "run", "reference", "--networks", "no-such-network") == 2
        assert ("Traceback" in capsys.readouterr().err) == shown


def test_interrupted_inside_a_target(monkeypatch):
    """Ctrl-C while a target runs ends the whole job."""
    from gradcheck.targets.reference import Reference

    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Reference, "run", interrupted)
    assert status("run", "reference", "--networks", "xor-2-2-1") == 130


def test_control_characters_in_messages(capsys):
    """What a user typed is shown without its control characters."""
    assert status("run", "refe\x1b[2Jrence") == 2
    assert "\x1b" not in capsys.readouterr().err


def test_as_a_process():
    """`python -m gradcheck` gives data on standard output, nothing on standard error, and no colours in a pipe."""
    command = [sys.executable, "-m", "gradcheck", "run", "reference", "--networks", "xor-2-2-1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=None)
    assert done.returncode == 0
    assert not done.stderr
    assert "\x1b" not in done.stdout
    assert "1 pass   0 fail   0 inconclusive" in done.stdout


def test_modules_of_the_current_folder(tmp_path):
    """The installed command, too, finds what lies beside you."""
    tmp_path.joinpath("beside.py").write_text("from gradcheck.targets.reference import Reference as Mine\n", encoding="utf-8")
    code = "import sys; sys.path[:] = [p for p in sys.path if p]; from gradcheck.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", "beside:Mine", "--networks", "xor-2-2-1"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "1 pass" in done.stdout
