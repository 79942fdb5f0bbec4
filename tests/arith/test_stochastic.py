"""Stochastic arithmetic imitates rounding."""

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.arith.running import Roundoff
from gradcheck.arith.stochastic import Stochastic
from gradcheck.engine.reverse import backward
from gradcheck.networks import networks


def test_same_seed_same_numbers():
    """A seed decides all perturbations; another seed gives others."""
    network = networks["xor-2-2-1"]
    runs = [backward(network.graph, network.values(), Stochastic(Roundoff.of("float32"), seed))[1] for seed in (0, 0, 1)]
    for k in runs[0]:
        np.testing.assert_array_equal(runs[0][k].value, runs[1][k].value)
    assert any((runs[0][k].value != runs[2][k].value).any() for k in runs[0])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_operation_moves_by_at_most_u(dtype):
    """A product is perturbed, by no more than the unit roundoff."""
    roundoff = Roundoff.of(dtype)
    m = Stochastic(roundoff, 3)
    y = m.number(m.array(np.ones(1000)) * 3)
    assert 0.5 * roundoff.u < np.abs(y / 3 - 1).max() <= roundoff.u * (1 + 1e-6)


def test_moves_and_signs_are_exact():
    """What rounds nothing is not perturbed."""
    m, x = Stochastic(Roundoff.of("float32"), 0), np.array([[1.0, -2.0]])
    for y in (-m.array(x), abs(m.array(x)), m.swap(m.array(x)), m.maximum(m.array(x), 0), m.max(m.array(x), 1), m.select(m.less(m.array(x), 0), m.array(x), 0)):
        assert set(np.abs(m.number(y)).ravel()) <= {0.0, 1.0, 2.0}


def test_the_spread_is_that_of_float32():
    """The deviation of sweeps covers what float32 does, and is not a hundred times as large."""
    network = networks["xor-2-2-1"]
    values = network.values(0, "float32")
    _, exact = backward(network.graph, values)
    _, narrow = backward(network.graph, values, Floating("float32"))
    sweeps = [backward(network.graph, values, Stochastic(Roundoff.of("float32"), s))[1] for s in range(8)]
    for k, g in exact.items():
        size = np.abs(g).max()
        spread = max(np.abs(s[k].value - g).max() for s in sweeps) / size
        error = np.abs(narrow[k] - g).max() / size
        assert error <= 10 * spread
        assert spread < 1e-4
