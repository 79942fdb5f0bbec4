"""float64 whose every result is fixed by IEEE 754: bounds that are computed in it are the same on every machine.

Libraries of elementary functions differ in last bits, and so do products of matrices, by the order of their sums and by fused
multiply-add. How far a function moves between two neighbouring numbers, which bounds ask for, depends on such bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.elements import numbers
from gradcheck.arith.floating import Floating
from gradcheck.arith.rounding import BINARY, dyadic, round_to
from gradcheck.arith.running import Roundoff, Running

#: Bits with which functions are enclosed before they are rounded; what is as near to the middle of two numbers as that is exact.
_BITS = 240


class Reproducible(Floating):
    """float64 with correctly rounded functions, and sums of products in the order of their index.

    >>> float(Reproducible().exp(np.array(1.0))) == math.e
    True
    """

    def __init__(self) -> None:
        super().__init__("float64")
        self._ball = Ball()

    def function(self, name: str, x: Array) -> Array:
        return self._rounded(partial(self._ball.function, name), super().function(name, x), x)

    def power(self, x: Array, p: Array) -> Array:
        return self._rounded(self._ball.power, super().power(x, p), x, p)

    def integer_power(self, x: Array, n: int) -> Array:
        return self._rounded(lambda v: self._ball.integer_power(v, n), super().integer_power(x, n), x)

    def _rounded(self, f: Callable[..., Array], special: Array, *xs: Array) -> Array:
        """Return a function in balls, rounded; what floating point gives where that or the operands are not finite."""
        given = np.broadcast_arrays(special, *xs)
        finite = np.all([np.isfinite(x) for x in given], axis=0)
        out = np.array(given[0], np.float64)
        if finite.any():
            with self._ball.precision(_BITS):
                balls = np.ravel(np.asarray(f(*(numbers(self._ball.array(x[finite])) for x in given[1:]))))
                out[finite] = [_nearest(v, s) for v, s in zip(balls, given[0][finite].tolist(), strict=True)]
        return out

    def matmul(self, a: Array, b: Array) -> Array:
        n = a.shape[-1]
        if a.ndim == 1 or b.ndim == 1:
            left, right = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
            y = self.matmul(left, right)
            y = y[..., 0] if b.ndim == 1 else y
            return np.asarray(y[..., 0] if a.ndim == 1 and b.ndim == 1 else y[..., 0, :] if a.ndim == 1 else y)
        total = np.zeros(np.broadcast_shapes((*a.shape[:-1], 1), (*b.shape[:-2], 1, b.shape[-1])))
        for k in range(n):
            total = total + a[..., :, k, None] * b[..., None, k, :]
        return np.asarray(total)

    def einsum(self, spec: str, *xs: Array) -> Array:
        terms, result = spec.replace(" ", "").split("->")
        names = terms.split(",")
        summed = sorted(set("".join(names)) - set(result))
        every = result + "".join(summed)
        product: Any = 1.0
        for name, x in zip(names, xs, strict=True):
            product = product * _spread(x, name, every)
        sizes = {c: n for name, x in zip(names, xs, strict=True) for c, n in zip(name, x.shape, strict=True)}
        full = np.broadcast_to(product, tuple(sizes[c] for c in every))
        flat = full.reshape(*(sizes[c] for c in result), math.prod(sizes[c] for c in summed))
        return np.asarray(np.add.accumulate(flat, axis=-1)[..., -1] if flat.shape[-1] else np.zeros(flat.shape[:-1]))


def _nearest(ball: Any, special: float) -> float:
    return round_to(dyadic(ball.mid()), BINARY["float64"]) if ball.is_finite() else special


def _spread(x: Array, name: str, every: str) -> Array:
    """Return an operand with an axis for each letter, the diagonal where a letter stands twice."""
    distinct = "".join(dict.fromkeys(name))
    x = np.asarray(x)
    if distinct != name:
        x = np.einsum(f"{name}->{distinct}", x)  # moves entries only
    x = np.transpose(x, [distinct.index(c) for c in every if c in distinct])
    sizes = iter(x.shape)
    return x.reshape([next(sizes) if c in distinct else 1 for c in every])


class Reproduced(Running):
    """The running error bound over `Reproducible`.

    Args:
        roundoff: how the implementation to be judged rounds.
    """

    def __init__(self, roundoff: Roundoff) -> None:
        super().__init__(roundoff, "float64")
        self.base = Reproducible()
