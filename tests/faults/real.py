"""Numbers of 400 digits that NumPy can compute with: a second way to a derivative that shares nothing with a checker."""

import operator

import mpmath
import numpy as np

DIGITS = 400
context = mpmath.mp.clone()
context.dps = DIGITS


class Real:
    """A number of `DIGITS` digits with the methods that NumPy asks elements of object arrays for."""

    __slots__ = ("v",)

    def __init__(self, v):
        self.v = context.mpf(v)

    def __repr__(self):
        return f"Real({float(self.v)})"

    def __float__(self):
        return float(self.v)

    def __bool__(self):
        return bool(self.v)

    def __hash__(self):
        return hash(self.v)

    def __trunc__(self):
        return int(self.v)

    def __floor__(self):
        return Real(context.floor(self.v))

    def __abs__(self):
        return Real(abs(self.v))

    def __neg__(self):
        return Real(-self.v)

    def __pos__(self):
        return self

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        wrapped = [_box(x) if isinstance(x, Real) else x for x in inputs]
        return getattr(ufunc, method)(*wrapped, **options)


def _box(x):
    out = np.empty((), object)
    out[()] = x
    return out


def _value(x):
    if isinstance(x, Real):
        return x.v
    if isinstance(x, bool | int | float | np.integer | np.floating | np.bool_):
        return context.mpf(float(x)) if isinstance(x, float | np.floating) else context.mpf(int(x))
    return None


def _binary(name, operation, wrap):
    def forward(self, other):
        v = _value(other)
        return NotImplemented if v is None else wrap(operation(self.v, v))

    def reverse(self, other):
        v = _value(other)
        return NotImplemented if v is None else wrap(operation(v, self.v))

    setattr(Real, f"__{name}__", forward)
    if wrap is Real:
        setattr(Real, f"__r{name}__", reverse)


for _name in ("add", "sub", "mul", "truediv", "pow", "mod"):
    _binary(_name, getattr(operator, _name), Real)
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    _binary(_name, getattr(operator, _name), bool)


def _real_root(v):
    if v < 0:
        return context.nan
    return context.sqrt(v)


_FUNCTIONS = {
    "exp": context.exp, "log": context.log, "sin": context.sin, "cos": context.cos, "tan": context.tan,
    "tanh": context.tanh, "sinh": context.sinh, "cosh": context.cosh, "log1p": lambda v: context.log(1 + v),
    "expm1": lambda v: context.exp(v) - 1, "sqrt": _real_root, "arctan": context.atan,
    "trunc": lambda v: context.mpf(int(v)), "floor": context.floor, "arccosh": lambda v: context.acosh(v) if v >= 1 else context.nan, "rint": context.nint,
}  # fmt: skip
for _name, _function in _FUNCTIONS.items():
    setattr(Real, _name, lambda self, function=_function: Real(function(self.v)))
Real.arctan2 = lambda self, x: Real(context.atan2(self.v, _value(x)))


def reals(x):
    """Return a float array as an object array of `Real`; anything else as it is."""
    if x.dtype != np.float64:
        return x
    out = np.empty(x.shape, object)
    for k in np.ndindex(x.shape):
        out[k] = Real(float(x[k]))
    return out
