"""Series: every operation's value and reverse sweep, twice differentiated, against differences in multiprecision."""

import math

import numpy as np
import pytest

from gradcheck.arith.arithmetic import FUNCTIONS
from gradcheck.arith.ball import Ball
from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.slopes import SLOPES
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.engine.reverse import seeds, sweep
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.networks.specimen import specimen
from gradcheck.ops import registry


def test_every_function_has_a_slope():
    """The table is complete, or a function would fail when it is first met."""
    assert set(SLOPES) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_to_degree_five(name):
    """The coefficients are those that mpmath finds for the same function."""
    m = Taylor(Multiprecision(60), 5)
    x, t = 0.3, 0.7
    y = m.function(name, m.along(np.array(x), np.array(t)))
    plain = Multiprecision(60)
    found = [c / 1 for c in (np.asarray(m.coefficient(y, k))[()] for k in range(6))]
    wanted = plain.context.taylor(lambda h: np.asarray(plain.function(name, plain.array(np.array(x)) + h * plain.element(t)))[()], 0, 5)
    assert all(abs(a - b) < plain.context.mpf(10) ** -20 for a, b in zip(found, wanted, strict=True))


def test_powers():
    """x^p with moving base and exponent, and integer powers at zero."""
    m = Taylor(Floating(), 2)
    y = m.power(m.along(np.array(2.0), np.array(1.0)), m.along(np.array(3.0), np.array(1.0)))
    assert y.rest[0] == pytest.approx(12 + 8 * math.log(2))
    cube = m.integer_power(m.along(np.array(0.0), np.array(1.0)), 3)
    assert [float(cube[k]) for k in range(3)] == [0.0, 0.0, 0.0]
    assert float(m.integer_power(m.along(np.array(0.0), np.array(1.0)), 2)[2]) == 1.0
    at_zero = m.power(m.along(np.array(0.0), np.array(1.0)), m.along(np.array(2.0), np.array(1.0)))
    assert float(at_zero[1]) == 0.0


def test_quotients():
    """1 / (1 - e) is the geometric series; zeros that are exact cost nothing."""
    m = Taylor(Floating(), 4)
    x = m.along(np.array(1.0), np.array(-1.0))
    assert [float((1 / x)[k]) for k in range(5)] == [1.0] * 5
    assert (m.array(np.array(3.0)) / m.array(np.array(2.0))).rest == (None,) * 4


def _moved(graph, values, m, directions):
    leaves = lift(graph, values, m)
    return leaves | {k: Series(m, leaves[k].value, (m.inner.array(t),)) for k, t in directions.items()}


def _differences(graph, values, directions):
    """Return the first and half the second derivative of the loss, and the derivative of the gradient, along directions."""
    m = Multiprecision(80)
    h = m.context.mpf(10) ** -20
    found = []
    for s in (-1, 0, 1):
        leaves = lift(graph, values, m)
        leaves |= {k: leaves[k] + m.array(t) * (s * h) for k, t in directions.items()}
        y = propagate(graph, leaves, m)
        found.append((np.ravel(y[graph.outputs[0]])[0], sweep(graph, y, m, seeds(graph, m), graph.differentiable)))
    (a, ga), (b, _), (c, gc) = found
    return (c - a) / (2 * h), (c - 2 * b + a) / (2 * h * h), {k: (gc[k] - ga[k]) / (2 * h) for k in gc}


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", registry)
def test_every_operation(name):
    """Value and reverse sweep over series agree with differences of both, to thirty digits."""
    rng = np.random.default_rng(0)
    for number in range(len(registry[name].samples)):
        graph, values = specimen(registry[name], number)
        directions = {k: rng.normal(size=graph.shapes[k]) for k in graph.differentiable}
        m = Taylor(Multiprecision(50), 2)
        y = propagate(graph, _moved(graph, values, m, directions), m)
        gradient = sweep(graph, y, m, seeds(graph, m), graph.differentiable)
        first, second, slopes = _differences(graph, values, directions)
        out = y[graph.outputs[0]]
        pairs = [(m.coefficient(out, 1), first), (m.coefficient(out, 2), second)]
        pairs += [(m.coefficient(gradient[k], 1), x) for k, x in slopes.items()]
        for found, wanted in pairs:
            for a, b in zip(np.ravel(found), np.ravel(wanted), strict=True):
                assert abs(a - b) <= 1e-30 * max(1, abs(b))


def test_equal_entries_of_a_maximum():
    """Over balls the tangent of a maximum is the hull of those of the equal entries, and no wider."""
    m = Taylor(Ball())
    with m.inner.precision(60):
        y = m.max(m.along(np.array([1.0, 1.0, 0.0]), np.array([2.0, 3.0, 9.0])), 0)
        tangent = np.asarray(y[1])[0]
        same = m.max(m.along(np.array([1.0, 1.0]), np.array([2.0, 2.0])), 0)
    assert tangent.contains(2)
    assert tangent.contains(3)
    assert tangent < 4
    assert np.asarray(same[1])[0] == 2
