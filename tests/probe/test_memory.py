"""The memory of a check grows as its inputs do, whatever is found."""

import tracemalloc

import numpy as np
import pytest

from gradcheck import check

X = np.random.default_rng(0).normal(size=70_000)
#: Arrays of the size of the inputs that are there at once. Measured are 16 to 30: three of each line, f's own, five gradients whose third differences
#: are the noise; twice that leaves room for other versions of NumPy. Gradients kept for each table were 100, unit vectors of a hull 256, and a
#: matrix of the entries would be 70,000.
MOST = 60
INSIDE = lambda f: lambda *xs: f(*(np.asarray(x, np.float64) for x in xs))
CASES = {
    "right": (np.sin, {"vjp": lambda g, x: (g * np.cos(x),)}),
    "all wrong": (lambda x: np.sum(np.sin(x)), {"grad": lambda x: 1.3 * np.cos(x)}),
    "one wrong": (lambda x: np.sum(np.sin(x)), {"grad": lambda x: np.cos(x) * (1 + (x == x[5]))}),
    "nothing known": (lambda x: np.sum(np.sin(x)), {"grad": lambda x: np.cos(x) + 0.1 * np.cos(7 * x)}),
    "kinks": (lambda x: np.sum(np.abs(x)), {"grad": lambda x: 1.3 * np.sign(x)}),
    "in another order": (lambda x: np.sum(np.sin(x)), {"grad": lambda x: np.cos(x)[::-1]}),
}


@pytest.mark.parametrize("name", [n if n == "right" else pytest.param(n, marks=pytest.mark.deep) for n in CASES])
def test_memory_is_linear(name):
    """Seventy thousand entries take some tens of arrays of their size."""
    f, given = CASES[name]
    assert _arrays(INSIDE(f), X, given) <= MOST


def test_many_kinks_at_the_point():
    """Branches meet in a thousand zeros: the hull of the gradients around is no matrix of the entries."""
    x = np.where(np.arange(X.size) % 70 == 0, 0.0, X)
    grad = lambda x: np.where(x > 0, 1.0, np.where(x < 0, -1.0, 0.3))
    assert _arrays(INSIDE(lambda x: np.sum(np.abs(x))), x, {"grad": grad}) <= MOST


def _arrays(f, x, given):
    """Return the peak of memory in arrays of the size of x; what the first check imports is not counted."""
    check(f, x[:100], **given)
    tracemalloc.start()
    check(f, x, **given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / x.nbytes
