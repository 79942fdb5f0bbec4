"""Digits of which some are held back."""

import sys

import numpy as np
import pytest

from gradcheck.errors import MissingDependency
from gradcheck.learning.problems import TRAINED, digits


def test_nothing_held_back_is_trained_on():
    """All 1,797 digits are in one part or the other; a seed decides which."""
    datasets = pytest.importorskip("sklearn.datasets")
    problem, other = digits(0), digits(1)
    x, rest = problem.values["x"], problem.held_back["x"]
    assert (len(x), len(rest)) == (TRAINED, 450)
    both = np.concatenate([x, rest])
    assert np.array_equal(np.sort(both, axis=0), np.sort(datasets.load_digits().data / 16, axis=0))
    assert not np.array_equal(x, other.values["x"])
    assert problem.network.name == "digits-64-32-10"


def test_accuracy_of_a_network_that_knows_nothing():
    """With all parameters 0 every class is as likely and the first one is taken: as many are right as there are zeros."""
    pytest.importorskip("sklearn")
    problem = digits(0)
    zeros = {k: 0 * problem.values[k] for k in ("w1", "b1", "w2", "b2")}
    assert problem.accuracy(zeros) == np.mean(problem.held_back["t"][:, 0])


def test_without_sklearn(monkeypatch):
    """The remedy is named."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependency, match=r"gradcheck\[sklearn\]"):
        digits()
