"""Our operations in the words of a library that looks like NumPy: shared by JAX and autograd."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.ops.geometry import padded, pairs, positive_axes, sizes, windows
from gradcheck.targets.interpreter import Table

Array = Any


def table(xp: Any) -> dict[str, Callable[..., Array]]:
    """Return the operations that plain NumPy functions of the library `xp` express."""
    return {**_elementwise(xp), **_reductions(xp), **_shapes(xp), **_losses(xp), **_windows(xp), **_norms(xp)}


def _elementwise(xp: Any) -> Table:
    where, maximum, minimum = xp.where, xp.maximum, xp.minimum

    def elu(x: Array, alpha: float) -> Array:
        """The inner where keeps the branch not taken finite; a minimum would halve the slope at its tie, 0."""
        return where(x > 0, x, alpha * xp.expm1(where(x > 0, 0.0, x)))

    return {
        "neg": xp.negative, "exp": xp.exp, "log": xp.log, "log1p": xp.log1p, "expm1": xp.expm1,
        "sqrt": xp.sqrt, "square": xp.square, "reciprocal": xp.reciprocal, "abs": xp.abs, "sin": xp.sin,
        "cos": xp.cos, "tan": xp.tan, "arctan": xp.arctan, "sinh": xp.sinh, "cosh": xp.cosh,
        "tanh": xp.tanh, "arctanh": xp.arctanh,
        "relu": lambda x: maximum(x, 0),
        "leaky_relu": lambda x, alpha: where(x > 0, x, alpha * x),
        "elu": elu,
        "selu": lambda x, alpha, gamma: gamma * elu(x, alpha),
        "clip": lambda x, low, high: xp.clip(x, low, high),
        "hard_tanh": lambda x: xp.clip(x, -1, 1),
        "hard_swish": lambda x: x * xp.clip(x + 3, 0, 6) / 6,
        "integer_power": lambda x, n: x**n,
        "add": xp.add, "sub": xp.subtract, "mul": xp.multiply, "div": xp.true_divide, "power": xp.power,
        "maximum": maximum, "minimum": minimum, "where": where,
    }  # fmt: skip


def _reductions(xp: Any) -> Table:
    def over(f: Callable[..., Array]) -> Callable[..., Array]:
        return lambda x, *, axes, keepdims: f(x, axis=positive_axes("axes", axes, x.ndim), keepdims=keepdims)

    def variance(x: Array, *, axes: Any, keepdims: bool, correction: int) -> Array:
        return xp.var(x, axis=positive_axes("axes", axes, x.ndim), ddof=correction, keepdims=keepdims)

    def cumsum(x: Array, *, axis: int, exclusive: bool, reverse: bool) -> Array:
        back = _flipped(x.ndim, axis)
        x = x[back] if reverse else x
        y = xp.cumsum(x, axis)
        if exclusive:
            y = xp.concatenate([xp.zeros_like(_part(y, axis, 0, 1)), _part(y, axis, 0, y.shape[axis] - 1)], axis)
        return y[back] if reverse else y

    def norm(x: Array, *, axes: Any, keepdims: bool, p: float) -> Array:
        axis = positive_axes("axes", axes, x.ndim)
        if p == 2:
            return xp.sqrt(xp.sum(xp.square(x), axis=axis, keepdims=keepdims))
        return xp.sum(xp.abs(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)

    return {
        "sum": over(xp.sum), "mean": over(xp.mean), "prod": over(xp.prod), "max": over(xp.max), "min": over(xp.min),
        "variance": variance, "cumsum": cumsum, "norm": norm,
        "matmul": xp.matmul, "dense": lambda x, w, b: xp.dot(x, w) + b, "outer": xp.outer,
        "einsum": lambda *xs, equation: xp.einsum(equation, *xs),
    }  # fmt: skip


def _part(x: Array, axis: int, start: int, stop: int) -> Array:
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, stop),)]


def _shapes(xp: Any) -> Table:
    def cut(x: Array, *, starts: Any, stops: Any, axes: Any, steps: Any) -> Array:
        keys = [slice(None)] * x.ndim
        for k, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            axis = axes[k] if axes is not None else k
            step = steps[k] if steps is not None else 1
            beyond = step < 0 and stop < -x.shape[axis]
            keys[axis] = slice(start, None if beyond else stop, step)
        return x[tuple(keys)]

    def pad(x: Array, *, pads: Any, mode: str, constant: float) -> Array:
        if mode == "constant":
            return xp.pad(x, pairs("pad", pads, x.ndim), mode="constant", constant_values=constant)
        return xp.reshape(x, -1)[padded(x.shape, pads, mode)]

    def gather_elements(x: Array, i: Array, *, axis: int) -> Array:
        grid = list(np.indices(i.shape))
        grid[axis] = i
        return x[tuple(grid)]

    return {
        "reshape": lambda x, shape: xp.reshape(x, shape), "transpose": lambda x, axes: xp.transpose(x, axes),
        "broadcast_to": lambda x, shape: xp.broadcast_to(x, shape), "expand": lambda x, axis: xp.expand_dims(x, axis),
        "squeeze": lambda x, axes: xp.reshape(x, _squeezed(x.shape, axes)),
        "concatenate": lambda *xs, axis: xp.concatenate(xs, axis), "stack": lambda *xs, axis: xp.stack(xs, axis),
        "slice": cut, "flip": lambda x, axes: x[_flipped(x.ndim, axes)], "tile": lambda x, repeats: xp.tile(x, repeats),
        "pad": pad, "gather": lambda x, i, axis: x[(slice(None),) * (axis % x.ndim) + (i,)],
        "gather_elements": gather_elements, "take": lambda x, i: xp.reshape(x, -1)[i], "embedding": lambda i, w: w[i],
        "dropout": lambda x, keep, rate: xp.where(keep, x / (1 - rate), 0),
    }  # fmt: skip


def _squeezed(shape: tuple[int, ...], axes: Any) -> tuple[int, ...]:
    chosen = [i for i, n in enumerate(shape) if n == 1] if axes is None else positive_axes("squeeze", axes, len(shape))
    return tuple(n for i, n in enumerate(shape) if i not in chosen)


def _flipped(rank: int, axes: Any) -> tuple[slice, ...]:
    chosen = positive_axes("flip", axes, rank)
    return tuple(slice(None, None, -1 if i in chosen else None) for i in range(rank))


def _losses(xp: Any) -> Table:
    def reduced(x: Array, reduction: str) -> Array:
        return {"sum": xp.sum, "mean": xp.mean, "none": lambda v: v}[reduction](x)

    def log_softmax(z: Array, axis: int) -> Array:
        shifted = z - xp.max(z, axis=axis, keepdims=True)
        return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))

    def softmax(z: Array, axis: int) -> Array:
        e = xp.exp(z - xp.max(z, axis=axis, keepdims=True))
        return e / xp.sum(e, axis=axis, keepdims=True)

    def by_label(z: Array, labels: Array, *, ignore_index: int, reduction: str) -> Array:
        keep = labels != ignore_index
        rows = np.indices(labels.shape)
        picked = log_softmax(z, 1)[(rows[0], xp.where(keep, labels, 0), *rows[1:])]
        each = xp.where(keep, -picked, 0.0)
        return xp.sum(each) / keep.sum() if reduction == "mean" else reduced(each, reduction)

    def bce_logits(z: Array, t: Array, *, reduction: str) -> Array:
        """By logaddexp: max(z, 0) + log1p(exp(-|z|)) is smooth, but the slopes chosen at 0 need not add up to 1/2."""
        return reduced(xp.logaddexp(z, xp.zeros_like(z)) - z * t, reduction)

    def huber(p: Array, t: Array, *, reduction: str, delta: float) -> Array:
        e = xp.abs(p - t)
        return reduced(xp.where(e <= delta, e * e / 2, delta * (e - delta / 2)), reduction)

    return {
        "log_softmax": log_softmax, "softmax": softmax,
        "squared_error": lambda p, t, reduction: reduced(xp.square(p - t), reduction),
        "half_squared_error": lambda p, t, reduction: reduced(xp.square(p - t), reduction) / 2,
        "mean_squared_error": lambda p, t, reduction: reduced(xp.square(p - t), reduction),
        "cross_entropy": lambda p, q, axis, reduction: reduced(-xp.sum(q * xp.log(p), axis=axis), reduction),
        "softmax_cross_entropy": lambda z, q, axis, reduction: reduced(-xp.sum(q * log_softmax(z, axis), axis=axis), reduction),
        "cross_entropy_logits": by_label,
        "binary_cross_entropy": lambda p, t, reduction: reduced(-(t * xp.log(p) + (1 - t) * xp.log1p(-p)), reduction),
        "binary_cross_entropy_logits": bce_logits, "huber": huber,
        "hinge": lambda z, t, reduction: reduced(xp.maximum(1 - t * z, 0), reduction),
        "kl_divergence": lambda p, q, reduction: reduced(p * (xp.log(p) - xp.log(q)), reduction),
    }  # fmt: skip


def _windows(xp: Any) -> Table:
    """Convolution and pooling by gathering windows, for libraries without their own."""

    def gathered(x: Array, kernel: Any, stride: Any, ends: Any, dilation: Any, fill: float) -> Array:
        n = x.ndim - 2
        full = [(0, 0), (0, 0), *ends]
        x = xp.pad(x, full, mode="constant", constant_values=fill)
        index = windows(x.shape[2:], kernel, stride, [(0, 0)] * n, dilation)
        flat = xp.reshape(x, (*x.shape[:2], -1))
        return flat[:, :, index.reshape(*index.shape[:n], -1)]

    def of(n: int, **a: Any) -> tuple[Any, Any, Any, Any]:
        sized = [sizes("window", k, a[k], n) for k in ("kernel", "stride", "dilation")]
        return sized[0], sized[1], pairs("window", a["padding"], n), sized[2]

    def max_pool(x: Array, **a: Any) -> Array:
        return xp.max(gathered(x, *of(x.ndim - 2, **a), fill=-math.inf), axis=-1)

    def avg_pool(x: Array, *, count_include_pad: bool, **a: Any) -> Array:
        at = of(x.ndim - 2, **a)
        total = xp.sum(gathered(x, *at, fill=0.0), axis=-1)
        if count_include_pad:
            return total / math.prod(at[0])
        inside = np.pad(np.ones(x.shape[2:]), at[2])
        index = windows(inside.shape, at[0], at[1], [(0, 0)] * (x.ndim - 2), at[3])
        count = np.reshape(inside, -1)[index.reshape(*index.shape[: x.ndim - 2], -1)].sum(-1)
        return total / count.astype(np.asarray(1.0, dtype=x.dtype).dtype)

    def conv(n: int) -> Callable[..., Array]:
        def f(x: Array, w: Array, *, groups: int, **a: Any) -> Array:
            at = of(n, kernel=w.shape[2:], **a)
            cols = gathered(x, *at, fill=0.0)
            out = cols.shape[2:-1]
            cols = xp.reshape(cols, (x.shape[0], groups, x.shape[1] // groups, math.prod(out), -1))
            kernels = xp.reshape(w, (groups, w.shape[0] // groups, w.shape[1], -1))
            return xp.reshape(xp.einsum("ngcpk,gock->ngop", cols, kernels), (x.shape[0], w.shape[0], *out))

        return f

    return {"max_pool": max_pool, "avg_pool": avg_pool, "conv1d": conv(1), "conv2d": conv(2)}


def _norms(xp: Any) -> Table:
    def normalised(x: Array, axes: tuple[int, ...], eps: float) -> Array:
        centred = x - xp.mean(x, axis=axes, keepdims=True)
        return centred / xp.sqrt(xp.mean(centred * centred, axis=axes, keepdims=True) + eps)

    def channels(w: Array, rank: int) -> Array:
        return xp.reshape(w, (1, -1) + (1,) * (rank - 2))

    def layer(x: Array, w: Array, b: Array, *, axis: int, eps: float) -> Array:
        return normalised(x, tuple(range(axis % x.ndim, x.ndim)), eps) * w + b

    def rms(x: Array, w: Array, *, axis: int, eps: float) -> Array:
        axes = tuple(range(axis % x.ndim, x.ndim))
        return x / xp.sqrt(xp.mean(x * x, axis=axes, keepdims=True) + eps) * w

    def batch(x: Array, w: Array, b: Array, *, eps: float) -> Array:
        return normalised(x, (0, *range(2, x.ndim)), eps) * channels(w, x.ndim) + channels(b, x.ndim)

    def group(x: Array, w: Array, b: Array, *, num_groups: int, eps: float) -> Array:
        y = normalised(xp.reshape(x, (x.shape[0], num_groups, -1)), (2,), eps)
        return xp.reshape(y, x.shape) * channels(w, x.ndim) + channels(b, x.ndim)

    return {"layer_norm": layer, "rms_norm": rms, "batch_norm": batch, "group_norm": group}
