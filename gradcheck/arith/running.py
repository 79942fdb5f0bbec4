"""Running error: each value with a rigorous bound of what rounding can have done to it.

`Running` answers: if a conforming implementation in a format of unit roundoff u computes this
formula, in any order of summation, with or without fused multiply-add, how far from our value can
its result be? The standard model is fl(a op b) = (a op b)(1 + d), abs(d) <= u (Higham, Accuracy and
Stability of Numerical Algorithms, chapter 3); sums and products of n terms have the constant n u
without restriction on n (Rump, Buenger, Jeannerod, BIT 56, 2016). The values are computed in a wider
format, whose own roundoff is added to u.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import NO, UNKNOWN, YES, Arithmetic, Array, Index, Shape, Truth
from gradcheck.arith.carrier import Carrier
from gradcheck.arith.floating import Floating
from gradcheck.arith.roundoff import DEFAULT_ULPS, ROUNDED_ONCE, Roundoff, wide_format

__all__ = ["DEFAULT_ULPS", "Bound", "Bounded", "Roundoff", "Running", "wide_format"]

#: An error bound: float64, of the value's shape; None for an exact value.
Bound: TypeAlias = npt.NDArray[np.float64] | None

#: Functions that rise or fall over their whole domain: their ends bound them.
_MONOTONE = {
    "exp", "log", "log1p", "expm1", "sqrt", "arctan", "sinh", "tanh", "arctanh", "erf", "erfc",
    "logistic", "softplus",
}  # fmt: skip


class Bounded(Carrier):
    """A value and the bound of its error."""

    __slots__ = ("error",)
    m: Running

    def __init__(self, m: Running, value: npt.NDArray[Any], error: Bound) -> None:
        super().__init__(m, value)
        self.error = error

    def radius(self) -> npt.NDArray[np.float64]:
        """Return the bound as an array, zeros where the value is exact, inf where unknown."""
        if self.error is None:
            return np.zeros(self.shape)
        known = not math.isnan(np.maximum.reduce(self.error, axis=None, initial=0.0))
        return self.error if known else np.where(np.isnan(self.error), np.inf, self.error)


def radius_of(x: Any) -> npt.NDArray[np.float64]:
    """Return the error bound of a value; zeros for one that has none."""
    return np.asarray(x.radius() if isinstance(x, Bounded) else np.zeros(np.shape(x)), np.float64)


class Running(Arithmetic):
    """Values in a wide format, each with its running error bound.

    Args:
        roundoff: how the implementation to be judged rounds.
        wide: the format of the values, see `wide_format`.

    >>> m = Running(Roundoff.of("float32"))
    >>> y = m.array([3.0]) * m.array([0.9])
    >>> bool(abs(np.float32(3) * np.float32(0.9) - y.value) <= y.radius())
    False
    >>> y = m.array(np.float32([3])) * m.array(np.float32([0.9]))
    >>> bool(abs(np.float32(3) * np.float32(0.9) - y.value) <= y.radius())
    True
    """

    def __init__(self, roundoff: Roundoff, wide: str = "float64") -> None:
        self.base = Floating(wide)
        self.roundoff = roundoff
        own = float(np.finfo(self.base.working).eps) / 2
        self.u = roundoff.u + own
        self.u_sum = roundoff.accumulate + own
        self.own = own
        self.eta = roundoff.eta
        self.eta_sum = roundoff.eta if roundoff.flushes else 0.0
        self.name = f"running[u={roundoff.u:.3g}]"

    # -- entering -------------------------------------------------------------------------------

    def array(self, x: npt.ArrayLike) -> Bounded:
        return Bounded(self, self.base.array(x), None)

    def bounded(self, x: npt.ArrayLike, error: npt.ArrayLike) -> Bounded:
        """Return values with given error bounds."""
        value = self.base.array(x)
        return Bounded(self, value, np.broadcast_to(np.asarray(error, np.float64), value.shape))

    def constant(self, x: float | Fraction) -> Bounded:
        value = self.base.constant(x)
        exact = isinstance(x, int) or float(value).as_integer_ratio()[0].bit_length() <= -math.log2(self.roundoff.u)
        return Bounded(self, value, None if exact else self.u * _mag(value))

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return self.base.number(x.value)

    def pi(self) -> Bounded:
        value = self.base.pi()
        return Bounded(self, value, self.u * _mag(value))

    def _pair(self, x: Array) -> Bounded:
        return x if isinstance(x, Bounded) else self.constant(x)

    # -- operators ------------------------------------------------------------------------------

    def add(self, a: Array, b: Array) -> Bounded:
        """Return a + b: the errors add up, and one rounding."""
        a, b = self._pair(a), self._pair(b)
        return self._unending(self._rounded(a.value + b.value, _plus(a.error, b.error), self.eta_sum))

    def subtract(self, a: Array, b: Array) -> Bounded:
        """Return a - b."""
        a, b = self._pair(a), self._pair(b)
        return self._unending(self._rounded(a.value - b.value, _plus(a.error, b.error), self.eta_sum))

    def rounded(self, x: Bounded) -> Bounded:
        """Return a number of any format after one rounding to this one."""
        return self._rounded(x.value, x.error, self.eta)

    def _unending(self, x: Bounded) -> Bounded:
        """Return a sum that is exact where it is infinite: an operand is, since the wide format holds all other sums."""
        if x.error is None or np.maximum.reduce(x.error, axis=None, initial=0.0) < math.inf:
            return x
        return Bounded(self, x.value, np.where(np.isinf(x.value), 0.0, x.error))

    def multiply(self, a: Array, b: Array) -> Bounded:
        """Return a * b with error abs(a) E_b + abs(b) E_a + E_a E_b and one rounding."""
        a, b = self._pair(a), self._pair(b)
        error: Bound = None
        if b.error is not None:
            error = _mag(a.value) * b.error
        if a.error is not None:
            error = _plus(error, a.error * (_mag(b.value) + _zero(b.error)))
        return self._rounded(a.value * b.value, error, self.eta)

    def divide(self, a: Array, b: Array) -> Bounded:
        """Return a / b with error (E_a + abs(a/b) E_b) / (abs(b) - E_b) and one rounding."""
        a, b = self._pair(a), self._pair(b)
        value = a.value / b.value
        error: Bound = None
        if a.error is not None or b.error is not None:
            room = _mag(b.value) - _zero(b.error)
            total = _zero(a.error) + _mag(value) * _zero(b.error)
            error = np.where(room > 0, total / np.where(room > 0, room, 1), np.inf)
        return self._rounded(value, error, self.eta)

    def negative(self, a: Bounded) -> Bounded:
        """Return -a, exactly."""
        return Bounded(self, -a.value, a.error)

    def absolute(self, a: Bounded) -> Bounded:
        """Return abs(a), exactly."""
        return Bounded(self, np.abs(a.value), a.error)

    def _rounded(self, value: npt.NDArray[Any], error: Bound, eta: float, ulps: float = 0.5) -> Bounded:
        """Attach `error` and a final rounding of `ulps` (half an ulp is one unit roundoff)."""
        size = _mag(value)
        if error is not None:
            size += error
        top = np.maximum.reduce(size, axis=None, initial=0.0)
        over = size > self._reach(ulps) if top > self.roundoff.largest else None
        size *= 2 * ulps * self.u
        size += eta
        if error is not None:
            size += error
        return Bounded(self, np.asarray(value), size if over is None else np.where(over, np.inf, size))

    def _reach(self, ulps: float) -> float:
        """Return what a result may be before its last rounding and not overflow: half a gap of numbers above the largest.

        That gap is 2 u 2^e, and the largest number is less than 2^(e + 1): half a gap is at least u/2 of it. Functions may err by more.
        """
        largest = self.roundoff.largest
        return largest * (1 + self.roundoff.u / 2) if ulps <= 0.5 else largest * (1 - 2 * ulps * self.u)

    def _bounded(self, value: npt.NDArray[Any], error: Any, reach: float = math.inf) -> Bounded:
        """Return a result with its bound: none where the format may overflow, whatever comes of that later.

        No abs(value) + error is above `reach`; with it arrays far from overflow need no closer look.
        """
        if reach <= self.roundoff.largest:
            return Bounded(self, np.asarray(value), error)
        over = _mag(value) + error > self.roundoff.largest
        return Bounded(self, np.asarray(value), np.where(over, np.inf, error) if over.any() else error)

    # -- moving ---------------------------------------------------------------------------------

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Bounded:
        value = np.asarray(f(*(x.value for x in xs)))
        if all(x.error is None for x in xs):
            return Bounded(self, value, None)
        return Bounded(self, value, np.asarray(f(*(_full(x) for x in xs))))

    # -- adding up ------------------------------------------------------------------------------

    def sum(self, x: Bounded, axes: Sequence[int] | None = None, keepdims: bool = False) -> Bounded:
        axis = tuple(range(x.value.ndim)) if axes is None else tuple(axes)
        terms = math.prod(x.shape[i] for i in axis)
        value = np.sum(x.value, axis=axis, keepdims=keepdims)
        if terms <= 1:
            error = None if x.error is None else np.sum(x.error, axis=axis, keepdims=keepdims)
            return Bounded(self, np.asarray(value), error)
        size = np.sum(_mag(x.value), axis=axis, keepdims=keepdims)
        inner = None if x.error is None else np.sum(x.error, axis=axis, keepdims=keepdims)
        return self._accumulated(value, inner, _plus(size, inner), terms - 1)

    def cumsum(self, x: Bounded, axis: int) -> Bounded:
        inner = None if x.error is None else np.cumsum(x.error, axis=axis)
        size = np.cumsum(_mag(x.value), axis=axis)
        return self._accumulated(np.cumsum(x.value, axis=axis), inner, _plus(size, inner), x.shape[axis] - 1)

    def _accumulated(self, value: Array, inner: Bound, total: Any, roundings: float | Any, eta: float = 0.0) -> Bounded:
        """Return a sum whose terms, errors included, have the total size `total`; these errors add up to `inner`."""
        error = total * (roundings * self.u_sum)
        error += roundings * self.eta_sum + eta
        if inner is not None:
            error += inner
        if self.u_sum < self.u:
            error += self.u * (_mag(value) + error)
        return self._bounded(value, error, 2 * np.maximum.reduce(total, axis=None, initial=0.0) + np.maximum.reduce(error, axis=None, initial=0.0))

    def matmul(self, a: Bounded, b: Bounded) -> Bounded:
        return self._products(self.base.matmul, (a, b), a.shape[-1])

    def einsum(self, spec: str, *xs: Bounded) -> Bounded:
        terms, result = spec.replace(" ", "").split("->")
        sizes = {c: n for t, x in zip(terms.split(","), xs, strict=True) for c, n in zip(t, x.shape, strict=True)}
        n = math.prod(size for c, size in sizes.items() if c not in result)
        return self._products(lambda *v: self.base.einsum(spec, *v), xs, n + len(xs) - 2)

    def _products(self, f: Callable[..., Array], xs: Sequence[Bounded], n: int) -> Bounded:
        """Return a sum of products `f`: n u abs(A) abs(B), and the errors of each factor in turn."""
        sizes = [_mag(x.value) for x in xs]
        inner: Bound = None
        for k, x in enumerate(xs):
            if x.error is not None:
                inner = _plus(inner, f(*sizes[:k], x.error, *sizes[k + 1 :]))
                sizes[k] = sizes[k] + x.error
        roundings = n + len(xs) * self.roundoff.inputs / self.u_sum
        return self._accumulated(f(*(x.value for x in xs)), inner, f(*sizes), roundings, n * self.eta)

    def affine(self, x: Bounded, w: Bounded, b: Bounded) -> Bounded:
        y = self.matmul(x, w)
        extra = x.shape[-1] * self.u_sum * (_mag(b.value) + _zero(b.error)) + _zero(b.error)
        return self._rounded(y.value + b.value, _zero(y.error) + extra, 0.0)

    def scatter_add(self, x: Bounded, index: Index, shape: Shape) -> Bounded:
        value = self.base.scatter_add(x.value, index, shape)
        flat = np.ravel(index)
        counts = np.bincount(flat[flat >= 0], minlength=math.prod(shape)).reshape(shape)
        error = None if x.error is None else _spread(x.error, index, shape)
        if counts.size == 0 or counts.max() <= 1:
            return Bounded(self, value, error)
        size = _spread(_mag(x.value), index, shape)
        return self._accumulated(value, error, _plus(size, error), np.maximum(counts - 1, 0))

    # -- comparing ------------------------------------------------------------------------------

    def less(self, a: Array, b: Array) -> Truth:
        """Answer a < b; unknown where the errors overlap and at equality, so that either side of
        a kink is right.
        """
        a, b = self._pair(a), self._pair(b)
        gap = b.value - a.value
        error = _zero(_plus(a.error, b.error))
        return np.where(gap > error, YES, np.where(gap < -error, NO, UNKNOWN)).astype(np.int8)

    def select(self, truth: Truth, a: Array, b: Array) -> Bounded:
        a, b = self._pair(a), self._pair(b)
        if truth.dtype == bool:
            truth = truth.astype(np.int8)
        middle = (a.value + b.value) / 2
        value = np.where(truth == YES, a.value, np.where(truth == NO, b.value, middle))
        if a.error is None and b.error is None and not np.any(truth == UNKNOWN):
            return Bounded(self, value, None)
        ea, eb = _zero(a.error), _zero(b.error)
        hull = _mag(a.value - b.value) / 2 + np.maximum(ea, eb)
        error = np.where(truth == YES, ea, np.where(truth == NO, eb, hull))
        return Bounded(self, value, error)

    def maximum(self, a: Array, b: Array) -> Bounded:
        a, b = self._pair(a), self._pair(b)
        value = np.maximum(a.value, b.value)
        if a.error is None and b.error is None:
            return Bounded(self, value, None)
        return Bounded(self, value, np.broadcast_to(np.maximum(_zero(a.error), _zero(b.error)), value.shape))

    def max(self, x: Bounded, axis: int) -> Bounded:
        value, low, high = (np.max(x.value + s * x.radius(), axis=axis, keepdims=True) for s in (0, -1, 1))  # far below the largest no error counts
        return Bounded(self, value, None if x.error is None else np.maximum(high - value, value - low) + 4 * self.own * _mag(value))

    def is_zero(self, x: Bounded) -> Truth:
        error = _zero(x.error)
        return np.where(np.abs(x.value) > error, NO, np.where(error > 0, UNKNOWN, YES)).astype(np.int8)

    def clamped(self, x: Bounded) -> Bounded:
        value = np.clip(np.nan_to_num(x.value), -1, 1)
        if x.error is None:
            return Bounded(self, value, None)
        return Bounded(self, value, np.minimum(x.radius() + np.abs(x.value - value), 1 + _mag(value)))

    def scale(self, x: Bounded, axes: Sequence[int]) -> Bounded:
        return Bounded(self, self.base.scale(x.value, axes), None)

    def winners(self, x: Bounded, axis: int) -> Truth:
        error = _zero(x.error)
        possible = x.value + error >= np.max(x.value - error, axis=axis, keepdims=True)
        alone = np.sum(possible, axis=axis, keepdims=True) == 1
        return np.where(possible, np.where(alone, YES, UNKNOWN), NO).astype(np.int8)

    def shift(self, x: Bounded, axis: int) -> Bounded:
        return Bounded(self, np.max(x.value, axis=axis, keepdims=True), None)

    # -- functions ------------------------------------------------------------------------------

    def function(self, name: str, x: Bounded) -> Bounded:
        f = partial(self.base.function, name)
        value = f(x.value)
        ulps = self.roundoff.ulps.get(name, 0.5 if name in ROUNDED_ONCE else DEFAULT_ULPS)
        spread = None if x.error is None else self._spread_of(name, f, x, value)
        return self._rounded(value, spread, self.eta, ulps)

    def _spread_of(self, name: str, f: Callable[[Array], Array], x: Bounded, value: Array) -> Bound:
        """Return how far a function moves when its argument moves by the argument's error."""
        e = x.radius()
        if name in ("sin", "cos"):
            return np.minimum(e, 2.0)
        if name == "cosh":
            return self._widened(np.abs(f(_mag(x.value) + e) - value), value)
        if name == "sech2":
            return self._ends(f, np.maximum(_mag(x.value) - e, 0), _mag(x.value) + e, value)
        low, high = x.value - e, x.value + e
        if name == "sqrt":  # of a sum of squares, say, which is not negative however it is rounded
            low = np.maximum(low, 0)
        if name == "tan":
            whole = np.floor(low / math.pi + 0.5) == np.floor(high / math.pi + 0.5)
            ends: Any = self._ends(f, low, high, value)
            return np.where(whole, ends, np.inf)
        if name not in _MONOTONE:
            return np.full(x.shape, np.inf)
        return self._ends(f, low, high, value)

    def _ends(self, f: Callable[[Array], Array], low: Array, high: Array, value: Array) -> Bound:
        return self._widened(np.maximum(np.abs(f(low) - value), np.abs(f(high) - value)), value)

    def _widened(self, gap: Array, value: Array) -> Bound:
        """Add what the wide evaluation of two function values can hide in their difference."""
        wide: Bound = np.asarray(gap, np.float64) + 4 * DEFAULT_ULPS * self.own * _mag(value)
        return wide

    def power(self, x: Array, p: Array) -> Bounded:
        x, p = self._pair(x), self._pair(p)
        value = self.base.power(x.value, p.value)
        error: Bound = None
        if x.error is not None or p.error is not None:
            corners = [
                np.abs(self.base.power(np.maximum(x.value + i * x.radius(), 0), p.value + j * p.radius()) - value)
                for i in (-1, 1)
                for j in (-1, 1)
            ]
            error = self._widened(np.max(corners, axis=0), value)
        return self._rounded(value, error, self.eta, self.roundoff.ulps.get("power", DEFAULT_ULPS))

    def integer_power(self, x: Bounded, n: int) -> Bounded:
        if n == 0:
            return Bounded(self, self.base.ones(x.shape), None)
        value = self.base.integer_power(x.value, n)
        error: Bound = None
        if x.error is not None:
            size = _mag(x.value)
            far = self.base.integer_power(size + x.error, n) if n > 0 else None
            near = self.base.integer_power(np.maximum(size - x.error, 0), n)
            error = self._widened(np.maximum(_mag(far) - _mag(value) if n > 0 else 0, np.abs(near - _mag(value))), value)
        return self._rounded(value, error, self.eta, max(DEFAULT_ULPS, abs(n) / 2))


def _mag(x: Any) -> npt.NDArray[np.float64]:
    size: Any = np.abs(x)
    return size if getattr(size, "dtype", None) == np.float32 and size.ndim else np.asarray(size, np.float64)


def _zero(error: Bound) -> Any:
    return 0.0 if error is None else error


def _plus(a: Bound, b: Bound) -> Bound:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _full(x: Bounded) -> npt.NDArray[np.float64]:
    return np.zeros(x.shape) if x.error is None else np.broadcast_to(x.error, x.shape)


def _spread(x: npt.NDArray[np.float64], index: Index, shape: Shape) -> npt.NDArray[np.float64]:
    flat = np.zeros(math.prod(shape) + 1)
    np.add.at(flat, np.ravel(index), np.ravel(np.broadcast_to(x, index.shape)))
    return flat[:-1].reshape(shape)
