"""Functions that put entries elsewhere: they are run on positions, and the entries taken there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.ops.op import registry


def recorded_or_array(x: Any) -> Any:
    """Return a recorded array as it is, anything else as an array."""
    return x if isinstance(x, Recorded) else np.asarray(x)


def at_positions(a: Any, places: Callable[[Any], Any]) -> Any:
    """Return the entries of an array in the order, and the shape, that a function gives their positions."""
    x = recorded_or_array(a)
    at = places(np.arange(x.size).reshape(x.shape))
    return x.reshape(-1)[np.asarray(at)] if isinstance(at, np.ndarray) or np.isscalar(at) else [x.reshape(-1)[p] for p in at]


def by_positions(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of one array that puts its entries elsewhere."""
    return lambda a, *args, **options: at_positions(a, lambda at: f(at, *args, **options))


def of_several(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a list of arrays that puts their entries into an order."""

    def put(arrays: Any, *args: Any, **options: Any) -> Any:
        parts = [recorded_or_array(x) for x in arrays]
        ends = np.cumsum([0, *(x.size for x in parts)])
        places = f([np.arange(a, b).reshape(x.shape) for x, a, b in zip(parts, ends, ends[1:], strict=False)], *args, **options)
        flat = registry["concatenate"](*(x.reshape(-1) for x in parts), axis=0)
        return flat[places]

    return put


def diagonal_matrix(v: Any, k: int) -> Any:
    """Return a matrix with a diagonal, and zeros."""
    n = v.shape[0] + abs(k)
    at = np.diag(np.arange(1, v.shape[0] + 1), k)
    padded = registry["concatenate"](np.zeros(1), v, axis=0)
    return padded[at.reshape(n, n)]


def reshape_in_order(a: Any, shape: Any, order: str) -> Any:
    """Return an array with another shape, read by rows or by columns."""
    if order == "F":
        return at_positions(a, lambda at: np.reshape(at, shape, order="F"))
    return recorded_or_array(a).reshape(shape)
