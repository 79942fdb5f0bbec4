"""Cotangents at which faults hid: one-hot, constant, constant rows, a huge range, large, tiny."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gradcheck.probe.directions import Arrays, cotangent

Floats = npt.NDArray[np.float64]
Maker = Callable[[np.random.Generator, Arrays], list[Floats]]


def _one_hot(rng: np.random.Generator, ys: Arrays) -> list[Floats]:
    out = [np.zeros(y.shape) for y in ys]
    for g in out:
        if g.size:
            g.reshape(-1)[int(rng.integers(g.size))] = 1.0
    return out


def _rows(rng: np.random.Generator, ys: Arrays) -> list[Floats]:
    return [np.zeros(y.shape) + rng.normal(size=(*y.shape[:-1], 1) if y.ndim else ()) for y in ys]


def _last_output(rng: np.random.Generator, ys: Arrays) -> list[Floats]:
    made = cotangent(rng, ys)
    return [np.zeros(y.shape) for y in ys[:-1]] + made[-1:]


def _range(rng: np.random.Generator, ys: Arrays) -> list[Floats]:
    return [g * 10.0 ** rng.integers(-6, 7, g.shape) for g in cotangent(rng, ys)]


#: Cotangents with their names, those that found most first.
COTANGENTS: tuple[tuple[str, Maker], ...] = (
    ("ones", lambda rng, ys: [np.ones(y.shape) for y in ys]),
    ("large and small", _range),
    ("one-hot", _one_hot),
    ("constant rows", _rows),
    ("zero but for the last output", _last_output),
    ("of 1e5", lambda rng, ys: [1e5 * g for g in cotangent(rng, ys)]),
    ("of 1e-8", lambda rng, ys: [1e-8 * g for g in cotangent(rng, ys)]),
    ("twos", lambda rng, ys: [np.full(y.shape, 2.0) for y in ys]),
)
