"""The checkers of the exam: each accepts right derivatives and rejects plainly wrong ones, with its default settings."""

from importlib.util import find_spec

import numpy as np
import pytest

from gradcheck.bench.checkers import CHECKERS, Answer, Checker, Problem, checker, installed
from gradcheck.bench.checkers.problem import single
from gradcheck.errors import MissingDependency, UnknownName

X, ROWS = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([1, 0, 1])


def rows(x, i):
    """Return rows, some twice: an integer operand, and a scatter in the gradient."""
    return x[i] ** 2


def rows_vjp(g, x, i):
    """Return its vjp, None for the integers."""
    out = np.zeros_like(x)
    np.add.at(out, i, 2 * g * x[i])
    return out, None


def two(x):
    """Return two outputs."""
    return np.sin(x), np.sum(x**3)


def two_vjp(g, x):
    """Return its vjp, for a tuple of cotangents."""
    return (g[0] * np.cos(x) + 3 * g[1] * x**2,)


RIGHT = {"integers": (rows, rows_vjp, (X, ROWS)), "two outputs": (two, two_vjp, (X,)), "a number": (lambda x: x**2, lambda g, x: (2 * g * x,), (np.array(1.5),))}

each = pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.skipif(not find_spec(c.package), reason="not installed")) for n, c in CHECKERS.items()])


def doubled(vjp):
    """Return a vjp with every gradient twice as large."""
    return lambda g, *xs: tuple(None if v is None else 2 * v for v in vjp(g, *xs))


@each
@pytest.mark.parametrize("case", RIGHT)
def test_right_passes_and_double_fails(name, case):
    """With integers among the inputs, several outputs, 0-d arrays; evaluations are counted."""
    f, vjp, inputs = RIGHT[case]
    problem = Problem(f, vjp, tuple(x.copy() for x in inputs))
    assert checker(name).examine(problem).verdict == "pass"
    assert problem.evaluations > 1
    assert checker(name).examine(Problem(f, doubled(vjp), tuple(x.copy() for x in inputs))).verdict == "fail"


@each
def test_a_crash_is_an_answer(name):
    """A derivative that raises is an error, of no consequence for the next case."""

    def raising(g, x):
        raise RuntimeError("boom")

    answer = checker(name).examine(Problem(np.sin, raising, (X,)))
    assert answer.verdict == "error"
    assert answer.message


def test_what_gradcheck_says():
    """It names mistakes, and is the one that explores."""
    answer = checker("gradcheck").examine(Problem(np.sin, lambda g, x: (-g * np.cos(x),), (X,)))
    assert answer.verdict == "fail"
    assert answer.diagnoses[0].startswith("sign")
    assert [n for n, c in CHECKERS.items() if c.explores] == ["gradcheck"]


def test_a_huge_jacobian_is_not_attempted():
    """torch's slow mode would fill the memory."""
    pytest.importorskip("torch")
    answer = checker("torch").examine(Problem(np.sin, lambda g, x: (g * np.cos(x),), (np.ones(5000),)))
    assert answer.verdict == "inconclusive"


def test_the_global_generator_is_left_alone():
    """autograd draws from it; its state is put back."""
    pytest.importorskip("autograd")
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    checker("autograd").examine(Problem(np.sin, lambda g, x: (g * np.cos(x),), (X,)))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_names():
    """An unknown checker and one whose library is missing are refused; the rest is installed."""
    with pytest.raises(UnknownName, match="no checker named 'torhc'; did you mean 'torch'"):
        checker("torhc")
    assert installed()[0] == "gradcheck"


def test_a_missing_library(monkeypatch):
    """The message says how to install it."""
    monkeypatch.setattr("gradcheck.bench.checkers.find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match=r"gradcheck\[sklearn\]"):
        checker("scipy")
    assert installed() == []


def test_outputs_end_to_end():
    """Several outputs become one vector, and its cotangent comes apart again."""
    problem = Problem(two, two_vjp, (X,))
    value, pull = single(problem)
    assert value(X).shape == (5,)
    g = np.arange(5.0)
    np.testing.assert_array_equal(pull(g, X)[0], two_vjp((g[:4].reshape(2, 2), g[4]), X)[0])


def test_options_reach_the_module():
    """A checker hands its mode and the options on."""
    assert Checker("gradcheck", "numpy").examine(Problem(np.sin, lambda g, x: (g * np.cos(x),), (X,)), budget=3) == Answer(
        "inconclusive", message="the budget is used up after 3 evaluations"
    )
