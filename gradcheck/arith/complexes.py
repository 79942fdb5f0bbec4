"""Complex numbers with a tiny imaginary part: a derivative without subtraction.

f(x + i h t) = f(x) + i h <f'(x), t> up to h^2, so that with h = 1e-100 the imaginary part over h is the directional
derivative to rounding (Squire and Trapp, SIAM Review 40, 1998). Every function here is continued so that its real part
decides: magnitudes, comparisons and maxima look at real parts, where NumPy's would look at the modulus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape, Truth
from gradcheck.arith.carrier import Carrier
from gradcheck.arith.floating import Floating, first_winner
from gradcheck.errors import NotInThisArithmetic

#: The step: its square vanishes beside every real part.
STEP = 1e-100


class Complex(Carrier):
    """A complex array whose operators are those of `Complexes`."""

    __slots__ = ()


class Complexes(Arithmetic):
    """Complex floating point in which real parts decide.

    >>> m = Complexes()
    >>> float(m.slope(m.tanh(m.along(np.array([0.5]), np.array([1.0]))))[0])
    0.7864477329659274
    """

    name = "complexes"

    def __init__(self) -> None:
        self.floating = Floating("float64")

    def along(self, x: npt.ArrayLike, t: npt.ArrayLike) -> Array:
        """Return x + i h t."""
        return Complex(self, np.asarray(x) + 1j * STEP * np.asarray(t))

    def slope(self, y: Array) -> npt.NDArray[np.float64]:
        """Return the derivative along t."""
        return np.asarray(_plain(y).imag / STEP)

    # -- entering and leaving ------------------------------------------------------------------

    def array(self, x: npt.ArrayLike) -> Array:
        return Complex(self, np.asarray(x).astype(np.complex128))

    def constant(self, x: float | Fraction) -> Array:
        return Complex(self, np.asarray(complex(x)))

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return np.array(_plain(x).real)

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Array:
        return Complex(self, np.asarray(f(*map(_plain, xs))))

    # -- adding up -----------------------------------------------------------------------------

    def sum(self, x: Array, axes: Sequence[int] | None = None, keepdims: bool = False) -> Array:
        return Complex(self, np.asarray(self.floating.sum(_plain(x), axes, keepdims)))

    def cumsum(self, x: Array, axis: int) -> Array:
        return self.move(lambda a: np.cumsum(a, axis=axis), x)

    def matmul(self, a: Array, b: Array) -> Array:
        return Complex(self, np.asarray(np.matmul(_plain(a), _plain(b))))

    def einsum(self, spec: str, *xs: Array) -> Array:
        return Complex(self, self.floating.einsum(spec, *map(_plain, xs)))

    def scatter_add(self, x: Array, index: Index, shape: Shape) -> Array:
        parts = [self.floating.scatter_add(part, index, shape) for part in (_plain(x).real, _plain(x).imag)]
        return Complex(self, parts[0] + 1j * parts[1])

    # -- comparing -----------------------------------------------------------------------------

    def less(self, a: Array, b: Array) -> Truth:
        return np.less(_plain(a).real, _plain(b).real)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        return Complex(self, np.where(truth, _plain(a), _plain(b)))

    def maximum(self, a: Array, b: Array) -> Array:
        return self.select(self.less(a, b), b, a)

    def max(self, x: Array, axis: int) -> Array:
        a = _plain(x)
        return Complex(self, np.take_along_axis(a, np.expand_dims(np.argmax(a.real, axis), axis), axis))

    def winners(self, x: Array, axis: int) -> Truth:
        return first_winner(_plain(x).real, axis)

    def shift(self, x: Array, axis: int) -> Array:
        return self.array(np.max(_plain(x).real, axis=axis, keepdims=True))

    def is_zero(self, x: Array) -> Truth:
        return np.equal(_plain(x).real, 0)

    def scale(self, x: Array, axes: Sequence[int]) -> Array:
        return self.array(self.floating.scale(_plain(x).real, axes))

    # -- functions -----------------------------------------------------------------------------

    def function(self, name: str, x: Array) -> Array:
        if name not in _FUNCTIONS:
            raise NotInThisArithmetic(name, self.name)
        return Complex(self, np.asarray(_FUNCTIONS[name](_plain(x))))

    def power(self, x: Array, p: Array) -> Array:
        return Complex(self, np.power(_plain(x), _plain(p)))

    def integer_power(self, x: Array, n: int) -> Array:
        return Complex(self, np.power(_plain(x), n))

    def pi(self) -> Array:
        return self.constant(np.pi)

    # -- operators -----------------------------------------------------------------------------

    def add(self, a: Array, b: Array) -> Array:
        """Return a + b."""
        return Complex(self, _plain(a) + _plain(b))

    def subtract(self, a: Array, b: Array) -> Array:
        """Return a - b."""
        return Complex(self, _plain(a) - _plain(b))

    def multiply(self, a: Array, b: Array) -> Array:
        """Return a b."""
        return Complex(self, _plain(a) * _plain(b))

    def divide(self, a: Array, b: Array) -> Array:
        """Return a / b."""
        return Complex(self, _plain(a) / _plain(b))

    def negative(self, a: Array) -> Array:
        """Return -a."""
        return Complex(self, -_plain(a))

    def absolute(self, a: Array) -> Array:
        """Return a where its real part is not negative, else -a."""
        return Complex(self, _magnitude(_plain(a)))


def _plain(x: Array) -> Any:
    return x.value if isinstance(x, Complex) else np.asarray(x)


def _magnitude(x: Any) -> Any:
    return np.where(x.real < 0, -x, x)


def _logistic(x: Any) -> Any:
    e = np.exp(-_magnitude(x))
    return np.where(x.real < 0, e, 1) / (1 + e)


def _sech2(x: Any) -> Any:
    """Near zero by cosh, whose slope is small there; beyond by exponentials, which do not overflow."""
    e, near = np.exp(-2 * _magnitude(x)), np.abs(x.real) < 1
    return np.where(near, 1 / np.square(np.cosh(np.where(near, x, 0))), 4 * e / np.square(1 + e))


def _softplus(x: Any) -> Any:
    return np.where(x.real < 0, 0, x) + np.log1p(np.exp(-_magnitude(x)))


_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "arctanh": np.arctanh,
    "logistic": _logistic, "sech2": _sech2, "softplus": _softplus,
}  # fmt: skip
