"""Stochastic: every operation perturbed at random within the unit roundoff.

A handful of sweeps shows what rounding usually does to a result, where the running bound only shows
what it can do (Monte Carlo arithmetic: Parker, 1997; Vignes, 2004).
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
from gradcheck.arith.running import DEFAULT_ULPS, Roundoff


class Perturbed(Carrier):
    """An array whose operators perturb their results."""

    __slots__ = ()
    m: Stochastic


class Stochastic(Arithmetic):
    """A wide format in which each result is multiplied by 1 + d, d uniform in [-u, u].

    Args:
        roundoff: how the implementation to be imitated rounds.
        seed: of the perturbations.
        wide: the format of the values.
    """

    def __init__(self, roundoff: Roundoff, seed: int, wide: str = "float64") -> None:
        self.base = Floating(wide)
        self.roundoff = roundoff
        self.random = np.random.default_rng(seed)
        self.name = f"stochastic[u={roundoff.u:.3g}]"

    def array(self, x: npt.ArrayLike) -> Perturbed:
        return Perturbed(self, self.base.array(x))

    def constant(self, x: float | Fraction) -> Perturbed:
        return Perturbed(self, self.base.constant(x))

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return self.base.number(x.value)

    def pi(self) -> Perturbed:
        return self._noisy(self.base.pi())

    def _value(self, x: Array) -> Any:
        return x.value if isinstance(x, Perturbed) else x

    def _noisy(self, y: Array, roundoffs: float = 1.0, u: float | None = None) -> Perturbed:
        size = roundoffs * (self.roundoff.u if u is None else u)
        noise = self.random.uniform(-size, size, np.shape(y))
        return Perturbed(self, np.asarray(y * (1 + noise.astype(self.base.working))))

    def add(self, a: Array, b: Array) -> Perturbed:
        """Return a + b, perturbed."""
        return self._noisy(self._value(a) + self._value(b))

    def subtract(self, a: Array, b: Array) -> Perturbed:
        """Return a - b, perturbed."""
        return self._noisy(self._value(a) - self._value(b))

    def multiply(self, a: Array, b: Array) -> Perturbed:
        """Return a * b, perturbed."""
        return self._noisy(self._value(a) * self._value(b))

    def divide(self, a: Array, b: Array) -> Perturbed:
        """Return a / b, perturbed."""
        return self._noisy(self._value(a) / self._value(b))

    def negative(self, a: Perturbed) -> Perturbed:
        """Return -a."""
        return Perturbed(self, -a.value)

    def absolute(self, a: Perturbed) -> Perturbed:
        """Return abs(a)."""
        return Perturbed(self, np.abs(a.value))

    def move(self, f: Callable[..., npt.NDArray[Any]], *xs: Array) -> Perturbed:
        return Perturbed(self, np.asarray(f(*(x.value for x in xs))))

    def _terms(self, x: Perturbed, n: int) -> Array:
        """Perturb terms of a sum by what partial sums of n of them usually lose."""
        return self._noisy(x.value, 1 + math.log2(max(n, 1)) / 2, self.roundoff.accumulate).value

    def sum(self, x: Perturbed, axes: Sequence[int] | None = None, keepdims: bool = False) -> Perturbed:
        axis = tuple(range(x.value.ndim)) if axes is None else tuple(axes)
        terms = self._terms(x, math.prod(x.shape[i] for i in axis))
        return self._noisy(self.base.sum(terms, axis, keepdims))

    def cumsum(self, x: Perturbed, axis: int) -> Perturbed:
        return self._noisy(self.base.cumsum(self._terms(x, x.shape[axis]), axis))

    def matmul(self, a: Perturbed, b: Perturbed) -> Perturbed:
        n = a.shape[-1]
        return self._noisy(self.base.matmul(self._terms(a, n), self._terms(b, n)))

    def einsum(self, spec: str, *xs: Perturbed) -> Perturbed:
        n = max((math.prod(x.shape) for x in xs), default=1)
        return self._noisy(self.base.einsum(spec, *(self._terms(x, n) for x in xs)))

    def scatter_add(self, x: Perturbed, index: Index, shape: Shape) -> Perturbed:
        return self._noisy(self.base.scatter_add(self._terms(x, 2), index, shape))

    def less(self, a: Array, b: Array) -> Truth:
        return self.base.less(self._value(a), self._value(b))

    def select(self, truth: Truth, a: Array, b: Array) -> Perturbed:
        return Perturbed(self, self.base.select(truth, self._value(a), self._value(b)))

    def maximum(self, a: Array, b: Array) -> Perturbed:
        return Perturbed(self, self.base.maximum(self._value(a), self._value(b)))

    def max(self, x: Perturbed, axis: int) -> Perturbed:
        return Perturbed(self, self.base.max(x.value, axis))

    def is_zero(self, x: Perturbed) -> Truth:
        return self.base.is_zero(x.value)

    def scale(self, x: Perturbed, axes: Sequence[int]) -> Perturbed:
        return Perturbed(self, self.base.scale(x.value, axes))

    def winners(self, x: Perturbed, axis: int) -> Truth:
        return self.base.winners(x.value, axis)

    def shift(self, x: Perturbed, axis: int) -> Perturbed:
        return Perturbed(self, self.base.shift(x.value, axis))

    def function(self, name: str, x: Perturbed) -> Perturbed:
        ulps = self.roundoff.ulps.get(name, DEFAULT_ULPS)
        return self._noisy(self.base.function(name, x.value), ulps)

    def power(self, x: Array, p: Array) -> Perturbed:
        return self._noisy(self.base.power(self._value(x), self._value(p)), DEFAULT_ULPS)

    def integer_power(self, x: Perturbed, n: int) -> Perturbed:
        return self._noisy(self.base.integer_power(x.value, n), DEFAULT_ULPS)
