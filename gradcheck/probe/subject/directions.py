"""Where to look: scales, fresh signed directions, cotangents."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.probe.subject.vector import Vector

Floats = npt.NDArray[np.float64]
Arrays = list[npt.NDArray[Any]]


def scale(x: npt.NDArray[Any]) -> float:
    """Return the typical magnitude of an array: the median of what is not zero, else 1."""
    size = np.abs(np.asarray(x, np.float64)).ravel()
    size = size[np.isfinite(size) & (size > 0)]
    return float(np.median(size)) if size.size else 1.0


def own_scale(rng: np.random.Generator, xs: Arrays) -> Vector:
    """Return signed steps in proportion to every entry itself (zeros: to the array's scale)."""
    out = []
    for x in xs:
        size = np.abs(np.asarray(x, np.float64))
        size = np.where(size > 0, size, scale(x))
        out.append(_signs(rng, x.shape) * size * rng.uniform(0.5, 1.0, x.shape))
    return Vector.of(out)


def array_scale(rng: np.random.Generator, xs: Arrays) -> Vector:
    """Return signed steps in proportion to each array's scale, alike for all of its entries."""
    return Vector.of(_signs(rng, x.shape) * scale(x) * rng.uniform(0.5, 1.0, x.shape) for x in xs)


def together(xs: Arrays) -> Vector:
    """Return a step that is the same for all entries of an array: equal entries stay equal."""
    return Vector.of(np.full(x.shape, scale(x)) for x in xs)


def by_size(contributions: Vector, groups: int = 5) -> list[list[npt.NDArray[np.bool_]]]:
    """Return sets of entries of like contribution: zeros, then ranges of magnitude, of which each is not empty."""
    flat = np.abs(contributions.flat)
    size = flat[flat > 0]
    sets = [[c == 0 for c in contributions]] if np.any(flat == 0) else []
    if size.size and size.max() / size.min() > 1e4:
        edges = np.geomspace(size.min(), size.max() * (1 + 1e-9), groups + 1)
        for low, high in pairwise(edges):
            part = [(np.abs(c) >= low) & (np.abs(c) < high) for c in contributions]
            sets += [part] if any(p.any() for p in part) else []
    return sets


def off_kinks(ts: Vector, xs: Arrays) -> Vector:
    """Return a direction that leaves zeros and equal entries where they are: that is where most kinks lie."""
    out = []
    for t, x in zip(ts, xs, strict=True):
        _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
        out.append(np.where((counts[inverse.reshape(x.shape)] == 1) & (x != 0), t, 0.0))
    return Vector.of(out)


def cotangent(rng: np.random.Generator, ys: Arrays) -> Vector:
    """Return signed cotangents between 1/2 and 1: none of them hides an output, and every format can represent them."""
    return Vector.of(_signs(rng, y.shape) * rng.integers(16, 33, y.shape) / 32 for y in ys)


def relative_cotangent(rng: np.random.Generator, ys: Arrays) -> Vector:
    """Return cotangents in inverse proportion to the outputs (powers of two): tiny outputs count as much as large ones."""
    sizes = [np.abs(np.asarray(y, np.float64)) for y in ys]
    largest = max((float(np.max(s, initial=0.0)) for s in sizes), default=0.0) or 1.0
    return cotangent(rng, ys).times([np.exp2(np.round(np.log2(largest / np.where(s > 0, s, largest)))) for s in sizes])


def spread(ys: Arrays) -> float:
    """Return the ratio of the largest to the smallest output that is not zero."""
    sizes = np.concatenate([np.abs(np.asarray(y, np.float64)).ravel() for y in ys]) if ys else np.zeros(0)
    sizes = sizes[(sizes > 0) & np.isfinite(sizes)]
    return float(sizes.max() / sizes.min()) if sizes.size else 1.0


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.choice(np.array([-1.0, 1.0]), shape)
