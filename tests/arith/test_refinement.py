"""The precision is doubled until balls are narrow, and no longer."""

import flint
import numpy as np

from gradcheck.arith.elements import numbers
from gradcheck.arith.refinement import NEGLIGIBLE, narrow, refined


def test_as_many_bits_as_cancellation_takes():
    """exp(-200) - (1 + exp(-200)) + 1 is refined until it shows, within one doubling too many."""
    found = refined(lambda m: {"x": 1 + m.exp(m.constant(-300)) - 1}, 60)
    assert found.precision == 640
    assert narrow(np.ravel(found.balls["x"])[0], 60)


def test_one_pass_is_enough():
    """Where the first precision does it, no other is tried."""
    seen = []
    refined(lambda m: {"x": m.exp(m.constant(seen.append(flint.ctx.prec) or 1))}, 60)
    assert seen == [80]


def test_what_does_not_get_better_is_left():
    """A hull stays as it is: two doublings show that."""
    hull = flint.arb(0).union(flint.arb(1))
    seen = []
    refined(lambda m: seen.append(0) or {"x": numbers(np.array([hull], dtype=object))}, 60)
    assert len(seen) == 3


def test_negligible():
    """What rounds to zero in every format is known well enough, unless it has to be known."""
    x = flint.arb(0, 2.0**-1000) * flint.arb(2) ** -200
    assert narrow(x, 60)
    assert not narrow(x, 60, None)
    assert not narrow(flint.arb(0, 1), 60)
    assert not narrow(flint.arb("nan"), 60)
    assert NEGLIGIBLE > 1075
