"""Correct rounding in integers, against the hardware and against fractions."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.arith.rounding import BINARY, TINY, format_of, fraction_down, fraction_up, round_to, spacing
from gradcheck.errors import UnknownDtype

_DTYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_formats_as_the_hardware_rounds(x):
    """A float64 goes to each narrower format as a conversion takes it there."""
    numerator, denominator = x.as_integer_ratio()
    exact = (numerator, 1 - denominator.bit_length())
    assert round_to(exact, BINARY["float64"]) == x
    with np.errstate(all="ignore"):
        for name in ("float32", "float16"):
            assert round_to(exact, BINARY[name]) == float(np.float64(x).astype(_DTYPES[name]))


@given(st.integers(-(2**80), 2**80), st.integers(-1200, 1050))
def test_float64_as_fractions_round(m, e):
    """Python's quotient of two integers is correctly rounded, subnormal numbers included."""
    try:
        wanted = float(Fraction(m) * Fraction(2) ** e)
    except OverflowError:
        wanted = math.copysign(math.inf, m)
    assert round_to((m, e), BINARY["float64"]) == wanted


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_bfloat16(x):
    """From float32, as ml_dtypes rounds."""
    numerator, denominator = float(x).as_integer_ratio()
    assert round_to((numerator, 1 - denominator.bit_length()), BINARY["bfloat16"]) == float(np.float32(x).astype(ml_dtypes.bfloat16))


def test_far_out():
    """Exponents beyond every format cost nothing: infinity, zero, and the ends of the grid."""
    far = 10**30
    assert round_to((-3, far), BINARY["float64"]) == -math.inf
    assert round_to((3, -far), BINARY["float32"]) == 0.0
    assert fraction_down((3, -far)) == 0
    assert fraction_up((3, -far)) == Fraction(1, 2**-TINY)
    assert fraction_down((-3, far)) == -math.inf
    assert fraction_up((3, far)) == math.inf
    assert fraction_down((3, far)) < math.inf


def test_spacing():
    """The gap next to a number, that of the subnormal numbers at zero."""
    assert spacing(1.0, BINARY["float32"]) == 2.0**-23
    assert spacing(0.0, BINARY["float64"]) == 5e-324
    assert math.isnan(spacing(math.inf, BINARY["float64"]))


def test_unknown_format():
    """A format that does not exist is refused."""
    with pytest.raises(UnknownDtype, match="float8"):
        format_of("float8")
