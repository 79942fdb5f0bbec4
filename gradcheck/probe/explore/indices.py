"""Integer and boolean inputs: repeated, boundary, foreign and many indices, ignored labels, options off their default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.probe.explore.mutation import Array, Mutation, booleans, every, integers, one, resized

#: More indices than a block, and than a half-precision counter, holds.
MANY, VERY_MANY = 769, 12_500


def indices(arrays: Sequence[Array], paths: Sequence[str]) -> Iterator[Mutation]:
    """Yield mutations of integers and booleans, those that found most first."""
    whole = integers(arrays)
    lists = [k for k in whole if arrays[k].ndim and arrays[k].size]
    for k in lists:
        yield from (Mutation(f"{paths[k]}: {name}", one(k, change)) for name, change in _LIST)
        yield from (Mutation(f"{paths[k]}: {n} indices", one(k, _many(n))) for n in (MANY, VERY_MANY))
        yield Mutation(f"{paths[k]}: {VERY_MANY} times the same", one(k, lambda a, rng: np.full(VERY_MANY, a.reshape(-1)[0])))
    if len(lists) > 1:
        yield from (Mutation(f"every list of integers: {name}", every(lists, change)) for name, change in _LIST)
    numbers = [k for k in whole if arrays[k].ndim == 0]
    if len(numbers) > 1:
        yield from (Mutation(f"every whole number {n}", every(numbers, _number(n))) for n in (2, 3, 1, 0))
    for k in whole:
        if arrays[k].ndim == 0:
            yield from (Mutation(f"{paths[k]} = {v}", one(k, _number(v))) for v in _numbers(int(arrays[k])))
    for k in booleans(arrays):
        yield from (Mutation(f"{paths[k]}: {name}", one(k, change)) for name, change in _MASK)


def _put(value: Callable[[Array], int], last: bool = False) -> Callable[[Array, np.random.Generator], Any]:
    def change(a: Array, rng: np.random.Generator) -> Array:
        a.reshape(-1)[-1 if last else 0] = value(a)
        return a

    return change


def _many(n: int) -> Callable[[Array, np.random.Generator], Any]:
    return lambda a, rng: resized(a, (n, *a.shape[1:]), rng)


_LIST: tuple[tuple[str, Callable[[Array, np.random.Generator], Any]], ...] = (
    ("all the same", lambda a, rng: np.full_like(a, a.reshape(-1)[0])),
    ("a repeated index", lambda a, rng: np.concatenate([a[:1], a])),
    ("the first index twice", _put(lambda a: int(a.reshape(-1)[0]), last=True)),
    ("a negative index or ignored label", _put(lambda a: -1)),
    ("the label -100", _put(lambda a: -100)),
    ("zero", lambda a, rng: np.zeros_like(a)),
    ("an index beyond the largest", _put(lambda a: int(a.max()) + 1, last=True)),
    ("an index far outside", _put(lambda a: int(a.max()) + 7, last=True)),
    ("one index", lambda a, rng: a[:1]),
    ("no index", lambda a, rng: a[:0]),
    ("in order", lambda a, rng: np.sort(a, axis=0)),
    ("reversed", lambda a, rng: a[::-1]),
    ("in another order", lambda a, rng: rng.permutation(a)),
    ("two of them", lambda a, rng: a[:2]),
    ("drawn anew", lambda a, rng: rng.integers(0, max(int(a.max()), 0) + 1, a.shape)),
    ("0, 1, 2, ...", lambda a, rng: np.arange(a.size).reshape(a.shape)),
)
_MASK: tuple[tuple[str, Callable[[Array, np.random.Generator], Any]], ...] = (
    ("inverted", lambda a, rng: ~a),
    ("all true", lambda a, rng: np.ones_like(a)),
    ("all false", lambda a, rng: np.zeros_like(a)),
    ("drawn anew", lambda a, rng: rng.random(a.shape) < 0.5 if a.ndim else None),
)


def _numbers(v: int) -> list[int]:
    return [n for n in dict.fromkeys((0, 1, 2, v + 1, v - 1, 3, -1, 5)) if n != v]


def _number(v: int) -> Callable[[Array, np.random.Generator], Any]:
    return lambda a, rng: np.asarray(v, a.dtype)
