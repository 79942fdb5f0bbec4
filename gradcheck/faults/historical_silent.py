"""Historical faults that answer zero where something was forgotten; forward-mode ones are shown by their transpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import given, normal, positive


def _nothing(g: Any, *inputs: Array) -> tuple[Array | None, ...]:
    return tuple(0 * x if x.dtype == np.float64 else None for x in inputs)


def _clamp_pull(g: Array, x: Array) -> Array:
    return np.where((x >= -1) & (x <= 1), g, 0.0)


declare(
    "warp-248-vec-component", "what is assigned to the components of a vector gets no gradient", "y.x = 2 x, y.y = 3 x, y.z = 4 x",
    "silent-zero", "NVIDIA/warp issue #248",
    f=lambda x: np.stack([2 * x, 3 * x, 4 * x], axis=-1),
    right=lambda g, x: ((g * np.array([2.0, 3.0, 4.0])).sum(axis=-1),),
    wrong=_nothing,
    ordinary=normal((2,)), trigger=given([1.0]), mistake="zero",
)  # fmt: skip

declare(
    "slang-3749-clamp", "the overload for vectors has derivative 0", "clamp", "silent-zero", "shader-slang/slang issue #3749",
    f=lambda x: np.minimum(np.maximum(x, -1), 1),
    right=lambda g, x: (_clamp_pull(g, x),),
    wrong=lambda g, x: (0 * x if x.size > 1 else _clamp_pull(g, x),),
    ordinary=given([0.3]), trigger=given([0.3, -0.8, 2.5]), mistake="zero",
)  # fmt: skip


def _applied(x: Array, i: Array) -> Array:
    out = x.copy()
    out[i] = np.sin(x[i])
    return out


def _applied_pull(g: Array, x: Array, i: Array, slope: Array) -> tuple[Array, None]:
    out = g.copy()
    out[i] = g[i] * slope
    return out, None


declare(
    "jax-16684-scatter-apply", "the entry that the function is applied to gets no gradient", "x.at[i].apply(sin)",
    "silent-zero", "jax-ml/jax issue #16684",
    f=_applied,
    right=lambda g, x, i: _applied_pull(g, x, i, np.cos(x[i])),
    wrong=lambda g, x, i: _applied_pull(g, x, i, 0 * x[i]),
    ordinary=normal((3,), 1), trigger=given([1.0, 2.0, 3.0], 1),
)  # fmt: skip

declare(
    "autograd-8-dot-method", "the array's own dot method is not recorded", "w.T.dot(x)", "silent-zero", "HIPS/autograd issue #8",
    f=lambda w, x: w.T.dot(x),
    right=lambda g, w, x: (np.outer(x, g), w @ g),
    wrong=_nothing,
    ordinary=normal((3, 2), (3,)), trigger=normal((3, 2), (3,)), mistake="zero",
)  # fmt: skip

declare(
    "mlx-3627-where-jvp", "with a constant in the true branch the other branch is lost", "where", "silent-zero",
    "ml-explore/mlx issue #3627",
    f=lambda x, c: np.where(c, 1.0, 2 * x),
    right=lambda g, x, c: (np.where(c, 0.0, 2 * g), None),
    wrong=_nothing,
    ordinary=normal((3,), [True, False, False]), trigger=normal((2,), [False, True]), mistake="zero",
)  # fmt: skip


def _scatter_prod(x: Array, s: Array, i: Array) -> Array:
    out = x.copy()
    np.multiply.at(out, i, s)
    return out


declare(
    "pytorch-196702-scatter-prod-jvp", "the forward rule returns zero", "scatter_reduce prod", "silent-zero",
    "pytorch/pytorch issue #196702",
    f=_scatter_prod,
    right=lambda g, x, s, i: (g * _scatter_prod(x, s, i) / x, (g * _scatter_prod(x, s, i))[i] / s, None),
    wrong=_nothing,
    ordinary=positive((3,), (3,), [2, 0, 1]), trigger=positive((3,), (4,), [0, 1, 1, 2]), mistake="zero",
)  # fmt: skip

declare(
    "raven-153-jvp", "the continuation runs before the tangent is stored", "matmul", "silent-zero", "raven-ml/raven issue #153",
    f=lambda a, b: a @ b,
    right=lambda g, a, b: (g @ b.T, a.T @ g),
    wrong=_nothing,
    ordinary=normal((2, 3), (3, 2)), trigger=normal((2, 3), (3, 4)), mistake="zero",
)  # fmt: skip


def _selected(x: Array, i: Array) -> Array:
    return (x * np.exp(-1 / (1 + x * x)))[i]


def _selected_pull(g: Array, x: Array, i: Array) -> tuple[Array, None]:
    out, q = np.zeros_like(x), 1 + x * x
    np.add.at(out, i, g)
    return out * np.exp(-1 / q) * (1 + 2 * x * x / q**2), None


declare(
    "zygote-703-pairs", "a subset chosen by save_idxs gets no gradient", "save_idxs", "silent-zero", "FluxML/Zygote.jl issue #703",
    f=_selected, right=_selected_pull, wrong=_nothing,
    ordinary=normal((3,), [0, 1, 2]), trigger=normal((3,), [1]), mistake="zero",
)  # fmt: skip
