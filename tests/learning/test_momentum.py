"""Momentum beside closed forms and other people's forms of it."""

import pytest

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.learning import Momentum

M = Multiprecision(50)


def run(rule, gradients, w=0.0):
    """Return w after each step of the rule on one number."""
    w, slots, found = M.array([w]), {}, []
    for step, g in enumerate(gradients, 1):
        w, slots = rule.update(M, w, M.array([g]), slots, step)
        found.append(w[0])
    return found


def test_a_constant_gradient_has_a_geometric_velocity():
    """v after k steps is (1 - mu^k) / (1 - mu); w is minus eta times the sum of these."""
    mu, eta = M.context.mpf(0.9), M.context.mpf(0.1)
    right = [-eta * sum((1 - mu ** (j + 1)) / (1 - mu) for j in range(k + 1)) for k in range(6)]
    for got, wanted in zip(run(Momentum(), [1.0] * 6), right, strict=True):
        assert abs(got - wanted) < 1e-45


def test_polyak_without_a_velocity():
    """w_{k+1} = w_k - eta g_k + mu (w_k - w_{k-1}), the heavy ball."""
    gradients = [0.5, -1.0, 2.0, 0.25]
    w, before = M.context.mpf(0), M.context.mpf(0)
    for got, g in zip(run(Momentum(rate=0.25, momentum=0.5), gradients), gradients, strict=True):
        w, before = w - M.context.mpf(0.25) * g + (w - before) / 2, w
        assert abs(got - w) < 1e-45


def test_nesterov_looks_ahead():
    """Of the form that takes the gradient at w - eta mu v, with w shifted there: v := mu v + g, w := w - eta v, looked at ahead."""
    gradients, mu, eta = [0.5, -1.0, 2.0, 0.25], M.context.mpf(0.5), M.context.mpf(0.25)
    w = v = M.context.mpf(0)
    for got, g in zip(run(Momentum(rate=0.25, momentum=0.5, nesterov=True), gradients), gradients, strict=True):
        v = mu * v + g
        w = w - eta * v
        assert abs(got - (w - eta * mu * v)) < 1e-45


def test_dampening_spares_the_first_gradient():
    """The first velocity is the gradient, as in torch; later ones take 1 - tau of it."""
    assert [float(-x) for x in run(Momentum(rate=1.0, momentum=0.5, dampening=0.5), [1.0, 1.0])] == [1.0, 2.0]


@pytest.mark.parametrize("nesterov", [False, True])
def test_without_momentum_it_is_descent(nesterov):
    """mu = 0."""
    assert [float(x) for x in run(Momentum(rate=0.5, momentum=0.0, nesterov=nesterov), [1.0, -3.0])] == [-0.5, 1.0]
