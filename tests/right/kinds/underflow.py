"""Densities, damping and screening functions: what underflows to zero far out has the slope zero there."""

import numpy as np
from scipy import special

from tests.right.kinds.case import BY_LOG, HALF, PERCENT, ROLLED, SIGN, TWICE, Kind, scaled

KIND = Kind("underflow")
X = np.array([0.5, -1.0, 2.0])
R = np.array([0.7, 1.5, 3.0])

ENTRIES = {
    "exp(-x^4)": (lambda x: np.exp(-(x**4)), lambda x: -4 * x**3 * np.exp(-(x**4)), ("chain factor", lambda x: -np.exp(-(x**4))), X),
    "x^2 exp(-x^2)": (lambda x: x**2 * np.exp(-(x**2)), lambda x: (2 * x - 2 * x**3) * np.exp(-(x**2)), ("product rule", lambda x: 2 * x * np.exp(-(x**2))), X),
    "normal": (lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi), lambda x: -x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi), ("x is missing", lambda x: -np.exp(-x * x / 2) / np.sqrt(2 * np.pi)), X),
    "ricker": (lambda x: (1 - x * x) * np.exp(-x * x / 2), lambda x: (x**3 - 3 * x) * np.exp(-x * x / 2), ("product rule", lambda x: -2 * x * np.exp(-x * x / 2)), X),
    "sech": (lambda x: 1 / np.cosh(x), lambda x: -np.tanh(x) / np.cosh(x), ("tanh is missing", lambda x: -1 / np.cosh(x)), X),
    "gumbel": (lambda x: np.exp(-x - np.exp(-x)), lambda x: (np.exp(-x) - 1) * np.exp(-x - np.exp(-x)), ("1 is missing", lambda x: np.exp(-x) * np.exp(-x - np.exp(-x))), X),
    "maxwell": (lambda v: v**2 * np.exp(-(v**2) / 2), lambda v: (2 * v - v**3) * np.exp(-(v**2) / 2), ("product rule", lambda v: -(v**3) * np.exp(-(v**2) / 2)), R),
    "planck": (lambda x: x**3 / np.expm1(x), lambda x: (3 * x**2 * np.expm1(x) - x**3 * np.exp(x)) / np.expm1(x) ** 2, ("quotient rule", lambda x: 3 * x**2 / np.expm1(x)), R),
    "fermi": (lambda x: 1 / (np.exp(x) + 1), lambda x: -1 / (4 * np.cosh(x / 2) ** 2), ("1 - f", lambda x: 1 - 1 / (np.exp(x) + 1)), X),
    "bump": (lambda x: np.where(np.abs(x) < 4, np.exp(-1 / np.where(np.abs(x) < 4, 1 - x * x / 16, 1.0)), 0.0),
             lambda x: np.where(np.abs(x) < 4, -x / 8 / np.where(np.abs(x) < 4, 1 - x * x / 16, 1.0) ** 2 * np.exp(-1 / np.where(np.abs(x) < 4, 1 - x * x / 16, 1.0)), 0.0),
             ("power 1", lambda x: np.where(np.abs(x) < 4, -x / 8 * np.exp(-1 / np.where(np.abs(x) < 4, 1 - x * x / 16, 1.0)), 0.0)), X),
    "morlet": (lambda x: np.cos(5 * x) * np.exp(-x * x / 2), lambda x: (-5 * np.sin(5 * x) - x * np.cos(5 * x)) * np.exp(-x * x / 2), ("envelope held", lambda x: -5 * np.sin(5 * x) * np.exp(-x * x / 2)), X),
    "erfc": (special.erfc, lambda x: -2 / np.sqrt(np.pi) * np.exp(-x * x), ("2 for 2/sqrt(pi)", lambda x: -2 * np.exp(-x * x)), X),
}  # fmt: skip
for _name, (_f, _slope, _wrong, _x) in ENTRIES.items():
    KIND.vjp(_name, _f, _x, lambda g, x, s=_slope: (g * s(x),), (_wrong[0], lambda g, x, s=_wrong[1]: (g * s(x),)), SIGN, PERCENT)

# With parameters: widths, rates, exponents.
T = np.linspace(0.2, 4, 7)


def weibull(k, s):
    """Return minus the log likelihood of the times."""
    return -np.sum(np.log(k / s) + (k - 1) * np.log(T / s) - (T / s) ** k)


KIND.grad("weibull", weibull, (1.4, 2.1), lambda k, s: (-np.sum(1 / k + np.log(T / s) * (1 - (T / s) ** k)), -np.sum(-k / s + k / s * (T / s) ** k)),
          ("1/k is missing", lambda k, s: (-np.sum(np.log(T / s) * (1 - (T / s) ** k)), -np.sum(-k / s + k / s * (T / s) ** k))), BY_LOG, scaled(1, -1))  # fmt: skip
KIND.vjp("damped oscillation", lambda c: np.exp(-c[0] * T) * np.cos(c[1] * T), np.array([0.6, 3.0]), lambda g, c: (np.array([
    np.sum(-g * T * np.exp(-c[0] * T) * np.cos(c[1] * T)), np.sum(-g * T * np.exp(-c[0] * T) * np.sin(c[1] * T))]),), ROLLED, SIGN, ("time is missing", lambda g, c: (np.array([
        np.sum(-g * np.exp(-c[0] * T) * np.cos(c[1] * T)), np.sum(-g * np.exp(-c[0] * T) * np.sin(c[1] * T))]),)))  # fmt: skip
KIND.vjp("screened charge", lambda r, k: np.exp(-k * r) / r, (R, 1.3), lambda g, r, k: (-g * np.exp(-k * r) * (k / r + 1 / r**2), np.sum(-g * np.exp(-k * r))),
         ("1/r^2 is missing", lambda g, r, k: (-g * np.exp(-k * r) * k / r, np.sum(-g * np.exp(-k * r)))), scaled(1, -1), BY_LOG)  # fmt: skip


def basis(c, w):
    """Add up Gaussians of a positive width."""
    if w <= 0:
        raise ValueError("expected a positive width")
    return np.sum(np.exp(-((T - c) ** 2) / w**2))


KIND.grad("radial basis", basis, (np.array(1.1), np.array(0.5)), lambda c, w: (
    np.sum(2 * (T - c) / w**2 * np.exp(-((T - c) ** 2) / w**2)), np.sum(2 * (T - c) ** 2 / w**3 * np.exp(-((T - c) ** 2) / w**2))), BY_LOG, TWICE, scaled(0, -1))  # fmt: skip
KIND.grad("product of densities", lambda m: np.prod(np.exp(-((T - m) ** 2))), np.array(2.0), lambda m: 2 * np.sum(T - m) * np.prod(np.exp(-((T - m) ** 2))), ("of the logarithm", lambda m: 2 * np.sum(T - m)),
          SIGN, HALF)  # fmt: skip
