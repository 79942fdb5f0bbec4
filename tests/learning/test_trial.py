"""What steps are tried on."""

import numpy as np
import pytest

from gradcheck.learning.trial import drawn


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers(dtype):
    """Tiny, large and absent gradients, parameters of 0, a rate that changes; the same for one seed, others for another."""
    trial, again, other = drawn(dtype, 6, 0), drawn(dtype, 6, 0), drawn(dtype, 6, 1)
    sizes = np.abs(np.array([g["v"] for g in trial.gradients])).max(axis=0)
    assert sizes[0] == 0
    assert 0 < sizes[1] < 1e-9
    assert sizes.max() > 10
    assert any((x == 0).any() for x in trial.parameters.values())
    assert len(set(trial.rates)) == 3
    assert {x.dtype for x in trial.parameters.values()} == {np.dtype(dtype)}
    assert np.array_equal(trial.parameters["w"], again.parameters["w"])
    assert not np.array_equal(trial.parameters["w"], other.parameters["w"])


@pytest.mark.parametrize(("steps", "rates"), [(1, (0.5,)), (4, (1.0, 1.0, 0.5, 2.0)), (7, (1.0, 1.0, 1.0, 0.5, 2.0, 0.5, 2.0))])
def test_rates_that_change(steps, rates):
    """In the second half the rate is halved and doubled in turn."""
    assert drawn("float64", steps, 0).rates == rates
