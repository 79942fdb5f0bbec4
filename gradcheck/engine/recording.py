"""The arithmetic that computes nothing and writes down what is to be computed, as NumPy calls.

The rules of an operation run in it once, when a plan is compiled; what they do to numbers becomes the steps of a
program. Constants are computed at once, and the same call on the same registers is made once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array, Index, Shape, Truth
from gradcheck.engine.program import Register
from gradcheck.engine.writer import Writer, repeats_one
from gradcheck.errors import NotInThisArithmetic

_UFUNCS = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "arctanh": np.arctanh,
}  # fmt: skip


class Recording(Writer):
    """Registers instead of numbers; see `Writer` for the arguments."""

    name = "recording"

    # -- entering ------------------------------------------------------------------------------

    def array(self, x: npt.ArrayLike) -> Array:
        return self.fixed(self.floating.array(x))

    def constant(self, x: float | Fraction) -> Array:
        return self.fixed(self.floating.constant(x))

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        raise NotInThisArithmetic("number", self.name)

    # -- moving entries ------------------------------------------------------------------------

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Array:
        return self.call(f, *map(self.register, xs))

    def reshape(self, x: Array, shape: Shape) -> Array:
        x = self.register(x)
        shape = _resolved(x.shape, tuple(shape))
        if shape == x.shape:
            return x
        if not x.contiguous and x.source is not None and x.root.step is not None:  # NumPy would have to copy a buffer
            return self.call(lambda a: a.reshape(shape), x, key=("reshape", shape))
        return self.view("reshape", x, shape, shape, True, lambda a: a.reshape(shape))

    def transpose(self, x: Array, axes: Sequence[int] | None = None) -> Array:
        x = self.register(x)
        order = tuple(reversed(range(len(x.shape)))) if axes is None else tuple(axes)
        if order == tuple(range(len(order))):
            return x
        shape = tuple(x.shape[i] for i in order)
        return self.view("transpose", x, order, shape, False, lambda a: a.transpose(order))

    def swap(self, x: Array) -> Array:
        n = len(x.shape)
        return self.transpose(x, (*range(n - 2), n - 1, n - 2))

    def broadcast_to(self, x: Array, shape: Shape) -> Array:
        x, shape = self.register(x), tuple(shape)
        if x.shape == shape:
            return x
        if x.constant:
            return Register(self, np.broadcast_to(x.value, shape), constant=True)
        return self.view("broadcast_to", x, shape, shape, False, lambda a: np.broadcast_to(a, shape))

    def part(self, x: Array, start: int, stop: int, axis: int) -> Array:
        x = self.register(x)
        key = (*(slice(None),) * axis, slice(start, stop))
        shape = (*x.shape[:axis], len(range(x.shape[axis])[start:stop]), *x.shape[axis + 1 :])
        if shape == x.shape:
            return x
        whole = x.contiguous and math.prod(x.shape[:axis]) == 1
        return self.view("part", x, (axis, start, stop), shape, whole, lambda a: a[key])

    def concatenate(self, xs: Sequence[Array], axis: int) -> Array:
        operands = [self.register(x) for x in xs]
        first, axis = operands[0].shape, axis % len(operands[0].shape)
        shape = (*first[:axis], sum(x.shape[axis] for x in operands), *first[axis + 1 :])
        return self.write("join", np.concatenate, operands, [(shape, operands[0].value.dtype)], name="concatenate", extra=axis)[0]

    def stack(self, xs: Sequence[Array], axis: int) -> Array:
        axis %= len(xs[0].shape) + 1
        return self.concatenate([self.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in xs], axis)

    def take(self, x: Array, index: Index) -> Array:
        if index.size and index.min() < 0:
            return super().take(x, index)
        index = np.array(index)
        return self.call(lambda a: a.reshape(-1)[index], self.register(x))

    def eye(self, n: int) -> Array:
        return self.fixed(np.eye(n, dtype=self.dtype))

    # -- adding up -----------------------------------------------------------------------------

    def reduced(self, name: str, x: Register, axes: Sequence[int] | None, keepdims: bool) -> Register:
        """Return the register of the reduction of a ufunc."""
        axis = None if axes is None else tuple(axes)
        over = range(len(x.shape)) if axis is None else [i % len(x.shape) for i in axis]
        shape = _without(x.shape, over, keepdims)
        return self.write("reduce", getattr(np, name), [x], [(shape, x.value.dtype)], name=name, extra=(axis, keepdims))[0]

    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Array:
        x = self.register(x)
        every = range(len(x.shape))
        over = sorted(every if axes is None else {i % len(every) for i in axes})
        if not over:
            return x
        if self.strict or x.constant:
            return self.reduced("add", x, axes, keepdims)
        kept = _without(x.shape, over, keepdims)
        if all(x.shape[i] == 1 for i in over):
            return self.reshape(x, kept)
        if len(over) == len(every) and (pair := _factors(x)):
            return self.reshape(self.matmul(*(self.reshape(p, (-1,)) for p in pair)), kept)
        if over == list(every[:-1]) and (len(over) == 1 or x.contiguous):
            rows = self.register(self.reshape(x, (-1, x.shape[-1]) if x.shape[-1] else (0, 0)))
            return self.reshape(self.matmul(self.fixed(np.ones(rows.shape[0], self.dtype)), rows), kept)
        return self.reduced("add", x, axes, keepdims)

    def cumsum(self, x: Array, axis: int) -> Array:
        return self.call(lambda a: self.floating.cumsum(a, axis), self.register(x))

    def matmul(self, a: Array, b: Array) -> Array:
        a, b = self.register(a), self.register(b)
        shape = _matmul_shape(a.shape, b.shape)
        if self.strict or len(a.shape) > 2 or len(b.shape) > 2:
            return self.write("product", np.matmul, [a, b], [(shape, self.dtype)], name="matmul")[0]
        return self.write("product", np.dot, [a, b], [(shape, self.dtype)], name="dot")[0]

    def einsum(self, spec: str, *xs: Array) -> Array:
        return self.call(lambda *a: self.floating.einsum(spec, *a), *map(self.register, xs), key=("einsum", spec))

    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Array:
        index = np.array(index)
        flat = index.ravel()
        if flat.size and flat.min() >= 0 and np.unique(flat).size == flat.size:
            return self.call(lambda a: _placed(a, flat, shape), self.register(x))
        return self.call(lambda a: self.floating.scatter_add(a, index, shape), self.register(x))

    # -- comparing -----------------------------------------------------------------------------

    def less(self, a: Array, b: Array) -> Truth:
        return self.ufunc("less", a, b, dtype=np.bool_)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        operands = [self.register(x) for x in (truth, a, b)]
        shape = np.broadcast_shapes(*(x.shape for x in operands))
        operands = self._narrowed(operands, shape)
        return self.write("call", np.where, operands, [(shape, self.dtype)], key="where")[0]

    def maximum(self, a: Array, b: Array) -> Array:
        return self.ufunc("maximum", a, b)

    def max(self, x: Array, axis: int) -> Array:
        return self.reduced("maximum", self.register(x), (axis,), True)

    def winners(self, x: Array, axis: int) -> Truth:
        return self.call(lambda a: self.floating.winners(a, axis), self.register(x), key=("winners", axis))

    def shift(self, x: Array, axis: int) -> Array:
        return self.max(x, axis)

    def is_zero(self, x: Array) -> Truth:
        return self.ufunc("equal", x, 0, dtype=np.bool_)

    def scale(self, x: Array, axes: Sequence[int]) -> Array:
        axes = tuple(axes)
        return self.call(lambda a: self.floating.scale(a, axes), self.register(x), key=("scale", axes))

    # -- functions -----------------------------------------------------------------------------

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""
        return self.ufunc("add", a, b)

    def subtract(self, a: Array, b: Array) -> Array:
        """Return a - b."""
        return self.ufunc("subtract", a, b)

    def multiply(self, a: Array, b: Array) -> Array:
        """Return a b; one times an array of the result's shape is that array."""
        a, b = self.register(a), self.register(b)
        for one, other in ((a, b), (b, a)):
            if _is_one(one) and np.broadcast_shapes(one.shape, other.shape) == other.shape:
                return other
        return self.ufunc("multiply", a, b)

    def divide(self, a: Array, b: Array) -> Array:
        """Return a / b; an array by one is that array."""
        a, b = self.register(a), self.register(b)
        return a if _is_one(b) and np.broadcast_shapes(a.shape, b.shape) == a.shape else self.ufunc("divide", a, b)

    def negative(self, a: Array) -> Array:
        """Return -a."""
        return self.ufunc("negative", a)

    def absolute(self, a: Array) -> Array:
        """Return the magnitude of a."""
        return self.ufunc("absolute", a)

    def function(self, name: str, x: Array) -> Array:
        if name in _UFUNCS:
            return self.ufunc(name, x)
        if name == "logistic":  # for x >= 0 the larger of 1 and exp(-|x|), which is what a selection gives
            e = self.exp(-abs(x))
            return self.maximum(e, self.ufunc("greater_equal", x, 0, dtype=np.bool_)) / (1 + e)
        if name == "softplus":
            return self.maximum(x, 0) + self.log1p(self.exp(-abs(x)))
        if name == "sech2":
            e = self.exp(-2 * abs(x))
            return 4 * e / self.square(1 + e)
        return self.call(lambda a: self.floating.function(name, a), self.register(x), key=name)

    def square(self, x: Array) -> Array:
        return self.ufunc("multiply", x, x)

    def power(self, x: Array, p: Array) -> Array:
        return self.ufunc("power", x, p)

    def integer_power(self, x: Array, n: int) -> Array:
        return self.ufunc("power", x, self.constant(n))

    def pi(self) -> Array:
        return self.fixed(self.floating.pi())


