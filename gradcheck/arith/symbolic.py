"""Symbolic: SymPy expressions in object arrays; comparisons become Piecewise."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from gradcheck.arith.arithmetic import Array, Truth
from gradcheck.arith.elements import Elements, numbers


class Symbolic(Elements):
    """Closed forms. Floats enter as the exact rationals that they are.

    >>> m = Symbolic()
    >>> x = m.symbols("x", ())
    >>> print(m.maximum(x, m.constant(0)))
    Piecewise((0, x < 0), (x, True))
    """

    name = "symbolic"

    def __init__(self) -> None:
        self.functions = {
            "exp": sp.exp, "log": sp.log, "log1p": lambda x: sp.log(1 + x),
            "expm1": lambda x: sp.exp(x) - 1, "sqrt": sp.sqrt, "sin": sp.sin, "cos": sp.cos,
            "tan": sp.tan, "arctan": sp.atan, "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh,
            "arctanh": sp.atanh, "erf": sp.erf, "erfc": sp.erfc,
        }  # fmt: skip

    def symbols(self, prefix: str, shape: tuple[int, ...], **assumptions: bool) -> Array:
        """Return an array of fresh symbols, real unless told otherwise."""
        out = np.empty(shape, dtype=object)
        for i in np.ndindex(*shape):
            name = "_".join((prefix, *map(str, i)))
            out[i] = sp.Symbol(name, **({"real": True} | assumptions))
        return numbers(out)

    def element(self, x: Any) -> Any:
        if isinstance(x, sp.Basic):
            return x
        q = Fraction(x) if isinstance(x, int | Fraction) else Fraction(float(x))
        return sp.Rational(q.numerator, q.denominator)

    def raised(self, x: Any, p: Any) -> Any:
        return x**p

    def element_pi(self) -> Any:
        return sp.pi

    def less(self, a: Array, b: Array) -> Truth:
        return np.frompyfunc(lambda p, q: sp.sympify(p) < q, 2, 1)(a, b)

    def is_zero(self, x: Array) -> Truth:
        return np.frompyfunc(lambda p: sp.Eq(p, 0), 1, 1)(x)

    def select(self, truth: Truth, a: Array, b: Array) -> Array:
        def choose(t: Any, p: Any, q: Any) -> Any:
            condition = sp.sympify(bool(t)) if isinstance(t, bool | np.bool_) else t
            return sp.Piecewise((p, condition), (q, True))

        return self.map(choose, truth, self.lift(a), self.lift(b))

    def max(self, x: Array, axis: int) -> Array:
        """Return one Piecewise with a branch an entry; a nest of maxima doubles with each."""
        lines = np.moveaxis(np.asarray(x), axis, -1)
        out = np.empty((*lines.shape[:-1], 1), dtype=object)
        for i in np.ndindex(*lines.shape[:-1]):
            v = lines[i]  # where no earlier entry is the largest, it is enough to win over the later ones
            out[(*i, 0)] = sp.Piecewise(*((v[k], sp.And(*(v[k] >= u for u in v[k + 1 :]))) for k in range(len(v))))
        return numbers(np.moveaxis(out, -1, axis))

    def winners(self, x: Array, axis: int) -> Truth:
        line = np.moveaxis(np.asarray(x), axis, -1)
        out = np.empty(line.shape, dtype=object)
        for i in np.ndindex(*line.shape[:-1]):
            v = line[i]
            for k in range(len(v)):
                first = [v[k] > v[j] for j in range(k)] + [v[k] >= v[j] for j in range(k + 1, len(v))]
                out[(*i, k)] = sp.And(*first)
        return np.moveaxis(out, -1, axis)

    def shift(self, x: Array, axis: int) -> Array:
        return self.zeros((*x.shape[:axis], 1, *x.shape[axis + 1 :]))

    def number(self, x: Array) -> npt.NDArray[np.float64]:
        return np.asarray(self.map(lambda v: float(sp.N(v, 20)), x).astype(np.float64))
