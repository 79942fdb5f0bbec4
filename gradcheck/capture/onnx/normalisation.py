"""Operators that normalise, and products with a bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.capture.onnx.call import Call, operator
from gradcheck.errors import CannotExpress


def _channels(x: Any, rank: int) -> Any:
    return np.reshape(x, (1, -1, *(1,) * (rank - 2)))


@operator("BatchNormalization")
def batch_norm(c: Call) -> Any:
    """By running statistics, or by those of the batch, which are handed on."""
    x, eps, rank = c[0], c.get("epsilon", 1e-5), c[0].ndim
    if not c.get("training_mode", 0):
        mean, variance = c[3], c[4]
        return (x - _channels(mean, rank)) / np.sqrt(_channels(variance, rank) + eps) * _channels(c[1], rank) + _channels(c[2], rank)
    axes = (0, *range(2, rank))
    mean, variance = np.mean(x, axis=axes), np.var(x, axis=axes)
    y = (x - _channels(mean, rank)) / np.sqrt(_channels(variance, rank) + eps) * _channels(c[1], rank) + _channels(c[2], rank)
    m = c.get("momentum", 0.9)
    return y, c[3] * m + mean * (1 - m), c[4] * m + variance * (1 - m)


@operator("InstanceNormalization")
def instance_norm(c: Call) -> Any:
    """By the statistics of each image."""
    axes = tuple(range(2, c[0].ndim))
    centred = c[0] - np.mean(c[0], axis=axes, keepdims=True)
    y = centred / np.sqrt(np.mean(np.square(centred), axis=axes, keepdims=True) + c.get("epsilon", 1e-5))
    return y * _channels(c[1], c[0].ndim) + _channels(c[2], c[0].ndim)


@operator("LayerNormalization")
def layer_norm(c: Call) -> Any:
    """By the statistics of the last axes."""
    axes = tuple(range(c.get("axis", -1) % c[0].ndim, c[0].ndim))
    mean = np.mean(c[0], axis=axes, keepdims=True)
    centred = c[0] - mean
    inverse = 1 / np.sqrt(np.mean(np.square(centred), axis=axes, keepdims=True) + c.get("epsilon", 1e-5))
    y = centred * inverse * c[1]
    return y if c[2] is None else y + c[2], mean, inverse


@operator("LpNormalization")
def lp_norm(c: Call) -> Any:
    """By the norm along an axis."""
    axis, p = c.get("axis", -1), c.get("p", 2)
    size = np.sum(np.abs(c[0]), axis=axis, keepdims=True) if p == 1 else np.sqrt(np.sum(np.square(c[0]), axis=axis, keepdims=True))
    return np.where(size == 0, 0.0, c[0] / np.where(size == 0, 1.0, size))


@operator("LRN")
def local_response(c: Call) -> Any:
    """By the squares of channels beside."""
    n, size = c[0].shape[1], c.get("size")
    low = (size - 1) // 2
    band = np.array([[float(-low <= j - i <= size - 1 - low) for j in range(n)] for i in range(n)])
    squares = np.moveaxis(np.matmul(np.moveaxis(np.square(c[0]), 1, -1), band.T), -1, 1)
    return c[0] / (c.get("bias", 1.0) + c.get("alpha", 1e-4) / size * squares) ** c.get("beta", 0.75)


@operator("Gemm")
def gemm(c: Call) -> Any:
    """Alpha a b + beta c."""
    a, b = (np.transpose(x) if c.get(k, 0) else x for x, k in ((c[0], "transA"), (c[1], "transB")))
    y = np.matmul(a, b)
    y = y if c.get("alpha", 1.0) == 1 else c.get("alpha") * y
    return y if c[2] is None or c.get("beta", 1.0) == 0 else y + (c[2] if c.get("beta", 1.0) == 1 else c.get("beta") * c[2])


@operator("Hardmax", "Bernoulli", "RandomNormalLike", "RandomUniformLike", "QuantizeLinear", "DynamicQuantizeLinear")
def no_derivative(c: Call) -> Any:
    """Constant in pieces, or drawn."""
    raise CannotExpress(f"{c.op} has no derivative")
