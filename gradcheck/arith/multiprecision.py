"""Multiprecision: mpmath numbers in object arrays, in a context of their own."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from gradcheck.arith.elements import Elements


class Multiprecision(Elements):
    """Real numbers with `digits` decimal digits; mpmath's global precision is left alone.

    Args:
        digits: working precision in decimal digits.

    >>> m = Multiprecision(30)
    >>> print(m.exp(m.constant(1)))
    2.71828182845904523536028747135
    """

    def __init__(self, digits: int = 50) -> None:
        from mpmath.ctx_mp import MPContext

        self.name = f"mpmath[{digits}]"
        self.digits = digits
        self.context = c = MPContext()
        c.dps = digits
        self.functions = {
            "exp": c.exp, "log": self._real(c.log), "log1p": self._real(c.log1p), "expm1": c.expm1, "sqrt": self._real(c.sqrt),
            "sin": c.sin, "cos": c.cos, "tan": c.tan, "arctan": c.atan, "sinh": c.sinh,
            "cosh": c.cosh, "tanh": c.tanh, "arctanh": self._real(c.atanh), "erf": c.erf, "erfc": c.erfc,
        }  # fmt: skip

    def element(self, x: Any) -> Any:
        if isinstance(x, Fraction):
            return self.context.mpf(x.numerator) / x.denominator
        if isinstance(x, np.longdouble):  # an mpmath constructor would go through float64
            head = float(x)
            return self.context.mpf(head) + float(x - np.longdouble(head))
        if isinstance(x, np.generic):
            x = float(x)
        return self.context.mpf(x)

    def raised(self, x: Any, p: Any) -> Any:
        return self._real(self.context.power)(x, p)

    def _real(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return f with NaN where mpmath leaves the real numbers or has a pole, as floating point does."""
        c = self.context

        def g(*xs: Any) -> Any:
            try:
                y = f(*xs)
            except (ZeroDivisionError, ValueError):
                return c.nan
            return c.nan if isinstance(y, c.mpc) else y

        return g

    def element_pi(self) -> Any:
        return +self.context.pi
