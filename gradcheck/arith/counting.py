"""The arithmetic that counts: numbers with the work that led to them.

The rules of an operation are its cost rules: run in this arithmetic, its value, vjp and jvp say how many operations
they take, and how many bytes they read and write, whatever their attributes. The work is a graph, so that only what a
result depends on is counted: a cotangent that nobody wants costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape, Truth
from gradcheck.arith.floating import Floating
from gradcheck.arith.work import Count, Counted, Work


class Counting(Arithmetic):
    """Floating point that notes what it does.

    Args:
        dtype: the format that is computed in.

    Attributes:
        phase: what the work that comes now belongs to: "forward" or "reverse".

    >>> from gradcheck.arith.work import total
    >>> m = Counting()
    >>> a, b = m.array([[1.0, 2.0, 3.0]]), m.array([[1.0], [1.0], [1.0]])
    >>> total([m.matmul(a, b)]).products
    6
    """

    name = "counting"

    def __init__(self, dtype: str = "float64") -> None:
        self.floating = Floating(dtype)
        self.phase = "forward"

    # -- entering and leaving ------------------------------------------------------------------

    def array(self, x: npt.ArrayLike) -> Array:
        value = self.floating.array(x)
        return Counted(self, value, Work(Count(), size=value.nbytes))

    def constant(self, x: float | Fraction) -> Array:
        return Counted(self, self.floating.constant(x), None)

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return self.floating.number(self._counted(x).value)

    def enter(self, x: Array) -> Array:
        x = self._counted(x)
        return x if x.dtype == self.floating.working else self._done(self.floating.enter(x.value), [x])

    def leave(self, x: Array) -> Array:
        x = self._counted(x)
        return x if x.dtype == self.floating.storage else self._done(self.floating.leave(x.value), [x])

    # -- moving entries ------------------------------------------------------------------------

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Array:
        operands = [self._counted(x) for x in xs]
        value = np.asarray(f(*(x.value for x in operands)))
        source = next((x for x in operands if np.may_share_memory(value, x.value)), None)
        if source is not None:
            work = source.work
            return Counted(self, value, None if work is None else Work(Count(), (work,), 0, self.phase, view=work))
        return self._done(value, operands)

    # -- adding up -----------------------------------------------------------------------------

    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Array:
        x = self._counted(x)
        value = np.asarray(self.floating.sum(x.value, axes, keepdims))
        return self._done(value, [x], elementwise=max(0, x.value.size - value.size))

    def cumsum(self, x: Array, axis: int) -> Array:
        x = self._counted(x)
        return self._done(self.floating.cumsum(x.value, axis), [x], elementwise=x.value.size)

    def matmul(self, a: Array, b: Array) -> Array:
        a, b = self._counted(a), self._counted(b)
        value = np.asarray(self.floating.matmul(a.value, b.value))
        return self._done(value, [a, b], products=2 * value.size * a.shape[-1])

    def einsum(self, spec: str, *xs: Array) -> Array:
        operands = [self._counted(x) for x in xs]
        value = self.floating.einsum(spec, *(x.value for x in operands))
        sizes: dict[str, int] = {}
        for letters, x in zip(spec.partition("->")[0].replace(" ", "").split(","), operands, strict=True):
            sizes |= dict(zip(letters, x.shape, strict=True))
        return self._done(value, operands, products=2 * math.prod(sizes.values()))

    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Array:
        x = self._counted(x)
        return self._done(self.floating.scatter_add(x.value, index, shape), [x], elementwise=x.value.size)

    # -- comparing -----------------------------------------------------------------------------

    def less(self, a: Array, b: Array) -> Truth:
        return self.elementwise(np.less, a, b)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        return self.elementwise(self.floating.select, truth, a, b)

    def maximum(self, a: Array, b: Array) -> Array:
        return self.elementwise(np.maximum, a, b)

    def max(self, x: Array, axis: int) -> Array:
        return self._whole(self.floating.max, x, axis)

    def winners(self, x: Array, axis: int) -> Truth:
        return self._whole(self.floating.winners, x, axis)

    def shift(self, x: Array, axis: int) -> Array:
        return self._whole(self.floating.shift, x, axis)

    def is_zero(self, x: Array) -> Truth:
        return self.elementwise(self.floating.is_zero, x)

    def scale(self, x: Array, axes: Sequence[int]) -> Array:
        return self._whole(self.floating.scale, x, axes)

    # -- functions -----------------------------------------------------------------------------

    def function(self, name: str, x: Array) -> Array:
        x = self._counted(x)
        value = np.asarray(self.floating.function(name, x.value))
        return self._done(value, [x], functions=value.size)

    def power(self, x: Array, p: Array) -> Array:
        x, p = self._counted(x), self._counted(p)
        value = np.asarray(self.floating.power(x.value, p.value))
        return self._done(value, [x, p], functions=value.size)

    def integer_power(self, x: Array, n: int) -> Array:
        x = self._counted(x)
        return self._done(self.floating.integer_power(x.value, n), [x], elementwise=x.value.size * max(1, abs(n) - 1))

    def pi(self) -> Array:
        return Counted(self, self.floating.pi(), None)

    # -- operators -----------------------------------------------------------------------------

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""
        return self.elementwise(np.add, a, b)

    def subtract(self, a: Array, b: Array) -> Array:
        """Return a - b."""
        return self.elementwise(np.subtract, a, b)

    def multiply(self, a: Array, b: Array) -> Array:
        """Return a b."""
        return self.elementwise(np.multiply, a, b)

    def divide(self, a: Array, b: Array) -> Array:
        """Return a / b."""
        return self.elementwise(np.divide, a, b)

    def negative(self, a: Array) -> Array:
        """Return -a."""
        return self.elementwise(np.negative, a)

    def absolute(self, a: Array) -> Array:
        """Return the magnitude of a."""
        return self.elementwise(np.absolute, a)

    def elementwise(self, f: Callable[..., Any], *xs: Array) -> Counted:
        """Return an entrywise function of arrays, one operation an entry of the result."""
        operands = [self._counted(x) for x in xs]
        value = np.asarray(f(*(x.value for x in operands)))
        return self._done(value, operands, elementwise=value.size)

    # -- noting --------------------------------------------------------------------------------

    def _whole(self, f: Callable[..., Any], x: Array, axes: Any) -> Counted:
        """Return what looks at every entry along axes."""
        x = self._counted(x)
        return self._done(np.asarray(f(x.value, axes)), [x], elementwise=x.value.size)

    def _counted(self, x: Array) -> Counted:
        if isinstance(x, Counted):
            return x
        dtype = self.floating.working if isinstance(x, int | float) and not isinstance(x, bool) else None
        return Counted(self, np.asarray(x, dtype), None)

    def _done(
        self, value: npt.NDArray[Any], operands: Sequence[Counted], *, products: int = 0, elementwise: int = 0, functions: int = 0
    ) -> Counted:
        """Return a result with its work; of constants it is a constant, computed once and for all."""
        sources = tuple(x.work for x in operands if x.work is not None)
        if not sources:
            return Counted(self, value, None)
        read = sum(_bytes(x.value) for x in operands)
        return Counted(self, value, Work(Count(products, elementwise, functions, read, value.nbytes), sources, value.nbytes, self.phase))


def _bytes(x: npt.NDArray[Any]) -> int:
    """Return the memory that an array is read from: repeated entries count once."""
    return int(math.prod(n for n, stride in zip(x.shape, x.strides, strict=True) if stride) * x.itemsize)
