"""Shapes and index arrays: integers only, no values. The one module of ops that may use NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Index, Shape
from gradcheck.errors import BadShape


def broadcast(op: str, *shapes: Shape) -> Shape:
    """Return the common shape under NumPy's broadcasting rules."""
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise BadShape(op, "shapes that broadcast together", shapes) from None


def positive_axis(op: str, axis: int, rank: int) -> int:
    """Return `axis` counted from the front."""
    if not -rank <= axis < rank:
        raise BadShape(op, f"an axis between {-rank} and {rank - 1}", f"axis={axis}")
    return axis % rank


def positive_axes(op: str, axes: Sequence[int] | int | None, rank: int) -> tuple[int, ...]:
    """Return sorted axes counted from the front; None means all of them."""
    if axes is None:
        return tuple(range(rank))
    given = (axes,) if isinstance(axes, int) else axes
    out = tuple(sorted(positive_axis(op, a, rank) for a in given))
    if len(set(out)) != len(out):
        raise BadShape(op, "distinct axes", f"axes={tuple(given)}")
    return out


def reduced(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """Return the shape after reducing `axes`."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def positions(shape: Shape) -> Index:
    """Return the flat position of every entry, in the array's shape."""
    return np.arange(math.prod(shape), dtype=np.intp).reshape(shape)


def mask(*entries: bool) -> npt.NDArray[np.bool_]:
    """Return a vector of truth values, for samples."""
    return np.array(entries, dtype=bool)


def integers(entries: Sequence[Any] | int) -> Index:
    """Return an array of integers, for samples."""
    return np.array(entries, dtype=np.intp)
