"""The running bound holds: whatever a conforming program computes lies inside."""

import math
from fractions import Fraction

import ml_dtypes
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.arith.arithmetic import NO, UNKNOWN, YES
from gradcheck.arith.floating import FORMATS, Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running, wide_format

FUNCTIONS = ("exp", "log1p", "expm1", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "erf", "erfc", "logistic", "softplus", "sech2")
SQUARE = (3, 3)


def step(m, choice, a, b):
    """Return one operation on two 3 x 3 arrays, its functions kept in a moderate range."""
    table = {
        "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / (1 + m.square(b)), "@": lambda: m.matmul(a, b), "sum": lambda: a + m.sum(b, (0,)),
        "cumsum": lambda: m.cumsum(a, 0) - b, "max": lambda: m.maximum(a, b), "select": lambda: m.select(m.less(a, b), a * 2, b), "abs": lambda: abs(a) - b,
        "einsum": lambda: m.einsum("ij,kj->ik", a, b), "affine": lambda: m.affine(a, b, m.part(a, 0, 1, 0)), "sqrt": lambda: m.sqrt(1 + m.square(a)), "T": lambda: m.swap(a),
        "scatter": lambda: m.scatter_add(a, np.array([[0, 1, 0], [2, 2, 2], [8, -1, 3]]), SQUARE), "log": lambda: m.log(1 + abs(a)), "cube": lambda: m.integer_power(a, 3),
        "power": lambda: m.power(1 + abs(a), m.tanh(b)), "constant": lambda: a * m.constant(Fraction(1, 3)) + m.pi(), "rowmax": lambda: a - m.max(a, 1), "arctanh": lambda: m.arctanh(a / (2 + abs(a))),
    }  # fmt: skip
    return table[choice]() if choice in table else m.function(choice, a)


