"""Targets in use."""

import sys

import pytest

from gradcheck.errors import BadInput, TargetFailed, UnknownName
from gradcheck.targets.opening import opened

#: A program that says hello and no more.
IDLE = """
import sys, time
input()
print('{"id": 0, "success": true, "name": "idle", "dtypes": ["float64"]}', flush=True)
for line in sys.stdin:
    time.sleep(60)
"""


def test_names_and_callables():
    """What a run would take."""
    with opened("reference") as d:
        assert d.spec == "reference"
    with opened(lambda graph, values: (0.0, {})) as d:
        assert d.name == "<lambda>"


def test_a_program_is_ended(tmp_path):
    """It is there in the block, with its time limit, and gone after it."""
    path = tmp_path / "idle.py"
    path.write_text(IDLE)
    with opened(f"{sys.executable} {path}", timeout=7) as d:
        process = d.target
        assert (d.name, process.timeout, d.dtypes) == ("idle", 7, ("float64",))
        assert process._program is not None
    assert process._program is None


def test_usage():
    """What is none is refused."""
    for target, error in (("no-such-target", UnknownName), ("./no-such-engine", TargetFailed), (3, TargetFailed)):
        with pytest.raises(error), opened(target):
            pass
    with pytest.raises(BadInput, match="timeout"), opened("./engine", timeout=-1):
        pass
