"""What an estimate claims: as many digits as two precisions share, less what both may have wrong."""

import mpmath
import numpy as np
import pytest

from gradcheck.oracles.estimate import refined


def entry(precision, error=0.0):
    """Return pi as a gradient computed with so many digits, so many units of the last of them away."""
    context = mpmath.ctx_mp.MPContext()
    context.dps = precision + 10
    return {"x": np.array([context.pi * (1 + context.mpf(error) * context.mpf(10) ** -precision)], dtype=object)}


@pytest.mark.parametrize("units", [-90.0, 0.0, 90.0])
def test_what_rounding_leaves_in_two_precisions_is_covered(units):
    """Up to a hundred units in the last place, the errors of some hundred operations, lie within the bound, whatever the lower precision says."""
    found = refined(lambda digits: entry(80, units) if digits >= 60 else {}, "", precisions=(60, 80))
    assert abs(found.value["x"][0] - entry(100)["x"][0]) <= found.bound["x"][0]
    assert found.digits > 77


def test_more_digits_are_taken_until_fifty_are_known():
    """Where two precisions differ in the fiftieth digit, the next is tried; where they agree beyond, it is not."""
    tried = []

    def compute(digits, wrong):
        tried.append(digits)
        return entry(wrong, 1.0) if digits == 60 else entry(digits)

    assert refined(lambda digits: compute(digits, 51), "", precisions=(60, 80, 160)).precision == 160
    assert refined(lambda digits: compute(digits, 53), "", precisions=(60, 80, 160)).precision == 80
    assert tried == [60, 80, 160, 60, 80]


@pytest.mark.parametrize("from_digits", [150, 300])
def test_a_zero_is_not_believed_at_once(from_digits):
    """What cancels to nothing in a hundred digits may be a number in more; what is none in three hundred is none."""

    def compute(digits):
        x = entry(digits)["x"]
        return {"x": x * x[0].context.mpf(10) ** -from_digits if digits >= from_digits else 0 * x}

    assert refined(compute, "").value["x"][0] != 0
    never = refined(lambda digits: {"x": 0 * entry(digits)["x"]}, "")
    assert (never.precision, never.digits) == (320, float("inf"))
