"""Truncated Taylor series over any arithmetic: x0 + x1 e + ... + xd e^d; of degree 1, dual numbers.

A sweep over series gives what the sweep gives, and its derivatives along a direction: the value rules give directional
derivatives of any order, the reverse sweep gives those of the gradient, Hessian times vector among them (Griewank and Walther,
Evaluating Derivatives, chapters 10 and 13). Functions follow from f(x)' = f'(x) x', coefficient by coefficient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import UNKNOWN, Arithmetic, Array, Index, Shape, Truth
from gradcheck.arith.carrier import Carrier
from gradcheck.arith.slopes import SLOPES, Slopes

#: A coefficient; None is zero, exactly, and costs nothing.
Coefficient: TypeAlias = Any


class Series(Carrier):
    """An array of series: `value`, and the coefficients of e, e^2, ... in `rest`."""

    __slots__ = ("known", "rest")

    def __init__(self, m: Taylor, value: Array, rest: Sequence[Coefficient] = ()) -> None:
        super().__init__(m, value)
        self.rest = tuple(rest) + (None,) * (m.degree - len(rest))
        self.known: dict[tuple[str, int], Series] = {}

    def __getitem__(self, k: int) -> Coefficient:
        return self.value if k == 0 else self.rest[k - 1]


class Taylor(Arithmetic):
    """Series up to e^degree whose coefficients are arrays of an arithmetic.

    Args:
        inner: the arithmetic of the coefficients.
        degree: the highest power of e that is kept.
        slopes: the derivatives of functions.

    >>> from gradcheck.arith.floating import Floating
    >>> m = Taylor(Floating("float64"), 3)
    >>> y = m.exp(m.along(np.array(0.0), np.array(1.0)))
    >>> [float(y[k]) for k in range(4)]
    [1.0, 1.0, 0.5, 0.16666666666666666]
    """

    def __init__(self, inner: Arithmetic, degree: int = 1, *, slopes: Slopes = SLOPES) -> None:
        self.inner, self.degree, self.slopes = inner, degree, slopes
        self.name = f"taylor[{degree}] over {inner.name}"
        self._lower: Taylor | None = None

    @property
    def lower(self) -> Taylor:
        """The arithmetic of one degree less."""
        if self._lower is None:
            self._lower = Taylor(self.inner, self.degree - 1, slopes=self.slopes)
        return self._lower

    # -- entering and leaving ------------------------------------------------------------------

    def along(self, x: npt.ArrayLike, t: npt.ArrayLike) -> Series:
        """Return x + e t, both real numbers."""
        return Series(self, self.inner.array(x), (self.inner.array(t),) if self.degree else ())

    def coefficient(self, x: Series, k: int) -> Array:
        """Return the coefficient of e^k as an array of the inner arithmetic."""
        return self.inner.zeros(x.shape) if x[k] is None else x[k]

    def array(self, x: npt.ArrayLike) -> Series:
        return Series(self, self.inner.array(x))

    def constant(self, x: float | Fraction) -> Series:
        return Series(self, self.inner.constant(x))

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return self.inner.number(x.value)

    def enter(self, x: Array) -> Array:
        return self._each(self.inner.enter, x)

    def leave(self, x: Array) -> Array:
        return self._each(self.inner.leave, x)

    def pi(self) -> Series:
        return Series(self, self.inner.pi())

    def zeros(self, shape: Shape) -> Series:
        return Series(self, self.inner.zeros(shape))

    def _each(self, f: Callable[[Array], Array], x: Series) -> Series:
        """Apply a linear function coefficient by coefficient."""
        return Series(self, f(x.value), [None if c is None else f(c) for c in x.rest])

    def _made(self, value: Array, rest: Sequence[Coefficient]) -> Series:
        """Return a series whose coefficients have the shape of its value."""
        shape = tuple(value.shape)
        whole = [c if c is None or tuple(c.shape) == shape else self.inner.broadcast_to(c, shape) for c in rest]
        return Series(self, value, whole)

    def _series(self, x: Any) -> Series:
        return x if isinstance(x, Series) else self.constant(x)

    def _cut(self, x: Series) -> Series:
        """Return `x` with one degree less, which shares what is known of its functions."""
        cut = Series(self.lower, x.value, x.rest[:-1])
        cut.known = x.known
        return cut

    # -- operators -----------------------------------------------------------------------------

    def add(self, a: Array, b: Array) -> Series:
        """Return a + b."""
        a, b = self._series(a), self._series(b)
        return self._made(a.value + b.value, [_plus(p, q) for p, q in zip(a.rest, b.rest, strict=True)])

    def subtract(self, a: Array, b: Array) -> Series:
        """Return a - b."""
        a, b = self._series(a), self._series(b)
        return self._made(a.value - b.value, [_minus(p, q) for p, q in zip(a.rest, b.rest, strict=True)])

    def multiply(self, a: Array, b: Array) -> Series:
        """Return a * b, the product of Cauchy."""
        if isinstance(a, int) or isinstance(b, int):
            return self._scaled(b, a) if isinstance(a, int) else self._scaled(a, b)
        return self._products(lambda p, q: p * q, a, b)

    def _scaled(self, x: Series, n: int) -> Series:
        return Series(self, x.value * n, [None if c is None else c * n for c in x.rest])

    def divide(self, a: Array, b: Array) -> Series:
        """Return y = a / b from b y = a."""
        if isinstance(b, int):
            return Series(self, a.value / b, [None if c is None else c / b for c in a.rest])
        top = a if isinstance(a, Series) else None
        y: list[Coefficient] = [(a if top is None else top.value) / b.value]
        for k in range(1, self.degree + 1):
            rest = None if top is None else top[k]
            for j in range(1, k + 1):
                rest = _minus(rest, _times(b[j], y[k - j]))
            y.append(None if rest is None else rest / b.value)
        return self._made(y[0], y[1:])

    def negative(self, a: Series) -> Series:
        """Return -a."""
        return self._each(lambda c: -c, a)

    def absolute(self, a: Series) -> Series:
        """Return the magnitude: at zero its slope is that of the inner arithmetic's sign."""
        if not _moves(a):
            return Series(self, abs(a.value))
        sign = self.inner.sign(a.value)
        return Series(self, abs(a.value), [_times(sign, c) for c in a.rest])

    def square(self, x: Series) -> Series:
        if self.degree == 1 and x.rest[0] is not None:
            return Series(self, self.inner.square(x.value), (2 * x.value * x.rest[0],))
        y = self._products(lambda p, q: p * q, x, x) if _moves(x) else Series(self, x.value)
        return Series(self, self.inner.square(x.value), y.rest)

    def _products(self, f: Callable[..., Array], *xs: Series) -> Series:
        """Return a function that is linear in each operand: the sum over all ways to share out the degree."""
        y: list[Coefficient] = [f(*(x.value for x in xs))]
        used = [[k for k in range(self.degree + 1) if x[k] is not None] for x in xs]
        for k in range(1, self.degree + 1):
            terms = [f(*(x[i] for x, i in zip(xs, ways, strict=True))) for ways in product(*used) if sum(ways) == k]
            y.append(sum(terms[1:], terms[0]) if terms else None)
        return self._made(y[0], y[1:])

    # -- moving and adding up ------------------------------------------------------------------

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Series:
        return self._joined(lambda *cs: self.inner.move(f, *cs), *xs)

    def _joined(self, f: Callable[..., Array], *xs: Series) -> Series:
        """Apply a linear function of several arrays coefficient by coefficient."""
        rest = [
            f(*(self.coefficient(x, k) for x in xs)) if any(x[k] is not None for x in xs) else None for k in range(1, self.degree + 1)
        ]
        return Series(self, f(*(x.value for x in xs)), rest)

    def reshape(self, x: Array, shape: Shape) -> Series:
        return self._each(lambda c: self.inner.reshape(c, shape), x)

    def transpose(self, x: Array, axes: Sequence[int] | None = None) -> Series:
        return self._each(lambda c: self.inner.transpose(c, axes), x)

    def swap(self, x: Array) -> Series:
        return self._each(self.inner.swap, x)

    def broadcast_to(self, x: Array, shape: Shape) -> Series:
        return self._each(lambda c: self.inner.broadcast_to(c, shape), x)

    def part(self, x: Array, start: int, stop: int, axis: int) -> Series:
        return self._each(lambda c: self.inner.part(c, start, stop, axis), x)

    def take(self, x: Array, index: Index) -> Series:
        return self._each(lambda c: self.inner.take(c, index), x)

    def concatenate(self, xs: Sequence[Array], axis: int) -> Series:
        return self._joined(lambda *cs: self.inner.concatenate(cs, axis), *xs)

    def stack(self, xs: Sequence[Array], axis: int) -> Series:
        return self._joined(lambda *cs: self.inner.stack(cs, axis), *xs)

    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Series:
        return self._each(lambda c: self.inner.sum(c, axes, keepdims), x)

    def cumsum(self, x: Array, axis: int) -> Series:
        return self._each(lambda c: self.inner.cumsum(c, axis), x)

    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Series:
        return self._each(lambda c: self.inner.scatter_add(c, index, shape), x)

    def matmul(self, a: Array, b: Array) -> Series:
        return self._products(self.inner.matmul, a, b)

    def einsum(self, spec: str, *xs: Array) -> Series:
        return self._products(lambda *v: self.inner.einsum(spec, *v), *xs)

    # -- comparing: the values decide ------------------------------------------------------------

    def less(self, a: Array, b: Array) -> Truth:
        return self.inner.less(self._series(a).value, self._series(b).value)

    def is_zero(self, x: Array) -> Truth:
        return self.inner.is_zero(x.value)

    def winners(self, x: Array, axis: int) -> Truth:
        return self.inner.winners(x.value, axis)

    def select(self, truth: Truth, a: Array, b: Array) -> Series:
        a, b = self._series(a), self._series(b)
        rest = [
            None if p is None and q is None else self.inner.select(truth, 0 if p is None else p, 0 if q is None else q)
            for p, q in zip(a.rest, b.rest, strict=True)
        ]
        return self._made(self.inner.select(truth, a.value, b.value), rest)

    def maximum(self, a: Array, b: Array) -> Series:
        a, b = self._series(a), self._series(b)
        value = self.inner.maximum(a.value, b.value)
        if not (_moves(a) or _moves(b)):
            return Series(self, value)
        return self._made(value, self.select(self.less(a, b), b, a).rest)

    def max(self, x: Array, axis: int) -> Series:
        value = self.inner.max(x.value, axis)
        if not _moves(x):
            return Series(self, value)
        wins = self.inner.winners(x.value, axis)
        if wins.dtype == np.int8 and (wins == UNKNOWN).any():
            return Series(self, value, self._contest(x, axis).rest)
        rest = [None if c is None else self.inner.sum(self.inner.select(wins, c, 0), (axis,), True) for c in x.rest]
        return Series(self, value, rest)

    def _contest(self, x: Series, axis: int) -> Series:
        """Return the larger of two at a time: where that is unknown, the hull of both, which for equal ones is narrow."""
        best: Series = self.part(x, 0, 1, axis)
        for k in range(1, x.shape[axis]):
            best = self.maximum(best, self.part(x, k, k + 1, axis))
        return best

    def shift(self, x: Array, axis: int) -> Series:
        return Series(self, self.inner.shift(x.value, axis))

    def scale(self, x: Array, axes: Sequence[int]) -> Series:
        return Series(self, self.inner.scale(x.value, axes))

    def sign(self, x: Array) -> Series:
        return Series(self, self.inner.sign(x.value))

    def clamped(self, x: Array) -> Series:
        return Series(self, self.inner.clamped(x.value), x.rest)

    # -- functions -----------------------------------------------------------------------------

    def function(self, name: str, x: Array) -> Series:
        if not _moves(x):
            return Series(self, self.inner.function(name, x.value))
        known: dict[tuple[str, int], Series] = x.known
        key = (name, self.degree)
        if key not in known:
            cut = self._cut(x)
            y = self.lower.function(name, cut)
            slope = self.slopes[name](self.lower, cut, y)
            known[key] = Series(self, y.value, (*y.rest, self._last(x, slope)))
        return known[key]

    def _last(self, x: Series, slope: Series) -> Coefficient:
        """Return the coefficient of e^degree of y, where y' = slope x'."""
        total = None
        for j in range(1, self.degree + 1):
            total = _plus(total, _times(None if x[j] is None else j * x[j], slope[self.degree - j]))
        return total if self.degree == 1 or total is None else total / self.degree

    def power(self, x: Array, p: Array) -> Series:
        x, p = self._series(x), self._series(p)
        if not (_moves(x) or _moves(p)):
            return Series(self, self.inner.power(x.value, p.value))
        low, cut, exponent = self.lower, self._cut(x), self._cut(p)
        y = low.power(cut, exponent)
        last = self._last(x, exponent * low.power(cut, exponent - 1)) if _moves(x) else None
        if _moves(p):
            at_zero = low.is_zero(cut)
            log = low.select(at_zero, 0, low.log(low.select(at_zero, 1, cut)))
            last = _plus(last, self._last(p, y * log))
        return self._made(y.value, (*y.rest, last))

    def integer_power(self, x: Array, n: int) -> Series:
        if n == 0 or not _moves(x):
            return Series(self, self.inner.integer_power(x.value, n))
        cut = self._cut(x)
        y = self.lower.integer_power(cut, n)
        return Series(self, y.value, (*y.rest, self._last(x, n * self.lower.integer_power(cut, n - 1))))


def _moves(x: Series) -> bool:
    return any(c is not None for c in x.rest)


def _plus(a: Coefficient, b: Coefficient) -> Coefficient:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _minus(a: Coefficient, b: Coefficient) -> Coefficient:
    if b is None:
        return a
    return -b if a is None else a - b


def _times(a: Coefficient, b: Coefficient) -> Coefficient:
    return None if a is None or b is None else a * b
