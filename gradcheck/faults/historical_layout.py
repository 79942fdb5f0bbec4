"""Historical faults of memory: backward passes that take an array for contiguous."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, Inputs, declare
from gradcheck.faults.inputs import normal


def _as_stored(x: Array, garbage: float = 1.25e3) -> Array:
    """Return what a kernel reads that takes x for contiguous: its memory in order, `garbage` behind the end."""
    if x.flags.c_contiguous:
        return x
    kept = x[tuple(slice(0, 1) if step == 0 else slice(None) for step in x.strides)]
    memory = np.full(x.size, garbage)
    memory[: kept.size] = kept.ravel(order="K")
    return memory.reshape(x.shape)


def _stretched(rng: np.random.Generator, y: Array) -> Array:
    """Return a cotangent of stride 0, as the gradient of a sum is."""
    return np.broadcast_to(rng.normal(size=(1,) * np.ndim(y)), np.shape(y))


def _turned(rng: np.random.Generator, y: Array) -> Array:
    """Return a cotangent whose memory is in the order of the transpose."""
    return np.asarray(rng.normal(size=np.shape(y)[::-1])).T


def _cross_entropy(z: Array, t: Array) -> Array:
    top = z.max(axis=1, keepdims=True)
    return (np.log(np.exp(z - top).sum(axis=1, keepdims=True)) + top)[:, 0] - z[np.arange(len(t)), t]


def _cross_entropy_right(g: Array, z: Array, t: Array) -> tuple[Array, None]:
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return g[:, None] * (p / p.sum(axis=1, keepdims=True) - np.eye(z.shape[1])[t]), None


declare(
    "te-623-stride0", "of an expanded cotangent the memory behind its one element is read", "cross entropy", "layout",
    "ROCm/TransformerEngine PR #623",
    f=_cross_entropy, right=_cross_entropy_right,
    wrong=lambda g, z, t: _cross_entropy_right(_as_stored(g), z, t),
    ordinary=normal((4, 3), [0, 2, 1, 1]),
    trigger=normal((4, 3), [0, 2, 1, 1]),
    cotangent=_stretched,
)  # fmt: skip

declare(
    "pytorch-180201-mps-sum", "of implicit expanded ones only the first row counts", "sum of a batch of products", "layout",
    "pytorch/pytorch issue #180201",
    f=lambda x, w: x @ w,
    right=lambda g, x, w: (g @ w.T, x.T @ g),
    wrong=lambda g, x, w: (_as_stored(g, 0.0) @ w.T, x.T @ g),
    ordinary=normal((4, 3), (3, 2)),
    trigger=normal((4, 3), (3, 2)),
    cotangent=_stretched, twin="te-623-stride0",
)  # fmt: skip


def _distances(x: Array, y: Array) -> Array:
    return np.sqrt(((x[:, None] - y) ** 2).sum(axis=-1))


def _distances_right(g: Array, x: Array, y: Array) -> tuple[Array, Array]:
    unit = (x[:, None] - y) / _distances(x, y)[..., None]
    return (g[..., None] * unit).sum(axis=1), -(g[..., None] * unit).sum(axis=0)


declare(
    "pytorch-26076-cdist-stride", "the strides of the incoming gradient are ignored", "cdist", "layout",
    "pytorch/pytorch issue #26076",
    f=_distances, right=_distances_right,
    wrong=lambda g, x, y: _distances_right(_as_stored(g), x, y),
    ordinary=normal((3, 2), (4, 2)),
    trigger=normal((1, 2), (4, 2)),
    cotangent=_stretched, twin="te-623-stride0",
)  # fmt: skip


def _weights(q: Array, k: Array) -> Array:
    z = q @ k.T
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _attention_right(g: Array, q: Array, k: Array, v: Array) -> tuple[Array, Array, Array]:
    p = _weights(q, k)
    dp = g @ v.T
    dz = p * (dp - (p * dp).sum(axis=1, keepdims=True))
    return dz @ k, dz.T @ q, p.T @ g


declare(
    "flashattn-355-dout", "an output gradient that is not contiguous is read in the wrong order", "attention", "layout",
    "Dao-AILab/flash-attention issue #355",
    f=lambda q, k, v: _weights(q, k) @ v,
    right=_attention_right,
    wrong=lambda g, q, k, v: _attention_right(_as_stored(g), q, k, v),
    ordinary=normal((3, 2), (4, 2), (4, 2)),
    trigger=normal((3, 2), (4, 2), (4, 2)),
    cotangent=_turned,
)  # fmt: skip


def _moments(x: Array, y: Array) -> tuple[Array, ...]:
    n = x.size
    mx, my = x.sum() / n, y.sum() / n
    return mx, my, ((x - mx) ** 2).sum() / n, ((y - my) ** 2).sum() / n, ((x - mx) * (y - my)).sum() / n


def _ssim(x: Array, y: Array) -> Array:
    mx, my, vx, vy, c = _moments(x, y)
    return (2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4))


def _ssim_slope(x: Array, y: Array) -> Array:
    mx, my, vx, vy, c = _moments(x, y)
    a, b, d, e = 2 * mx * my + 1e-4, 2 * c + 9e-4, mx * mx + my * my + 1e-4, vx + vy + 9e-4
    slope = 2 * my * b + 2 * (y - my) * a - a * b * (2 * mx / d + 2 * (x - mx) / e)
    return slope / (d * e * x.size)


def _permuted(rng: np.random.Generator) -> Inputs:
    return np.asarray(rng.normal(size=(4, 3))).T, np.asarray(rng.normal(size=(3, 4)))


declare(
    "fusedssim-1", "a permuted image is read in the order of its memory", "ssim of one window", "layout",
    "MrNeRF/optimized-fused-ssim issue #1",
    f=_ssim,
    right=lambda g, x, y: (g * _ssim_slope(x, y), g * _ssim_slope(y, x)),
    wrong=lambda g, x, y: (g * _ssim_slope(_as_stored(x), y), g * _ssim_slope(y, x)),
    ordinary=normal((3, 4), (3, 4)),
    trigger=_permuted,
)  # fmt: skip

declare(
    "oneflow-8194-stack", "stacked on axis 1, the parts are cut out along axis 0", "stack", "layout",
    "Oneflow-Inc/oneflow issue #8194",
    f=lambda a, b, axis: np.stack([a, b], axis=int(axis)),
    right=lambda g, a, b, axis: (g.take(0, axis), g.take(1, axis), None),
    wrong=lambda g, a, b, axis: (g[0], g[1], None),
    ordinary=normal((2,), (2,), 0),
    trigger=normal((2,), (2,), 1),
)  # fmt: skip
