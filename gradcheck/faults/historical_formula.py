"""Historical faults of formulas: exchanged terms, signs, factors, roundings, masks and chain rules."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import given, normal, positive

declare(
    "keops-155-atan2", "the terms of the gradient are exchanged", "atan2", "swap", "getkeops/keops PR #155",
    f=np.arctan2,
    right=lambda g, y, x: (g * x / (x * x + y * y), -g * y / (x * x + y * y)),
    wrong=lambda g, y, x: (-g * y / (x * x + y * y), g * x / (x * x + y * y)),
    ordinary=normal((3,), (3,)), trigger=positive((3,), (3,)), mistake="swapped inputs",
)  # fmt: skip

declare(
    "chainrules-55-hypot", "each input gets the other's gradient", "hypot", "swap", "JuliaDiff/ChainRules.jl PR #55",
    f=lambda x, y: np.sqrt(x * x + y * y),
    right=lambda g, x, y: (g * x / np.hypot(x, y), g * y / np.hypot(x, y)),
    wrong=lambda g, x, y: (g * y / np.hypot(x, y), g * x / np.hypot(x, y)),
    ordinary=normal((3,), (3,)), trigger=normal((3,), (3,)), mistake="swapped inputs",
)  # fmt: skip


def _rem(x: Array, y: Array) -> Array:
    return x - y * np.trunc(x / y)


declare(
    "jax-11466-rem", "the quotient is rounded down instead of towards zero", "rem", "domain", "jax-ml/jax issue #11466, PR #11469",
    f=_rem,
    right=lambda g, x, y: (g, -g * np.trunc(x / y)),
    wrong=lambda g, x, y: (g, -g * np.floor(x / y)),
    ordinary=positive((3,), (3,)), trigger=given([-13.0, 7.5], [2.0, 2.0]),
)  # fmt: skip

declare(
    "slang-10071-fmod", "the divisor gets no gradient", "fmod", "silent-zero", "shader-slang/slang issue #10071, PR #10080",
    f=_rem,
    right=lambda g, x, y: (g, -g * np.trunc(x / y)),
    wrong=lambda g, x, y: (g, 0 * y),
    ordinary=given([5.3, -4.1], [1.7, 1.3]), trigger=given([7.3, -5.5], [2.0, 1.5]), mistake="zero",
)  # fmt: skip

declare(
    "warp-831-div", "the adjoint of vector / scalar stands in scalar / vector", "scalar / vector", "formula",
    "NVIDIA/warp issue #831",
    f=lambda s, a: s / a,
    right=lambda g, s, a: (np.sum(g / a), -s * g / (a * a)),
    wrong=lambda g, s, a: (-np.sum(a * g) / (s * s), s / g),
    ordinary=positive((), (3,)), trigger=positive((), (3,)),
)  # fmt: skip


def _patches(x: Array, k: int) -> Array:
    n, m = x.shape[1] - k + 1, x.shape[2] - k + 1
    return np.stack([x[:, i : i + n, j : j + m] for i in range(k) for j in range(k)], axis=-1)


def _convolve(x: Array, w: Array) -> Array:
    return (_patches(x, w.shape[0]) * w.reshape(-1)).sum(axis=-1)


def _convolve_right(g: Array, x: Array, w: Array) -> tuple[Array, Array]:
    k = w.shape[0]
    edge = np.pad(g, [(0, 0), (k - 1, k - 1), (k - 1, k - 1)])
    return _convolve(edge, w[::-1, ::-1]), (_patches(x, k) * g[..., None]).sum(axis=(0, 1, 2)).reshape(w.shape)


def _convolve_wrong(g: Array, x: Array, w: Array) -> tuple[Array, Array]:
    dx, dw = _convolve_right(g, x, w)
    return dx, dw / g.size


declare(
    "ctensor-3-conv-weight", "the gradient of the weight is divided by batch, height and width", "convolution", "formula",
    "sebgao/cTensor issue #3",
    f=_convolve, right=_convolve_right, wrong=_convolve_wrong,
    ordinary=normal((2, 4, 4), (2, 2)), trigger=normal((2, 4, 3), (2, 2)), mistake="factor",
)  # fmt: skip

declare(
    "micrograd-c-1-sub", "the subtrahend gets +g", "subtract", "formula", "KhawajaAbaid/micrograd_c issue #1",
    f=lambda a, b: a - b,
    right=lambda g, a, b: (g, -g),
    wrong=lambda g, a, b: (g, g),
    ordinary=normal((), ()), trigger=normal((3,), (3,)), mistake="sign",
)  # fmt: skip

declare(
    "mxnet-16938-quadratic", "the sparse path's backward computes the forward value", "quadratic", "formula",
    "apache/mxnet issue #16938",
    f=lambda x, sparse: 2 * x * x + 3 * x + 1,
    right=lambda g, x, sparse: (g * (4 * x + 3), None),
    wrong=lambda g, x, sparse: (2 * x * x + 3 * x + 1 if sparse else g * (4 * x + 3), None),
    ordinary=normal((3,), False), trigger=normal((3,), True),
)  # fmt: skip


def _masked_loss(z: Array, t: Array) -> Array:
    top = z.max(axis=1, keepdims=True)
    loss = (np.log(np.exp(z - top).sum(axis=1, keepdims=True)) + top)[:, 0] - z[np.arange(len(t)), t]
    return np.where(t == -1, 0 * loss, loss)


def _softmax(z: Array) -> Array:
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def _label_pull(g: Array, z: Array, t: Array) -> Array:
    return g[:, None] * (_softmax(z) - (t[:, None] == np.arange(z.shape[1])))


declare(
    "paddle-28622-ignore-index", "the row of an ignored label gets a gradient", "softmax cross entropy", "mask",
    "PaddlePaddle/Paddle PR #28622",
    f=_masked_loss,
    right=lambda g, z, t: (_label_pull(np.where(t == -1, 0, g), z, t), None),
    wrong=lambda g, z, t: (_label_pull(g, z, t), None),
    ordinary=normal((3, 4), [0, 3, 1]), trigger=normal((3, 4), [0, -1, 1]),
)  # fmt: skip


def _score_loss(theta: Array) -> Array:
    """Return a smooth loss of two means and a dispersion that is given by its logarithm."""
    alpha = np.exp(theta[2])
    return theta[0] * theta[1] + alpha * theta[0] ** 2 + np.log(1 + alpha)


def _score(theta: Array, chain: bool) -> Array:
    alpha = np.exp(theta[2])
    last = theta[0] ** 2 + 1 / (1 + alpha)
    return np.array([theta[1] + 2 * alpha * theta[0], theta[0], last * (alpha if chain else 1)])


declare(
    "statsmodels-7522-transform", "the chain factor of the transformed parameter is compared, not multiplied", "score",
    "chain-rule", "statsmodels/statsmodels issue #7522",
    f=_score_loss,
    right=lambda g, theta: (g * _score(theta, chain=True),),
    wrong=lambda g, theta: (g * _score(theta, chain=False),),
    ordinary=normal((3,)), trigger=normal((3,)),
)  # fmt: skip
