"""gradcheck check: exit status, output and JSON."""

import json
import subprocess
import sys

SOURCE = '''
import numpy as np
inputs = np.array([0.5, 1.5])
def f(x): return np.sum(x**3)
def right(g, x): return (3 * g * x * x,)
def wrong(g, x): return (-3 * g * x * x,)
'''


def _run(tmp_path, *arguments):
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    command = [sys.executable, "-m", "gradcheck", "check", *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_right_wrong_and_missing(tmp_path):
    """0 for a right derivative, 1 with the mistake for a wrong one, 2 for a name that is not there."""
    right = _run(tmp_path, "mine:f", "--vjp", "mine:right", "--at", "mine:inputs")
    wrong = _run(tmp_path, "mine:f", "--vjp", "mine:wrong", "--at", "mine:inputs", "--json", "out.json")
    missing = _run(tmp_path, "mine:f", "--vjp", "mine:nothing", "--at", "mine:inputs")
    assert (right.returncode, wrong.returncode, missing.returncode) == (0, 1, 2), (right.stderr, wrong.stderr)
    assert right.stdout.startswith("pass")
    assert "sign" in wrong.stdout
    assert "nothing" in missing.stderr
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["verdict"] == "fail"
