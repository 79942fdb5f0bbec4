"""Fifty digits, in a context of their own."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from gradcheck.arith.arithmetic import FUNCTIONS
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.engine.reverse import backward
from gradcheck.networks import networks


def test_the_global_precision_is_untouched():
    """Neither making an arithmetic nor a sweep in it changes mpmath's own precision."""
    before = (mpmath.mp.prec, mpmath.mp.dps, repr(mpmath.mpf(1) / 3))
    network = networks["xor-2-2-1"]
    backward(network.graph, network.values(), Multiprecision(80))
    assert (mpmath.mp.prec, mpmath.mp.dps, repr(mpmath.mpf(1) / 3)) == before


def test_two_precisions_side_by_side():
    """Each arithmetic keeps its digits."""
    low, high = Multiprecision(20), Multiprecision(100)
    a, b = (m.constant(1) / m.constant(3) for m in (low, high))
    assert abs(a.item() * 3 - 1) < 1e-19
    assert abs(b.item() * 3 - 1) < high.context.mpf(10) ** -99


@pytest.mark.parametrize("x", [0.1, Fraction(1, 3), 7, np.float32(0.1), np.longdouble(1) / 3, np.int64(5)])
def test_numbers_enter_exactly(x):
    """Floats are their binary value, longdouble and fractions lose nothing."""
    m = Multiprecision(60)
    got = m.element(x)
    exact = Fraction(x) if isinstance(x, int | float | Fraction) else Fraction(*x.as_integer_ratio()) if hasattr(x, "as_integer_ratio") else Fraction(int(x))
    assert abs(got * exact.denominator - exact.numerator) < m.context.mpf(10) ** -50 * abs(exact.numerator)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_agree_across_precisions(name):
    """50 digits are the first 50 of 80."""
    low, high = Multiprecision(50), Multiprecision(80)
    a, b = (m.function(name, m.constant(0.3)).item() for m in (low, high))
    assert abs(high.context.mpf(a) - b) <= abs(b) * high.context.mpf(10) ** -48


def test_results_stay_arrays():
    """0-d results are arrays, and become float64 for display."""
    m = Multiprecision()
    y = m.sum(m.array(np.ones((2, 2))))
    assert y.shape == ()
    assert m.number(y).dtype == np.float64
    assert m.sum(m.array(np.zeros((0,)))).item() == 0
