"""Running error bounds at half the cost: those of products from float32, and a little smaller than they might be.

What lies within these bounds lies within those of `Running`, whose values are the same; what does not has to be
looked at again. The product abs(A) abs(B) of n terms computed in float32 is off by at most about n 2^-24 of itself,
in any order of summation; it is multiplied by 1 - (n + 8) 2^-23 and so is too small by less than 1.5 times that much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.running import Bound, Bounded, Roundoff, Running

#: By this part bounds are made smaller where a few operations were rounded to float32.
LEAST = 2.0**-20
#: Terms of a product that are enough for its bound.
FEW = 48
#: Beyond this part of a bound the screening gives up too much.
MOST = 2.0**-6


class Given(Bounded):
    """An exact value with the float32 numbers that it was made of."""

    __slots__ = ("given",)

    def __init__(self, m: Running, value: npt.NDArray[np.float64], given: npt.NDArray[np.float32]) -> None:
        super().__init__(m, value, None)
        self.given = given


class Screening(Running):
    """`Running` for the judgement of float32, its bounds too small by up to (n + 8) 2^-22 in products of n terms.

    A result that may overflow has a bound here, that of what does not: whoever finds a number within it has found none.

    Args:
        roundoff: how the implementation to be judged rounds.
        part: of the terms of a matrix product only one in so many counts for its bound, where there are many.

    >>> from gradcheck.arith.running import Roundoff
    >>> a, b = np.ones((2, 64), np.float32), np.ones((64, 2), np.float32)
    >>> bounds = [m.matmul(m.array(a), m.array(b)).error for m in (Screening(Roundoff.of("float32")), Running(Roundoff.of("float32")))]
    >>> bool(np.all((0.9999 * bounds[1] < bounds[0]) & (bounds[0] < bounds[1])))
    True
    """

    def __init__(self, roundoff: Roundoff, part: int = 1) -> None:
        super().__init__(roundoff, "float64")
        self.part_of, self.taken = part, 0  #: how many products were bounded by a part of their terms

    def array(self, x: npt.ArrayLike) -> Bounded:
        y = super().array(x)
        return Given(self, y.value, x) if isinstance(x, np.ndarray) and x.dtype == np.float32 else y

    def move(self, f: Callable[..., npt.NDArray[np.generic]], *xs: Array) -> Bounded:
        if all(isinstance(x, Given) for x in xs):
            return Given(self, np.asarray(f(*(x.value for x in xs))), np.asarray(f(*(x.given for x in xs))))
        return super().move(f, *xs)

    def _rounded(self, value: npt.NDArray[Any], error: Bound, eta: float, ulps: float = 0.5) -> Bounded:
        size: Any = np.asarray(np.abs(value), np.float32)
        if error is not None:
            size = size + error
        size *= np.float32(2 * ulps * self.u * (1 - LEAST))
        size += _below(eta)
        if error is not None:
            size += error
            size *= np.float32(1 - LEAST)
        return Bounded(self, np.asarray(value), size)

    def matmul(self, a: Bounded, b: Bounded) -> Bounded:
        n = a.shape[-1]
        few = n // self.part_of
        if few < FEW or self.part_of == 1 or min(len(a.shape), len(b.shape)) < 2:
            return super().matmul(a, b)
        self.taken += 1
        return self._bounded_by(self.base.matmul, (a, b), n, (_size(a, np.s_[..., :few]), _size(b, np.s_[..., :few, :])))

    def _products(self, f: Callable[..., Array], xs: Sequence[Bounded], n: int) -> Bounded:
        return self._bounded_by(f, xs, n, [_size(x) for x in xs])

    def _bounded_by(self, f: Callable[..., Array], xs: Sequence[Bounded], n: int, sizes: Sequence[Array]) -> Bounded:
        """Return a sum of products with the bound that magnitudes of its factors give."""
        lost = (n + 2 * len(xs) + 4) * 2.0**-23
        if lost > MOST or self.u_sum < self.u or any(x.error is not None for x in xs):
            return super()._products(f, xs, n)
        roundings = n + len(xs) * self.roundoff.inputs / self.u_sum
        total: Any = np.asarray(f(*sizes))
        error = np.multiply(total, np.float32(roundings * self.u_sum * (1 - lost)), out=total if total.base is None else None)
        error += _below(n * self.eta + roundings * self.eta_sum)
        return Bounded(self, f(*(x.value for x in xs)), error)

    def _bounded(self, value: npt.NDArray[Any], error: Any, reach: float = 0.0) -> Bounded:
        """Return a result with its bound, whether or not the format may overflow."""
        return Bounded(self, np.asarray(value), error)


def _size(x: Bounded, key: Any = ...) -> npt.NDArray[np.float32]:
    return np.asarray(np.abs((x.given if isinstance(x, Given) else x.value)[key]), np.float32)


@lru_cache
def _below(x: float) -> np.float32:
    """Return a float32 below x by so much that rounding among subnormal numbers does not matter."""
    y = np.float32(x) * np.float32(1 - MOST) - 4 * np.finfo(np.float32).smallest_subnormal
    return np.float32(max(0.0, float(y)))
