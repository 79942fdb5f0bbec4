"""At a kink of a traced function every entry has to lie in the certified hull of all derivatives."""

import numpy as np
import pytest

import gradcheck

X = np.array([0.0, 1.0, -2.0])


def relu(x):
    """The sum of the positive parts."""
    return np.sum(np.maximum(x, 0))


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, 1 + 1e-14])
def test_inside(slope):
    """Every element of the generalised derivative is right."""
    assert gradcheck.check(relu, X, grad=lambda x: np.where(x == 0, slope, (x > 0) * 1.0)).verdict == "pass"


@pytest.mark.parametrize("slope", [1.001, 1 + 1e-6, -1e-6, -0.5, 1.5])
def test_outside(slope):
    """A number outside is wrong, however near; the interval is told."""
    report = gradcheck.check(relu, X, grad=lambda x: np.where(x == 0, slope, (x > 0) * 1.0))
    assert report.verdict == "fail"
    assert (report.findings[0].node, report.findings[0].index) == ("0", (0,))
    assert "every generalised derivative lies between" in report.findings[0].message


@pytest.mark.parametrize(("shares", "verdict"), [((0.5, 0.5), "pass"), ((1.0, 0.0), "pass"), ((1.001, -0.001), "fail")])
def test_ties(shares, verdict):
    """Equal numbers share what the largest gets; none gets more than all of it."""
    given = lambda x: np.where(x[0] == x[1], shares, (x == np.max(x)) * 1.0)
    assert gradcheck.check(lambda x: np.max(x), np.array([1.0, 1.0]), grad=given).verdict == verdict


def test_a_declared_accuracy_counts():
    """Where 1 % is declared, 1.001 is 1."""
    report = gradcheck.check(relu, X, grad=lambda x: np.where(x == 0, 1.001, (x > 0) * 1.0), accuracy=0.01)
    assert report.verdict == "pass"
