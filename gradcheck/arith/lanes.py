"""Many arrays of one shape as one: floating point in which an array may have lanes, along an axis in front of all others.

Over it, series carry many directions at once: values, which all directions share, are computed once, and each operation on
tangents is one call of NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape, Truth
from gradcheck.arith.carrier import Carrier
from gradcheck.arith.floating import Floating


class Lane(Carrier):
    """An array of lanes: `value` has one axis more, the first."""

    __slots__ = ()

    @property
    def shape(self) -> Shape:
        """The shape of a lane."""
        return tuple(self.value.shape[1:])


class Lanes(Arithmetic):
    """Floating point whose arrays are the same for all lanes, or have `count` lanes.

    Args:
        inner: the format.
        count: how many lanes there are.

    >>> m = Lanes(Floating("float64"), 2)
    >>> y = m.lanes(np.array([[1.0, 2.0], [3.0, 4.0]])) * np.array([10.0, 100.0])
    >>> y.value.tolist()
    [[10.0, 200.0], [30.0, 400.0]]
    """

    def __init__(self, inner: Floating, count: int) -> None:
        self.inner, self.count = inner, count
        self.name = f"{count} lanes of {inner.name}"

    def lanes(self, x: npt.ArrayLike) -> Lane:
        """Return an array of lanes, of shape (count, *shape)."""
        return Lane(self, np.asarray(x))

    # -- entering and leaving ------------------------------------------------------------------

    def array(self, x: npt.ArrayLike) -> Array:
        return self.inner.array(x)

    def constant(self, x: float | Fraction) -> Array:
        return self.inner.constant(x)

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return self.inner.number(_plain(x))

    def enter(self, x: Array) -> Array:
        return self._each(self.inner.enter, x)

    def leave(self, x: Array) -> Array:
        return self._each(self.inner.leave, x)

    def pi(self) -> Array:
        return self.inner.pi()

    def zeros(self, shape: Shape) -> Array:
        return self.inner.zeros(shape)

    def _each(self, f: Callable[[Array], Array], x: Array) -> Array:
        """Apply a function that works entry by entry."""
        return Lane(self, f(x.value)) if isinstance(x, Lane) else f(x)

    def _both(self, f: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
        """Apply a function of two arrays that are broadcast: lanes stay in front."""
        rank = max(len(np.shape(x)) if not isinstance(x, Lane) else len(x.shape) for x in (a, b))
        return Lane(self, f(_padded(a, rank), _padded(b, rank)))

    # -- operators, called only where an operand has lanes -------------------------------------

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""
        return self._both(lambda p, q: p + q, a, b)

    def subtract(self, a: Array, b: Array) -> Array:
        """Return a - b."""
        return self._both(lambda p, q: p - q, a, b)

    def multiply(self, a: Array, b: Array) -> Array:
        """Return a * b."""
        return self._both(lambda p, q: p * q, a, b)

    def divide(self, a: Array, b: Array) -> Array:
        """Return a / b."""
        return self._both(lambda p, q: p / q, a, b)

    def negative(self, a: Array) -> Array:
        """Return -a."""
        return Lane(self, -a.value)

    def absolute(self, a: Array) -> Array:
        """Return the magnitude of a."""
        return Lane(self, np.abs(a.value))

    # -- moving --------------------------------------------------------------------------------

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Array:
        if not any(isinstance(x, Lane) for x in xs):
            return self.inner.move(f, *xs)
        each = range(self.count)
        return Lane(self, np.stack([f(*(x.value[k] if isinstance(x, Lane) else x for x in xs)) for k in each]))

    def reshape(self, x: Array, shape: Shape) -> Array:
        if not isinstance(x, Lane):
            return self.inner.reshape(x, shape)
        return Lane(self, np.reshape(x.value, (self.count, *shape)))

    def transpose(self, x: Array, axes: Sequence[int] | None = None) -> Array:
        if not isinstance(x, Lane):
            return self.inner.transpose(x, axes)
        order = tuple(range(len(x.shape)))[::-1] if axes is None else tuple(k % len(x.shape) for k in axes)
        return Lane(self, np.transpose(x.value, (0, *(k + 1 for k in order))))

    def swap(self, x: Array) -> Array:
        return self._each(lambda a: np.swapaxes(a, -1, -2), x)

    def broadcast_to(self, x: Array, shape: Shape) -> Array:
        if not isinstance(x, Lane):
            return self.inner.broadcast_to(x, shape)
        return Lane(self, np.broadcast_to(_padded(x, len(shape)), (self.count, *shape)))

    # -- adding up -----------------------------------------------------------------------------

    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Array:
        if not isinstance(x, Lane):
            return self.inner.sum(x, axes, keepdims)
        rank = len(x.shape)
        return Lane(self, self.inner.sum(x.value, [k % rank + 1 for k in (range(rank) if axes is None else axes)], keepdims))

    def cumsum(self, x: Array, axis: int) -> Array:
        return Lane(self, np.cumsum(x.value, axis=axis % len(x.shape) + 1)) if isinstance(x, Lane) else self.inner.cumsum(x, axis)

    def matmul(self, a: Array, b: Array) -> Array:
        if not (isinstance(a, Lane) or isinstance(b, Lane)):
            return self.inner.matmul(a, b)
        row, column = len(a.shape) == 1, len(b.shape) == 1
        a = self.reshape(a, (1, *a.shape)) if row else a
        b = self.reshape(b, (*b.shape, 1)) if column else b
        y = self._both(self.inner.matmul, a, b)
        shape = y.shape[: -2 if row and column else -1] if column else y.shape
        return self.reshape(y, (*shape[:-2], shape[-1]) if row and not column else shape)

    def einsum(self, spec: str, *xs: Array) -> Array:
        if not any(isinstance(x, Lane) for x in xs):
            return self.inner.einsum(spec, *xs)
        terms, result = spec.replace(" ", "").split("->")
        free = next(c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in spec)
        marked = [free + t if isinstance(x, Lane) else t for t, x in zip(terms.split(","), xs, strict=True)]
        return Lane(self, self.inner.einsum(f"{','.join(marked)}->{free}{result}", *map(_plain, xs)))

    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Array:
        if not isinstance(x, Lane):
            return self.inner.scatter_add(x, index, shape)
        size, flat = math.prod(shape), np.ravel(index)
        everywhere = np.where(flat < 0, -1, np.arange(self.count)[:, None] * size + flat)
        return Lane(self, self.inner.scatter_add(x.value, everywhere, (self.count, *shape)))

    # -- comparing, and functions: values have no lanes, or entry by entry ----------------------

    def less(self, a: Array, b: Array) -> Truth:
        return self.inner.less(a, b)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        if not (isinstance(a, Lane) or isinstance(b, Lane)):
            return self.inner.select(truth, a, b)
        rank = max(np.ndim(truth), *(len(x.shape) for x in (a, b) if not isinstance(x, int)))
        return Lane(self, self.inner.select(np.asarray(truth), _padded(a, rank), _padded(b, rank)))

    def maximum(self, a: Array, b: Array) -> Array:
        return self.inner.maximum(a, b)

    def max(self, x: Array, axis: int) -> Array:
        return self.inner.max(x, axis)

    def winners(self, x: Array, axis: int) -> Truth:
        return self.inner.winners(x, axis)

    def shift(self, x: Array, axis: int) -> Array:
        return self.inner.shift(x, axis)

    def is_zero(self, x: Array) -> Truth:
        return self.inner.is_zero(x)

    def scale(self, x: Array, axes: Sequence[int]) -> Array:
        return self.inner.scale(x, axes)

    def function(self, name: str, x: Array) -> Array:
        return self._each(lambda v: self.inner.function(name, v), x)

    def power(self, x: Array, p: Array) -> Array:
        return self.inner.power(x, p)

    def integer_power(self, x: Array, n: int) -> Array:
        return self._each(lambda v: self.inner.integer_power(v, n), x)


def _plain(x: Array) -> Any:
    return x.value if isinstance(x, Lane) else x


def _padded(x: Array, rank: int) -> Any:
    """Return the numbers of an array; lanes are put in front of as many axes as the others have."""
    if not isinstance(x, Lane):
        return x
    missing = rank - len(x.shape)
    return np.reshape(x.value, (x.value.shape[0], *(1,) * missing, *x.shape)) if missing > 0 else x.value
