"""The noise of a doubted gradient: third differences along the point see what adding a large number leaves of it, and nothing smooth."""

import numpy as np
import pytest
from ml_dtypes import bfloat16

from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.subject import Subject
from gradcheck.probe.subject.vector import Vector


def deviation(gradient, x):
    """Return the noise of each entry of a gradient."""
    subject = Subject(("0",), [x], call=lambda xs: [xs[0]], pull=lambda gs, xs: [gradient(xs[0])])
    return Instrument(subject, [x]).deviation(Vector.of([np.ones(x.shape)]))[0]


@pytest.mark.parametrize(("dtype", "large"), [(np.float64, 11585.3), (bfloat16, 8)])
def test_stairs_of_many_roundings_are_noise(dtype, large):
    """In most entries steps are long enough to meet another stair."""
    x, c = np.linspace(1, 1.9, 50).astype(dtype), dtype(large)
    assert np.mean(deviation(lambda x: (x + c) - c, x) > 0) > 0.6


def test_what_is_smooth_is_no_noise():
    """Nor in a format of three digits: some roundings of it are left."""
    x = np.linspace(1, 1.9, 25).astype(bfloat16)
    right = np.exp(3 * x.astype(float))
    assert np.max(deviation(lambda x: np.exp(3 * x.astype(float)).astype(bfloat16), x) / right) < 10 * 2.0**-8
