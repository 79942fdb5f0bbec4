"""gradcheck check: exit status, output and JSON."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.cli.status import status

pytestmark = pytest.mark.core

SOURCE = '''
import numpy as np
inputs = np.array([0.5, 1.5])
def f(x): return np.sum(x**3)
def right(g, x): return (3 * g * x * x,)
def wrong(g, x): return (-3 * g * x * x,)
'''


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that checks what stands in a file ``mine.py`` of this folder, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def call(source, *arguments):
        (tmp_path / "mine.py").write_text(source, encoding="utf-8")
        sys.modules.pop("mine", None)
        code = status("check", *arguments, "--at", "mine:inputs")
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    return call


def test_right_wrong_and_missing(run, tmp_path):
    """0 for a right derivative, 1 with the mistake for a wrong one, 2 for a name that is not there."""
    right = run(SOURCE, "mine:f", "--vjp", "mine:right")
    wrong = run(SOURCE, "mine:f", "--vjp", "mine:wrong", "--json", "out.json")
    missing = run(SOURCE, "mine:f", "--vjp", "mine:nothing")
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


def test_exploration_prints_code_that_reproduces(run, tmp_path):
    """Without --explore it passes; with it the fault is shown with code, which fails when it is run."""
    assert run(MORE, "mine:product", "--vjp", "mine:product_vjp").returncode == 0
    found = run(MORE, "mine:product", "--vjp", "mine:product_vjp", "--explore")
    assert found.returncode == 1
    assert "explored" in found.stdout
    code = found.stdout.partition("To reproduce:")[2]
    again = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.stdout.startswith("fail"), again.stderr


def test_second_derivatives(run):
    """A right Hessian-vector product and a Hessian of the wrong sign."""
    assert run(MORE, "mine:f", "--grad", "mine:grad", "--hvp", "mine:hvp", "--order", "2").returncode == 0
    wrong = run(MORE, "mine:f", "--hessian", "mine:hessian")
    assert wrong.returncode == 1
    assert "second derivative" in wrong.stdout


def test_budget_accuracy_and_strict(run):
    """A budget too small is inconclusive, an error with --strict; a declared accuracy accepts what is within it."""
    small = run(MORE, "mine:f", "--vjp", "mine:right", "--budget", "3")
    assert small.returncode == 0
    assert small.stdout.startswith("inconclusive")
    assert run(MORE, "mine:f", "--vjp", "mine:right", "--budget", "3", "--strict").returncode == 1
    assert run(MORE, "mine:f", "--vjp", "mine:wrong", "--accuracy", "3").returncode == 0


RANGE = SOURCE + '''
def size(x): return np.sum(np.abs(x))
def ones(x): return np.ones_like(x)
def small(x): return bool(np.all((x > 0) & (x < 5)))
def squares(x): return np.sum(x * x)
def squares_vjp(g, x): return (2 * g * x if x.size else np.zeros(1),)
at = np.array([0.5, 1.5])
'''


def test_domains(run):
    """Without a domain it fails; with bounds, a word or a predicate it passes; what cannot be read is refused."""
    call = (RANGE, "mine:size", "--grad", "mine:ones", "--explore", "--budget", "1500")
    assert run(*call).returncode == 1
    for domain in ("0,", "positive", "mine:small"):
        found = run(*call, "--domain", domain)
        assert found.returncode == 0, found.stdout
    for domain, words in (("positiv", "expected a domain"), ("a,b", "expected bounds LOW,HIGH"), ("9,", "outside of the bounds")):
        found = run(*call, "--domain", domain)
        assert found.returncode == 2, found.stdout
        assert words in found.stderr


def test_shapes(run):
    """An empty gradient of a wrong shape counts with --shapes alone."""
    assert run(RANGE, "mine:squares", "--vjp", "mine:squares_vjp", "--explore", "--budget", "400").returncode == 0
    found = run(RANGE, "mine:squares", "--vjp", "mine:squares_vjp", "--shapes")
    assert found.returncode == 1
    assert "expected shape" in found.stdout


# -- kernels --------------------------------------------------------------------------------------

KERNEL = """
import numpy as np
def inputs(): return np.random.default_rng(0).normal(size=(9, 33)).astype(np.float16)
def square(x): return (x.astype(np.float32) ** 2).astype(x.dtype)
def reference(x): return x**2
def right(g, x): return ((2 * g.astype(np.float32) * x.astype(np.float32)).astype(x.dtype),)
def wrong(g, x): return ((2.002 * g.astype(np.float32) * x.astype(np.float32)).astype(x.dtype),)
"""


@pytest.mark.parametrize(("vjp", "expected", "verdict"), [("right", 0, "pass"), ("wrong", 1, "fail")])
def test_a_kernel_against_its_reference(run, vjp, expected, verdict):
    """The report is all that goes to standard output, and the status tells the verdict."""
    done = run(KERNEL, "mine:square", "--vjp", f"mine:{vjp}", "--reference", "mine:reference", "--json", "-")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"], report["kernel"]["model"]) == (expected, verdict, "boundary")
    if verdict == "fail":
        assert report["findings"][0]["mistake"]["number"] == pytest.approx(1.001, abs=1e-5)


def test_what_a_kernel_rounds_is_said(run):
    """By words of `gradcheck.Rounding`; other words, and options that say nothing of a kernel, are wrong uses."""
    given = ["mine:square", "--vjp", "mine:right", "--reference", "mine:reference"]
    assert "the result of every operation" in run(KERNEL, *given, "--rounds", "every").stdout
    assert run(KERNEL, *given, "--rounds", "some").returncode == 2
    assert "beside reference=" in run(KERNEL, *given, "--explore").stderr
