"""Cotangents at which faults hid: one-hot, constant, constant rows, a huge range, large, tiny."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import ml_dtypes
import numpy as np

from gradcheck.arith.floating import FORMATS
from gradcheck.probe.subject.directions import Arrays, cotangent
from gradcheck.probe.subject.subject import format_of
from gradcheck.probe.subject.vector import Vector

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


def _times(rng: np.random.Generator, ys: Arrays, c: float) -> Vector:
    return cotangent(rng, ys).times(c)


def _range(rng: np.random.Generator, ys: Arrays, top: float) -> Vector:
    return cotangent(rng, ys).times([np.clip(10.0 ** rng.integers(-6, 7, y.shape), 1 / top, top) for y in ys])


def cotangents(eps: float) -> Iterator[tuple[str, Maker]]:
    """Yield cotangents with their names, those that found most first.

    Args:
        eps: of the format of the derivative. Its largest number is what a cotangent times a slope may be: each has a root of it,
            and a fourth root where many slopes are added.
    """
    top = float(ml_dtypes.finfo(FORMATS[format_of(eps)]).max) ** 0.25
    large, small = min(1e5, top), max(1e-8, 1 / top)
    yield "ones", lambda rng, ys: Vector.of(np.ones(y.shape) for y in ys)
    yield "large and small", partial(_range, top=top)
    yield "one-hot", _one_hot
    yield "constant rows", _rows
    yield "zero but for the last output", _last_output
    yield f"of {large:.3g}", partial(_times, c=large)
    yield f"of {small:.3g}", partial(_times, c=small)
    yield "twos", lambda rng, ys: Vector.of(np.full(y.shape, 2.0) for y in ys)
