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


MORE = SOURCE + '''
def product(x): return np.prod(x)
def product_vjp(g, x): return (g * np.prod(x) / x,)
def grad(x): return 3 * x * x
def hvp(v, x): return (6 * x * v[0],)
def hessian(x): return -np.diag(6 * x)
'''


def _more(tmp_path, *arguments):
    (tmp_path / "mine.py").write_text(MORE, encoding="utf-8")
    command = [sys.executable, "-m", "gradcheck", "check", *arguments, "--at", "mine:inputs"]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_exploration_prints_code_that_reproduces(tmp_path):
    """Without --explore it passes; with it the fault is shown with code, which fails when it is run."""
    assert _more(tmp_path, "mine:product", "--vjp", "mine:product_vjp").returncode == 0
    found = _more(tmp_path, "mine:product", "--vjp", "mine:product_vjp", "--explore")
    assert found.returncode == 1
    assert "explored" in found.stdout
    code = found.stdout.partition("To reproduce:")[2]
    again = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.stdout.startswith("fail"), again.stderr


def test_second_derivatives(tmp_path):
    """A right Hessian-vector product and a Hessian of the wrong sign."""
    assert _more(tmp_path, "mine:f", "--grad", "mine:grad", "--hvp", "mine:hvp", "--order", "2").returncode == 0
    wrong = _more(tmp_path, "mine:f", "--hessian", "mine:hessian")
    assert wrong.returncode == 1
    assert "second derivative" in wrong.stdout


def test_budget_accuracy_and_strict(tmp_path):
    """A budget too small is inconclusive, an error with --strict; a declared accuracy accepts what is within it."""
    small = _more(tmp_path, "mine:f", "--vjp", "mine:right", "--budget", "3")
    assert small.returncode == 0
    assert small.stdout.startswith("inconclusive")
    assert _more(tmp_path, "mine:f", "--vjp", "mine:right", "--budget", "3", "--strict").returncode == 1
    assert _more(tmp_path, "mine:f", "--vjp", "mine:wrong", "--accuracy", "3").returncode == 0
