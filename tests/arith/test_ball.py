"""Balls: three answers to a comparison, hulls, and every operation's rules enclosing those in multiprecision."""

from fractions import Fraction

import numpy as np
import pytest

from gradcheck.arith.ball import Ball
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.engine.reverse import backward
from gradcheck.networks.specimen import specimen
from gradcheck.ops import registry


def test_comparisons_have_three_answers():
    """Yes, no, or unknown where balls overlap; a selection at unknown is the hull."""
    m = Ball()
    with m.precision(60):
        third = m.constant(1) / m.constant(3)
        again = m.constant(2) / m.constant(6)
        assert (m.less(m.constant(1), m.constant(2)).item(), m.less(m.constant(2), m.constant(1)).item()) == (1, 0)
        assert m.less(third, again).item() == -1
        assert m.is_zero(third - again).item() == -1
        hull = m.select(m.less(third, again), m.constant(0), m.constant(1)).item()
    assert hull.contains(0)
    assert hull.contains(1)


def test_numbers_enter_exactly():
    """Fractions are enclosed; longdouble keeps its digits; the precision outside stays."""
    import flint

    m, before = Ball(), flint.ctx.prec
    with m.precision(200):
        assert (m.constant(Fraction(1, 3)).item() * 3).contains(1)
        x = np.longdouble(1) + np.finfo(np.longdouble).eps
        assert m.element(x) - 1 == flint.arb(float(np.finfo(np.longdouble).eps))
        assert m.element(m.element(2)) == 2
    assert flint.ctx.prec == before


def test_outside_the_real_numbers():
    """Poles and missing values are balls that are not finite."""
    m = Ball()
    assert not m.log(m.constant(-1)).item().is_finite()
    assert not (m.constant(1) / m.constant(0)).item().is_finite()


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", registry)
def test_every_operation(name):
    """The loss and the gradients of every sample agree with 40 digits of multiprecision."""
    m, op = Ball(), registry[name]
    for number in range(len(op.samples)):
        graph, values = specimen(op, number)
        with m.precision(160):
            loss, gradients = backward(graph, values, m)
            other, others = backward(graph, values, Multiprecision(40))
            for ball, right in ((loss, other), *((gradients[k], others[k]) for k in gradients)):
                for a, b in zip(np.ravel(ball), np.ravel(right), strict=True):
                    assert abs(a - m.element(float(b)) - m.element(float(b - float(b)))) < 1e-28 * max(1, abs(float(b)))
