"""What noise, stairs, edges, tails and cancellation make of a right derivative, and of a wrong one beside it."""

import numpy as np
import pytest
from ml_dtypes import bfloat16

from gradcheck import check
from gradcheck.probe.subject.directions import cotangent, off_kinks, relative_cotangent, spread
from gradcheck.probe.subject.vector import Vector

X = np.array([0.7, -1.3, 2.1, 0.4])


def floats(f):
    """Keep dual numbers out."""
    return lambda *a: f(*(np.asarray(v, float) for v in a))


def through(dtype):
    """Return a rounding to a narrower format and back."""
    return floats(lambda x: (3 * x.astype(dtype)).astype(float))


RIGHT = {
    "float16 inside": (through(np.float16), X, lambda g, x: (3 * g,)),
    "float32 inside": (through(np.float32), X, lambda g, x: (3 * g,)),
    "an end of the domain": (floats(np.log1p), np.array([-1 + 2.0**-30]), lambda g, x: (g / (1 + x),)),
    "an end that is an exception": (floats(lambda x: np.array([np.sqrt(v) if v >= 0 else 1 / 0 for v in x])), np.array([1e-9]),
                                    lambda g, x: (g / 2 / np.sqrt(x),)),
    "outputs of all sizes": (floats(np.exp), np.array([-600.0, -3.0, 50.0]), lambda g, x: (g * np.exp(x),)),
    "a slope near the largest number": (floats(np.cosh), np.array([600.0]), lambda g, x: (g * np.sinh(x),)),
    "a minimum": (floats(lambda x, y: np.sum((x - y) ** 2)), (X, X.copy()), lambda g, x, y: (2 * g * (x - y), 2 * g * (y - x))),
    "kinks away from zero": (floats(lambda x: np.clip(x, 0, 6)), np.array([0.0, 6.0, 3.0]), lambda g, x: (g * ((x > 0) & (x < 6)),)),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name):
    """Each has been called wrong, or nothing could be seen of it."""
    f, inputs, vjp = RIGHT[name]
    report = check(f, inputs, vjp=vjp)
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("name", sorted(set(RIGHT) - {"a minimum"}))
def test_wrong_ones_beside_them_do_not(name):
    """Half as much again is seen, whatever the noise is."""
    f, inputs, vjp = RIGHT[name]
    assert check(f, inputs, vjp=lambda g, *x: tuple(1.5 * v for v in vjp(g, *x))).verdict != "pass"


def test_a_high_staircase_is_no_noise():
    """Thousandths are stairs of the function itself: a slope through them is wrong."""
    report = check(floats(lambda x: np.floor(1000 * x) / 1000), np.array([0.70713]), vjp=lambda g, x: (g,))
    assert report.verdict == "fail"


def test_a_derivative_of_none_says_that_nothing_depends():
    """It is checked that f does not change: that is no vacuous pass."""
    assert check(floats(lambda x, y: np.sin(x)), (X, X), vjp=lambda g, x, y: (g * np.cos(x), None)).verdict == "pass"
    assert check(floats(lambda x, y: np.sin(x) + y), (X, X), vjp=lambda g, x, y: (g * np.cos(x), None)).verdict == "fail"


def test_cotangents_are_numbers_of_every_format():
    """Rounding them to bfloat16 changes nothing."""
    (g,) = cotangent(np.random.default_rng(0), [np.zeros(100)])
    assert np.array_equal(g, g.astype(bfloat16).astype(float))
    assert np.all((np.abs(g) >= 0.5) & (np.abs(g) <= 1))


def test_relative_cotangents_level_the_outputs():
    """Each output counts about as much."""
    y = np.array([1e-200, 1.0, 1e100])
    (g,) = relative_cotangent(np.random.default_rng(0), [y])
    assert spread([y]) == pytest.approx(1e300)
    assert spread([g * y]) < 8


def test_zeros_and_ties_stay_where_they_are():
    """That is where kinks are."""
    (t,) = off_kinks(Vector.of([np.ones(4)]), [np.array([0.0, 2.0, 2.0, 3.0])])
    assert t.tolist() == [0.0, 0.0, 0.0, 1.0]
