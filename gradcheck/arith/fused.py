"""Running error of a fused kernel: float32 inside, rounded to a storage format where its style says so, and nowhere else.

`Running` answers for one operation whose result is stored. A kernel stores little: its results, what its backward pass reads again, operands of
products that tensor cores take. Everything else has the error of float32. What is stored of a *known* number is known too: that rounding is no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.rounding import Format
from gradcheck.arith.running import Bounded, Roundoff, Running
from gradcheck.arith.storage import gap, nearest

#: Roundings of a result of eager code: its operations may be others than the reference's, with one more between two of these.
OTHER_OPERATIONS = 2.0


@dataclass(frozen=True, slots=True)
class Stores:
    """What of a kernel is rounded to a format narrower than that in which it computes.

    Args:
        operands: of products: the format of tensor cores; None where they take float32.
        results: of every operation, of eager code; None where only what leaves the kernel is stored.
    """

    operands: Format | None = None
    results: Format | None = None


class Left(Bounded):
    """A stored number that knows what it was before: a result that leaves the kernel is rounded once, by what looks at it."""

    __slots__ = ("before",)

    def __init__(self, stored: Bounded, before: Bounded) -> None:
        super().__init__(stored.m, stored.value, stored.error)
        self.before = before


class Fused(Running):
    """The running error of a kernel.

    Args:
        roundoff: how it rounds inside.
        stores: what it stores.

    >>> m = Fused(Roundoff.of("float32"), Stores(operands=Format(8, -133, 128)))
    >>> x = m.array([[1.0, 1 + 2.0**-10]])
    >>> bool(m.matmul(x, m.array([[1.0], [1.0]])).value == 2.0)
    True
    """

    def __init__(self, roundoff: Roundoff, stores: Stores) -> None:
        super().__init__(roundoff)
        self.stores = stores

    def constant_array(self, x: Array) -> Bounded:
        """Return constants of a formula, which are float32 numbers in the kernel: exact where they are representable."""
        value = self.base.array(x)
        inexact = value.astype(np.float32) != value
        return Bounded(self, value, self.u * np.where(inexact, np.abs(value), 0.0) if inexact.any() else None)

    def leave(self, x: Array) -> Array:
        return x if self.stores.results is None else Left(self._stored(x, self.stores.results, OTHER_OPERATIONS), x)

    def matmul(self, a: Bounded, b: Bounded) -> Bounded:
        return super().matmul(*self._operands(a, b))

    def einsum(self, spec: str, *xs: Bounded) -> Bounded:
        return super().einsum(spec, *(self._operands(*xs) if len(xs) > 1 else xs))

    def _operands(self, *xs: Bounded) -> tuple[Bounded, ...]:
        return xs if self.stores.operands is None else tuple(self._stored(x, self.stores.operands) for x in xs)

    def _stored(self, x: Bounded, to: Format, times: float = 1.0) -> Bounded:
        """Return numbers after so many roundings: of an exact one it is known, of another half a gap at most."""
        if x.error is None:
            return Bounded(self, nearest(x.value, to), None)
        error = x.error + np.nan_to_num(gap(np.abs(x.value) + x.error, to), nan=np.inf) * (times / 2)
        exact = x.error == 0
        return Bounded(self, np.where(exact, nearest(x.value, to), x.value), np.where(exact, 0.0, error))


def fused_sum_deviation(terms: Any, squares: Any, total: Any) -> Any:
    """Return what float32 sums one after the other usually lose, in units of its roundoff: half widths of uniform errors.

    The k-th partial sum s_k is rounded with an error uniform in u abs(s_k). Terms of random signs have s_k^2 about k/n of their squares' sum, terms of
    one sign (k/n)^2 of the total's square; added up over k that is n/2 and n/3 of them.

    Args:
        terms: n, how many are added up.
        squares: the sums of their squares.
        total: the sums.
    """
    return np.sqrt(terms / 2 * squares + terms / 3 * np.square(total))
