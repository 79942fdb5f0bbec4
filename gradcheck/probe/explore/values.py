"""Special values: zeros, ties, equal arrays, signs, small whole numbers, alone and in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np

from gradcheck.probe.explore.mutation import Array, Arrays, Change, Mutation, cell, every, floats, one
from gradcheck.probe.subject.directions import scale

#: Partners of a zero in another array: exponents, weights, divisors.
PARTNERS = (1.0, 2.0, 0.5, 0.0, 3.0, -1.0)
#: What the entries of a random mixture of special values are.
SPECIAL = (0.0, 1.0, -1.0, 2.0, 0.5, -0.5)
MOST_SIGNS = 8
#: Sizes of axes that are tried as entries: positions at the bounds of an array.
MOST_BOUNDS = 4


def values(arrays: Sequence[Array], paths: Sequence[str]) -> Iterator[Mutation]:
    """Yield mutations to special values, those that found most first."""
    ks = [k for k in floats(arrays) if arrays[k].size]
    for name, change in _WHOLE[:3]:
        yield Mutation(f"every input {name}", every(ks, change))
    for k in ks:
        for name, change in _SINGLE:
            yield Mutation(f"{paths[k]}: {name}", one(k, change))
    bounds = {n + d for a in arrays for n in np.shape(a) for d in (-1, 0)} - {0, 1, -1}
    for k in ks:
        yield from (Mutation(f"{paths[k]}: one entry {n}", one(k, _put(1, float(n)))) for n in sorted(bounds)[:MOST_BOUNDS])
    for i, j in permutations(ks[:4], 2):
        for v in PARTNERS:
            yield Mutation(f"an entry of {paths[i]} = 0 beside {v:g} in {paths[j]}", _pair(i, 0.0, j, v))
        if i < j:
            yield Mutation(f"{paths[i]} equal to {paths[j]}", _same(i, j))
            yield Mutation(f"an entry of {paths[i]} equal to one of {paths[j]}", _touch(i, j))
    for name, change in _WHOLE[3:]:
        yield Mutation(f"every input {name}", every(ks, change))
    for signs in list(product((1, -1), repeat=min(len(ks), 3)))[:MOST_SIGNS]:
        shown = ", ".join(f"{paths[k]} {'> 0' if s > 0 else '< 0'}" for k, s in zip(ks, signs, strict=False))
        yield Mutation(f"signs: {shown}", _signed(ks, signs))
    for n in range(6):
        yield Mutation(f"a mixture of 0, 1, 2 and halves ({n + 1})", every(ks, _mixture))


def _put(count: int, value: float) -> Callable[[Array, np.random.Generator], Any]:
    def change(a: Array, rng: np.random.Generator) -> Array | None:
        if a.size < count:
            return None
        a.reshape(-1)[rng.choice(a.size, count, replace=False)] = value
        return a

    return change


def _row_of_zeros(a: Array, rng: np.random.Generator) -> Array | None:
    if a.ndim < 2:
        return None
    a[int(rng.integers(len(a)))] = 0
    return a


def _tie(a: Array, rng: np.random.Generator) -> Array | None:
    """Make the largest number stand twice, in the last axis too if there are two."""
    if a.size < 2:
        return None
    rows = a.reshape(-1, a.shape[-1]) if a.shape[-1] > 1 else a.reshape(1, -1)
    best = np.argmax(rows, axis=-1)
    where = np.arange(len(rows))
    rows[where, (best + 1) % rows.shape[1]] = rows[where, best]
    return rows.reshape(a.shape)


def _low_tie(a: Array, rng: np.random.Generator) -> Array | None:
    made = _tie(-a, rng)
    return None if made is None else -made


def _two_rows(a: Array, rng: np.random.Generator) -> Array | None:
    if a.ndim < 2 or len(a) < 2:
        return None
    a[1] = a[0]
    return a


def _mixture(a: Array, rng: np.random.Generator) -> Array:
    drawn = rng.choice(np.array(SPECIAL), a.shape)
    return np.where(rng.random(a.shape) < 0.7, drawn, a).astype(a.dtype)


def _fresh(a: Array, rng: np.random.Generator) -> Array:
    return (rng.normal(size=a.shape) * scale(a)).astype(a.dtype)


_WHOLE: tuple[tuple[str, Callable[[Array, np.random.Generator], Any]], ...] = (
    ("of fresh signed numbers", _fresh),
    ("zero", lambda a, rng: np.zeros_like(a)),
    ("with one entry 0", _put(1, 0.0)),
    ("all equal", lambda a, rng: np.full_like(a, a.reshape(-1)[0])),
    ("one", lambda a, rng: np.ones_like(a)),
    ("negated", lambda a, rng: -a),
    ("rounded to whole numbers", lambda a, rng: np.round(a)),
    ("of fresh positive numbers", lambda a, rng: (rng.uniform(0.5, 2, a.shape) * scale(a)).astype(a.dtype)),
)
_SINGLE: tuple[tuple[str, Callable[[Array, np.random.Generator], Any]], ...] = (
    ("one entry 0", _put(1, 0.0)),
    ("zero", lambda a, rng: np.zeros_like(a)),
    ("the largest number twice", _tie),
    ("two entries 0", _put(2, 0.0)),
    ("all equal", lambda a, rng: np.full_like(a, a.reshape(-1)[0])),
    ("one entry 1", _put(1, 1.0)),
    ("one entry -1", _put(1, -1.0)),
    ("the smallest number twice", _low_tie),
    ("two equal rows", _two_rows),
    ("a row of zeros", _row_of_zeros),
    ("one", lambda a, rng: np.ones_like(a)),
    ("sorted", lambda a, rng: np.sort(a, axis=-1) if a.ndim else None),
    ("in falling order", lambda a, rng: -np.sort(-a, axis=-1) if a.ndim else None),
    ("normalised to sum 1", lambda a, rng: np.abs(a) / np.sum(np.abs(a), axis=-1, keepdims=True) if a.ndim and np.any(a) else None),
)


def _pair(i: int, u: float, j: int, v: float) -> Change:
    """Return the change that puts u into one array and v at the matching place of another."""

    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        a, b = arrays[i].copy(), arrays[j].copy()
        where = cell(a, rng)
        a[where] = u
        b[where if b.shape == a.shape else cell(b, rng)] = v
        return [a if k == i else b if k == j else x for k, x in enumerate(arrays)]

    return apply


def _same(i: int, j: int) -> Change:
    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        if arrays[i].shape != arrays[j].shape:
            return None
        return [arrays[i].astype(x.dtype) if k == j else x for k, x in enumerate(arrays)]

    return apply


def _touch(i: int, j: int) -> Change:
    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        a, b = arrays[i].copy(), arrays[j]
        where = cell(a, rng)
        a[where] = b[where if a.shape == b.shape else cell(b, rng)]
        return [a if k == i else x for k, x in enumerate(arrays)]

    return apply


def _signed(ks: Sequence[int], signs: Sequence[int]) -> Change:
    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        chosen = dict(zip(ks, signs, strict=False))
        return [(chosen[k] * np.abs(a)).astype(a.dtype) if k in chosen else a for k, a in enumerate(arrays)]

    return apply
