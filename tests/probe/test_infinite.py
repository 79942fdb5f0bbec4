"""Slopes at the end of a domain: finite where they settle as steps shrink, infinite where they go on."""

import numpy as np
import pytest

from gradcheck.probe.subject.infinite import finite_slope
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector


def power(p):
    """Return |x|^p, which is not defined below 0."""
    return lambda x: np.where(x < 0, np.nan, np.abs(x) ** p)


def entropy(x):
    """Return x log x, which is 0 at 0."""
    return np.where(x < 0, np.nan, x * np.log(np.where(x > 0, x, 1)))


@pytest.mark.parametrize(("f", "slope"), [(power(2), 0.0), (power(1.3), 0.0), (power(1), 1.0), (power(0.5), None), (entropy, None)])
def test_a_slope_settles_or_does_not(f, slope):
    """By steps 32 times as short: changes of x^1.3 fall, those of x log x stay, those of a root grow."""
    subject = numpy_subject(lambda x: f(np.asarray(x, float)), (np.zeros(1),), vjp=lambda g, x: (g,), grad=None, jvp=None)
    found = finite_slope(subject, Vector.of([np.ones(1)]), evaluated(subject), 0, (0,))
    assert (found is None) is (slope is None)
    assert slope is None or found == pytest.approx(slope, abs=1e-3)
