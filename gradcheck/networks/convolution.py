"""Networks of convolutions and pools."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.digits import digits
from gradcheck.networks.layers import Floats, Rng, categorical, half_squares, normal, one_hot
from gradcheck.networks.network import Data, declare
from gradcheck.ops import registry as ops

_declare = partial(declare, inputs=("x", "t"), systems=("S5",), tags=("modern", "convolution"))


def _kernels(rng: Rng, *shape: int) -> Floats:
    return normal(rng, *shape, scale=1 / math.sqrt(math.prod(shape[1:])))


def _channels(b: Any) -> Any:
    """Return a bias a channel as (1, channels, 1, 1)."""
    return b.reshape(1, -1, 1, 1)


def conv_pool_dense(x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, pool: str = "max_pool") -> Any:
    """Return the loss of a convolution, a pool and a dense layer."""
    z = (ops["conv2d"](x, w1, padding=1) + _channels(b1)).named("z1")
    pooled = ops[pool](np.tanh(z).named("a1"), kernel=2, stride=2).named("pooled")
    p = ops["softmax"](ops["dense"](pooled.reshape(len(x), -1), w2, b2).named("z2")).named("a2")
    return categorical(p, t).named("loss")


def _images(rng: Rng, count: int, side: int, maps: int, classes: int) -> Data:
    x, labels = digits(rng, count)
    start = (8 - side) // 2
    images = x.reshape(count, 1, 8, 8)[:, :, start : start + side, start : start + side]
    inputs = maps * (side // 2) ** 2
    return {
        "x": images + 0.01 * normal(rng, *images.shape),
        "t": one_hot(labels % classes, classes),
        "w1": _kernels(rng, maps, 1, 3, 3),
        "b1": normal(rng, maps, scale=0.1),
        "w2": normal(rng, inputs, classes, scale=1 / math.sqrt(inputs)),
        "b2": normal(rng, classes, scale=0.1),
    }


_declare(
    "conv-max-pool-dense-small", "its small twin: two maps of 4x4 pixels", conv_pool_dense, lambda rng: _images(rng, 2, 4, 2, 2),
    small=True, smooth=False,
)  # fmt: skip
_declare(
    "conv-max-pool-dense", "convolution, max pool, dense layer on digits", conv_pool_dense, lambda rng: _images(rng, 4, 8, 8, 10),
    smooth=False, twin="conv-max-pool-dense-small",
)  # fmt: skip
_declare(
    "conv-average-pool-dense", "the same with means: no window has a winner", partial(conv_pool_dense, pool="avg_pool"),
    lambda rng: _images(rng, 2, 4, 2, 2), small=True,
)  # fmt: skip


def strided(x: Any, t: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Return the loss of strided, dilated and grouped convolutions."""
    a1 = np.tanh(ops["conv2d"](x, w1, stride=2, padding=1).named("z1")).named("a1")
    a2 = np.tanh(ops["conv2d"](a1, w2, dilation=2, padding=2, groups=2).named("z2")).named("a2")
    return half_squares(ops["conv2d"](a2, w3), t).named("loss")


_declare(
    "conv-strided-dilated-grouped", "stride 2 leaves pixels out, dilation 2 spreads the kernel, groups part the maps", strided,
    lambda rng: {"x": normal(rng, 1, 1, 6, 6), "t": normal(rng, 1, 1, 3, 3), "w1": _kernels(rng, 2, 1, 3, 3),
                 "w2": _kernels(rng, 2, 1, 3, 3), "w3": _kernels(rng, 1, 2, 1, 1)},
    small=True,
)  # fmt: skip


def normalised(x: Any, t: Any, w1: Any, scale: Any, shift: Any, w2: Any) -> Any:
    """Return the loss of two convolutions with channels normalised in groups between."""
    z = ops["conv2d"](x, w1, padding=1).named("z1")
    a = ops["swish"](ops["group_norm"](z, scale, shift, num_groups=2).named("normed")).named("a1")
    return half_squares(np.mean(ops["conv2d"](a, w2), axis=(2, 3)), t).named("loss")


_declare(
    "conv-group-norm", "four channels normalised in two groups", normalised,
    lambda rng: {"x": normal(rng, 2, 1, 3, 3), "t": normal(rng, 2, 1), "w1": _kernels(rng, 4, 1, 3, 3),
                 "scale": 1 + normal(rng, 4, scale=0.1), "shift": normal(rng, 4), "w2": _kernels(rng, 1, 4, 1, 1)},
    small=True,
)  # fmt: skip


def up_again(x: Any, t: Any, w1: Any, w2: Any) -> Any:
    """Return the loss of a convolution with stride 2 and one transposed."""
    a = np.tanh(ops["conv2d"](x, w1, stride=2).named("z1")).named("a1")
    return half_squares(ops["conv_transpose2d"](a, w2, stride=2).named("z2"), t).named("loss")


_declare(
    "conv-autoencoder", "down by a convolution, up by a transposed one", up_again,
    lambda rng: {"x": normal(rng, 2, 1, 4, 4), "t": normal(rng, 2, 1, 4, 4), "w1": _kernels(rng, 2, 1, 2, 2),
                 "w2": _kernels(rng, 2, 1, 2, 2)},
    small=True,
)  # fmt: skip


def series(x: Any, t: Any, w1: Any, w2: Any) -> Any:
    """Return the loss of causal convolutions over time."""
    a = x
    for k, (w, gap) in enumerate(((w1, 1), (w2, 2)), 1):
        a = np.tanh(ops["conv1d"](a, w, dilation=gap, padding=(gap, 0)).named(f"z{k}")).named(f"a{k}")
    return half_squares(a, t).named("loss")


_declare(
    "conv-causal-series", "dilated convolutions over time that see the past only", series,
    lambda rng: {"x": normal(rng, 1, 1, 8), "t": normal(rng, 1, 2, 8), "w1": _kernels(rng, 2, 1, 2), "w2": _kernels(rng, 2, 2, 2)},
    small=True,
)  # fmt: skip
