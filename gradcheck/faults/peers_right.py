"""Right derivatives that other checkers were measured, or are documented, to reject, and some that are nothing but plain."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import distinct, given, normal, positive


def _accept(name: str, title: str, operation: str, by: str, f: Any, slope: Any, ordinary: Any, trigger: Any, **more: Any) -> None:
    """Declare a right derivative: a slope by entry, or the gradient of a scalar function."""
    more.setdefault("right", lambda g, x: (g * slope(x),))
    declare(name, title, operation, "false-positive", by, f=f, ordinary=ordinary, trigger=trigger, **more)


for _scale in (1e2, 1e8, 1e9, 1e150):
    _accept(
        f"square-at-{_scale:.0e}".replace("+", ""), "an absolute step is lost below the last bit", "x**2",
        "measured: torch from 1e8, jax float32 from 1e2, scipy at 1e8", lambda x: x**2, lambda x: 2 * x,
        normal((3,)), given([1.3 * _scale, -2.1 * _scale]),
    )  # fmt: skip

for _scale in (1e-2, 1e-3, 1e-5, 1e-12):
    _accept(
        f"log-at-{_scale:.0e}", "an absolute step leaves the domain or is too wide", "log",
        "measured: torch from 1e-5, jax from 1e-2", np.log, lambda x: 1 / x,
        positive((3,)), given([1.3 * _scale, 2.1 * _scale]),
    )  # fmt: skip

for _scale in (1e-5, 1e-9):
    _accept(
        f"sin-of-x-over-{_scale:.0e}", "a step wider than the period", "sin(x / s)", "measured: torch at s <= 1e-5",
        lambda x, s=_scale: np.sin(x / s), lambda x, s=_scale: np.cos(x / s) / s,
        lambda rng, s=_scale: (s * rng.normal(size=3),), given([0.3 * _scale, -1.2 * _scale]),
    )  # fmt: skip

_accept(
    "cube-at-1e-30", "a step far wider than the argument", "x**3", "an absolute step gives an error of 4e21",
    lambda x: x**3, lambda x: 3 * x**2, normal((3,)), given([1.5e-30, -2e-30]),
)  # fmt: skip

_accept(
    "sqrt-at-1e-12", "close to the edge of the domain", "sqrt", "a step leaves the domain",
    np.sqrt, lambda x: 0.5 / np.sqrt(x), positive((3,)), given([1e-12, 3e-300]),
)  # fmt: skip

_accept(
    "log1p-near-minus-one", "close to the edge of the domain", "log1p", "a step leaves the domain",
    np.log1p, lambda x: 1 / (1 + x), positive((3,)), given([-1 + 2.0**-40, -0.5]),
)  # fmt: skip

_accept(
    "exp-at-700", "close to overflow", "exp", "a step overflows", np.exp, np.exp, normal((3,)), given([700.0, -700.0]),
)  # fmt: skip

_accept(
    "times-1e98", "very large slopes", "1e98 x", "pytorch #97332", lambda x: 1e98 * x, lambda x: 0 * x + 1e98,
    normal((3,)), given([1.0, 1e100]),
)  # fmt: skip

_accept(
    "times-1e-300", "very small slopes", "1e-300 x", "a tolerance that is absolute decides nothing",
    lambda x: 1e-300 * x, lambda x: 0 * x + 1e-300, normal((3,)), given([1.0, 2e5]),
)  # fmt: skip

_accept(
    "linear", "differences are exact", "3 x", "a Taylor test divides by zero or returns -3.6",
    lambda x: 3 * x, lambda x: 0 * x + 3, normal((4,)), given([0.0, 1e11, -5.0]),
)  # fmt: skip

_accept(
    "constant", "nothing depends on x", "5", "a Taylor test divides by zero",
    lambda x: 0 * x + 5, lambda x: 0 * x, normal((4,)), given([0.0, 1e11]),
)  # fmt: skip

_accept(
    "ignored-input", "f does not read this input: 0 agrees with 0", "sin w, x ignored", "measured: torch slow passes without a word",
    lambda x, w: np.sin(w), None, normal((3,), (3,)), normal((2,), (3,)),
    right=lambda g, x, w: (0 * x, g * np.cos(w)),
)  # fmt: skip

_accept(
    "floor-of-1000-x", "difference quotients report 1000, with an error of 1e-11", "floor(1000 x)",
    "measured: scipy and numdifftools report 1000", lambda x: np.floor(1000 * x), lambda x: 0 * x,
    given([0.12345, -1.2342]), given([0.70713]),
)  # fmt: skip

for _name, _at_zero in (("zero", 0.0), ("one", 1.0), ("half", 0.5)):
    _accept(
        f"relu-at-zero-{_name}", "any slope between the one-sided ones is right", "relu", "measured: torch, scipy",
        lambda x: np.maximum(x, 0), lambda x, s=_at_zero: np.where(x > 0, 1.0, np.where(x == 0, s, 0.0)),
        normal((3,)), given([1.0, 0.0, -1.0]), kink=True,
    )  # fmt: skip

_accept(
    "abs-at-zero", "a kink", "abs", "measured: scipy reports 0 without an error", np.abs, np.sign,
    normal((3,)), given([0.0, 1.0]), kink=True,
)  # fmt: skip

_accept(
    "clip-at-bound", "a kink at the bound", "clip", "pytorch #7002: both conventions were reported as faults",
    lambda x: np.minimum(np.maximum(x, -1), 1), lambda x: np.where(np.abs(x) <= 1, 1.0, 0.0),
    given([0.3, -2.0, 0.7]), given([1.0, -1.0, 0.2]), kink=True,
)  # fmt: skip

def _at_the_top(x: Array, shares: tuple[float, float]) -> Array:
    """Return what each entry takes of the cotangent: two winners share it, a single one takes it all."""
    top = np.flatnonzero(x == x.max())
    out = np.zeros(len(x))
    out[top] = shares if len(top) == 2 else 1.0
    return out


for _name, _shares in (("shared", (0.5, 0.5)), ("first", (1.0, 0.0))):
    _accept(
        f"max-tie-{_name}", "ties share the gradient, or the first one takes it", "max", "frameworks differ: 1, 0 or 1/2, 1/2",
        lambda x: x.max(), None, given([0.3, -1.0]), given([2.0, 2.0, 1.0]), kink=True,
        right=lambda g, x, s=_shares: (g * _at_the_top(x, s),),
    )  # fmt: skip

_accept(
    "x-abs-x-at-zero", "smooth once, written with a kink", "x |x|", "the implementation has a kink, the function has not",
    lambda x: x * np.abs(x), lambda x: 2 * np.abs(x), normal((3,)), given([0.0, 1.0]),
)  # fmt: skip

_accept(
    "huber-at-border", "smooth once, with a corner in the slope", "huber", "a wide stencil crosses the border",
    lambda x: np.where(np.abs(x) <= 1, x * x / 2, np.abs(x) - 0.5), lambda x: np.clip(x, -1, 1),
    normal((3,)), given([1.0, -1.0, 0.5]),
)  # fmt: skip

_accept(
    "arccosh-outside", "outside the domain both sides are not a number", "arccosh", "measured: torch",
    np.arccosh, lambda x: 1 / np.sqrt(x * x - 1) + 0 * np.arccosh(x), lambda rng: (rng.uniform(1.2, 3.0, 3),), given([1.5, 0.5]),
)  # fmt: skip

_accept(
    "sum-exp-of-10000", "a tolerance times size, or none", "sum(exp x) of 10,000 entries", "measured: jax float32",
    lambda x: np.exp(x).sum(), np.exp, normal((10000,)), normal((10000,)),
)  # fmt: skip

_accept(
    "sum-square-of-100000", "rounding of a long sum", "sum(x**2) of 100,000 entries", "measured: jax float32, 10 of 10",
    lambda x: (x**2).sum(), lambda x: 2 * x, normal((100000,)), normal((100000,)),
)  # fmt: skip


def _rosenbrock(x: Array) -> Array:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _rosenbrock_slope(x: Array) -> Array:
    out = np.zeros_like(x)
    out[1:] += 200 * (x[1:] - x[:-1] ** 2)
    out[:-1] -= 400 * x[:-1] * (x[1:] - x[:-1] ** 2) + 2 * (1 - x[:-1])
    return out


_accept(
    "rosenbrock-at-1e6", "gradients of 1e20 beside an absolute tolerance", "rosenbrock", "measured: scipy's error grows with x",
    _rosenbrock, _rosenbrock_slope, normal((4,)), given([1e6, -2e6, 3e6]),
)  # fmt: skip

_accept(
    "inputs-18-orders-apart", "one step for inputs of 1e-9 and 1e9", "sin(1e9 a) + cos(1e-9 b)", "tesseract-core #712",
    lambda a, b: np.sin(1e9 * a) + np.cos(1e-9 * b), None, given([0.4e-9, 1.2e-9], [0.7e9, 2e9]), given([-0.3e-9], [1.5e9]),
    right=lambda g, a, b: (1e9 * g * np.cos(1e9 * a), -1e-9 * g * np.sin(1e-9 * b)),
)  # fmt: skip


def _log_sum_exp(x: Array) -> Array:
    return np.log(np.exp(x - x.max()).sum()) + x.max()


_accept(
    "logsumexp-dominated", "entries of 1e-18 beside one of 1", "logsumexp", "small entries lie below every difference's noise",
    _log_sum_exp, lambda x: np.exp(x - _log_sum_exp(x)), normal((4,)), given([40.0, 0.0, 1.0]),
)  # fmt: skip

_accept(
    "sin-of-50-x", "differences of a fixed step are inaccurate", "sin(50 x)", "steep truncation error",
    lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x), normal((3,)), normal((10,)),
)  # fmt: skip

_accept(
    "sort", "a permutation", "sort", "ties apart, differences are exact", np.sort, None, distinct((5,)), distinct((12,)),
    right=lambda g, x: (g[np.argsort(np.argsort(x))],),
)  # fmt: skip


def _pseudo_noise(x: Array) -> Array:
    """Return noise in [-1, 1) that depends on nothing but the bits of x."""
    bits = np.ascontiguousarray(x).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (bits >> np.uint64(11)).astype(float) * 2.0**-52 - 1


for _level in (1e-12, 1e-9, 1e-6):
    _accept(
        f"noise-{_level:.0e}", "a forward pass with noise that repeats itself", "sin x, with noise", "measured: torch at 1e-9",
        lambda x, s=_level: np.sin(x) + s * _pseudo_noise(x), np.cos, normal((3,)), normal((5,)),
    )  # fmt: skip

_accept(
    "float32-matmul", "a forward pass in float32 behind a float64 interface", "a @ b", "measured: torch in float32",
    lambda a, b: (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float64), None,
    normal((3, 4), (4, 2)), normal((5, 30), (30, 5)), right=lambda g, a, b: (g @ b.T, a.T @ g),
)  # fmt: skip


def _inverse_pull(g: Array, a: Array) -> tuple[Array]:
    inverse = np.linalg.inv(a)
    return (-inverse.T @ g @ inverse.T,)


_accept(
    "inverse-ill-conditioned", "rounding is amplified by a condition of 4e8", "inv", "tolerances ignore the condition",
    lambda a: np.stack([np.stack([a[1, 1], -a[0, 1]]), np.stack([-a[1, 0], a[0, 0]])]) / (a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]),
    None, given([[2.0, 0.5], [0.3, 1.0]]), given([[1.0, 1.0], [1.0, 1.0 + 2.0**-13]]), right=_inverse_pull,
)  # fmt: skip
