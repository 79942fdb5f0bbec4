"""Repositories of others, made for one test and run by a pytest of their own."""

import pytest

import gradcheck

#: Loaded once, here: a run inside this process forgets what it imported, and NumPy cannot be loaded twice.
LOADED = [getattr(gradcheck, name) for name in gradcheck.__all__]

GRADIENTS = '''
import numpy as np


def f(x):
    return np.tanh(x)


def right(g, x):
    return (g * (1 - np.tanh(x) ** 2),)


def wrong(g, x):
    return (g * (1 - np.tanh(x)),)
'''

TESTS = '''
import numpy as np
from gradients import f, right, wrong

X = np.linspace(-2, 2, 7)


def test_right(gradcheck):
    assert gradcheck(f, X, vjp=right).verdict == "pass"


def test_wrong(gradcheck):
    gradcheck(f, X, vjp=wrong)
'''


@pytest.fixture
def repository(pytester, monkeypatch):
    """Return a repository with one right and one wrong gradient, in which the plugin is what its environment has installed."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(gradients=GRADIENTS, test_gradients=TESTS)
    pytester.makeini("[pytest]\npythonpath = .\naddopts = -p no:cacheprovider\n")
    return pytester
