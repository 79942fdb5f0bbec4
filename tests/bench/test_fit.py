"""Exponents are recovered with their confidence, and crossings are found."""

import numpy as np
import pytest

from gradcheck.bench.fit import crossover, exponent


def test_exact_law():
    """Without noise the interval closes around the exponent."""
    found = exponent([10, 100, 1000, 10000], [3e-6 * n**1.5 for n in (10, 100, 1000, 10000)])
    assert found.value == pytest.approx(1.5)
    assert found.high - found.low < 1e-10
    assert (found.first, found.last, found.points) == (10, 10000, 4)


def test_confidence():
    """The interval holds the exponent in about 95 of 100 noisy fits."""
    rng, sizes = np.random.default_rng(0), np.array([1e3, 1e4, 1e5, 1e6, 1e7])
    held = 0
    for _ in range(400):
        found = exponent(sizes, sizes**2 * np.exp(0.2 * rng.normal(size=5)))
        held += found.low <= 2 <= found.high
    assert 365 <= held <= 395  # three standard deviations of the count


@pytest.mark.parametrize("sizes", [[], [10], [10, 20], [10, 10, 20]])
def test_too_little_to_judge(sizes):
    """Two sizes give a slope and no confidence: no exponent."""
    assert exponent(sizes, [1.0] * len(sizes)) is None


def test_crossover():
    """Where two laws meet, between sizes; ahead everywhere; behind at the end."""
    sizes = (10, 100, 1000, 10000)
    slow, fast = {n: 1e-6 * n**2 for n in sizes}, {n: 1e-4 * n for n in sizes}
    assert crossover(slow, {n: 1e-3 * n for n in sizes}) == pytest.approx(1000)
    assert crossover(slow, {n: 3e-4 * n for n in sizes}) == pytest.approx(300)
    assert crossover({n: 2 * t for n, t in fast.items()}, fast) == 0
    assert crossover(fast, slow) is None
    assert crossover(slow, {}) is None


def test_crossover_is_the_last_one():
    """A fast method that is behind once more in between is ahead only after that."""
    assert crossover({1: 10, 2: 1, 4: 10}, {1: 5, 2: 2, 4: 5}) == pytest.approx(2 * 2**0.5)
