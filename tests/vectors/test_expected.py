"""An answer against its expectation, in exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest

from gradcheck.vectors.expected import Expected

#: about 1/3 with 1e-10, exactly 2, nothing claimed, anything from 0 to 1
ROWS = Expected(
    (2, 2), np.array([[1 / 3, 2.0], [math.nan, 0.5]]),
    [("0.33333333333333333333", "0.33333333333333333334"), ("2", "2.0"), None, ("0", "1")], np.array([[1e-10, 0.0], [math.nan, 1e-10]]),
)  # fmt: skip
RIGHT = np.array([[1 / 3, 2.0], [7.0, 0.25]])


def changed(index, value):
    """Return the right answer with one entry changed."""
    out = RIGHT.copy()
    out[index] = value
    return out


def test_right_answers():
    """Nothing is said about an entry of which nothing is claimed, not even that it is a number."""
    for answer in (RIGHT, changed((1, 0), math.nan), changed((1, 1), 1 + 1e-11), RIGHT.tolist(), changed((0, 0), 1 / 3 + 9e-11)):
        found = ROWS.check("w", answer, "float64")
        assert found.ok
        assert found.ratio <= 1
        assert found.message == ""


@pytest.mark.parametrize(
    ("index", "value", "told"),
    [
        ((0, 0), 1 / 3 + 2e-10, "w[0, 0]: expected 0.3333333333333333 +- 1e-10; got 0.33333333353333"),
        ((0, 1), np.nextafter(2.0, 3), "w[0, 1]: expected 2.0 +- 0; got 2.0000000000000004"),
        ((1, 1), -1e-9, "w[1, 1]: expected a number from 0 to 1 +- 1e-10; got -1e-09"),
        ((0, 0), math.nan, "got nan"), ((0, 1), math.inf, "got inf"),
    ],
)  # fmt: skip
def test_wrong_answers(index, value, told):
    """One entry is enough; the message has the entry and both numbers."""
    found = ROWS.check("w", changed(index, value), "float64")
    assert not found.ok
    assert found.ratio > 1
    assert told in found.message


def test_shapes_and_types():
    """What is no array of numbers of the shape is told as such."""
    assert "expected shape (2, 2); got shape (4,)" in ROWS.check("w", RIGHT.ravel(), "float64").message
    assert "expected numbers; got str" in ROWS.check("w", "nothing", "float64").message
    assert "expected numbers; got list" in ROWS.check("w", [[1], [2, 3]], "float64").message
    assert "got none" in ROWS.check("w", None, "float64").message


def test_zeros_may_be_left_out():
    """A gradient that is zero need not be handed back."""
    zero = Expected((2,), np.zeros(2), [("0", "0")] * 2, np.zeros(2))
    assert zero.check("w", None, "float64").ok
    assert zero.check("w", np.zeros(2), "float64").ulps == 0


def test_ulps_are_gaps_at_the_largest_entry():
    """One gap at 2 is 2^-51 in float64 and 2^-22 in float32."""
    one = Expected((2,), np.array([2.0, 1e-9]), [("2", "2"), ("1E-9", "1E-9")], np.full(2, 1e-3))
    assert one.check("w", [2 + 2.0**-51, 1e-9], "float64").ulps == pytest.approx(1, rel=1e-6)
    assert one.check("w", [2 + 2.0**-22, 1e-9], "float32").ulps == pytest.approx(1, rel=1e-6)
    assert ROWS.check("w", changed((0, 0), math.nan), "float64").ulps == math.inf


def test_slack_is_a_factor():
    """Engines with a stated reason are allowed more."""
    wrong = changed((0, 0), 1 / 3 + 1.5e-10)
    assert not ROWS.check("w", wrong, "float64").ok
    assert ROWS.check("w", wrong, "float64", slack=2).ok


def test_no_entries():
    """An empty array is right if it is empty."""
    nothing = Expected((0, 3), np.zeros((0, 3)), [], np.zeros((0, 3)))
    assert nothing.check("w", np.zeros((0, 3)), "float64").ok
    assert not nothing.check("w", np.zeros((3, 0)), "float64").ok


def test_ends_as_arrays():
    """The ends are exact fractions in the array's shape."""
    assert ROWS.lower[0, 1] == Fraction(2) == ROWS.upper[0, 1]
    assert ROWS.lower[1, 0] is None
    assert ROWS.upper.shape == (2, 2)
    assert ROWS.lower[0, 0] < Fraction(1, 3) < ROWS.upper[0, 0]
