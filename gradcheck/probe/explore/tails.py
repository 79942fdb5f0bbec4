"""Magnitudes: both tails, from 1e-30 to 1e30, of single entries, of whole arrays, of all inputs together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from gradcheck.probe.explore.mutation import Array, Mutation, cell, every, floats, one

#: Where exponentials round to one, where they overflow, where squares do, where everything has rounded away.
MAGNITUDES = (40.0, 1e-9, 800.0, 4.0, 1e-16, 400.0, 1e30, 15.0, 1e4, 1e-4, 95.0, 1e18, 1e-30, 1e8)
FACTORS = (10.0, 1e-3, 1e4, 1e-9, 1e9, 1e-30, 1e30)


def tails(arrays: Sequence[Array], paths: Sequence[str]) -> Iterator[Mutation]:
    """Yield mutations of magnitude, single entries first."""
    ks = [k for k in floats(arrays) if arrays[k].size]
    for m in MAGNITUDES:
        for k in ks:
            yield Mutation(f"{paths[k]}: an entry {m:g}, another {-m:g}", one(k, _both(m)))
            yield Mutation(f"{paths[k]}: an entry {-m:g}", one(k, _single(-m)))
            if arrays[k].size == 1:
                yield Mutation(f"{paths[k]}: an entry {m:g}", one(k, _single(m)))
        if len(ks) > 1:
            yield Mutation(f"every input: an entry {m:g}", every(ks, _first(m)))
    for c in FACTORS:
        yield Mutation(f"every input times {c:g}", every(ks, _times(c)))
    for c in FACTORS[2:]:
        yield from (Mutation(f"{paths[k]} times {c:g}", one(k, _times(c))) for k in ks if len(ks) > 1)
    yield from (Mutation(f"{paths[k]} over many magnitudes", one(k, _spread)) for k in ks)


def _top(a: Array) -> float:
    return float(ml_dtypes.finfo(a.dtype).max)


def _both(m: float) -> Callable[[Array, np.random.Generator], Any]:
    def change(a: Array, rng: np.random.Generator) -> Array | None:
        if m > _top(a) or a.size < 2:
            return None
        where = rng.choice(a.size, 2, replace=False)
        a.reshape(-1)[where] = [m, -m]
        return a

    return change


def _single(m: float) -> Callable[[Array, np.random.Generator], Any]:
    def change(a: Array, rng: np.random.Generator) -> Array | None:
        if abs(m) > _top(a):
            return None
        a[cell(a, rng)] = m
        return a

    return change


def _first(m: float) -> Callable[[Array, np.random.Generator], Any]:
    def change(a: Array, rng: np.random.Generator) -> Array | None:
        if m > _top(a):
            return None
        a.reshape(-1)[0] = m
        return a

    return change


def _times(c: float) -> Callable[[Array, np.random.Generator], Any]:
    def change(a: Array, rng: np.random.Generator) -> Array | None:
        made = np.asarray(a, np.float64) * c
        return made.astype(a.dtype) if np.all(np.abs(made) < _top(a)) else None

    return change


def _spread(a: Array, rng: np.random.Generator) -> Array:
    return np.asarray(np.asarray(a, np.float64) * 10.0 ** rng.integers(-4, 4, a.shape)).astype(a.dtype)
