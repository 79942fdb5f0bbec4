"""Historical faults of accumulation: sums in a format too narrow for them."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import normal


def _half(x: Array) -> Array:
    return x.astype(np.float16)


def _bfloat16(x: Array) -> Array:
    """Return x rounded to the eight significant bits of bfloat16, ties away from zero."""
    bits = np.asarray(x, np.float32).view(np.uint32) + np.uint32(0x8000)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)


def _running_half(rows: Array) -> Array:
    total = np.zeros(rows.shape[1:], np.float16)
    for row in _half(rows):
        total = total + row
    return total.astype(float)


declare(
    "tinygrad-3331-expand-fp16", "the gradient of copies is summed in float16", "expand", "dtype",
    "tinygrad/tinygrad issue #3331",
    f=lambda x: x + np.zeros((3000, *x.shape)),
    right=lambda g, x: (g.sum(axis=0),),
    wrong=lambda g, x: (_running_half(g),),
    ordinary=normal((2,)),
    trigger=normal((2,)),
    cotangent=lambda rng, y: np.asarray(rng.uniform(0.5, 1.5, np.shape(y))),
)  # fmt: skip


def _embedding_half(g: Array, w: Array, i: Array) -> Array:
    total = np.zeros(w.shape, np.float16)
    np.add.at(total, i, _half(np.broadcast_to(0.01 * g, (len(i), w.shape[1]))))
    return total.astype(float)


declare(
    "mxnet-17703-embedding-fp16", "a float16 accumulator stalls after some thousand repetitions", "embedding, take",
    "dtype", "apache/mxnet issue #17703",
    f=lambda w, i: 0.01 * np.sum(w[i], axis=0),
    right=lambda g, w, i: (0.01 * np.bincount(i, minlength=len(w))[:, None] * g, None),
    wrong=lambda g, w, i: (_embedding_half(g, w, i), None),
    ordinary=normal((3, 2), [1, 0, 2, 1]),
    trigger=normal((3, 2), np.zeros(12500, int)),
)  # fmt: skip


def _rms(x: Array) -> Array:
    return x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True) / x.shape[-1])


def _rms_right(g: Array, x: Array, w: Array) -> tuple[Array, Array]:
    n, y = x.shape[-1], _rms(x)
    scale = np.sqrt(np.sum(x * x, axis=-1, keepdims=True) / n)
    v = g * w
    return (v - y * np.sum(v * y, axis=-1, keepdims=True) / n) / scale, np.sum(g * y, axis=0)


def _rms_wrong(g: Array, x: Array, w: Array) -> tuple[Array, Array]:
    total = np.zeros_like(w)
    for row in g * _rms(x):
        total = _bfloat16(total + _bfloat16(row))
    return _rms_right(g, x, w)[0], total


declare(
    "liger-950-rmsnorm-dw", "the blocks' gradients of the weight are summed in bfloat16", "rms_norm", "dtype",
    "linkedin/Liger-Kernel PR #950",
    f=lambda x, w: _rms(x) * w,
    right=_rms_right, wrong=_rms_wrong,
    ordinary=normal((8, 4), (4,)),
    trigger=normal((64, 4), (4,)),
)  # fmt: skip


def _sinks(z: Array, s: Array) -> Array:
    e = np.exp(z)
    return e / (np.exp(s) + np.sum(e, axis=1, keepdims=True))


def _sinks_right(g: Array, z: Array, s: Array) -> tuple[Array, Array]:
    p = _sinks(z, s)
    through = np.sum(g * p, axis=1, keepdims=True)
    return p * (g - through), -np.sum((1 - np.sum(p, axis=1)) * through[:, 0])


def _sinks_wrong(g: Array, z: Array, s: Array) -> tuple[Array, Array]:
    p = _sinks(z, s)
    return _sinks_right(g, z, s)[0], -np.sum(_bfloat16((1 - np.sum(p, axis=1)) * np.sum(g * p, axis=1)))


declare(
    "jax-40128-dsinks", "the terms of a cancelling sum are rounded before they are added", "attention sinks", "dtype",
    "jax-ml/jax issue #40128",
    f=_sinks, right=_sinks_right, wrong=_sinks_wrong,
    ordinary=normal((5, 3), ()),
    trigger=normal((20, 3), ()),
)  # fmt: skip
