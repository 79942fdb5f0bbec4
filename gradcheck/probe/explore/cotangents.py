"""Cotangents at which faults hid: one-hot, constant, constant rows, a huge range, large, tiny."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.probe.directions import Arrays, cotangent
from gradcheck.probe.vector import Vector

Maker = Callable[[np.random.Generator, Arrays], Vector]


def _one_hot(rng: np.random.Generator, ys: Arrays) -> Vector:
    out = [np.zeros(y.shape) for y in ys]
    for g in out:
        if g.size:
            g.reshape(-1)[int(rng.integers(g.size))] = 1.0
    return Vector.of(out)


def _rows(rng: np.random.Generator, ys: Arrays) -> Vector:
    return Vector.of(np.zeros(y.shape) + rng.normal(size=(*y.shape[:-1], 1) if y.ndim else ()) for y in ys)


def _last_output(rng: np.random.Generator, ys: Arrays) -> Vector:
    return cotangent(rng, ys).only(len(ys) - 1)


def _top(y: npt.NDArray[Any]) -> float:
    """Return the largest factor of a cotangent: the root of the largest number, so that a slope as large still has a product in the format."""
    return math.sqrt(float(ml_dtypes.finfo(y.dtype).max))


def _times(size: float) -> Maker:
    def made(rng: np.random.Generator, ys: Arrays) -> Vector:
        return cotangent(rng, ys).times([np.clip(size, 1 / _top(y), _top(y)) for y in ys])

    return made


def _range(rng: np.random.Generator, ys: Arrays) -> Vector:
    return cotangent(rng, ys).times([np.clip(10.0 ** rng.integers(-6, 7, y.shape), 1 / _top(y), _top(y)) for y in ys])


#: Cotangents with their names, those that found most first.
COTANGENTS: tuple[tuple[str, Maker], ...] = (
    ("ones", lambda rng, ys: Vector.of(np.ones(y.shape) for y in ys)),
    ("large and small", _range),
    ("one-hot", _one_hot),
    ("constant rows", _rows),
    ("zero but for the last output", _last_output),
    ("of 1e5", _times(1e5)),
    ("of 1e-8", _times(1e-8)),
    ("twos", lambda rng, ys: Vector.of(np.full(y.shape, 2.0) for y in ys)),
)
