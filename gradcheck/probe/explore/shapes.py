"""Shapes: sizes 0, 1 and more, unit and missing and additional axes, broadcast operands, rank 0 to 4, odd and large sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from gradcheck.probe.explore.mutation import Array, Arrays, Change, Mutation, every, floats, one, resized

#: New sizes of an axis: unit, two, empty, one more, and beyond the usual blocks.
SIZES: tuple[Callable[[int], int], ...] = (lambda n: 1, lambda n: n + 1, lambda n: 0, lambda n: 2, lambda n: 2 * n + 1, lambda n: 65)
LARGE = 1031
#: Entries up to which an input is made larger.
MOST_ENTRIES = 50_000


def shapes(arrays: Sequence[Array], paths: Sequence[str]) -> Iterator[Mutation]:
    """Yield mutations of shapes; axes of equal size change together first, then each alone."""
    ks = [k for k in floats(arrays) if arrays[k].ndim]  # a scalar stays a scalar
    shaped = [k for k, a in enumerate(arrays) if a.ndim]
    sizes = sorted({n for k in shaped for n in arrays[k].shape}, reverse=True)
    for new in SIZES[:2]:
        yield from (Mutation(f"axes of size {n} -> {new(n)}", _tied(n, new(n))) for n in sizes if new(n) != n)
    for k in ks:
        yield from (Mutation(f"{paths[k]}: {name}", one(k, change)) for name, change in _RANK[:2])
        yield from (Mutation(f"{paths[k]}: axis {j} of size 1", _axis(k, j, 1)) for j in range(arrays[k].ndim))
    for name, change in _RANK:
        yield Mutation(f"every input {name}", every(ks, change))
    for k in ks:
        yield from (Mutation(f"{paths[k]}: {name}", one(k, change)) for name, change in _RANK[2:])
    for i, j in permutations(ks[:3], 2):
        yield Mutation(f"{paths[i]} a row, {paths[j]} a column", _outer(i, j))
        yield Mutation(f"{paths[i]} without its first axis, {paths[j]} with unit last axes", _crossed(i, j))
    for new in SIZES[2:]:
        yield from (Mutation(f"axes of size {n} -> {new(n)}", _tied(n, new(n))) for n in sizes if new(n) != n)
    for k in ks:
        for j, n in enumerate(arrays[k].shape):
            yield Mutation(f"{paths[k]}: axis {j} of size {n + 1}", _axis(k, j, n + 1))
            yield Mutation(f"{paths[k]}: axis {j} of size {2 * n + 1}", _axis(k, j, 2 * n + 1))
    for n in sizes[:2]:
        yield Mutation(f"axes of size {n} -> {LARGE}", _tied(n, LARGE))


def _fits(shape: tuple[int, ...]) -> bool:
    return int(np.prod(shape, dtype=np.int64)) <= MOST_ENTRIES


def _tied(old: int, new: int) -> Change:
    """Return the change of every axis of size `old` in every array; indices into it stay inside."""

    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        out = []
        for a in arrays:
            shape = tuple(new if n == old else n for n in a.shape)
            if not _fits(shape):
                return None
            made = resized(a, shape, rng) if shape != a.shape else a
            if a.dtype.kind in "iu" and a.size and a.min() >= 0 and a.max() < old and new:
                made = made % new
            out.append(np.asarray(made, a.dtype))
        return out

    return apply


def _axis(k: int, j: int, size: int) -> Change:
    def change(a: Array, rng: np.random.Generator) -> Array | None:
        if a.ndim <= j or a.shape[j] == size:
            return None
        shape = (*a.shape[:j], size, *a.shape[j + 1 :])
        return resized(a, shape, rng) if _fits(shape) else None

    return one(k, change)


def _to(shape_of: Callable[[tuple[int, ...]], tuple[int, ...] | None]) -> Callable[[Array, np.random.Generator], Any]:
    def change(a: Array, rng: np.random.Generator) -> Array | None:
        shape = shape_of(a.shape)
        return None if shape is None or shape == a.shape or not _fits(shape) else resized(a, shape, rng)

    return change


_RANK: tuple[tuple[str, Callable[[Array, np.random.Generator], Any]], ...] = (
    ("without the first axis", _to(lambda s: s[1:])),
    ("with a further first axis", _to(lambda s: (2, *s))),
    ("with a unit first axis", _to(lambda s: (1, *s))),
    ("of rank 0", _to(lambda s: ())),
    ("of one entry", _to(lambda s: (1,) * len(s))),
    ("transposed", _to(lambda s: s[::-1] if len(s) > 1 else None)),
    ("with a unit last axis", _to(lambda s: (*s, 1))),
    ("with a further last axis", _to(lambda s: (*s, 3))),
    ("without the last axis", _to(lambda s: s[:-1])),
    ("of rank 3", _to(lambda s: (2, 3, 4))),
    ("of rank 4", _to(lambda s: (2, 1, 3, 2))),
    ("a square matrix", _to(lambda s: (s[-1], s[-1]))),
)


def _outer(i: int, j: int) -> Change:
    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        n, m = arrays[i].shape[-1], arrays[j].shape[0]
        if not n or not m:
            return None
        made = {i: resized(arrays[i], (n,), rng), j: resized(arrays[j], (m + 1, 1), rng)}
        return [made.get(k, a) for k, a in enumerate(arrays)]

    return apply


def _crossed(i: int, j: int) -> Change:
    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        a, b = arrays[i], arrays[j]
        if a.ndim == 0 or b.ndim == 0:
            return None
        made = {i: resized(a, a.shape[1:], rng), j: resized(b, (*b.shape[:-1], 1), rng)}
        return [made.get(k, x) for k, x in enumerate(arrays)]

    return apply
