"""Floating point in every format."""

import math
from fractions import Fraction

import ml_dtypes
import mpmath
import numpy as np
import pytest

from gradcheck.arith.arithmetic import FUNCTIONS
from gradcheck.arith.floating import FORMATS, Floating, first_winner, power_of_two
from gradcheck.errors import UnknownDtype

each_format = pytest.mark.parametrize("dtype", FORMATS)

POINTS = {"log": (1e-300, 0.5, 1.0, 1e300), "sqrt": (0.0, 2.0, 1e-300), "log1p": (-0.5, 1e-20, 1e-3, 1e10), "arctanh": (-0.75, 1e-20, 0.99)}
_USUAL = (-40.0, -3.0, -1e-20, 0.0, 1e-10, 0.7, 5.0, 35.0)
EXACT = {
    "arctan": mpmath.atan, "arctanh": mpmath.atanh, "logistic": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "sech2": lambda x: mpmath.sech(x) ** 2,
}  # fmt: skip


def test_unknown_format():
    """Another name is refused, and the known ones are listed."""
    with pytest.raises(UnknownDtype, match="float64, float32, float16, bfloat16, longdouble; got 'float8'"):
        Floating("float8")


@each_format
def test_storage_and_working_format(dtype):
    """The half formats compute in float32 and round once when they leave; 0-d results stay arrays."""
    m = Floating(dtype)
    y = m.leave(m.sum(m.enter(m.array([1.0, 2.0]))))
    assert y.dtype == FORMATS[dtype]
    assert isinstance(y, np.ndarray)
    assert m.working == (np.float32 if FORMATS[dtype].itemsize == 2 else FORMATS[dtype])


def test_bfloat16_does_not_become_float32_by_a_constant():
    """A constant has the working format; what leaves has the stored one."""
    m = Floating("bfloat16")
    assert m.leave(m.enter(m.array([1.0])) * m.constant(0.5)).dtype == ml_dtypes.bfloat16


@each_format
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_right_in_their_tails(name, dtype):
    """Every function is within 8 ulp of the exact value of its rounded argument, also where a formula would cancel or overflow."""
    m = Floating(dtype)
    u = float(ml_dtypes.finfo(FORMATS[dtype]).eps) / 2
    tiny, largest = max(float(ml_dtypes.finfo(FORMATS[dtype]).smallest_normal), 1e-290), float(ml_dtypes.finfo(FORMATS[dtype]).max)
    with np.errstate(all="ignore"), mpmath.workdps(400):
        for x in POINTS.get(name, _USUAL):
            x = float(m.array(x))
            if (name == "log" and x <= 0) or (name == "arctanh" and abs(x) >= 1) or (name == "tan" and abs(x) > 4) or not math.isfinite(x):
                continue
            exact = EXACT.get(name, getattr(mpmath, name, None))(mpmath.mpf(x))
            if tiny < abs(exact) < largest or exact == 0:
                y = m.leave(m.function(name, m.enter(m.array(x))))
                got = mpmath.mpf(float(y)) + mpmath.mpf(float(y - float(y)) if dtype == "longdouble" else 0)
                assert abs(got - exact) <= 16 * u * abs(exact)


def test_no_overflow_in_softplus_and_logistic():
    """Their arguments may be huge."""
    m = Floating()
    x = m.array([-1000.0, 1000.0])
    assert m.softplus(x).tolist() == [0, 1000]
    assert m.logistic(x).tolist() == [0, 1]


def test_constants():
    """A fraction is divided in the format; a float is its binary value; pi is the nearest number."""
    assert Floating("float32").constant(Fraction(1, 3)) == np.float32(1) / np.float32(3)
    assert Floating().constant(0.1) == 0.1
    assert Floating().pi() == math.pi
    assert Floating("longdouble").pi() == np.longdouble("3.14159265358979323846264338327950288")


@each_format
def test_sums(dtype):
    """An empty sum is zero; a thousand ones are a thousand, or its nearest number."""
    m = Floating(dtype)
    assert m.sum(m.enter(m.array(np.zeros((0, 2)))), (0,)).tolist() == [0, 0]
    assert float(m.leave(m.sum(m.enter(m.array(np.ones(1000)))))) == float(np.asarray(1000).astype(FORMATS[dtype]))


@each_format
def test_scatter_add(dtype):
    """Entries at the same position are added; position -1 is dropped."""
    m = Floating(dtype)
    y = m.scatter_add(m.enter(m.array([[1.0, 2.0], [4.0, 8.0]])), np.array([[0, 2], [2, -1]]), (3,))
    assert y.tolist() == [1, 0, 6]


def test_first_winner_and_powers_of_two():
    """The first of equal entries wins; zero and infinity have the power 1."""
    assert first_winner(np.array([[1, 3, 3], [2, 2, 0]]), 1).tolist() == [[False, True, False], [True, False, False]]
    assert power_of_two(np.array([0.0, 0.75, 1.0, 5.0, np.inf, np.nan])).tolist() == [1, 0.5, 1, 4, 1, 1]


def test_derived_operations():
    """Matrices, parts, products and identity, as NumPy has them."""
    m, x = Floating(), np.arange(6.0).reshape(2, 3)
    assert m.product(x + 1, 1).tolist() == [6, 120]
    assert m.product(m.zeros((2, 0)), 1).tolist() == [1, 1]
    assert m.take(x, np.array([5, -1])).tolist() == [5, 0]
    assert m.unbroadcast(x, (3,)).tolist() == [3, 5, 7]
    assert m.swap(x).shape == (3, 2)
    assert m.affine(x, m.eye(3), m.ones((3,))).tolist() == (x + 1).tolist()
    assert m.minimum(x, m.constant(2)).max() == 2
