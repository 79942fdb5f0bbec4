"""The idea carries: a number system of one's own, exact rationals, and every rational op runs in it."""

from fractions import Fraction as F  # noqa: N817 - it stands in every line

import numpy as np
import pytest

from gradcheck.arith.elements import Elements
from gradcheck.engine.reverse import backward
from gradcheck.errors import NotInThisArithmetic
from gradcheck.graph.trace import trace
from gradcheck.ops import registry


class Rational(Elements):
    """Exact rational numbers."""

    name = "rational"

    def element(self, x):
        return F(x) if isinstance(x, int | F) else F(float(x))


def test_value_vjp_and_jvp_of_every_rational_op_are_exact():
    """<g, J t> is the same rational number from the vjp and from the jvp, for at least 55 operations."""
    m, exact = Rational(), set()
    for op in registry.values():
        for s in op.samples:
            a, count = op.complete(s.attributes), iter(range(1, 999))
            xs = [x if isinstance(x, np.ndarray) else m.array(np.reshape([F(2 * next(count) % 13 + 1, 14) for _ in range(int(np.prod(x)))], x)) for x in s.operands]  # fmt: skip
            try:
                y = op.value(m, *xs, **a)
                ts = [x + F(1, 3) if x.dtype == object else None for x in xs]
                forward = m.sum((y + F(1, 7)) * op.jvp(m, tuple(ts), y, *xs, **a)).item()
                back = op.vjp(m, y + F(1, 7), y, *xs, **a)
            except NotInThisArithmetic:
                continue
            assert isinstance(forward, F)
            assert forward == sum(m.sum(c * t).item() for c, t in zip(back, ts, strict=True) if c is not None), op.name
            exact.add(op.name)
    assert len(exact) >= 55


def test_reverse_sweep_of_a_rational_network_is_exact():
    """The gradient of relu(x w + b)^2 / 3 over rationals is the one derived by hand."""
    graph = trace(lambda x, w, b: np.sum(registry["relu"](registry["dense"](x, w, b)) ** 2) / 3, [np.ones((1, 2)), np.ones((2, 1)), np.ones(1)])  # fmt: skip
    values = {"x": [[F(1, 3), F(-2, 5)]], "w": [[F(3, 7)], [F(1, 2)]], "b": [F(1, 9)]}
    loss, gradient = backward(graph, values, Rational())
    z = F(1, 3) * F(3, 7) - F(2, 5) * F(1, 2) + F(1, 9)
    assert (loss.item(), gradient["b"].item()) == (z * z / 3, 2 * z / 3)
    assert gradient["w"].ravel().tolist() == [2 * z / 3 * F(1, 3), 2 * z / 3 * F(-2, 5)]


def test_a_function_it_does_not_have_is_said_so():
    """exp of a rational number is refused by name."""
    with pytest.raises(NotInThisArithmetic, match="exp does not exist in the arithmetic rational"):
        Rational().exp(Rational().constant(1))
