"""The derivative of each function of one variable, as an expression over any arithmetic.

These are the rules of calculus for the functions themselves, which a Taylor arithmetic needs. Operations have vjps and jvps of
their own in `gradcheck.ops`; none of those is read here, so that what is derived from this table is a second opinion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from gradcheck.arith.arithmetic import Arithmetic, Array

Slopes: TypeAlias = Mapping[str, Callable[[Arithmetic, Array, Array], Array]]

#: name (see `FUNCTIONS`) -> f'(m, x, y), given y = f(x)
SLOPES: Slopes = {
    "exp": lambda m, x, y: y,
    "log": lambda m, x, y: 1 / x,
    "log1p": lambda m, x, y: 1 / (1 + x),
    "expm1": lambda m, x, y: m.exp(x),
    "sqrt": lambda m, x, y: 1 / (2 * y),
    "sin": lambda m, x, y: m.cos(x),
    "cos": lambda m, x, y: -m.sin(x),
    "tan": lambda m, x, y: 1 + m.square(y),
    "arctan": lambda m, x, y: 1 / (1 + m.square(x)),
    "sinh": lambda m, x, y: m.cosh(x),
    "cosh": lambda m, x, y: m.sinh(x),
    "tanh": lambda m, x, y: m.sech2(x),
    "arctanh": lambda m, x, y: 1 / ((1 - x) * (1 + x)),
    "erf": lambda m, x, y: 2 / m.sqrt(m.pi()) * m.exp(-m.square(x)),
    "erfc": lambda m, x, y: -2 / m.sqrt(m.pi()) * m.exp(-m.square(x)),
    "logistic": lambda m, x, y: y * m.logistic(-x),
    "softplus": lambda m, x, y: m.logistic(x),
    "sech2": lambda m, x, y: -2 * m.tanh(x) * y,
}

#: The same, as most programs compute it: they lose digits in tails, as the textbook formulas of operations do.
TEXTBOOK_SLOPES: Slopes = {
    **SLOPES,
    "tanh": lambda m, x, y: 1 - m.square(y),
    "logistic": lambda m, x, y: y * (1 - y),
    "softplus": lambda m, x, y: 1 - m.exp(-y),
    "sech2": lambda m, x, y: -2 * m.tanh(x) * (1 - m.square(m.tanh(x))),
    "arctanh": lambda m, x, y: 1 / (1 - m.square(x)),
}
