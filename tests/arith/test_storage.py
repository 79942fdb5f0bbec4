"""Storage formats as arrays: against the types of ml_dtypes, number by number, and the roundings of fused kernels."""

import ml_dtypes
import numpy as np
import pytest

from gradcheck.arith.fused import Fused, Stores, fused_sum_deviation
from gradcheck.arith.imitated import Imitated
from gradcheck.arith.running import Roundoff
from gradcheck.arith.storage import TF32, gap, nearest, rounded_from, storage

TYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16, "float32": np.float32}


def every_number(name):
    """Return all finite numbers of a 16-bit format."""
    with np.errstate(invalid="ignore"):
        found = np.arange(2**16, dtype=np.uint16).view(TYPES[name]).astype(np.float64)
    return np.unique(found[np.isfinite(found)])


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_every_number_and_what_is_rounded_to_it(name):
    """A number is nearest to itself; the ends of its reals are the midpoints to its neighbours."""
    numbers, to = every_number(name), storage(name)
    assert np.array_equal(nearest(numbers, to), numbers)
    low, high = rounded_from(numbers, to)
    assert np.array_equal(high[:-1], (numbers[:-1] + numbers[1:]) / 2)
    assert np.array_equal(low[1:], high[:-1])
    assert np.isinf(nearest(high[-1:], to)).all()
    assert np.array_equal(nearest(np.nextafter(high, -np.inf), to), numbers)


@pytest.mark.parametrize("name", TYPES)
def test_rounding_is_that_of_the_type(name):
    """To nearest, ties to even, subnormal numbers and overflow included."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000) * 2.0 ** rng.integers(-160, 130, 4000)
    with np.errstate(over="ignore"):
        x = x.astype(np.float32).astype(np.float64)  # which is rounded once on the way to the narrow types
        expected = x.astype(np.float32).astype(TYPES[name]).astype(np.float64)
    assert np.array_equal(nearest(x, storage(name)), expected)


def test_gaps():
    """An ulp by the binade; below the normal numbers the smallest one."""
    assert gap(np.array([1.0, 2.0, 3.9]), storage("float16")).tolist() == [2.0**-10, 2.0**-9, 2.0**-9]
    assert gap(np.array([0.0, 1e-8]), storage("float16")).tolist() == [2.0**-24, 2.0**-24]
    assert TF32.bits == 11
    assert nearest(np.array([1 + 2.0**-12]), TF32) == 1
    with pytest.raises(KeyError):
        storage("float64")


def sums(m, x, y):
    """Return what rounds most: products, sums, functions."""
    return m.sum(m.exp(m.matmul(x, y)) * 3, (1,))


@pytest.mark.parametrize("stores", [Stores(), Stores(operands=storage("bfloat16"))])
def test_imitated_runs_lie_within_the_bound(stores):
    """And not all far inside: the bound is no hundred times what is usual."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 40)).astype(np.float32), (rng.normal(size=(40, 6)) / 6).astype(np.float32)
    m = Fused(Roundoff.of("float32"), stores)
    inexact = m.bounded(x * (1 + 1e-9), 1e-8 * np.abs(x))
    bound = sums(m, inexact, m.array(y))
    worst = 0.0
    for seed in range(40):
        run = Imitated(Roundoff.of("float32"), stores, seed, together=bool(seed % 2))
        found = sums(run, run.array(inexact.value), run.array(y)).value
        worst = max(worst, float(np.max(np.abs(found - bound.value) / bound.radius())))
    assert 0.01 < worst <= 1


def test_equal_numbers_err_equally_where_they_are_shifted_together():
    """A shift of its own for each entry would make them different."""
    x = np.full(50, 1 + 2.0**-10)
    together, apart = (Imitated(Roundoff.of("float32"), Stores(results=storage("bfloat16")), 3, together=t) for t in (True, False))
    assert len(np.unique(together.leave(together.array(x)).value)) == 1
    assert len(np.unique(apart.leave(apart.array(x)).value)) > 1
    held = np.array([1.0, 1.5])
    assert np.array_equal(apart.leave(apart.array(held)).value, held)


@pytest.mark.parametrize(("signs", "high"), [("random", 3.0), ("one", 3.0)])
def test_what_sums_one_after_the_other_lose(signs, high):
    """The usual error of float32 sums is the deviation of the formula, within what 200 of them tell."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 1000)).astype(np.float32)
    x = np.abs(x) if signs == "one" else x
    exact = x.astype(np.float64).sum(1)
    errors = np.add.accumulate(x, 1, dtype=np.float32)[:, -1].astype(np.float64) - exact
    width = 2.0**-24 * fused_sum_deviation(1000, np.square(x.astype(np.float64)).sum(1), exact)
    share = float(np.sqrt(np.mean(np.square(errors / width))) * np.sqrt(3))  # a uniform error of that half width has 1 / sqrt(3) of it
    assert 1 / high < share < high


def test_a_constant_is_exact_where_float32_holds_it():
    """1/4 is, 1e-5 is not."""
    m = Fused(Roundoff.of("float32"), Stores())
    assert m.constant_array(np.array(0.25)).error is None
    assert m.constant_array(np.array(1e-5)).error > 0
