"""What rounding usually does: how often a right gradient is called unusual."""

import math

import numpy as np

from gradcheck.compare.statistics import MARGIN, SWEEPS, largest_deviation


def test_the_chance_of_a_false_alarm():
    """Of a normal deviation one more sweep goes beyond what is allowed once in a million entries."""
    z, step = np.linspace(0, 40, 40_001, retstep=True)
    density = 2 * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    all_below = np.array([math.erf(x / MARGIN / math.sqrt(2)) for x in z]) ** SWEEPS
    assert 5e-7 < float(np.sum(density * all_below) * step) < 2e-6


def test_deviations_that_are_not_finite():
    """An entry that overflowed in a sweep says nothing of itself, and hides nothing of the others."""
    samples = np.array([[1.0, 1.0, np.inf], [3.0, 1.0, 1.0]])
    with np.errstate(invalid="ignore"):
        found = largest_deviation(samples, np.array([2.0, 1.0, np.inf]))
    assert found[:2].tolist() == [1.0, 0.1]
    assert not np.isfinite(found[2])
