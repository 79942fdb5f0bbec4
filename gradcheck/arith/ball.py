"""Balls: arb's intervals [m - r, m + r] in object arrays; the exact result lies within."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
    balls leave open is unknown, and so is one of equal numbers, at which rules for smooth pieces
    meet: a selection there gives the hull of both sides, so that a sweep over an exact tie
    encloses every generalised derivative (DeepJ, POPL 2022). A result outside the real numbers,
    or at a pole, is a ball that is not finite.

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
        self.functions = {name: _method(_NAMES.get(name, name)) for name in _OWN} | dict(_TAILS)

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
        return np.asarray(np.frompyfunc(_less, 2, 1)(self.lift(a), self.lift(b))).astype(np.int8)

    def is_zero(self, x: Array) -> Truth:
        return np.asarray(np.frompyfunc(_zero, 1, 1)(x)).astype(np.int8)

    def maximum(self, a: Array, b: Array) -> Array:
        return self.map(_larger, self.lift(a), self.lift(b))

    def max(self, x: Array, axis: int) -> Array:
        return numbers(np.frompyfunc(_larger, 2, 1).reduce(np.asarray(x), axis=axis, keepdims=True))

    def winners(self, x: Array, axis: int) -> Truth:
        """Answer no where another entry is surely larger, yes where all others are; equal ones are unknown."""
        top = np.frompyfunc(_higher, 2, 1).reduce(np.asarray(x), axis=axis, keepdims=True)
        possible = ~np.asarray(np.frompyfunc(lambda v, t: v < t, 2, 1)(x, top)).astype(bool)
        alone = np.sum(possible, axis=axis, keepdims=True) == 1
        return np.where(possible, np.where(alone, YES, UNKNOWN), NO).astype(np.int8)

    def shift(self, x: Array, axis: int) -> Array:
        return self.map(lambda v: v.mid(), self.max(x, axis))

    def clamped(self, x: Array) -> Array:
        return self.map(self._clamped, x)

    def _clamped(self, x: Any) -> Any:
        one = self._flint.arb(1)
        if x < -1 or x > 1 or not x.is_finite():
            return x
        low, high = x.lower().max(-one), x.upper().min(one)
        return low.union(high)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        truth, a, b = np.asarray(truth), self.lift(a), self.lift(b)
        chosen = numbers(np.where(truth == YES, a, b))
        if (truth == UNKNOWN).any():
            return numbers(np.where(truth == UNKNOWN, self.map(lambda p, q: p.union(q), a, b), chosen))
        return chosen


def _method(name: str) -> Callable[[Any], Any]:
    return lambda x: getattr(x, name)()


def _logistic(x: Any) -> Any:
    e = (-abs(x)).exp()
    return 1 / (1 + e) if x > 0 else e / (1 + e) if x < 0 else 1 / (1 + (-x).exp())


def _softplus(x: Any) -> Any:
    return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()


def _sech2(x: Any) -> Any:
    """Return 4 e / (1 + e)^2 with e = exp(-2 abs(x)), which does not overflow."""
    e = (-2 * abs(x)).exp()
    return 4 * e / (1 + e) ** 2


#: Functions that arb has no name for.
_TAILS: Mapping[str, Callable[[Any], Any]] = {"logistic": _logistic, "softplus": _softplus, "sech2": _sech2}


def _less(a: Any, b: Any) -> int:
    if a < b:
        return YES
    return NO if a > b else UNKNOWN


def _larger(a: Any, b: Any) -> Any:
    return a.max(b)


def _higher(a: Any, b: Any) -> Any:
    """Return the ball with the larger lower end."""
    return a if a.lower() >= b.lower() else b


def _zero(x: Any) -> int:
    if x.is_zero():
        return YES
    return UNKNOWN if x.contains(0) else NO
