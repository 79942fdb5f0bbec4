"""Balls: arb's intervals [m - r, m + r] in object arrays; the exact result lies within."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import NO, UNKNOWN, YES, Array, Truth
from gradcheck.arith.elements import Elements, numbers

#: functions whose name in arb is another
_NAMES = {"arctan": "atan", "arctanh": "atanh"}
_OWN = ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "arctanh", "erf", "erfc")


class Ball(Elements):
    """Real numbers enclosed by balls (Johansson, arXiv 1611.02831).

    arb's precision belongs to the process: compute within `precision`. A comparison that the
    balls leave open is unknown, and a selection there gives the hull of both sides. A result
    outside the real numbers, or at a pole, is a ball that is not finite.

    >>> m = Ball()
    >>> with m.precision(100):
    ...     y = m.exp(m.constant(1)).item()
    >>> bool(y.contains(2)), float(y)
    (False, 2.718281828459045)
    """

    name = "ball"

    def __init__(self) -> None:
        import flint

        self._flint = flint
        self.functions = {name: _method(_NAMES.get(name, name)) for name in _OWN}

    @contextmanager
    def precision(self, bits: int) -> Iterator[None]:
        """Compute with so many bits."""
        with self._flint.ctx.workprec(bits):
            yield

    def element(self, x: Any) -> Any:
        arb = self._flint.arb
        if isinstance(x, arb):
            return x
        if isinstance(x, Fraction):
            return arb(x.numerator) / x.denominator
        if isinstance(x, np.longdouble):
            head = float(x)
            return arb(head) + arb(float(x - np.longdouble(head)))
        return arb(x) if isinstance(x, int) else arb(float(x))

    def element_pi(self) -> Any:
        return self._flint.arb.pi()

    def raised(self, x: Any, p: Any) -> Any:
        return x**p

    def less(self, a: Array, b: Array) -> Truth:
        return np.frompyfunc(_less, 2, 1)(self.lift(a), self.lift(b)).astype(np.int8)

    def is_zero(self, x: Array) -> Truth:
        return np.frompyfunc(_zero, 1, 1)(x).astype(np.int8)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        truth, a, b = np.asarray(truth), self.lift(a), self.lift(b)
        chosen = numbers(np.where(truth == YES, a, b))
        if (truth == UNKNOWN).any():
            return numbers(np.where(truth == UNKNOWN, self.map(lambda p, q: p.union(q), a, b), chosen))
        return chosen


def _method(name: str) -> Callable[[Any], Any]:
    return lambda x: getattr(x, name)()


def _less(a: Any, b: Any) -> int:
    if a < b:
        return YES
    return NO if a >= b else UNKNOWN


def _zero(x: Any) -> int:
    if x.is_zero():
        return YES
    return UNKNOWN if x.contains(0) else NO
