"""Better arithmetic where f allows it: the same NumPy code over dual numbers of thirty digits.

NumPy calls the method ``exp`` of the elements of an object array for ``np.exp``, and so on, so much
plain NumPy code runs unchanged and hands back its exact directional derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from mpmath.ctx_mp import MPContext

Array = npt.NDArray[Any]

DIGITS = 34
#: Entries beyond which Python objects would take longer than differences.
MOST_ENTRIES = 2_000


class Jet:
    """A number of `DIGITS` digits with its derivative along a direction; there is no way back to a float."""

    __slots__ = ("c", "d", "v")

    def __init__(self, c: MPContext, v: Any, d: Any) -> None:
        self.c, self.v, self.d = c, v, d

    def _of(self, v: Any, slope: Any) -> Jet:
        return Jet(self.c, v, slope * self.d)

    def _other(self, x: Any) -> Jet:
        if isinstance(x, Jet):
            return x
        if isinstance(x, bool | int | float | np.integer | np.floating):
            return Jet(self.c, self.c.mpf(x if isinstance(x, int) else float(x)), self.c.zero)
        raise TypeError(f"a jet does not mix with {type(x).__name__}")

    def __add__(self, x: Any) -> Jet:
        o = self._other(x)
        return Jet(self.c, self.v + o.v, self.d + o.d)

    __radd__ = __add__

    def __sub__(self, x: Any) -> Jet:
        o = self._other(x)
        return Jet(self.c, self.v - o.v, self.d - o.d)

    def __rsub__(self, x: Any) -> Jet:
        return self._other(x) - self

    def __mul__(self, x: Any) -> Jet:
        o = self._other(x)
        return Jet(self.c, self.v * o.v, self.v * o.d + self.d * o.v)

    __rmul__ = __mul__

    def __truediv__(self, x: Any) -> Jet:
        o = self._other(x)
        q = self.v / o.v
        return Jet(self.c, q, (self.d - q * o.d) / o.v)

    def __rtruediv__(self, x: Any) -> Jet:
        return self._other(x) / self

    def __pow__(self, p: Any) -> Jet:
        if isinstance(p, int | np.integer) or (isinstance(p, float) and p == int(p)):
            n = int(p)
            return self._of(self.v**n, n * self.v ** (n - 1) if n else 0)
        o = self._other(p)
        y = self.c.power(self.v, o.v)
        slope = o.v * self.c.power(self.v, o.v - 1) * self.d
        return Jet(self.c, y, slope + (y * self.c.log(self.v) * o.d if o.d else 0))

    def __rpow__(self, base: Any) -> Jet:
        return self._other(base) ** self

    def __neg__(self) -> Jet:
        return Jet(self.c, -self.v, -self.d)

    def __pos__(self) -> Jet:
        return self

    def __abs__(self) -> Jet:
        if self.v == 0:
            raise ArithmeticError("the magnitude of zero has a kink")
        return -self if self.v < 0 else self

    def __lt__(self, x: Any) -> bool:
        return bool(self._apart(x) < 0)

    def __le__(self, x: Any) -> bool:
        return bool(self._apart(x) <= 0)

    def __gt__(self, x: Any) -> bool:
        return bool(self._apart(x) > 0)

    def __ge__(self, x: Any) -> bool:
        return bool(self._apart(x) >= 0)

    def __eq__(self, x: object) -> bool:
        return bool(self._apart(x) == 0)

    def __ne__(self, x: object) -> bool:
        return not self == x

    __hash__ = None  # type: ignore[assignment]  # compared by value

    def _apart(self, x: Any) -> Any:
        """Return the difference of values; a tie of different numbers may be a kink and is refused."""
        o = self._other(x)
        if self.v == o.v and self.d != o.d:
            raise ArithmeticError("a comparison of equal numbers may be a kink")
        return self.v - o.v

    def conjugate(self) -> Jet:
        """Return the number: it is real."""
        return self

    @property
    def real(self) -> Jet:
        """The number: it is real."""
        return self


def _method(value: str, slope: Callable[[Any, Any, Any], Any]) -> Callable[[Jet], Jet]:
    def f(self: Jet) -> Jet:
        y = getattr(self.c, value)(self.v)
        return self._of(y, slope(self.c, self.v, y))

    return f


#: name of the NumPy function -> (function of mpmath, derivative from context, x and y)
_METHODS: dict[str, tuple[str, Callable[[Any, Any, Any], Any]]] = {
    "exp": ("exp", lambda c, x, y: y), "expm1": ("expm1", lambda c, x, y: c.exp(x)),
    "log": ("ln", lambda c, x, y: 1 / x), "log1p": ("log1p", lambda c, x, y: 1 / (1 + x)),
    "log2": ("log2", lambda c, x, y: 1 / (x * c.ln2)), "log10": ("log10", lambda c, x, y: 1 / (x * c.ln10)),
    "sqrt": ("sqrt", lambda c, x, y: 1 / (2 * y)), "cbrt": ("cbrt", lambda c, x, y: y / (3 * x)),
    "sin": ("sin", lambda c, x, y: c.cos(x)), "cos": ("cos", lambda c, x, y: -c.sin(x)),
    "tan": ("tan", lambda c, x, y: 1 + y * y), "arcsin": ("asin", lambda c, x, y: 1 / c.sqrt(1 - x * x)),
    "arccos": ("acos", lambda c, x, y: -1 / c.sqrt(1 - x * x)), "arctan": ("atan", lambda c, x, y: 1 / (1 + x * x)),
    "sinh": ("sinh", lambda c, x, y: c.cosh(x)), "cosh": ("cosh", lambda c, x, y: c.sinh(x)),
    "tanh": ("tanh", lambda c, x, y: 1 / c.cosh(x) ** 2), "arcsinh": ("asinh", lambda c, x, y: 1 / c.sqrt(1 + x * x)),
    "arccosh": ("acosh", lambda c, x, y: 1 / c.sqrt(x * x - 1)), "arctanh": ("atanh", lambda c, x, y: 1 / (1 - x * x)),
}  # fmt: skip
for _name, (_value, _slope) in _METHODS.items():
    setattr(Jet, _name, _method(_value, _slope))


def _each(f: Callable[[Any], Any], a: Array) -> Array:
    return np.asarray(np.frompyfunc(f, 1, 1)(a), dtype=object)


def directional(
    f: Callable[[Sequence[Any]], Sequence[Any]], xs: Sequence[Array], ts: Sequence[Array], digits: int = DIGITS
) -> tuple[list[Any], list[Any]]:
    """Return values and directional derivatives of f as object arrays of mpmath numbers.

    Raises:
        ArithmeticError: the code compares equal numbers, which may be a kink.
        Exception: whatever else the code raises over objects; then it has no better arithmetic.
    """
    c = MPContext()
    c.dps = digits
    lift = np.frompyfunc(lambda x, t: Jet(c, c.mpf(float(x)), c.mpf(float(t))), 2, 1)
    lifted = [np.asarray(lift(x, t), dtype=object) for x, t in zip(xs, ts, strict=True)]
    values, slopes = [], []
    for y in f(lifted):
        a = np.asarray(y, dtype=object)
        values.append(_each(lambda v: v.v if isinstance(v, Jet) else c.mpf(float(v)), a))
        slopes.append(_each(lambda v: v.d if isinstance(v, Jet) else c.zero, a))
    return values, slopes