CHOICES = (
    "+", "-", "*", "/", "@", "sum", "cumsum", "max", "select", "abs", "einsum", "affine", "sqrt", "T", "scatter", "log", "cube", "power",
    "constant", "rowmax", "arctanh", *FUNCTIONS,
)  # fmt: skip
programs = st.lists(st.tuples(st.sampled_from(CHOICES), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7)


def computed(m, program, arrays):
    """Return the last value of a program of steps on stored arrays."""
    known = [m.array(a) for a in arrays]
    for choice, i, j in program:
        known.append(m.leave(step(m, choice, m.enter(known[-1 - i % len(known)]), m.enter(known[-1 - j % len(known)]))))
    return known[-1]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(programs, st.integers(0, 10**6), st.sampled_from(["float32", "float16", "bfloat16"]))
def test_what_a_narrow_format_computes_is_inside(program, seed, dtype):
    """For random expressions the result in the narrow format lies within the bound of the wide one, where both are finite."""
    rng = np.random.default_rng(seed)
    arrays = [(rng.normal(size=SQUARE) * 10.0 ** rng.integers(-3, 2)).astype(FORMATS[dtype]).astype(np.float64) for _ in range(2)]
    with np.errstate(all="ignore"):
        got = np.asarray(computed(Floating(dtype), program, arrays)).astype(np.float64)
        y = computed(Running(Roundoff.of(dtype), "float64"), program, arrays)
        inside = np.abs(got - y.value) <= y.radius()
    assert (inside | ~np.isfinite(got) | ~np.isfinite(y.value)).all()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(programs.filter(lambda p: not {"sech2", "erfc"} & {c for c, _, _ in p}), st.integers(0, 10**6))
def test_the_exact_result_is_inside_too(program, seed):
    """The bound of float64 holds the exact result, from 60 digits: rounding only ever moves within it."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=SQUARE) for _ in range(2)]
    exact = computed(Multiprecision(60), program, arrays)
    with np.errstate(all="ignore"):
        y = computed(Running(Roundoff.of("float64"), wide_format("float64")), program, arrays)
    for e, v, r in zip(np.ravel(exact), np.ravel(y.value), np.ravel(y.radius()), strict=True):
        if math.isfinite(v) and math.isfinite(r):
            assert abs(e - mpmath.mpf(float(v)) - mpmath.mpf(float(v - np.longdouble(float(v))))) <= mpmath.mpf(float(r))


def running(dtype="float32"):
    """Return the running arithmetic of a format."""
    return Running(Roundoff.of(dtype), wide_format(dtype))


def test_exact_constants_have_no_error():
    """What the format holds exactly is exact; other constants are off by u of their size."""
    m = running()
    for x in (0, 1, 0.5, -3, Fraction(3, 4), 2.0**20):
        assert m.constant(x).error is None
    for x in (0.1, Fraction(1, 3), math.pi):
        assert m.constant(x).radius() >= abs(float(np.float32(float(x))) - float(x)) > 0


def test_underflow_is_in_the_bound():
    """exp(-800) is zero with a bound of half the smallest subnormal at least, more where subnormals are flushed."""
    y = running("float64").exp(running("float64").array([-800.0]))
    assert 0 < y.radius()[0] < 1e-300
    flushing = Running(Roundoff.of("float32", flushes=True))
    assert flushing.exp(flushing.array([-90.0])).radius() >= np.finfo(np.float32).tiny


def test_comparisons_know_when_they_do_not_know():
    """Less is unknown where the errors overlap and at equality; a select there gives the hull."""
    m = running()
    a, b = m.bounded([1.0, 1.0, 1.0], [0.1, 0.1, 0.0]), m.bounded([2.0, 1.15, 1.0], [0.1, 0.1, 0.0])
    truth = m.less(a, b)
    assert truth.tolist() == [YES, UNKNOWN, UNKNOWN]
    assert m.less(b, a).tolist() == [NO, UNKNOWN, UNKNOWN]
    y = m.select(truth, m.array([1.0, 1.0, 1.0]), 0)
    assert [(v - r, v + r) for v, r in zip(y.value, y.radius(), strict=True)] == [(1, 1), (0, 1), (0, 1)]


def test_ties_of_a_maximum_are_unknown():
    """Whoever may be the largest is unknown unless it is alone."""
    m = running()
    assert m.winners(m.array([[3.0, 1.0], [2.0, 2.0]]), 1).tolist() == [[YES, NO], [UNKNOWN, UNKNOWN]]


def test_is_zero():
    """Zero exactly, perhaps, or not."""
    assert running().is_zero(running().bounded([0.0, 0.1, 1.0], [0.0, 0.2, 0.2])).tolist() == [YES, UNKNOWN, NO]
    assert running().is_zero(running().array([0.0, 1.0])).tolist() == [YES, NO]


def test_division_by_what_may_be_zero_has_no_bound():
    """The bound is infinite, not a number that pretends."""
    m = running()
    assert np.isinf((m.array([1.0]) / m.bounded([1e-3], [1.0])).radius()).all()
    assert np.isinf(m.function("tan", m.bounded([1.5], [0.2])).radius()).all()


def test_sums_of_many_terms_grow_with_their_number():
    """n - 1 roundings of the sum of magnitudes, whatever cancels."""
    m = running("float64")
    y = m.sum(m.array(np.tile([1.0, -1.0], 500)))
    assert y.value == 0
    assert y.radius() == pytest.approx(999 * 1000 * 2.0**-53, rel=1e-2)


def test_one_term_is_exact():
    """Moving entries and summing one of them adds no error."""
    m = running()
    x = m.array([[1.5], [2.5]])
    assert m.sum(x, (1,)).error is None
    assert m.swap(x).error is None
    assert abs(-x).error is None


def test_roundoff_of_formats():
    """u, eta and the accumulation of each format."""
    assert Roundoff.of("bfloat16").u == 2.0**-8
    assert Roundoff.of("bfloat16").accumulate == 2.0**-24
    assert Roundoff.of("bfloat16", accumulate="bfloat16").accumulate == 2.0**-8
    assert Roundoff.of("float16").largest == 65504
    assert Roundoff.of("float32").eta == 2.0**-150
    assert Roundoff.of("float32", flushes=True).eta == 2.0**-126
    assert Roundoff.of("float16").u == float(ml_dtypes.finfo(np.float16).eps) / 2


def test_operands_rounded_first_widen_products():
    """tf32: a product of operands that are rounded to 10 bits has a bound that says so."""
    from dataclasses import replace

    rounded = Running(replace(Roundoff.of("float32"), inputs=2.0**-11))
    x = np.ones((2, 2))
    assert rounded.matmul(rounded.array(x), rounded.array(x)).radius().min() > 2 * 2.0**-11


def test_an_overflow_on_the_way_leaves_no_bound():
    """What overflows in the format may come back as anything, a finite number included."""
    m = running()
    y = m.square(m.array([1e25]))
    assert np.isinf(y.radius()).all()
    assert np.isinf((1 / y).radius()).all()
    assert np.isfinite(running("float64").square(running("float64").array([1e25])).radius()).all()


def test_a_sum_in_a_format_no_wider_has_the_roundoff_of_both():
    """Where the wide format is the target's own, both sums are rounded: another order lies within the bound, twice as far does not."""
    u, threes = 2.0**-53, 10
    m = Running(Roundoff.of("float64"), "float64")
    terms = np.concatenate([np.ones((1, 2)), np.full((3 * threes, 2), u)])
    y = m.sum(m.array(terms), (0,))
    other = 1.0
    for _ in range(threes):
        other += u + u + u  # to the even neighbour, upwards; one by one they are rounded away
    assert y.value.tolist() == [1.0, 1.0]
    assert (other - y.value <= y.radius()).all()
    assert (y.radius() < 2 * (other - y.value)).all()
