"""Closed forms."""

import numpy as np
import pytest
import sympy as sp

from gradcheck.arith.symbolic import Symbolic
from gradcheck.engine.reverse import backward
from gradcheck.errors import NotInThisArithmetic
from gradcheck.graph.evaluation import apply
from gradcheck.graph.trace import trace
from gradcheck.ops import registry


def test_value_and_derivative_are_formulas():
    """The value of an operation is the formula; its vjp is SymPy's derivative of it."""
    m = Symbolic()
    x = m.symbols("x", ())
    for name in ("tanh", "logistic", "exp", "square", "reciprocal", "arctan", "erf", "gelu", "swish"):
        y = apply(registry[name], m, [x], {})
        (g,) = registry[name].vjp(m, m.constant(1), y, x)
        assert abs(sp.N((sp.diff(y.item(), x.item()) - g.item()).subs(x.item(), sp.Rational(3, 7)), 40)) < 1e-35


def test_numbers_are_rationals():
    """0.1 is the fraction that its bits are, not one tenth."""
    assert Symbolic().constant(0.1).item() == sp.Rational(*(0.1).as_integer_ratio())


def test_comparisons_become_piecewise():
    """A kink is a Piecewise; decided comparisons are decided."""
    m = Symbolic()
    x = m.symbols("x", (2,))
    y = m.maximum(x, m.constant(0))
    assert y[0].subs(x[0], -3) == 0
    assert y[1].subs(x[1], 3) == 3
    assert m.maximum(m.constant(2), m.constant(5)).item() == 5
    assert m.max(x, 0)[0].subs({x[0]: 1, x[1]: 2}) == 2


def test_winners_are_conditions():
    """The first of equal entries wins."""
    m = Symbolic()
    x = m.symbols("x", (2,))
    first, second = m.winners(x, 0)
    assert (first.subs({x[0]: 1, x[1]: 1}), second.subs({x[0]: 1, x[1]: 1})) == (True, False)


def test_symbols_are_real_and_named_by_position():
    """Every symbol is real and has its index in its name."""
    x = Symbolic().symbols("w", (1, 2))
    assert [s.name for s in x.ravel()] == ["w_0_0", "w_0_1"]
    assert all(s.is_real for s in x.ravel())


def test_the_sweep_over_numbers_is_exact():
    """A rational network has rational gradients: no float anywhere."""
    graph = trace(lambda x: np.sum(x**3 / 7), [np.ones(2)])
    _, g = backward(graph, {"x": np.array([0.5, 2.0])}, Symbolic())
    assert g["x"].tolist() == [sp.Rational(3, 28), sp.Rational(12, 7)]


def test_number():
    """Formulas without symbols are rounded to float64."""
    m = Symbolic()
    assert m.number(m.exp(m.array([1.0])))[0] == np.e
    assert m.number(m.pi()) == np.pi


def test_what_it_does_not_have():
    """An unknown function is refused by name."""
    with pytest.raises(NotInThisArithmetic, match="bessel does not exist in the arithmetic symbolic"):
        Symbolic().function("bessel", Symbolic().constant(1))
