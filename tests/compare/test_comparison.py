"""Errors beside their bounds, at the bound and beside it."""

import numpy as np
import pytest

from gradcheck.compare.comparison import Comparison


@pytest.mark.parametrize("beside", [[], [np.inf]])
@pytest.mark.parametrize(("beyond", "within"), [(0.0, True), (2.0**-31, True), (2.0**-29, False), (2.0**-10, False)])
def test_a_bound_is_a_bound_but_for_its_own_rounding(beyond, within, beside):
    """What the bound itself lost in float64 is granted, and nothing else, whether other entries are finite or not."""
    expected = np.array([1.0, 2.0, *beside], np.longdouble)
    got = expected + np.array([0.0, 0.25 * (1 + beyond), *np.zeros(len(beside))], np.longdouble)
    found = Comparison("w", "gradient", got, expected, np.full(len(got), 0.25), np.ones(len(got), bool))
    assert (found.worst[0] <= 1) is within
    assert found.worst[1] == (1,)


@pytest.mark.parametrize(
    ("got", "expected", "bound", "within"),
    [
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.0], True), ([1.0, 2.0], [1.0, 2.5], [0.0, 0.0], False), ([1.0, 2.0], [1.0, 2.5], [0.0, 1.0], True),
        ([np.inf, 2.0], [np.inf, 2.0], [1.0, 1.0], True), ([np.inf, 2.0], [1.0, 2.0], [1.0, 1.0], False), ([np.nan, 2.0], [1.0, 2.0], [1.0, 1.0], False),
        ([np.nan, 2.0], [1.0, 2.0], [0.0, 0.0], False), ([], [], [], True), ([1.0, 2.0], [1.0, 9.0], [1.0, np.inf], True),
    ],
)  # fmt: skip
def test_what_is_exact_or_not_finite(got, expected, bound, within):
    """An exact operation has no room at all; NaN and infinity are right where they are expected alone."""
    got, expected, bound = np.array(got), np.array(expected, np.longdouble), np.array(bound)
    found = Comparison("w", "gradient", got, expected, bound, np.ones(len(got), bool))
    assert (found.worst[0] <= 1) is within
    assert (np.max(found.ratios, initial=0.0) <= 1) == within
