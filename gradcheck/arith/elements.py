"""Number systems whose numbers are Python objects: NumPy carries them in object arrays."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape, Truth
from gradcheck.arith.floating import first_winner
from gradcheck.errors import NotInThisArithmetic


class Numbers(np.ndarray[Any, np.dtype[Any]]):
    """An object array; being a subclass, its 0-d results stay arrays."""


def numbers(x: Any) -> Array:
    """Return `x` as an object array that stays one under every operator."""
    return np.asarray(x, dtype=object).view(Numbers)


class Elements(Arithmetic):
    """An arithmetic over scalars of one Python type; a subclass says how to make one.

    Subclasses define `element` and, as far as the numbers have them, `functions`, `raised`
    (x to the power p) and `element_pi`. Comparisons use Python's ``<``.
    """

    #: name of a function (see `FUNCTIONS`) -> function of one scalar
    functions: Mapping[str, Callable[[Any], Any]] = {}

    @abstractmethod
    def element(self, x: Any) -> Any:
        """Return the number `x` (int, float or Fraction) exactly."""

    def element_pi(self) -> Any:
        """Return pi as a scalar."""
        raise NotInThisArithmetic("pi", self.name)

    def raised(self, x: Any, p: Any) -> Any:
        """Return x to the power p for scalars; here for integer p alone."""
        if p != int(p):
            raise NotInThisArithmetic("a power that is no integer", self.name)
        return x ** int(p)

    def array(self, x: npt.ArrayLike) -> Array:
        return self.map(self.element, np.asarray(x).astype(object))

    def constant(self, x: float | Fraction) -> Array:
        return self.map(self.element, np.asarray(x, dtype=object))

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return np.asarray(np.asarray(x).astype(np.float64))

    def map(self, f: Callable[..., Any], *xs: Array) -> Array:
        """Apply a scalar function entry by entry."""
        return numbers(np.frompyfunc(f, len(xs), 1)(*xs))

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Array:
        return numbers(f(*xs))

    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Array:
        axis = None if axes is None else tuple(axes)
        return numbers(np.sum(x, axis=axis, keepdims=keepdims, initial=self.element(0)))

    def cumsum(self, x: Array, axis: int) -> Array:
        return numbers(np.cumsum(x, axis=axis))

    def matmul(self, a: Array, b: Array) -> Array:
        y = numbers(np.matmul(a, b))
        return y if a.shape[-1] else self.zeros(y.shape)

    def einsum(self, spec: str, *xs: Array) -> Array:
        y = numbers(np.einsum(spec, *xs))
        return y if all(math.prod(x.shape) for x in xs) else self.zeros(y.shape)

    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Array:
        flat = np.full(math.prod(shape) + 1, self.element(0), dtype=object)
        np.add.at(flat, np.ravel(index), np.ravel(x))
        return numbers(flat[:-1].reshape(shape))

    def less(self, a: Array, b: Array) -> Truth:
        return np.frompyfunc(lambda p, q: bool(p < q), 2, 1)(a, b).astype(bool)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        return numbers(np.where(truth, self.lift(a), self.lift(b)))

    def lift(self, x: Array) -> Array:
        """Return an integer as a constant, an array as it is."""
        return self.constant(x) if isinstance(x, int) else x

    def maximum(self, a: Array, b: Array) -> Array:
        return self.select(self.less(a, b), b, a)

    def max(self, x: Array, axis: int) -> Array:
        return numbers(np.max(x, axis=axis, keepdims=True))

    def winners(self, x: Array, axis: int) -> Truth:
        return first_winner(x, axis)

    def shift(self, x: Array, axis: int) -> Array:
        return self.max(x, axis)

    def is_zero(self, x: Array) -> Truth:
        return np.frompyfunc(lambda v: bool(v == 0), 1, 1)(x).astype(bool)

    def scale(self, x: Array, axes: Sequence[int]) -> Array:
        return self.ones(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))

    def function(self, name: str, x: Array) -> Array:
        if name in self.functions:
            return self.map(self.functions[name], x)
        if name == "logistic":
            return 1 / (1 + self.exp(-x))
        if name == "softplus":
            return self.log1p(self.exp(x))
        if name == "sech2":
            return 1 / self.square(self.cosh(x))
        raise NotInThisArithmetic(name, self.name)

    def power(self, x: Array, p: Array) -> Array:
        return self.map(self.raised, x, p)

    def integer_power(self, x: Array, n: int) -> Array:
        return self.map(lambda v: v**n, x) if n else self.ones(x.shape)

    def pi(self) -> Array:
        return numbers(self.element_pi())
