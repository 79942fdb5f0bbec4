"""The file of results is written before anything is printed."""

import json
import sys
from contextlib import suppress

import pytest

from gradcheck.bench.check_cost import Cost
from tests.cli.status import status

COMMANDS = {
    "run": ("run", "reference", "--networks", "xor-2-2-1", "--json"),
    "check": ("check", "tests.cli.test_output:cube", "--vjp", "tests.cli.test_output:cube_vjp", "--at", "tests.cli.test_output:inputs", "--json"),
    "verify": ("verify", "--networks", "xor-2-2-1", "--oracle", "forward", "--oracle", "differences", "--json"),
    "power": ("power", "--checkers", "gradcheck", "--faults", "nan-input-times-seven", "--no-explore", "--json"),
    "cost": ("power", "--cost", "--json"),
    "accuracy": ("accuracy", "reference", "--dtype", "float32", "--points", "20", "--write"),
}
inputs = 1.5


def cube(x):
    """Return the cube."""
    return x**3


def cube_vjp(g, x):
    """Return its gradient."""
    return (3 * g * x * x,)


class Closed:
    """A stream that cannot be written to any more; rich ends the process itself on a broken pipe."""

    encoding = "utf-8"

    def write(self, text):
        """Refuse."""
        raise ConnectionResetError

    def flush(self):
        """Do nothing."""

    def isatty(self):
        """It is no terminal."""
        return False


@pytest.mark.parametrize("name", COMMANDS)
def test_a_closed_pipe_loses_no_results(name, tmp_path, monkeypatch):
    """Printing fails; the file is there, whole."""
    monkeypatch.setattr("gradcheck.cli.power.costs", lambda seed: iter([Cost("elementwise", 1000, 1, "pass", 0.5, 50)]))
    file = tmp_path / "out.json"
    monkeypatch.setattr(sys, "stdout", Closed())
    with suppress(ConnectionResetError):
        status(*COMMANDS[name], str(file))
    monkeypatch.undo()
    assert json.loads(file.read_text(encoding="utf-8"))
