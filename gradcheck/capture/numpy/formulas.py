"""NumPy's ufuncs in terms of our operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.numpy.steps import step
from gradcheck.errors import NotTraceable
from gradcheck.graph.numpy_names import UFUNCS
from gradcheck.ops.op import registry


def arcsin(x: Any) -> Any:
    """Return the angle by its tangent."""
    return registry["arctan"](x / registry["sqrt"]((1 - x) * (1 + x)))


def arctan2(y: Any, x: Any) -> Any:
    """Return the angle, by the quotient that is at most 1."""
    a, b = np.broadcast_arrays(np.asarray(numbers(y), float), np.asarray(numbers(x), float))
    flat = np.abs(b) >= np.abs(a)  # either quotient is right where they are equal
    turn = np.where(flat, np.where(b < 0, np.where(np.signbit(a), -np.pi, np.pi), 0.0), np.where(a < 0, -np.pi / 2, np.pi / 2))
    over, under = registry["where"](flat, y, x), registry["where"](flat, x, y)
    under = registry["where"]((a == 0) & (b == 0), np.nan, under)  # there is no derivative
    return turn + registry["arctan"](over / under) * np.where(flat, 1.0, -1.0)


def _remainder(x: Any, y: Any) -> Any:
    return x - y * step(np.floor_divide, (x, y))


def _logaddexp(x: Any, y: Any) -> Any:
    big = registry["maximum"](x, y)
    return big + registry["log1p"](registry["exp"](registry["minimum"](x, y) - big))


def _power(x: Any, p: Any) -> Any:
    """Return x**p; a negative number has whole powers alone."""
    base, exponent = np.asarray(numbers(x), float), np.asarray(numbers(p), float)
    whole = exponent.ndim == 0 and float(exponent).is_integer() and not (isinstance(p, Recorded) and p.memory.name)
    if whole or (base > 0).all():
        return UFUNCS["power"](x, exponent if whole else p)
    raise NotTraceable("np.power of negative numbers with other exponents than one whole number has no graph form")


#: ufunc -> what it is in our operations
MADE_OF: Mapping[str, Callable[..., Any]] = {
    **UFUNCS,
    "power": _power, "float_power": _power,
    "arcsin": arcsin, "arccos": lambda x: np.pi / 2 - arcsin(x), "arctan2": arctan2,
    "arcsinh": lambda x: registry["arctanh"](x / registry["sqrt"](registry["square"](x) + 1)),
    "arccosh": lambda x: registry["log"](x + registry["sqrt"]((x - 1) * (x + 1))),
    "hypot": lambda x, y: registry["sqrt"](registry["square"](x) + registry["square"](y)),
    "log2": lambda x: registry["log"](x) / math.log(2), "log10": lambda x: registry["log"](x) / math.log(10),
    "exp2": lambda x: registry["exp"](x * math.log(2)), "cbrt": lambda x: np.sign(numbers(x)) * registry["power"](registry["abs"](x), 1 / 3),
    "logaddexp": _logaddexp, "deg2rad": lambda x: x * (math.pi / 180), "radians": lambda x: x * (math.pi / 180),
    "rad2deg": lambda x: x * (180 / math.pi), "degrees": lambda x: x * (180 / math.pi),
    "fmax": registry["maximum"], "fmin": registry["minimum"], "remainder": _remainder, "conjugate": lambda x: x, "conj": lambda x: x,
    "fmod": lambda x, y: x - y * np.trunc(numbers(x) / numbers(y)),
    "copysign": lambda x, y: registry["abs"](x) * np.copysign(1.0, numbers(y)), "ldexp": lambda x, n: x * 2.0 ** np.asarray(numbers(n)),
    "divmod": lambda x, y: (np.floor_divide(numbers(x), numbers(y)), _remainder(x, y)),
    "erf": registry["erf"], "erfc": lambda x: 1 - registry["erf"](x), "expit": registry["logistic"], "xlogy": lambda x, y: x * registry["log"](y),
    "vecdot": lambda x, y: np.sum(x * y, axis=-1),
    "heaviside": lambda x, y: np.heaviside(numbers(x), numbers(y)),
}  # fmt: skip
