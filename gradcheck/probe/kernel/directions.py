"""The directions along which a fault of a kernel may lie: a whole array, its rows, columns and tiles, inputs and cotangents, the terms of a gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Rows and columns of a tile.
TILE = 16


@dataclass(frozen=True, slots=True)
class Class:
    """Directions of one kind, along each of which a difference has one number.

    Args:
        name: of the kind.
        project: difference -> its sizes along the directions, in units of the direction: 0.01 is a hundredth of the right numbers.
        places: where each is, in words; "" for the whole array.
        terms: how many entries each adds up, those that weigh little for less than one: (sum w)^2 / sum w^2 of the squared direction w.
        single: sizes of differences -> the largest that one entry alone comes to along each direction.
    """

    name: str
    project: Callable[[Floats], Floats]
    places: tuple[str, ...]
    terms: Floats
    single: Callable[[Floats], Floats]


def classes(exact: Floats, others: Mapping[str, Floats]) -> Iterator[Class]:
    """Yield the classes of directions of an array.

    Args:
        exact: its right numbers.
        others: arrays by name, along which it may be off if they have its shape.
    """
    size = np.abs(exact)
    usual = float(np.mean(size)) if exact.size else 0.0
    if not usual:
        return
    count = np.asarray([np.count_nonzero(exact)], np.float64)
    yield _along("factor", exact, ("",))
    one = partial(_largest, None, exact.size * usual)
    yield Class("bias", lambda d: np.asarray([np.mean(d)]) / usual, ("",), count, one)
    yield Class("bias away from zero", lambda d: np.asarray([np.mean(d * np.sign(exact))]) / usual, ("",), count, one)
    for axis in range(exact.ndim if exact.ndim > 1 else 0):
        places = tuple(f"{_AXES.get(axis - exact.ndim, f'index of axis {axis}')} {k}" for k in range(exact.shape[axis]))
        rest = tuple(a for a in range(exact.ndim) if a != axis)
        yield _along(f"factor of axis {axis}", exact, places, rest)
        terms, many = np.count_nonzero(exact, axis=rest).astype(np.float64), exact.size / exact.shape[axis]
        yield Class(f"bias of axis {axis}", partial(_mean, rest, usual), places, terms, partial(_largest, rest, many * usual))
    if exact.ndim > 1 and max(exact.shape[-2:]) > TILE:
        squares = _tiled(np.square(exact))
        safe, weight = _safe(squares), squares**2 / _safe(_tiled(exact**4))
        yield Class("factor of a tile", lambda d: _tiled(d * exact) / safe, _tiles(exact.shape), weight, lambda s: _tiled(s * size, np.maximum) / safe)
    for name, other in others.items():
        if other.shape == exact.shape and np.any(other) and other is not exact:
            yield _along(f"along {name}", other, ("",))


_AXES = {-1: "column", -2: "row"}


def _along(name: str, direction: Floats, places: tuple[str, ...], axes: tuple[int, ...] | None = None) -> Class:
    """Return the class of a direction, or of its parts along axes."""
    squares = np.atleast_1d(np.sum(np.square(direction), axis=axes))
    safe = _safe(squares)
    terms = squares**2 / _safe(np.atleast_1d(np.sum(direction**4, axis=axes)))
    return Class(
        name, lambda d: np.atleast_1d(np.sum(d * direction, axis=axes)) / safe, places, terms, lambda s: _largest(axes, 1.0, s * np.abs(direction)) / safe
    )  # fmt: skip


def _largest(axes: tuple[int, ...] | None, unit: float, sizes: Floats) -> Floats:
    return np.atleast_1d(np.max(sizes, axis=axes, initial=0.0)) / unit


def _mean(axes: tuple[int, ...], usual: float, d: Floats) -> Floats:
    return np.asarray(np.mean(d, axis=axes) / usual)


def _safe(x: Floats) -> Floats:
    return np.where(x > 0, x, np.inf)


def _tiled(x: Floats, over: np.ufunc = np.add) -> Floats:
    """Return the sums (or the largest) over tiles of the last two axes, and over all others."""
    flat = over.reduce(x.reshape(-1, *x.shape[-2:]), 0)
    starts = [np.arange(0, n, TILE) for n in flat.shape]
    return np.asarray(over.reduceat(over.reduceat(flat, starts[0], 0), starts[1], 1)).ravel()


def _tiles(shape: tuple[int, ...]) -> tuple[str, ...]:
    rows, columns = (range(0, n, TILE) for n in shape[-2:])
    return tuple(f"tile at row {i}, column {j}" for i in rows for j in columns)


def as_float(x: Any) -> Floats:
    """Return numbers of an arithmetic as float64, as they were before they were stored."""
    x = getattr(x, "before", x)
    return np.asarray(getattr(x, "value", x), np.float64)
