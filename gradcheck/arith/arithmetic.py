"""The arithmetic: everything an operation may do to numbers.

A rule in `gradcheck.ops` is written once over an `Arithmetic` `m`. Which one is passed in decides
what comes out: a float, fifty digits, a formula, or a rigorous error bound.

Arrays support ``+ - * /``, unary ``-``, ``abs`` and ``.shape``. Python integers may be mixed in
(they are exact everywhere); every other number enters through `Arithmetic.constant`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

#: An array of some arithmetic: an ndarray (floats or objects) or a `Carrier`.
Array: TypeAlias = Any
#: The answers to a comparison: bool, or int8 with 1 yes, 0 no, -1 unknown, or symbolic conditions.
Truth: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]
Index: TypeAlias = npt.NDArray[np.intp]

YES, NO, UNKNOWN = 1, 0, -1

#: The functions of one real variable that every complete arithmetic owns.
FUNCTIONS = (
    "exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh",
    "arctanh", "erf", "erfc", "logistic", "softplus", "sech2",
)  # fmt: skip


class Arithmetic(ABC):
    """A number system: how its arrays are made, moved, added up, compared and mapped.

    To add one, subclass `gradcheck.arith.elements.Elements` (scalars in object arrays) or this
    class (arrays that are pairs).
    """

    name: str

    # -- entering and leaving ----------------------------------------------------------------

    @abstractmethod
    def array(self, x: npt.ArrayLike) -> Array:
        """Lift given real numbers, exactly."""

    @abstractmethod
    def constant(self, x: float | Fraction) -> Array:
        """Return the exact number `x` (a float means its binary value) as a 0-d array."""

    @abstractmethod
    def number(self, x: Array) -> npt.NDArray[np.float64]:
        """Return `x` rounded to float64, for display and comparison."""

    def enter(self, x: Array) -> Array:
        """Return a stored array in the form in which rules compute."""
        return x

    def leave(self, x: Array) -> Array:
        """Return a computed array in the form in which it is stored: one rounding an operation."""
        return x

    # -- moving entries: one primitive ---------------------------------------------------------

    @abstractmethod
    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Array:
        """Apply `f`, which only moves or copies entries, to the array (or its parts)."""

    def reshape(self, x: Array, shape: Shape) -> Array:
        """Return `x` with the shape `shape`."""
        return self.move(lambda a: np.reshape(a, shape), x)

    def transpose(self, x: Array, axes: Sequence[int] | None = None) -> Array:
        """Return `x` with its axes permuted (reversed when `axes` is None)."""
        return self.move(lambda a: np.transpose(a, axes), x)

    def swap(self, x: Array) -> Array:
        """Return `x` with its last two axes exchanged."""
        return self.move(lambda a: np.swapaxes(a, -1, -2), x)

    def broadcast_to(self, x: Array, shape: Shape) -> Array:
        """Return `x` repeated to the shape `shape`."""
        return self.move(lambda a: np.broadcast_to(a, shape), x)

    def concatenate(self, xs: Sequence[Array], axis: int) -> Array:
        """Return the arrays `xs` joined along an existing axis."""
        return self.move(lambda *a: np.concatenate(a, axis), *xs)

    def stack(self, xs: Sequence[Array], axis: int) -> Array:
        """Return the arrays `xs` joined along a new axis."""
        return self.move(lambda *a: np.stack(a, axis), *xs)

    def flip(self, x: Array, axes: Sequence[int]) -> Array:
        """Return `x` reversed along `axes`."""
        return self.move(lambda a: np.flip(a, tuple(axes)), x)

    def part(self, x: Array, start: int, stop: int, axis: int) -> Array:
        """Return the entries `start` to `stop` of `x` along `axis`."""
        key = (slice(None),) * axis + (slice(start, stop),)
        return self.move(lambda a: a[key], x)

    def take(self, x: Array, index: Index) -> Array:
        """Return the entries of `x` at flat positions `index`; position -1 gives an exact zero."""
        if index.size and index.min() < 0:
            size = math.prod(x.shape)
            x = self.concatenate([self.reshape(x, (size,)), self.zeros((1,))], 0)
            index = np.where(index < 0, size, index)
        return self.move(lambda a: np.reshape(a, -1)[index], x)

    def zeros(self, shape: Shape) -> Array:
        """Return exact zeros."""
        return self.broadcast_to(self.constant(0), shape)

    def ones(self, shape: Shape) -> Array:
        """Return exact ones."""
        return self.broadcast_to(self.constant(1), shape)

    def eye(self, n: int) -> Array:
        """Return the identity matrix."""
        return self.array(np.eye(n))

    # -- adding up -----------------------------------------------------------------------------

    @abstractmethod
    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Array:
        """Return sums over `axes` (all when None); an empty sum is zero."""

    @abstractmethod
    def cumsum(self, x: Array, axis: int) -> Array:
        """Return the running sums along `axis`."""

    @abstractmethod
    def matmul(self, a: Array, b: Array) -> Array:
        """Return the matrix product with NumPy's rules for vectors and batches."""

    @abstractmethod
    def einsum(self, spec: str, *xs: Array) -> Array:
        """Return the sum of products `spec`, in which no operand repeats a letter."""

    @abstractmethod
    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Array:
        """Add the entries of `x` into zeros of `shape` at flat positions `index` (-1: dropped)."""

    def affine(self, x: Array, w: Array, b: Array) -> Array:
        """Return x w + b; the bias may be added to the products in any order."""
        return self.matmul(x, w) + b

    def unbroadcast(self, x: Array, shape: Shape) -> Array:
        """Return `x` summed over the axes along which `shape` was repeated to give `x.shape`."""
        extra = len(x.shape) - len(shape)
        axes = [i for i in range(len(x.shape)) if i < extra or shape[i - extra] != x.shape[i]]
        return self.reshape(self.sum(x, axes), shape) if axes else x

    def product(self, x: Array, axis: int) -> Array:
        """Return the products along `axis`, as a balanced tree."""
        while (n := x.shape[axis]) > 1:
            pairs = self.part(x, 0, n // 2, axis) * self.part(x, n // 2, n - n % 2, axis)
            rest = [self.part(x, n - 1, n, axis)] if n % 2 else []
            x = self.concatenate([pairs, *rest], axis)
        shape = x.shape[:axis] + x.shape[axis + 1 :]
        return self.reshape(x, shape) if x.shape[axis] else self.ones(shape)

    # -- comparing -----------------------------------------------------------------------------

    @abstractmethod
    def less(self, a: Array, b: Array) -> Truth:
        """Answer a < b entry by entry."""

    @abstractmethod
    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        """Return a where `truth` is yes, b where it is no, their hull where it is unknown."""

    @abstractmethod
    def maximum(self, a: Array, b: Array) -> Array:
        """Return the larger of a and b, entry by entry."""

    def minimum(self, a: Array, b: Array) -> Array:
        """Return the smaller of a and b, entry by entry."""
        return -self.maximum(-a, -b)

    @abstractmethod
    def max(self, x: Array, axis: int) -> Array:
        """Return the largest entries along `axis`, which is kept with length one."""

    @abstractmethod
    def winners(self, x: Array, axis: int) -> Truth:
        """Answer which entry attains the maximum along `axis` (the first one of equals)."""

    @abstractmethod
    def shift(self, x: Array, axis: int) -> Array:
        """Return an exact number near the maximum along `axis`, for stabilising only.

        It has no radius and no tangent, so it must cancel in the formula that uses it.
        """

    @abstractmethod
    def is_zero(self, x: Array) -> Truth:
        """Answer whether an entry is exactly zero."""

    @abstractmethod
    def scale(self, x: Array, axes: Sequence[int]) -> Array:
        """Return an exact power of two near the largest magnitude over `axes`, which are kept.

        Like `shift` it has no radius and no tangent and must cancel; it avoids overflow.
        """

    def sign(self, x: Array) -> Array:
        """Return -1, 0 or 1; where zero cannot be excluded, the hull."""
        return self.select(self.less(self.constant(0), x), 1, self.select(self.less(x, self.constant(0)), -1, 0))

    def clamped(self, x: Array) -> Array:
        """Return `x`, of which it is known that it lies in [-1, 1]: a bound need not be wider."""
        return x

    # -- functions -----------------------------------------------------------------------------

    @abstractmethod
    def function(self, name: str, x: Array) -> Array:
        """Return one of `FUNCTIONS` of `x`, right in relative terms in its tails."""

    @abstractmethod
    def power(self, x: Array, p: Array) -> Array:
        """Return x to the real power p."""

    @abstractmethod
    def integer_power(self, x: Array, n: int) -> Array:
        """Return x to the integer power n; x**0 is one, also at zero."""

    @abstractmethod
    def pi(self) -> Array:
        """Return pi as a 0-d array."""

    def square(self, x: Array) -> Array:
        """Return x times x."""
        return x * x

    def exp(self, x: Array) -> Array:
        """Return e to the x."""
        return self.function("exp", x)

    def log(self, x: Array) -> Array:
        """Return the natural logarithm."""
        return self.function("log", x)

    def log1p(self, x: Array) -> Array:
        """Return log(1 + x)."""
        return self.function("log1p", x)

    def expm1(self, x: Array) -> Array:
        """Return exp(x) - 1."""
        return self.function("expm1", x)

    def sqrt(self, x: Array) -> Array:
        """Return the square root."""
        return self.function("sqrt", x)

    def sin(self, x: Array) -> Array:
        """Return the sine."""
        return self.function("sin", x)

    def cos(self, x: Array) -> Array:
        """Return the cosine."""
        return self.function("cos", x)

    def tan(self, x: Array) -> Array:
        """Return the tangent."""
        return self.function("tan", x)

    def arctan(self, x: Array) -> Array:
        """Return the inverse tangent."""
        return self.function("arctan", x)

    def sinh(self, x: Array) -> Array:
        """Return the hyperbolic sine."""
        return self.function("sinh", x)

    def cosh(self, x: Array) -> Array:
        """Return the hyperbolic cosine."""
        return self.function("cosh", x)

    def tanh(self, x: Array) -> Array:
        """Return the hyperbolic tangent."""
        return self.function("tanh", x)

    def arctanh(self, x: Array) -> Array:
        """Return the inverse hyperbolic tangent."""
        return self.function("arctanh", x)

    def erf(self, x: Array) -> Array:
        """Return the error function."""
        return self.function("erf", x)

    def erfc(self, x: Array) -> Array:
        """Return 1 - erf(x)."""
        return self.function("erfc", x)

    def logistic(self, x: Array) -> Array:
        """Return 1 / (1 + exp(-x))."""
        return self.function("logistic", x)

    def sech2(self, x: Array) -> Array:
        """Return 1 / cosh(x)^2, the derivative of tanh."""
        return self.function("sech2", x)

    def softplus(self, x: Array) -> Array:
        """Return log(1 + exp(x))."""
        return self.function("softplus", x)
