"""The protocol of update rules: one formula in every number system, and nothing kept but what is handed back."""

import numpy as np
import pytest

from gradcheck.arith.ball import Ball
from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running
from gradcheck.learning.descent import Descent
from gradcheck.learning.optimizer import lowered, scalars, stepped
from gradcheck.learning.rules import TRIED, label
from gradcheck.learning.trial import drawn

every = pytest.mark.parametrize("rule", [r for rules in TRIED.values() for r in rules], ids=label)


@every
def test_balls_enclose_the_exact_step(rule):
    """A rule in balls encloses the same rule in 60 digits, step by step."""
    trial, m, exact = drawn("float64", 4, 0), Ball(), Multiprecision(60)
    with m.precision(128):
        for balls, right in zip(trial.run(rule, m), trial.run(rule, exact), strict=True):
            for k, x in balls.items():
                for ball, number in zip(np.ravel(x), np.ravel(right[k]), strict=True):
                    low, high = (exact.context.mpf(str(e.str(60, radius=False))) for e in (ball.lower(), ball.upper()))
                    assert low - abs(low) * exact.context.mpf(10) ** -55 <= number <= high + abs(high) * exact.context.mpf(10) ** -55
                    assert ball.is_finite()


@every
def test_it_leaves_alone_what_it_is_given(rule):
    """A step writes into nothing: parameters, gradients and what was kept are the same afterwards."""
    m, rng = Floating("float64"), np.random.default_rng(0)
    w, g = {"w": rng.normal(size=3)}, {"w": rng.normal(size=3)}
    _, state = stepped(rule, m, w, g, {}, 1)
    before = [x.copy() for x in (w["w"], g["w"], *state["w"].values())]
    first, _ = stepped(rule, m, w, g, state, 2)
    again, _ = stepped(rule, m, w, g, state, 2)
    assert all(np.array_equal(a, b) for a, b in zip(before, (w["w"], g["w"], *state["w"].values()), strict=True))
    assert np.array_equal(first["w"], again["w"])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_formats(dtype):
    """Parameters and what is kept stay in their format."""
    m = Floating(dtype)
    for rules in TRIED.values():
        w, state = stepped(rules[-1], m, {"w": m.array([1.0])}, {"w": m.array([0.5])}, {}, 1)
        assert {x.dtype for x in (w["w"], *state["w"].values())} == {m.storage}


def test_exempt_parameters_do_not_decay():
    """Without a gradient a weight shrinks and a bias does not."""
    m = Floating("float64")
    w, _ = stepped(Descent(rate=0.5, decay=0.5), m, {"w": np.ones(2), "b": np.ones(2)}, {"w": np.zeros(2), "b": np.zeros(2)}, {}, 1, exempt=["b"])
    assert (w["w"].tolist(), w["b"].tolist()) == ([0.75, 0.75], [1.0, 1.0])


def test_factors_are_computed_in_float64():
    """1 - 0.999 keeps the digits of float32 there; computed in float32 it would not."""
    m = Floating("float32")
    s = scalars(m)
    factor = lowered(m, s, s.constant(1) - s.constant(0.999))
    assert factor == np.float32(1 - 0.999)
    assert abs((np.float32(1) - np.float32(0.999)) / factor - 1) > 1e-6


def test_a_lowered_factor_has_the_bound_of_its_rounding():
    """In the running arithmetic a factor is off by float32's roundoff, and not by less."""
    m = Running(Roundoff.of("float32"))
    s = scalars(m)
    exact = lowered(m, s, s.constant(1) / s.constant(3))
    assert 2.0**-24 / 3 <= float(exact.radius()) <= 1.1 * 2.0**-24 / 3
