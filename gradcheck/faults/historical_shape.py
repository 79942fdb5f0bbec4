"""Historical faults of shapes: sums over broadcast axes that are missing, ranks and axes that were not thought of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.faults.fault import Array, Maker, declare
from gradcheck.faults.inputs import normal, positive


def _unbroadcast(g: Array, x: Array) -> Array:
    g = g.sum(axis=tuple(range(g.ndim - x.ndim)))
    unit = tuple(k for k, n in enumerate(x.shape) if n == 1 and g.shape[k] > 1)
    return g.sum(axis=unit, keepdims=True)


def _broadcast(name: str, title: str, operation: str, source: str, ordinary: Maker, trigger: Maker,
               f: Any, partials: Callable[..., tuple[Array, Array]], twin: str = "tvm-2465-broadcast") -> None:  # fmt: skip
    """Declare a binary operation whose partial gradients are not summed over the axes that were broadcast."""

    def wrong(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
        da, db = partials(g, a, b)
        return da + np.zeros_like(g), db + np.zeros_like(g)

    def right(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
        da, db = wrong(g, a, b)
        return _unbroadcast(da, a), _unbroadcast(db, b)

    declare(name, title, operation, "broadcast", source, f=f, right=right, wrong=wrong, ordinary=ordinary, trigger=trigger,
            mistake="missing broadcast sum", twin=twin if twin != name else "")  # fmt: skip


_broadcast(
    "tvm-2465-broadcast", "the gradient is broadcast to the result instead of summed", "subtract", "apache/tvm PR #2465",
    normal((2, 3), (2, 3)), normal((2, 3), (3,)), lambda a, b: a - b, lambda g, a, b: (g, -g),
)  # fmt: skip

_broadcast(
    "oneflow-8769-fmod-broadcast", "the gradient of the broadcast numerator is not reduced", "fmod",
    "Oneflow-Inc/oneflow issue #8769",
    positive((2, 1), (2, 1)), positive((1,), (2, 1)),
    lambda a, b: a - b * np.trunc(a / b), lambda g, a, b: (g, -g * np.trunc(a / b)),
)  # fmt: skip

_broadcast(
    "aesara-1089-dynamic", "an axis of size 1 that is known only at run time is not summed", "elementwise product",
    "aesara-devs/aesara issue #1089",
    normal((5, 5), (5, 5)), normal((1, 5), (5, 5)), lambda a, b: a * b, lambda g, a, b: (g * b, g * a),
)  # fmt: skip

_broadcast(
    "ttmetal-40728-broadcast", "the gradients of broadcast operands are not summed", "mul", "tenstorrent/tt-metal PR #40728",
    normal((2, 3, 4), (2, 3, 4)), normal((2, 3, 4), (2, 1, 4)), lambda a, b: a * b, lambda g, a, b: (g * b, g * a),
)  # fmt: skip

_broadcast(
    "jax-3056-custom-jvp", "a scalar gets one gradient an entry of the vector", "scalar times vector in a user's rule",
    "jax-ml/jax issue #3056",
    normal((), ()), normal((), (2,)), lambda a, b: a * b, lambda g, a, b: (g * b, g * a),
)  # fmt: skip


def _log_add(a: Array, b: Array) -> Array:
    return np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b)))


_broadcast(
    "jax-6452-logaddexp", "a scalar operand beside a batched one gets a vector", "logaddexp of a batch",
    "jax-ml/jax issue #6452",
    normal((3,), (3,)), normal((), (3,)), _log_add,
    lambda g, a, b: (g * np.exp(a - _log_add(a, b)), g * np.exp(b - _log_add(a, b))),
)  # fmt: skip


def _assign(x: Array, v: Array) -> Array:
    out = x.copy()
    out[1:] = v
    return out


def _assign_right(g: Array, x: Array, v: Array) -> tuple[Array, Array]:
    rest = g.copy()
    rest[1:] = 0
    return rest, _unbroadcast(g[1:], v)


def _assign_wrong(g: Array, x: Array, v: Array) -> tuple[Array, Array]:
    return _assign_right(g, x, v)[0], g[1:].sum(axis=tuple(range(g.ndim - v.ndim)))


declare(
    "thunder-1979-setitem", "only missing leading axes of the value are summed, unit axes are not", "setitem", "broadcast",
    "Lightning-AI/lightning-thunder PR #1979",
    f=_assign, right=_assign_right, wrong=_assign_wrong,
    ordinary=normal((3, 4), (4,)),
    trigger=normal((3, 4), (2, 1)),
    mistake="missing broadcast sum",
)  # fmt: skip


def _standard(x: Array) -> tuple[Array, Array]:
    centred = x - x.sum(axis=-1, keepdims=True) / x.shape[-1]
    rate = 1 / np.sqrt((centred * centred).sum(axis=-1, keepdims=True) / x.shape[-1] + 1e-5)
    return centred * rate, rate


def _layer_norm_right(g: Array, x: Array) -> tuple[Array]:
    y, rate = _standard(x)
    return (rate * (g - g.mean(axis=-1, keepdims=True) - y * (g * y).mean(axis=-1, keepdims=True)),)


def _layer_norm_wrong(g: Array, x: Array) -> tuple[Array]:
    """Take the first axis for the rows: the saved means and rates of the first rows serve all of them."""
    rows = (x.shape[0], -1)
    mean, rate = (s.reshape(-1, 1)[: x.shape[0]] for s in (x.mean(axis=-1), _standard(x)[1]))
    y, g = (x.reshape(rows) - mean) * rate, g.reshape(rows)
    return ((rate * (g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True))).reshape(x.shape),)


declare(
    "flaggems-5392-layernorm-3d", "the rows are taken from the first axis alone", "layer_norm", "shape-regime",
    "flagos-ai/FlagGems issue #5392",
    f=lambda x: _standard(x)[0],
    right=_layer_norm_right, wrong=_layer_norm_wrong,
    ordinary=normal((3, 4)),
    trigger=normal((2, 3, 4)),
)  # fmt: skip


def _row_norms(x: Array) -> Array:
    return np.sqrt((x * x).sum(axis=1))


declare(
    "autograd-42-norm-axis", "the axis is ignored: rows are divided by the norm of the matrix", "linalg.norm", "option",
    "HIPS/autograd issue #42",
    f=_row_norms,
    right=lambda g, x: (g[:, None] * x / _row_norms(x)[:, None],),
    wrong=lambda g, x: (g[:, None] * x / np.sqrt((x * x).sum()),),
    ordinary=normal((1, 4)),
    trigger=normal((3, 4)),
)  # fmt: skip


class _Changing:
    """A backward pass of a 1 x 1 triangular solve that leaves its result to chance: 0, 1 or -1 times the right one."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, g: Array, a: Array, b: Array) -> tuple[Array, Array]:
        da, db = _triangular_right(g, a, b)
        if a.shape != (1, 1):
            return da, db
        self.calls += 1
        return da * (self.calls % 3 - 1), db


def _forward(a: Array, b: Array) -> Array:
    out = b.copy()
    for k in range(len(b)):
        out[k] = (b[k] - (a[k, :k] * out[:k]).sum()) / a[k, k]
    return out


def _triangular_right(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    db = _forward(a[::-1, ::-1].T, g[::-1])[::-1]
    return -np.tril(np.outer(db, _forward(a, b))), db


declare(
    "paddle-57863-triangular-solve", "for a 1 x 1 matrix the gradient changes from run to run", "triangular_solve",
    "shape-regime", "PaddlePaddle/Paddle issue #57863",
    f=_forward, right=_triangular_right, wrong=_Changing(),
    ordinary=positive((3, 3), (3,)),
    trigger=positive((1, 1), (1,)),
    stateful=_Changing,
)  # fmt: skip
