"""Our operations in PyTorch's words: its own functions wherever it has one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from gradcheck.ops.geometry import pairs, positive_axes, sizes

Tensor: TypeAlias = Any  # torch is not there when types are checked


def _axes(x: Tensor, axes: Any) -> tuple[int, ...]:
    return positive_axes("torch", axes, x.ndim)


def _reduction(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return f(x, dim=, keepdim=) under our names; no axes at all means nothing to reduce."""

    def g(x: Tensor, *, axes: Any, keepdims: bool, **a: Any) -> Tensor:
        return f(x, dim=_axes(x, axes), keepdim=keepdims, **a)

    return g


def _prod(x: Tensor, *, axes: Any, keepdims: bool) -> Tensor:
    for axis in reversed(_axes(x, axes)):
        x = torch.prod(x, dim=axis, keepdim=keepdims)
    return x


def _variance(x: Tensor, *, axes: Any, keepdims: bool, correction: int) -> Tensor:
    return torch.var(x, dim=_axes(x, axes), correction=correction, keepdim=keepdims)


def _norm(x: Tensor, *, axes: Any, keepdims: bool, p: float) -> Tensor:
    return torch.linalg.vector_norm(x, ord=p, dim=_axes(x, axes), keepdim=keepdims)


def _cumsum(x: Tensor, *, axis: int, exclusive: bool, reverse: bool) -> Tensor:
    x = x.flip(axis) if reverse else x
    y = torch.cumsum(x, axis)
    if exclusive:
        first = torch.zeros_like(y.narrow(axis, 0, 1))
        y = torch.cat([first, y.narrow(axis, 0, y.shape[axis] - 1)], axis)
    return y.flip(axis) if reverse else y


def _slice(x: Tensor, *, starts: Any, stops: Any, axes: Any, steps: Any) -> Tensor:
    """torch has no negative steps: such axes are indexed."""
    for k, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        axis = (axes[k] if axes is not None else k) % x.ndim
        step = steps[k] if steps is not None else 1
        window = range(*_window(start, stop, step, x.shape[axis]))
        if step > 0:
            x = x[(slice(None),) * axis + (slice(window.start, window.stop, step),)]
        else:
            x = torch.index_select(x, axis, torch.tensor(list(window), dtype=torch.long))
    return x


def _window(start: int, stop: int, step: int, size: int) -> tuple[int, int, int]:
    low, high = (0, size) if step > 0 else (-1, size - 1)
    start, stop = (p + size if p < 0 else p for p in (start, stop))
    return min(max(start, low), high), min(max(stop, low), high), step


def _pad(x: Tensor, *, pads: Any, mode: str, constant: float) -> Tensor:
    """F.pad wants pairs from the last axis on; reflect and edge only exist for batched images."""
    ends = pairs("pad", pads, x.ndim)
    if mode == "constant":
        return F.pad(x, [n for end in reversed(ends) for n in end], value=constant)
    for axis, (before, after) in enumerate(ends):
        positions = np.arange(x.shape[axis])
        index = np.pad(positions, (before, after), "reflect" if mode == "reflect" else "edge")
        x = torch.index_select(x, axis, torch.from_numpy(index))
    return x


def _wrapped(i: Tensor, size: int) -> Tensor:
    return torch.where(i < 0, i + size, i)


def _gather(x: Tensor, i: Tensor, *, axis: int) -> Tensor:
    axis %= x.ndim
    flat = torch.index_select(x, axis, _wrapped(i, x.shape[axis]).reshape(-1))
    return flat.reshape(*x.shape[:axis], *i.shape, *x.shape[axis + 1 :])


def _gather_elements(x: Tensor, i: Tensor, *, axis: int) -> Tensor:
    return torch.gather(x, axis, _wrapped(i, x.shape[axis]))


def _scatter_add(x: Tensor, i: Tensor, u: Tensor, *, axis: int) -> Tensor:
    return torch.scatter_add(x, axis, _wrapped(i, x.shape[axis]), u)


