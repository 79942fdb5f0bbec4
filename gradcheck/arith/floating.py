"""Floating point: NumPy arrays of float64, float32, longdouble; float16 and bfloat16 by float32."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape, Truth
from gradcheck.errors import UnknownDtype

Floats = npt.NDArray[Any]

#: The formats a target may declare: name -> storage type.
FORMATS: Mapping[str, np.dtype[Any]] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "longdouble": np.dtype(np.longdouble),
}


class Floating(Arithmetic):
    """Arithmetic of one floating-point format, with infinities and NaN where they occur.

    float16 and bfloat16 are computed in float32 and rounded once an operation.

    Args:
        dtype: one of `FORMATS`.

    Raises:
        UnknownDtype: if `dtype` is none of them.

    >>> m = Floating("float16")
    >>> float(m.leave(m.sum(m.enter(m.array([1.0] * 1000)))))
    1000.0
    """

    def __init__(self, dtype: str = "float64") -> None:
        if dtype not in FORMATS:
            raise UnknownDtype(dtype, list(FORMATS))
        self.name = dtype
        self.storage = FORMATS[dtype]
        half = self.storage.itemsize == 2
        self.working: np.dtype[Any] = np.dtype(np.float32) if half else self.storage

    def array(self, x: npt.ArrayLike) -> Array:
        return np.asarray(x).astype(self.storage)

    def constant(self, x: float | Fraction) -> Array:
        if isinstance(x, Fraction):
            return np.asarray(np.asarray(x.numerator, self.working) / self.working.type(x.denominator))
        return np.asarray(x, dtype=self.working)

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return np.asarray(x).astype(np.float64)

    def enter(self, x: Array) -> Array:
        return x if x.dtype == self.working else x.astype(self.working)

    def leave(self, x: Array) -> Array:
        return np.asarray(x).astype(self.storage, copy=False)

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Array:
        return np.asarray(f(*xs))

    def zeros(self, shape: Shape) -> Array:
        return np.zeros(shape, self.working)  # repeated by strides of 0, products of matrices would not be BLAS's

    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Array:
        axis = None if axes is None else tuple(axes)
        return np.sum(x, axis=axis, keepdims=keepdims)

    def cumsum(self, x: Array, axis: int) -> Array:
        return np.cumsum(x, axis=axis)

    def matmul(self, a: Array, b: Array) -> Array:
        return np.matmul(a, b)

    def einsum(self, spec: str, *xs: Array) -> Array:
        return np.asarray(np.einsum(spec, *xs, optimize=len(xs) > 1))

    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Array:
        flat = np.zeros(math.prod(shape) + 1, self.working)  # position -1 is the waste bin
        np.add.at(flat, np.ravel(index), np.ravel(x))
        return flat[:-1].reshape(shape)

    def less(self, a: Array, b: Array) -> Truth:
        return np.less(a, b)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        return np.where(truth, _like(a, self.working), _like(b, self.working))

    def maximum(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)

    def max(self, x: Array, axis: int) -> Array:
        return np.max(x, axis=axis, keepdims=True)

    def winners(self, x: Array, axis: int) -> Truth:
        return first_winner(x, axis)

    def shift(self, x: Array, axis: int) -> Array:
        return np.max(x, axis=axis, keepdims=True)

    def is_zero(self, x: Array) -> Truth:
        return np.equal(x, 0)

    def scale(self, x: Array, axes: Sequence[int]) -> Array:
        return power_of_two(np.max(np.abs(x), axis=tuple(axes), keepdims=True, initial=0))

    def function(self, name: str, x: Array) -> Array:
        return _FUNCTIONS[name](x)

    def power(self, x: Array, p: Array) -> Array:
        return np.power(x, p)

    def integer_power(self, x: Array, n: int) -> Array:
        return np.power(x, self.working.type(n))

    def pi(self) -> Array:
        if self.working == np.longdouble:
            return np.asarray(4 * np.arctan(np.longdouble(1)))
        return np.asarray(math.pi, self.working)


def first_winner(x: npt.NDArray[Any], axis: int) -> npt.NDArray[np.bool_]:
    """Return True at the first largest entry along `axis`, False elsewhere."""
    best = np.expand_dims(np.argmax(x, axis=axis), axis)
    positions = np.expand_dims(np.arange(x.shape[axis]), tuple(range(1, x.ndim - axis)))
    return np.asarray(positions == best)


def power_of_two(x: Floats) -> Floats:
    """Return the largest power of two not above `x`; 1 where x is zero or not finite."""
    x = np.asarray(x)
    good = np.isfinite(x) & (x > 0)
    exponent = np.frexp(np.where(good, x, 1))[1]
    return np.asarray(np.where(good, np.ldexp(np.ones_like(x), exponent - 1), 1), dtype=x.dtype)


def _like(x: Array, dtype: np.dtype[Any]) -> Floats:
    return np.asarray(x, dtype=dtype) if isinstance(x, int) else np.asarray(x)


def _logistic(x: Floats) -> Floats:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, e) / (1 + e))


def _sech2(x: Floats) -> Floats:
    e = np.exp(-2 * np.abs(x))
    return np.asarray(4 * e / np.square(1 + e))


def _softplus(x: Floats) -> Floats:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _by_scalar(name: str) -> Callable[[Floats], Floats]:
    """Return erf or erfc: from the C library in float64, from arb in longdouble."""

    def f(x: Floats) -> Floats:
        x = np.asarray(x)
        one = partial(_by_arb, name) if x.dtype == np.longdouble else getattr(math, name)
        return np.array([one(v) for v in x.ravel()], dtype=x.dtype).reshape(x.shape)

    return f


def _by_arb(name: str, x: np.longdouble) -> np.longdouble:
    """Return a function of arb at a longdouble, split in two float64 on the way in and out."""
    import flint

    if not np.isfinite(x):
        return np.longdouble(getattr(math, name)(float(x)))
    with flint.ctx.workprec(128):
        head = float(x)
        point = flint.arb(head) + flint.arb(float(x - np.longdouble(head)))
        y = getattr(point, name)().mid()
        high = float(y)
        return np.longdouble(high) + np.longdouble(float(y - flint.arb(high)))


_FUNCTIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arctanh": np.arctanh,
    "erf": _by_scalar("erf"),
    "erfc": _by_scalar("erfc"),
    "logistic": _logistic,
    "softplus": _softplus,
    "sech2": _sech2,
}
