"""Operators over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.capture.onnx.call import RULES, Call, operator
from gradcheck.errors import CannotExpress
from gradcheck.ops.op import registry

#: theirs -> what is taken over the axes
_REDUCED: dict[str, Callable[..., Any]] = {
    "ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceMax": np.max, "ReduceMin": np.min, "ReduceProd": np.prod,
    "ReduceL1": lambda x, **a: np.sum(np.abs(x), **a), "ReduceL2": lambda x, axis, keepdims: registry["norm"](x, p=2, axes=axis, keepdims=keepdims),
    "ReduceLogSum": lambda x, **a: np.log(np.sum(x, **a)), "ReduceSumSquare": lambda x, **a: np.sum(np.square(x), **a),
    "ReduceLogSumExp": lambda x, axis, keepdims: registry["logsumexp"](x, axes=axis, keepdims=keepdims),
}  # fmt: skip


def _reduced(f: Callable[..., Any]) -> Callable[[Call], Any]:
    def rule(c: Call) -> Any:
        axes = c.axes()
        if not axes and c.get("noop_with_empty_axes", 0):
            return f(c[0][None], axis=(0,), keepdims=False)
        axes = tuple(a % c[0].ndim for a in axes) if axes else tuple(range(c[0].ndim))
        return f(c[0], axis=axes, keepdims=bool(c.get("keepdims", 1)))

    return rule


RULES.update({name: _reduced(f) for name, f in _REDUCED.items()})


@operator("ArgMax", "ArgMin")
def position(c: Call) -> Any:
    """Where the largest entry is."""
    f = np.argmax if c.op == "ArgMax" else np.argmin
    found = f(c[0].value, axis=c.get("axis", 0))
    return np.expand_dims(found, c.get("axis", 0)) if c.get("keepdims", 1) else found


@operator("CumSum")
def running_sum(c: Call) -> Any:
    """Running sums."""
    axis = int(np.ravel(c.data(1))[0])
    return registry["cumsum"](c[0], axis=axis, exclusive=bool(c.get("exclusive", 0)), reverse=bool(c.get("reverse", 0)))


def _last_axes(c: Call, f: Callable[[Any, int], Any]) -> Any:
    """Apply a function along an axis; before version 13 along all axes from there on at once."""
    if c.version >= 13:
        return f(c[0], c.get("axis", -1) % c[0].ndim)
    axis = c.get("axis", 1) % c[0].ndim
    flat = c[0].reshape((int(np.prod(c[0].shape[:axis], dtype=int)), -1))
    return f(flat, 1).reshape(c[0].shape)


@operator("Softmax")
def softmax(c: Call) -> Any:
    """Exponentials over their sum."""
    return _last_axes(c, lambda x, axis: registry["softmax"](x, axis=axis))


@operator("LogSoftmax")
def log_softmax(c: Call) -> Any:
    """Its logarithm."""
    return _last_axes(c, lambda x, axis: registry["log_softmax"](x, axis=axis))


@operator("CumProd")
def running_product(c: Call) -> Any:
    """Running products."""
    axis = int(np.ravel(c.data(1))[0])
    x = np.moveaxis(c[0], axis, 0)
    x = np.flip(x, 0) if c.get("reverse", 0) else x
    rows = [x[0]]
    for k in range(1, x.shape[0]):
        rows.append(rows[-1] * x[k])
    if c.get("exclusive", 0):
        rows = [np.ones(rows[0].shape) + 0 * rows[0], *rows[:-1]]
    y = np.stack(rows)
    return np.moveaxis(np.flip(y, 0) if c.get("reverse", 0) else y, 0, axis)


@operator("Einsum")
def einsum(c: Call) -> Any:
    """Sums of products by an equation."""
    equation = str(c.get("equation")).replace(" ", "")
    if "..." in equation:
        equation = _spelled(equation, [np.ndim(x) if not hasattr(x, "ndim") else x.ndim for x in c.inputs])
    if "->" not in equation:
        letters = "".join(sorted(x for x in set(equation) - {","} if equation.count(x) == 1))
        equation += f"->{letters}"
    return registry["einsum"](*c.inputs, equation=equation)


def _spelled(equation: str, ranks: list[int]) -> str:
    """Return an equation with letters for its ellipses."""
    left, _, right = equation.partition("->")
    terms = left.split(",")
    most = max(rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True) if "..." in t)
    letters = "".join(x for x in "ABCDEFGHIJ" if x not in equation)[:most]
    terms = [t.replace("...", letters[most - (rank - len(t.replace("...", ""))) :]) for t, rank in zip(terms, ranks, strict=True)]
    if "->" not in equation:
        once = "".join(sorted(x for x in set(left) - {",", "."} if left.count(x) == 1))
        return f"{','.join(terms)}->{letters}{once}"
    return f"{','.join(terms)}->{right.replace('...', letters)}"


@operator("DFT")
def fourier(c: Call) -> Any:
    """Sums of products with cosines and sines; the last axis has real and imaginary parts."""
    x = c[0]
    axis = int(np.ravel(c.data(2, np.asarray(-2)))[0]) if c.version >= 20 else c.get("axis", 1)
    axis %= x.ndim
    n = int(np.ravel(c.data(1))[0]) if c[1] is not None else x.shape[axis]
    kept = min(n, x.shape[axis])
    angle = 2 * np.pi / n * np.outer(np.arange(kept), np.arange(n)) * (1 if c.get("inverse", 0) else -1)
    cosine, sine = (f(angle) / (n if c.get("inverse", 0) else 1) for f in (np.cos, np.sin))
    rows = np.moveaxis(x, axis, -2)[..., :kept, :]
    real, imaginary = rows[..., 0], rows[..., 1] if x.shape[-1] == 2 else None
    a, b = np.matmul(real, cosine), np.matmul(real, sine)
    if imaginary is not None:
        a, b = a - np.matmul(imaginary, sine), b + np.matmul(imaginary, cosine)
    if c.get("onesided", 0):
        a, b = a[..., : n // 2 + 1], b[..., : n // 2 + 1]
    if c.get("inverse", 0) and c.get("onesided", 0):
        raise CannotExpress("DFT of one side, inverse, has no form here")
    return np.moveaxis(np.stack([a, b], axis=-1), -2, axis)