def _conv(f: Callable[..., Tensor], n: int) -> Callable[..., Tensor]:
    """torch pads both ends alike: other padding is done before."""

    def g(x: Tensor, w: Tensor, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Tensor:
        x = F.pad(x, [k for end in reversed(pairs("conv", padding, n)) for k in end])
        return f(x, w, stride=sizes("conv", "stride", stride, n), dilation=sizes("conv", "dilation", dilation, n), groups=groups)

    return g


def _conv_transpose(
    x: Tensor, w: Tensor, *, stride: Any, padding: Any, dilation: Any, groups: int, output_padding: Any
) -> Tensor:
    """torch crops both ends alike: here everything is cropped after."""
    ends = pairs("conv", padding, 2)
    more = sizes("conv", "output_padding", output_padding, 2, 0)
    y = F.conv_transpose2d(
        x, w, stride=sizes("conv", "stride", stride, 2), output_padding=more,
        dilation=sizes("conv", "dilation", dilation, 2), groups=groups,
    )  # fmt: skip
    return y[:, :, ends[0][0] : y.shape[2] - ends[0][1], ends[1][0] : y.shape[3] - ends[1][1]]


def _max_pool(x: Tensor, *, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Tensor:
    n = x.ndim - 2
    f = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[n]
    x = F.pad(x, [k for end in reversed(pairs("pool", padding, n)) for k in end], value=-math.inf)
    of = {k: sizes("pool", k, v, n) for k, v in (("kernel", kernel), ("stride", stride), ("dilation", dilation))}
    return f(x, of["kernel"], stride=of["stride"], dilation=of["dilation"])


def _avg_pool(
    x: Tensor, *, kernel: Any, stride: Any, padding: Any, dilation: Any, count_include_pad: bool
) -> Tensor:
    """torch pads both ends alike and does not dilate: windows are summed and counted by unfolding."""
    n = x.ndim - 2
    ends = pairs("pool", padding, n)
    of = {k: sizes("pool", k, v, n) for k, v in (("kernel", kernel), ("stride", stride), ("dilation", dilation))}
    if all(a == b for a, b in ends) and set(of["dilation"]) == {1} and n in (1, 2):
        f = F.avg_pool1d if n == 1 else F.avg_pool2d
        pad = [a for a, _ in ends]
        return f(x, of["kernel"], stride=of["stride"], padding=pad, count_include_pad=count_include_pad)
    spread = [k for end in reversed(ends) for k in end]
    count = torch.ones_like(x)
    total, share = _windows_summed(F.pad(x, spread), of), _windows_summed(F.pad(count, spread), of)
    return total / math.prod(of["kernel"]) if count_include_pad else total / share


def _windows_summed(x: Tensor, of: Mapping[str, Sequence[int]]) -> Tensor:
    for axis, (kernel, stride, dilation) in enumerate(zip(of["kernel"], of["stride"], of["dilation"], strict=True), 2):
        x = x.unfold(axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation].sum(-1)
    return x


def _layer_norm(x: Tensor, w: Tensor, b: Tensor, *, axis: int, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[axis % x.ndim :], w, b, eps)


def _rms_norm(x: Tensor, w: Tensor, *, axis: int, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[axis % x.ndim :], w, eps)


def _batch_norm(x: Tensor, w: Tensor, b: Tensor, *, eps: float) -> Tensor:
    return F.batch_norm(x, None, None, w, b, training=True, eps=eps)


def _group_norm(x: Tensor, w: Tensor, b: Tensor, *, num_groups: int, eps: float) -> Tensor:
    return F.group_norm(x, num_groups, w, b, eps)


def _reduced(x: Tensor, reduction: str) -> Tensor:
    return {"sum": torch.sum, "mean": torch.mean, "none": lambda v: v}[reduction](x)


def _cross_entropy(p: Tensor, q: Tensor, *, axis: int, reduction: str) -> Tensor:
    return _reduced(-torch.sum(q * torch.log(p), axis), reduction)


def _softmax_cross_entropy(z: Tensor, q: Tensor, *, axis: int, reduction: str) -> Tensor:
    return _reduced(-torch.sum(q * F.log_softmax(z, axis), axis), reduction)


def _label_cross_entropy(z: Tensor, labels: Tensor, *, ignore_index: int, reduction: str) -> Tensor:
    return F.cross_entropy(z, labels, ignore_index=ignore_index, reduction=reduction)


def _bce(p: Tensor, t: Tensor, *, reduction: str) -> Tensor:
    """F.binary_cross_entropy refuses a target that needs a gradient and shapes that broadcast."""
    return _reduced(-(t * torch.log(p) + (1 - t) * torch.log1p(-p)), reduction)


def _bce_logits(z: Tensor, t: Tensor, *, reduction: str) -> Tensor:
    z, t = torch.broadcast_tensors(z, t)
    return F.binary_cross_entropy_with_logits(z, t, reduction=reduction)


def _huber(p: Tensor, t: Tensor, *, reduction: str, delta: float) -> Tensor:
    p, t = torch.broadcast_tensors(p, t)
    return F.huber_loss(p, t, reduction=reduction, delta=delta)


def _hinge(z: Tensor, t: Tensor, *, reduction: str) -> Tensor:
    return _reduced(torch.relu(1 - t * z), reduction)


def _kl(p: Tensor, q: Tensor, *, reduction: str) -> Tensor:
    return _reduced(p * (torch.log(p) - torch.log(q)), reduction)


def _squared(p: Tensor, t: Tensor, *, reduction: str) -> Tensor:
    p, t = torch.broadcast_tensors(p, t)
    return F.mse_loss(p, t, reduction=reduction)


def _half_squared(p: Tensor, t: Tensor, *, reduction: str) -> Tensor:
    return _squared(p, t, reduction=reduction) / 2


TABLE: dict[str, Callable[..., Tensor]] = {
    # elementwise
    "neg": torch.neg, "exp": torch.exp, "log": torch.log, "log1p": torch.log1p, "expm1": torch.expm1,
    "sqrt": torch.sqrt, "square": torch.square, "reciprocal": torch.reciprocal, "abs": torch.abs,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "arctan": torch.atan, "sinh": torch.sinh,
    "cosh": torch.cosh, "tanh": torch.tanh, "arctanh": torch.atanh, "erf": torch.erf,
    "logistic": torch.sigmoid, "softplus": F.softplus, "log_sigmoid": F.logsigmoid, "relu": F.relu,
    "leaky_relu": lambda x, alpha: F.leaky_relu(x, alpha),
    "elu": lambda x, alpha: F.elu(x, alpha),
    "selu": lambda x, alpha, gamma: gamma * F.elu(x, alpha),
    "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "swish": F.silu, "mish": F.mish,
    "clip": lambda x, low, high: torch.clamp(x, low, high), "hard_tanh": F.hardtanh, "hard_swish": F.hardswish,
    "integer_power": lambda x, n: torch.pow(x, n),
    # two operands
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "power": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "where": torch.where,
    # reductions
    "sum": _reduction(torch.sum), "mean": _reduction(torch.mean), "prod": _prod,
    "max": _reduction(torch.amax), "min": _reduction(torch.amin), "logsumexp": _reduction(torch.logsumexp),
    "variance": _variance, "norm": _norm, "cumsum": _cumsum,
    "softmax": lambda x, axis: torch.softmax(x, axis), "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    # products
    "matmul": torch.matmul, "dense": lambda x, w, b: F.linear(x, w.T, b), "outer": torch.outer,
    "einsum": lambda *xs, equation: torch.einsum(equation, *xs),
    "conv1d": _conv(F.conv1d, 1), "conv2d": _conv(F.conv2d, 2), "conv_transpose2d": _conv_transpose,
    # shape
    "reshape": lambda x, shape: torch.reshape(x, (shape,) if isinstance(shape, int) else shape),
    "transpose": lambda x, axes: torch.permute(x, tuple(reversed(range(x.ndim))) if axes is None else axes),
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "expand": lambda x, axis: torch.unsqueeze(x, axis),
    "squeeze": lambda x, axes: torch.squeeze(x) if axes is None else torch.squeeze(x, axes),
    "concatenate": lambda *xs, axis: torch.cat(xs, axis), "stack": lambda *xs, axis: torch.stack(xs, axis),
    "slice": _slice, "flip": lambda x, axes: torch.flip(x, _axes(x, axes)),
    "tile": lambda x, repeats: torch.tile(x, repeats), "pad": _pad,
    "gather": _gather, "gather_elements": _gather_elements, "scatter_add": _scatter_add,
    "take": lambda x, i: torch.take(x, i), "embedding": lambda i, w: F.embedding(_wrapped(i, w.shape[0]), w),
    # pooling and normalisation
    "max_pool": _max_pool, "avg_pool": _avg_pool, "layer_norm": _layer_norm, "rms_norm": _rms_norm,
    "batch_norm": _batch_norm, "group_norm": _group_norm,
    "dropout": lambda x, keep, rate: torch.where(keep, x / (1 - rate), torch.zeros_like(x)),
    # losses
    "squared_error": _squared, "half_squared_error": _half_squared, "mean_squared_error": _squared,
    "cross_entropy": _cross_entropy, "softmax_cross_entropy": _softmax_cross_entropy,
    "cross_entropy_logits": _label_cross_entropy, "binary_cross_entropy": _bce,
    "binary_cross_entropy_logits": _bce_logits, "huber": _huber, "hinge": _hinge, "kl_divergence": _kl,
}  # fmt: skip