def _is_one(x: Register) -> bool:
    return x.constant and repeats_one(x.value) and bool(x.value[(0,) * x.value.ndim] == 1)


def _factors(x: Register) -> tuple[Register, ...] | None:
    """Return the factors of an entry by entry product of two arrays that can be had as vectors."""
    step = x.step
    if step is None or step.name != "multiply" or any(p.shape != x.shape or not p.contiguous for p in step.operands):
        return None
    return step.operands


def _resolved(old: Shape, shape: Shape) -> Shape:
    """Return a shape without -1 for as many entries as there are."""
    rest = math.prod(n for n in shape if n != -1)
    return tuple(math.prod(old) // rest if n == -1 else n for n in shape)


def _without(shape: Shape, over: Sequence[int], keepdims: bool) -> Shape:
    return tuple(1 if i in over else n for i, n in enumerate(shape) if keepdims or i not in over)


def _matmul_shape(a: Shape, b: Shape) -> Shape:
    batch = np.broadcast_shapes(a[:-2], b[:-2])
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _placed(x: npt.NDArray[Any], index: Index, shape: Shape) -> npt.NDArray[Any]:
    """Return zeros with entries added at flat positions that are all different."""
    flat = np.zeros(math.prod(shape), x.dtype)
    flat[index] = np.ravel(x) + 0  # a sum with zero has no sign if it is zero
    return flat.reshape(shape)
