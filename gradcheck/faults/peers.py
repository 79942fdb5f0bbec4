"""Wrong derivatives that other checkers were measured, or are documented, to let pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import distinct, given, normal, positive

_MEASURED = "measured: "
_ENTRY = 1234


def _elementwise(
    name: str, title: str, operation: str, by: str, f: Any, slope: Any, wrong: Any, ordinary: Any, trigger: Any, **more: Any
) -> None:
    """Declare a function by entry, or a scalar one, from its right and its wrong slope or gradient."""
    declare(
        name, title, operation, "false-negative", _MEASURED + by,
        f=f, right=lambda g, x: (g * slope(x),), wrong=lambda g, x: (g * wrong(x),), ordinary=ordinary, trigger=trigger, **more,
    )  # fmt: skip


_elementwise(
    "tiny-square-zero", "the gradient lies below the absolute tolerance", "1e-6 x**2", "torch slow passes",
    lambda x: 1e-6 * x**2, lambda x: 2e-6 * x, lambda x: 0 * x, normal((4,)), normal((4,)), mistake="zero",
)  # fmt: skip

_elementwise(
    "tiny-square-minus-three", "wrong sign and three times too large, below the tolerance", "1e-6 x**2",
    "torch fast, jax and autograd pass",
    lambda x: 1e-6 * x**2, lambda x: 2e-6 * x, lambda x: -6e-6 * x, normal((4,)), normal((4,)), mistake="factor",
)  # fmt: skip

_elementwise(
    "square-1.0009", "a factor inside the relative tolerance", "x**2", "torch slow passes",
    lambda x: x**2, lambda x: 2 * x, lambda x: 2.0018 * x, normal((4,)), normal((4,)), mistake="factor",
)  # fmt: skip

_elementwise(
    "leaky-relu-from-rand", "inputs from [0, 1) never reach the negative branch", "leaky_relu", "torch slow passes",
    lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1.0, 0.01), lambda x: np.where(x > 0, 1.0, 0.1),
    positive((4,)), given([0.5, -1.0, 2.0, -0.3]),
)  # fmt: skip

_elementwise(
    "triple-at-1e11", "the step is lost below the last bit: 0 agrees with 0", "3 x", "torch slow passes",
    lambda x: 3 * x, lambda x: 0 * x + 3, lambda x: 0 * x, normal((3,)), given([1.1e11, -2.3e11]), mistake="zero",
)  # fmt: skip

_elementwise(
    "abs-at-zero-wrong-below", "the central difference at the kink is 0", "abs", "torch slow passes",
    np.abs, np.sign, lambda x: np.where(x > 0, 1.0, 0.0), given([0.0, 0.0]), given([0.0, -1.0, 0.5]), kink=True,
)  # fmt: skip

_elementwise(
    "square-with-sin", "the derivative is consistent with itself, and that of another function", "x**2",
    "torch's gradgradcheck passes", lambda x: x**2, lambda x: 2 * x, np.sin, normal((4,)), normal((4,)),
)  # fmt: skip

_elementwise(
    "tanh-zero-of-500", "a derivative of 0 for many entries", "tanh", "jax passes in forward mode",
    np.tanh, lambda x: 1 / np.cosh(x) ** 2, lambda x: 0 * x, normal((500,)), normal((500,)), mistake="zero",
)  # fmt: skip

_elementwise(
    "tanh-sign-of-1000", "a derivative of the wrong sign for many entries", "tanh", "jax passes in forward mode",
    np.tanh, lambda x: 1 / np.cosh(x) ** 2, lambda x: -1 / np.cosh(x) ** 2, normal((1000,)), normal((1000,)), mistake="sign",
)  # fmt: skip

_elementwise(
    "second-derivative-at-zero", "a wrong second derivative at a point where f is 0", "sin as a first derivative",
    "jax passes at order 2", np.sin, np.cos, lambda x: np.cos(x) * (1 + np.sin(x)), given([0.0, 0.0]), normal((3,)),
)  # fmt: skip

_elementwise(
    "expm1-at-minus-40", "y + 1 is 0 where y has rounded to -1", "expm1", "every tolerance above 1e-15 passes (jax #39794)",
    np.expm1, np.exp, lambda x: np.expm1(x) + 1, normal((3,)), given([0.5, -40.0]),
)  # fmt: skip

_elementwise(
    "floor-straight-through", "the staircase's mean slope, which difference quotients report, is not its derivative",
    "floor(1000 x) / 1000", "scipy and numdifftools report 1",
    lambda x: np.floor(1000 * x) / 1000, lambda x: 0 * x, lambda x: 0 * x + 1, given([0.12345, -1.2342]), given([0.70713]),
)  # fmt: skip

_elementwise(
    "relu-at-zero-outside", "a slope that is no generalised derivative", "relu", "the mean of both sides is no reference",
    lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, 0.0),
    lambda x: np.where(x == 0, 2.0, np.where(x > 0, 1.0, 0.0)), normal((3,)), given([1.0, 0.0, -1.0]), kink=True,
)  # fmt: skip

declare(
    "sin-rolled", "each entry gets its neighbour's gradient", "sin of 10,000 entries", "false-negative",
    _MEASURED + "torch fast passes",
    f=np.sin, right=lambda g, x: (g * np.cos(x),), wrong=lambda g, x: (np.roll(g * np.cos(x), 1),),
    ordinary=normal((10000,)), trigger=normal((10000,)), mistake="roll",
)  # fmt: skip


def _spoilt(x: Array, entry: int, factor: float) -> Array:
    out = x.copy()
    out.reshape(-1)[entry] *= factor
    return out


for _name, _operation, _f, _slope in (
    ("linear", "2 x", lambda x: 2 * x, lambda x: 0 * x + 2),
    ("cubic", "x**3", lambda x: x**3, lambda x: 3 * x**2),
    ("tanh", "tanh", np.tanh, lambda x: 1 / np.cosh(x) ** 2),
):
    _elementwise(
        f"one-of-10000-{_name}", "one entry among 10,000 is wrong by one part in a million", _operation, "torch fast passes",
        _f, _slope, lambda x, s=_slope: _spoilt(s(x), _ENTRY, 1 + 1e-6), positive((10000,)), positive((10000,)),
    )  # fmt: skip

_elementwise(
    "one-nan-of-many", "one entry of the gradient is not a number", "x**2", "NaN comparisons are lenient in several checkers",
    lambda x: x**2, lambda x: 2 * x, lambda x: _spoilt(2 * x, 3, np.nan), normal((50,)), normal((50,)),
)  # fmt: skip

_elementwise(
    "nan-input-times-seven", "beside one NaN the others are seven times too large", "x**2", "jax passes",
    lambda x: x**2, lambda x: 2 * x, lambda x: np.where(np.isnan(x).any(), 14 * x, 2 * x),
    normal((4,)), given([1.0, np.nan, -2.0, 0.5]),
)  # fmt: skip

_SCALES = 10.0 ** -np.arange(0, 15, 2)
_elementwise(
    "small-behind-large", "a tiny entry is lost beside large ones", "c x, c from 1 to 1e-14", "absolute tolerances pass",
    lambda x: _SCALES * x, lambda x: _SCALES + 0 * x, lambda x: np.where(_SCALES < 1e-13, 0.0, _SCALES),
    normal((8,)), normal((8,)),
)  # fmt: skip


_elementwise(
    "mean-square-near-optimum", "near its optimum every gradient lies below the tolerance", "mean(x**2) of 400 entries",
    "torch slow passes", lambda x: (x**2).sum() / x.size, lambda x: 2 * x / x.size, lambda x: 0 * x,
    normal((400,)), lambda rng: (1e-3 * rng.normal(size=400),), mistake="zero",
)  # fmt: skip

_elementwise(
    "sum-square-missing-entry", "one entry of the gradient is 0", "sum(x**2) of 10,000 entries", "jax passes 2 of 10",
    lambda x: (x**2).sum(), lambda x: 2 * x, lambda x: _spoilt(2 * x, _ENTRY, 0.0), normal((10000,)), normal((10000,)),
)  # fmt: skip

_elementwise(
    "nano-sum-square-zero", "the norm of the difference is small because the gradient is", "1e-9 sum(x**2)",
    "scipy's check_grad reports 3.5e-9", lambda x: 1e-9 * (x**2).sum(), lambda x: 2e-9 * x, lambda x: 0 * x,
    normal((5,)), normal((5,)), mistake="zero",
)  # fmt: skip


def _symmetric(rng: np.random.Generator) -> tuple[Array]:
    a = rng.normal(size=(3, 3))
    return (a + a.T,)


_elementwise(
    "trace-cube-symmetric", "the transpose is missing and the matrix is symmetric", "tr(A**3)", "torch slow passes",
    lambda a: np.trace(a @ a @ a), lambda a: 3 * (a @ a).T, lambda a: 3 * a @ a, _symmetric, normal((3, 3)), mistake="transpose",
)  # fmt: skip

_WEIGHTS = np.random.default_rng(7).uniform(0.5, 1.5, (1000, 1000))
_DENSE = np.random.default_rng(8).normal(size=(100, 100))


def _single_error(g: Array) -> Array:
    out = g @ _DENSE
    out[0] += 0.1 * g[0]
    return out


declare(
    "transpose-of-positive-matrix", "A stands for its transpose, and all entries are positive", "A x", "false-negative",
    _MEASURED + "torch fast passes",
    f=lambda x: _WEIGHTS @ x, right=lambda g, x: (_WEIGHTS.T @ g,), wrong=lambda g, x: (_WEIGHTS @ g,),
    ordinary=normal((1000,)), trigger=normal((1000,)),
)  # fmt: skip

declare(
    "dense-jacobian-one-entry", "one entry of a dense Jacobian is off by 0.1", "A x", "false-negative",
    _MEASURED + "torch fast passes",
    f=lambda x: _DENSE @ x, right=lambda g, x: (g @ _DENSE,), wrong=lambda g, x: (_single_error(g),),
    ordinary=normal((100,)), trigger=normal((100,)),
)  # fmt: skip


def _unsort(g: Array, x: Array) -> tuple[Array]:
    out = np.empty_like(x)
    out[np.argsort(x)] = g
    return (out,)


declare(
    "sort-identity-permutation", "the permutation is not undone", "sort of 10,000 entries", "false-negative",
    _MEASURED + "torch fast passes",
    f=np.sort, right=_unsort, wrong=lambda g, x: (g,),
    ordinary=lambda rng: (np.sort(rng.normal(size=5)),), trigger=distinct((10000,)), mistake="permutation",
)  # fmt: skip

declare(
    "second-output-detached", "the second output's gradient is lost", "(x**2, sin x)", "false-negative",
    _MEASURED + "torch slow passes",
    f=lambda x: (x**2, np.sin(x)),
    right=lambda g, x: (2 * g[0] * x + g[1] * np.cos(x),), wrong=lambda g, x: (2 * g[0] * x,),
    ordinary=normal((3,)), trigger=normal((3,)), mistake="term missing",
)  # fmt: skip

declare(
    "stopped-at-3e5", "a stopped input of large magnitude hides behind the others", "1e-6 x + p**2", "false-negative",
    _MEASURED + "jax passes (jax-gcm #820)",
    f=lambda x, p: 1e-6 * x + p**2,
    right=lambda g, x, p: (1e-6 * g, 2 * g * p), wrong=lambda g, x, p: (0 * g, 2 * g * p),
    ordinary=normal((3,), (3,)), trigger=given([3e5, 3.1e5], [1.0, -2.0]), mistake="zero",
)  # fmt: skip

declare(
    "concatenate-one-recorded", "only one of the parts is recorded as a dependency", "concatenate", "false-negative",
    "taper PR #19: a test that some gradient is not zero passes",
    f=lambda a, b: np.concatenate([a, b]),
    right=lambda g, a, b: (g[: len(a)], g[len(a) :]), wrong=lambda g, a, b: (g[: len(a)], 0 * b),
    ordinary=normal((2,), (3,)), trigger=normal((2,), (3,)), mistake="zero",
)  # fmt: skip


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max())
    return e / e.sum()


declare(
    "softmax-under-ones", "a cotangent of ones gives 0 whatever the derivative", "softmax", "false-negative",
    "torchdynamo PR #1590: ones can hide the faults",
    f=_softmax, right=lambda g, x: (_softmax(x) * ((g[:, None] - g) @ _softmax(x)),), wrong=lambda g, x: (0 * x,),
    ordinary=normal((4,)), trigger=normal((4,)), mistake="zero",
)  # fmt: skip

declare(
    "quadratic-form-symmetric", "A stands for the mean of A and its transpose, and A is symmetric", "x A x", "false-negative",
    "symmetric inputs hide transposes",
    f=lambda x, a: x @ (a @ x),
    right=lambda g, x, a: (g * (a + a.T) @ x, g * np.outer(x, x)), wrong=lambda g, x, a: (2 * g * a @ x, g * np.outer(x, x)),
    ordinary=given([1.0, -0.5], [[1.0, 0.3], [0.3, 2.0]]), trigger=normal((3,), (3, 3)),
)  # fmt: skip
