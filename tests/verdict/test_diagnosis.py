"""A factor is named where there is one, at every size of numbers."""

import warnings

import numpy as np
import pytest

from gradcheck.verdict.diagnosis import factor, proportional

RIGHT = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize(("c", "words"), [(0.5, "1/2 times"), (-1.0, "-1 times"), (1 + 1e-6, "1 + 1e-06 times"), (1 - 1e-6, "1 - 1e-06 times")])
def test_factors(scale, c, words):
    """No square of a huge number is formed, none of a tiny one is lost."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert words in factor(c * RIGHT * scale, RIGHT * scale, 1e-14 * np.abs(RIGHT * scale))


@pytest.mark.parametrize("got", [RIGHT, np.zeros(3), RIGHT[::-1], np.array([np.nan, 1.0, 1.0]), np.array([1e308, 1e308, 1e308])])
def test_no_factor(got):
    """The same numbers are not wrong by a factor; nor are other ones, zeros, or what is not finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert factor(got, RIGHT, np.full(3, 1e-15)) == ""


def test_huge_factors_are_short():
    """No fraction with three hundred digits."""
    assert factor(RIGHT, RIGHT * 1e-300, np.full(3, 1e-315)) == "factor: every entry is 1e+300 times the right one"


def test_a_single_entry_is_no_regularisation():
    """One wrong entry is a multiple of anything."""
    parameter, bound = np.array([10.0, 1.0]), np.array([1e-18, 1e-16])
    assert proportional(np.array([4.36e-17, 4.36e-18]), parameter, bound) == ""
    assert proportional(0.1 * parameter, parameter, bound).startswith("term too many: 0.1 times")
