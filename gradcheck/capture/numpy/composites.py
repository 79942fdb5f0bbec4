"""NumPy functions that are several operations: order statistics, sums of products, interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.numpy.positions import recorded_or_array
from gradcheck.errors import NotTraceable
from gradcheck.ops.op import registry


def along(x: Any, axis: int | None) -> tuple[Any, int]:
    """Return an array and the axis along which it is gone through: flat, where none is given."""
    return (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)


def sort(a: Any, axis: int | None = -1, kind: Any = None) -> Any:
    """Return the entries in order, as their numbers have it."""
    x, k = along(recorded_or_array(a), axis)
    ordered = np.sort(x.value, axis=k)
    x.builder.compare(np.diff(ordered, axis=k), 0)
    return registry["gather_elements"](x, np.argsort(x.value, axis=k, kind="stable"), axis=k)


def quantile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the linear interpolation between the two entries beside a share of the order."""
    if isinstance(axis, tuple) or np.ndim(q) > 1:
        raise NotTraceable("np.quantile over several axes has no graph form")
    x, k = along(recorded_or_array(a), axis)
    place = np.asarray(q, float) * (x.shape[k] - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, x.shape[k] - 1)
    weight = (place - low).reshape((*np.shape(q), *(1,) * (x.ndim - k - 1))) if np.ndim(q) else place - low
    ordered = sort(x, k)
    found = registry["gather"](ordered, low, axis=k) * (1 - weight) + registry["gather"](ordered, high, axis=k) * weight
    found = np.transpose(found, (k, *(j for j in range(found.ndim) if j != k))) if np.ndim(q) and k else found
    return np.expand_dims(found, k) if keepdims and axis is not None and not np.ndim(q) else found


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Return the differences of neighbours."""
    x = recorded_or_array(a)
    for _ in range(n):
        window = [slice(None)] * x.ndim
        later, earlier = list(window), list(window)
        later[axis], earlier[axis] = slice(1, None), slice(None, -1)
        x = x[tuple(later)] - x[tuple(earlier)]
    return x


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Return the linear interpolation; outside of the table the value at its end."""
    if left is not None or right is not None or (isinstance(xp, Recorded) and xp.memory.name):
        raise NotTraceable("np.interp with left=, right= or a recorded table of places has no graph form")
    table, at = np.asarray(numbers(xp), float), np.asarray(numbers(x), float)
    k = np.clip(np.searchsorted(table, at, side="right") - 1, 0, len(table) - 2)
    inside = registry["minimum"](registry["maximum"](x, table[0]), table[-1])
    share = (inside - table[k]) / (table[k + 1] - table[k])
    low, high = (fp[k], fp[k + 1]) if isinstance(fp, Recorded) else (np.asarray(fp)[k], np.asarray(fp)[k + 1])
    return low + share * (high - low)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Return the sums of products over all shifts."""
    n, m = np.shape(a)[0], np.shape(v)[0]
    products = np.reshape(registry["outer"](a, v), -1)
    at = np.add.outer(np.arange(n), np.arange(m)).reshape(-1)
    full = registry["scatter_add"](np.zeros(n + m - 1), at, products, axis=0)
    if mode == "full":
        return full
    size, start = (max(n, m), (min(n, m) - 1) // 2) if mode == "same" else (max(n, m) - min(n, m) + 1, min(n, m) - 1)
    return full[start : start + size]


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Return the sums of products over pairs of axes."""
    left, right = (tuple(range(np.ndim(a) - axes, np.ndim(a))), tuple(range(axes))) if isinstance(axes, int) else (np.atleast_1d(x) for x in axes)
    first = [chr(97 + k) for k in range(np.ndim(a))]
    second = [chr(97 + np.ndim(a) + k) for k in range(np.ndim(b))]
    for i, j in zip(left, right, strict=True):
        second[int(j)] = first[int(i)]
    kept = [x for x in first if x not in second] + [x for x in second if x not in first]
    return registry["einsum"](a, b, equation=f"{''.join(first)},{''.join(second)}->{''.join(kept)}")


def average(a: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    """Return the mean, weighted."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    w = weights
    if np.ndim(w) != np.ndim(a):
        w = np.reshape(w, tuple(n if k == axis % np.ndim(a) else 1 for k, n in enumerate(np.shape(a))))
    return np.sum(a * w, axis=axis, keepdims=keepdims) / np.sum(np.broadcast_to(w, np.shape(a)), axis=axis, keepdims=keepdims)


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Return the integral of a row by trapezoids."""
    if np.ndim(y) != 1:
        raise NotTraceable("np.trapezoid of several rows has no graph form")
    steps = dx if x is None else np.diff(x)
    return np.sum(steps * (y[1:] + y[:-1]) / 2)


def cross(a: Any, b: Any) -> Any:
    """Return the cross products of vectors of three."""
    if np.shape(a)[-1] != 3 or np.shape(b)[-1] != 3:
        raise NotTraceable("np.cross of vectors that do not have three entries has no graph form")
    one, two = [1, 2, 0], [2, 0, 1]
    return a[..., one] * b[..., two] - a[..., two] * b[..., one]


def cov(m: Any, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    """Return the covariances of rows, or of columns."""
    x = np.atleast_2d(m) if rowvar else np.transpose(m)
    centred = x - np.mean(x, axis=1, keepdims=True)
    found = np.matmul(centred, np.transpose(centred)) / (x.shape[1] - ((0 if bias else 1) if ddof is None else ddof))
    return np.squeeze(found)


def polyval(p: Any, x: Any) -> Any:
    """Return the value of a polynomial, by Horner."""
    y = p[0] + 0 * x
    for c in p[1:]:
        y = y * x + c
    return y
