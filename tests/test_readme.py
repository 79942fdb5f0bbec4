"""Every example of the README runs and prints what stands there."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import gradcheck
from gradcheck.cli.main import cli

pytestmark = pytest.mark.core

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)


def test_python_examples_print_what_is_shown():
    """The python blocks run in order in one namespace; a text block after one is its exact output."""
    names, printed, compared = {"__name__": "readme"}, "", 0
    for kind, text in BLOCKS:
        if kind == "python":
            stream = io.StringIO()
            with contextlib.redirect_stdout(stream):
                exec(compile(text, "README.md", "exec"), names)
            printed = stream.getvalue()
        elif kind == "text":
            assert printed == text
            compared += 1
    assert compared == 6


def test_the_torch_module_prints_what_is_shown():
    """The block that needs torch, where that is installed: the module, the line and the mistake are named."""
    pytest.importorskip("torch")
    ((code,), (shown,)) = (re.findall(rf"```{kind} \{{torch\}}\n(.*?)```", README, flags=re.DOTALL) for kind in ("python", "text"))
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(code, "README.md", "exec"), {"__name__": "readme", "gradcheck": gradcheck})
    assert stream.getvalue() == shown


def _commands():
    return [line[2:].split("#")[0].strip() for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]


def test_first_example_is_a_wrong_gradient():
    """The first thing a reader sees is a fault that is caught."""
    first = README.index("```text")
    assert README[first:].startswith("```text\nfail")


def test_ci_runs_the_test_command_as_it_stands():
    """The second of the two commands is a line of the CI script, before what only CI does."""
    command = next(c for c in _commands() if c.endswith("tox"))
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines.index(command) < next(k for k, line in enumerate(lines) if line.endswith("tox run-parallel -m ci --parallel 2 --parallel-no-spinner"))


def test_main_job_is_the_first_command():
    """The first command ends in the main job."""
    assert _commands()[0].endswith("gradcheck run sklearn")


@pytest.mark.parametrize("command", [c for c in _commands() if c.startswith("gradcheck")])
def test_options_of_the_commands_exist(command):
    """Every option that the README shows is one that the verb has."""
    words = command.split()[1:]
    verb = words[:2] if words[0] == "vectors" else words[:1]  # a group of commands
    text = CliRunner().invoke(cli, [*verb, "--help"], obj={}).stdout
    for option in re.findall(r"--[a-z]+", command):
        assert option in text


def test_pseudocode_command_fails_and_names_the_mistake():
    """The command that shows a fault exits with 1 and names it."""
    done = subprocess.run([sys.executable, "-m", "gradcheck", "run", "gradcheck.faults.pseudocode:target"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "f for f': the value of logistic" in " ".join(done.stdout.split())
