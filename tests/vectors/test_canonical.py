"""The one text of a document: equal contents are equal bytes, numbers are exact or outward."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.vectors.canonical import Literal, allowance, digest, dumps, end, power_of_ten

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SIZES = st.fractions(min_value=Fraction(1, 10**30), max_value=10**30)


def test_keys_are_sorted_and_short_things_stay_on_a_line():
    """The order in which fields were made does not show; what is long has a line an item."""
    assert dumps({"b": 1, "a": [1, 2]}) == dumps({"a": [1, 2], "b": 1}) == b'{"a": [1, 2], "b": 1}\n'
    text = dumps({"rows": [{"name": "x" * 100}, {"name": "y" * 100}], "flat": list(range(100))}).decode()
    assert text.count("\n") == 7
    assert f' "flat": {list(range(100))},' in text


@given(st.recursive(FLOATS | st.integers() | st.text() | st.booleans() | st.none(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_what_is_written_is_read(x):
    """Any document comes back as it was, floats to the last bit."""
    assert repr(json.loads(dumps({"x": x}))["x"]) == repr(_sorted(x))


def _sorted(x):
    if isinstance(x, dict):
        return {k: _sorted(x[k]) for k in sorted(x)}
    return [_sorted(v) for v in x] if isinstance(x, list) else x


def test_what_is_not_finite_is_refused():
    """JSON has no NaN."""
    with pytest.raises(ValueError, match="finite"):
        dumps([math.nan])
    assert dumps([np.float64(0.5), np.int64(3), Literal("1E-400")]) == b"[0.5, 3, 1E-400]\n"


@given(SIZES, st.booleans(), st.booleans())
def test_ends_are_outward_and_near(x, negative, up):
    """An end lies beyond the number, by no more than its last digit."""
    x = -x if negative else x
    found = Fraction(end(x, 21, Fraction(0), up=up))
    assert (found >= x) if up else (found <= x)
    assert abs(found - x) <= abs(x) / 10**20
    assert float(end(x, 21, Fraction(0), up=up)) == float(x)  # who reads it as a double has the nearest one


def test_short_exact_ends_are_exact():
    """A number with few digits is written as it is, on both sides."""
    for x in (0.5, -3.0, 0.0, 2.0**-20):
        assert all(Fraction(end(Fraction(x), 21, Fraction(0), up=up)) == Fraction(x) for up in (True, False))
    assert end(Fraction(0.1), 21, Fraction(0), up=False) != end(Fraction(0.1), 21, Fraction(0), up=True)


def test_ends_near_zero_do_not_depend_on_the_radius():
    """How narrow a ball around zero is does not show."""
    coarse = Fraction(1, 10**24)
    for tiny in (Fraction(1, 10**30), Fraction(1, 10**40)):
        assert end(tiny, 21, coarse, up=True) == "1E-24"
        assert end(-tiny, 21, coarse, up=False) == "-1E-24"
        assert end(tiny, 21, coarse, up=False) == "0" == end(-tiny, 21, coarse, up=True)


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_allowances_are_rounded_up_and_steady(x):
    """Three digits, never less than what was asked for; a last bit more or less makes no difference in the usual case."""
    found = allowance(x)
    assert x < found <= x * 1.0101
    assert len(Decimal(repr(found)).normalize().as_tuple().digits) <= 3
    assert allowance(0.125) == allowance(math.nextafter(0.125, 0)) == allowance(math.nextafter(0.125, 1)) == 0.126


@given(SIZES)
def test_powers_of_ten(x):
    """The largest power that is not above."""
    assert power_of_ten(x) <= x < 10 * power_of_ten(x)


def test_the_digest_is_the_usual_one():
    """As `sha256sum` prints it."""
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
