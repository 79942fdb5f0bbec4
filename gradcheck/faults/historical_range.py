"""Historical faults in the tails: overflow, cancellation and values that round to 1."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import given, normal


def _logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _log_sum_exp(a: Array, b: Array) -> Array:
    return np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b)))


def _log_sum_exp_wrong(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    y = _log_sum_exp(a, b)
    return g * np.exp(a - y), g * np.exp(b - y)


declare(
    "stan-1679-log-sum-exp", "exp(a - out) is 1 where out has rounded to a", "log_sum_exp", "range",
    "stan-dev/math issue #1679",
    f=_log_sum_exp,
    right=lambda g, a, b: (g * _logistic(a - b), g * _logistic(b - a)),
    wrong=_log_sum_exp_wrong,
    ordinary=normal((2,), (2,)),
    trigger=given([1e50, 1.0], [1e50, 2.0]),
)  # fmt: skip


def _normal_tail(x: Array) -> Array:
    """Return log of the normal distribution function for x <= -2 by a continued fraction."""
    c = -x
    for k in range(150, 0, -1):
        c = -x + k / c
    return -x * x / 2 - np.log(np.sqrt(2 * np.pi) * c)


def _normal_middle(x: Array) -> Array:
    term, total = x, x
    for k in range(1, 120):
        term = term * x * x / (2 * k + 1)
        total = total + term
    return np.log(0.5 + np.exp(-x * x / 2) * total / np.sqrt(2 * np.pi))


def _log_normal(x: Array) -> Array:
    low = x < -2
    return np.where(low, _normal_tail(np.where(low, x, 0 * x - 2)), _normal_middle(np.where(low, 0 * x, x)))


def _log_normal_wrong(g: Array, x: Array) -> tuple[Array]:
    return (g * np.exp(-x * x / 2) / np.sqrt(2 * np.pi) / np.exp(_log_normal(x)),)


declare(
    "stan-1357-normal-cdf-log", "the density is divided by a distribution function that underflowed", "normal_cdf_log",
    "range", "stan-dev/stan issue #1357",
    f=_log_normal,
    right=lambda g, x: (g * np.exp(-x * x / 2 - _log_normal(x)) / np.sqrt(2 * np.pi),),
    wrong=_log_normal_wrong,
    ordinary=normal((3,)),
    trigger=given([0.5, -40.0]),
)  # fmt: skip


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / np.sum(e)


declare(
    "jax-40344-softmax-tail", "y (g - <g, y>) cancels where one entry has rounded to 1", "softmax", "range",
    "jax-ml/jax issue #40344",
    f=_softmax,
    right=lambda g, z: (_softmax(z) * ((g[:, None] - g) @ _softmax(z)),),
    wrong=lambda g, z: (_softmax(z) * (g - np.sum(g * _softmax(z))),),
    ordinary=normal((4,)),
    trigger=given([40.0, 0.0]),
)  # fmt: skip


def _sinc(x: Array) -> Array:
    p = np.pi * np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.sin(p) / p)


def _sinc_slope(x: Array) -> Array:
    p = np.pi * x
    return (np.cos(p) - np.sin(p) / p) / x


def _sinc_series(x: Array) -> Array:
    q = (np.pi * x) ** 2
    return np.pi * np.pi * x * (-1 / 3 + q * (1 / 30 + q * (-1 / 840 + q * (1 / 45360 - q / 3991680))))


declare(
    "jax-40629-sinc", "cos - sin/x cancels near 0", "sinc", "range", "jax-ml/jax issue #40629",
    f=_sinc,
    right=lambda g, x: (g * np.where(np.abs(x) < 0.05, _sinc_series(x), _sinc_slope(np.where(x == 0, 1.0, x))),),
    wrong=lambda g, x: (g * np.where(x == 0, 0.0, _sinc_slope(x)),),
    ordinary=normal((3,)),
    trigger=given([0.5, -1.1e-16, 2e-9]),
)  # fmt: skip

declare(
    "jax-40387-softplus2", "s (1 - s) is 0 where s has rounded to 1", "first derivative of softplus", "range",
    "jax-ml/jax issue #40387, #40383",
    f=_logistic,
    right=lambda g, x: (g * _logistic(x) * _logistic(-x),),
    wrong=lambda g, x: (g * _logistic(x) * (1 - _logistic(x)),),
    ordinary=normal((3,)),
    trigger=given([0.5, 37.43]),
)  # fmt: skip


def _silu_slope(x: Array) -> Array:
    s = _logistic(x)
    return s + x * s * _logistic(-x)


def _silu2(x: Array) -> Array:
    return _logistic(x) * _logistic(-x) * (2 - x * np.tanh(x / 2))


def _silu2_wrong(x: Array) -> Array:
    e = np.exp(-x)
    s = 1 / (1 + e)
    return e / (1 + e) ** 2 * (2 + x * (1 - 2 * s))


declare(
    "tf-124832-silu2", "a square overflows below and the second derivative is 0", "first derivative of silu", "range",
    "tensorflow/tensorflow issue #124832",
    f=_silu_slope,
    right=lambda g, x: (g * _silu2(x),),
    wrong=lambda g, x: (g * _silu2_wrong(x),),
    ordinary=normal((3,)),
    trigger=given([0.5, -700.0]),
)  # fmt: skip


def _tanh_quotient(x: Array) -> Array:
    e = np.exp(2 * x)
    return 4 * e / (1 + e) ** 2


declare(
    "jax-764-tanh", "the derivative is a quotient of two infinities", "tanh", "range", "jax-ml/jax issue #764",
    f=np.tanh,
    right=lambda g, x: (g / np.cosh(x) ** 2,),
    wrong=lambda g, x: (g * _tanh_quotient(x),),
    ordinary=normal((3,)),
    trigger=given([0.5, 400.0]),
)  # fmt: skip


def _silu_parts(x: Array) -> Array:
    e = np.exp(-x)
    return 1 / (1 + e) + x * e / (1 + e) ** 2


declare(
    "thunder-2624-silu", "the parts of x / (1 + exp(-x)) overflow one by one", "silu", "range",
    "Lightning-AI/lightning-thunder PR #2624",
    f=lambda x: x * _logistic(x),
    right=lambda g, x: (g * _silu_slope(x),),
    wrong=lambda g, x: (g * _silu_parts(x),),
    ordinary=normal((3,)),
    trigger=given([0.5, -800.0]),
)  # fmt: skip
