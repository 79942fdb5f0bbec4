"""Far from ordinary inputs: where an error is lost accuracy, and where the doubted derivative jumps."""

import numpy as np
import pytest

from gradcheck.probe.explore.cutoffs import cutoffs
from gradcheck.probe.explore.outskirts import Outskirts
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.result.finding import Finding

X = np.array([0.5, 1.5])


@pytest.mark.parametrize(("roundings", "severity"), [(500, "accuracy"), (2000, "fault")])
def test_roundings_of_the_ordinary_gradient_are_nothing_in_a_tail(roundings, severity):
    """A thousand of them: a formula has some dozens of operations, and each its rounding of what is ordinary."""
    subject = numpy_subject(lambda x: np.sum(np.sin(x)), (X,), vjp=lambda g, x: (g * np.cos(x),), grad=None, jvp=None)
    out = Outskirts(subject, [X], {"0": 3.0})
    finding = Finding("fault", "x", node="0", index=(0,), got=3.0 * roundings * 2.0**-52, expected=0.0)
    assert out.weighed(finding).severity == severity


@pytest.mark.parametrize(("jump", "found"), [(0.05, 0), (0.2, 2)])
def test_a_jump_stays_after_bisection(jump, found):
    """A tenth of the slope; what is smooth is none."""
    assert len(list(cutoffs(0, "0", lambda t: 1 + t * 1e-40 - jump * (t > 5)))) == found
    assert not list(cutoffs(0, "0", lambda t: 2 + np.tanh(t)))


@pytest.mark.parametrize(("x", "severity"), [(1.5, "fault"), (3.0, "accuracy")])
def test_nobody_comes_where_f_stays_the_same(x, severity):
    """At twice the largest number that was given, and f is what it is at twice and half of that."""
    vjp = lambda g, z: (np.where(np.abs(z) > 0.1, np.inf, g),)
    subject = numpy_subject(lambda z: np.minimum(np.abs(z), 0.1), (np.array([x]),), vjp=vjp, grad=None, jvp=None)
    finding = Finding("fault", "x", node="0", index=(0,), got=np.inf, expected=0.0)
    assert Outskirts(subject, [np.array([1.0])], {"0": 1.0}).weighed(finding).severity == severity
