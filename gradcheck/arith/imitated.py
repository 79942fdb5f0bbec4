"""Imitated: a fused kernel with the roundings of one of its possible runs, drawn at random.

Roundings to a storage format are large and not independent: equal numbers err equally. So one is imitated in two ways, of which the larger deviation
counts: by one random shift of the whole grid an array, which keeps equal numbers equal, and by a shift of its own for each entry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array, Index, Shape
from gradcheck.arith.fused import Stores, fused_sum_deviation
from gradcheck.arith.rounding import Format
from gradcheck.arith.running import DEFAULT_ULPS, Roundoff
from gradcheck.arith.stochastic import Perturbed, Stochastic
from gradcheck.arith.storage import gap, nearest


class LeftRun(Perturbed):
    """A stored number that knows what it was before, see `gradcheck.arith.fused.Left`."""

    __slots__ = ("before",)

    def __init__(self, stored: Perturbed, before: Perturbed) -> None:
        super().__init__(stored.m, stored.value)
        self.before = before


class Imitated(Stochastic):
    """One possible run of a kernel.

    Args:
        roundoff: how it rounds inside.
        stores: what it stores.
        seed: of the run.
        together: whether the roundings of an array to a storage format are one shift of its grid, or one an entry.
    """

    def __init__(self, roundoff: Roundoff, stores: Stores, seed: int, *, together: bool) -> None:
        super().__init__(roundoff, seed)
        self.stores, self.together = stores, together

    def constant(self, x: float | Fraction) -> Perturbed:
        value = self.base.constant(x)
        return self.constant_array(value) if not isinstance(x, int) else Perturbed(self, value)

    def constant_array(self, x: Array) -> Perturbed:
        """Return constants of a formula, rounded to float32."""
        return Perturbed(self, np.asarray(x).astype(np.float32).astype(np.float64))

    def leave(self, x: Array) -> Array:
        return x if self.stores.results is None else LeftRun(self._stored(x, self.stores.results), x)

    def _stored(self, x: Perturbed, to: Format) -> Perturbed:
        spaces = gap(x.value, to)
        shift = self.random.uniform(-0.5, 0.5, () if self.together else x.shape)
        held = nearest(x.value, to) == x.value
        with np.errstate(invalid="ignore"):
            return Perturbed(self, np.where(held, x.value, (np.rint(x.value / spaces + shift) - shift) * spaces))

    def _operands(self, *xs: Perturbed) -> tuple[Perturbed, ...]:
        return xs if self.stores.operands is None else tuple(self._stored(x, self.stores.operands) for x in xs)

    def _summed(self, total: Array, terms: Any, squares: Array) -> Perturbed:
        """Return sums with what the roundings of their partial sums come to."""
        width = self.roundoff.accumulate * fused_sum_deviation(terms, squares, total)
        return Perturbed(self, np.asarray(total + self.random.uniform(-1, 1, np.shape(total)) * width))

    def sum(self, x: Perturbed, axes: Sequence[int] | None = None, keepdims: bool = False) -> Perturbed:
        axis = tuple(range(x.value.ndim)) if axes is None else tuple(axes)
        terms = math.prod(x.shape[i] for i in axis)
        total = self.base.sum(x.value, axis, keepdims)
        return Perturbed(self, total) if terms <= 1 else self._summed(total, terms, self.base.sum(np.square(x.value), axis, keepdims))

    def cumsum(self, x: Perturbed, axis: int) -> Perturbed:
        total, squares = (self.base.cumsum(v, axis) for v in (x.value, np.square(x.value)))
        return self._summed(total, x.shape[axis], squares)

    def matmul(self, a: Perturbed, b: Perturbed) -> Perturbed:
        a, b = self._operands(a, b)
        return self._summed(self.base.matmul(a.value, b.value), a.shape[-1], self.base.matmul(np.square(a.value), np.square(b.value)))

    def einsum(self, spec: str, *xs: Perturbed) -> Perturbed:
        values = [x.value for x in (self._operands(*xs) if len(xs) > 1 else xs)]
        total, squares = (self.base.einsum(spec, *v) for v in (values, [np.square(x) for x in values]))
        letters = spec.replace(" ", "").split("->")
        sizes = {c: n for t, x in zip(letters[0].split(","), xs, strict=True) for c, n in zip(t, x.shape, strict=True)}
        return self._summed(total, math.prod(n for c, n in sizes.items() if c not in letters[1]), squares)

    def function(self, name: str, x: Perturbed) -> Perturbed:
        """Return a function with its error, which may be the same everywhere as well: an approximation errs as it does."""
        if not self.together:
            return super().function(name, x)
        u = self.roundoff.ulps.get(name, DEFAULT_ULPS) * self.roundoff.u
        return Perturbed(self, np.asarray(self.base.function(name, x.value) * (1 + self.random.uniform(-u, u))))

    def scatter_add(self, x: Perturbed, index: Index, shape: Shape) -> Perturbed:
        total, squares = (self.base.scatter_add(v, index, shape) for v in (x.value, np.square(x.value)))
        flat = np.ravel(index)
        counts = np.bincount(flat[flat >= 0], minlength=math.prod(shape)).reshape(shape)
        return self._summed(total, np.where(counts > 1, counts, 0), squares)
