"""Matrices with structure: symmetric, diagonal, triangular, orthogonal, positive definite, singular; and without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.probe.explore.mutation import Array, Mutation, every, floats, one


def matrices(arrays: Sequence[Array], paths: Sequence[str]) -> Iterator[Mutation]:
    """Yield mutations of square matrices."""
    ks = [k for k in floats(arrays) if arrays[k].ndim >= 2 and arrays[k].shape[-1] == arrays[k].shape[-2] > 1]
    for name, change in _KINDS:
        yield from (Mutation(f"{paths[k]} {name}", one(k, change)) for k in ks)
        if len(ks) > 1:
            yield Mutation(f"every matrix {name}", every(ks, change))


def _t(a: Array) -> Array:
    return np.swapaxes(a, -1, -2)


def _eye(a: Array) -> Array:
    return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()


_KINDS: tuple[tuple[str, Callable[[Array, np.random.Generator], Any]], ...] = (
    ("diagonal", lambda a, rng: a * _eye(a)),
    ("symmetric", lambda a, rng: (a + _t(a)) / 2),
    ("lower triangular", lambda a, rng: np.tril(a)),
    ("upper triangular", lambda a, rng: np.triu(a)),
    ("the identity", lambda a, rng: _eye(a)),
    ("positive definite", lambda a, rng: a @ _t(a) + _eye(a) * a.shape[-1]),
    ("unsymmetric", lambda a, rng: (a + rng.normal(size=a.shape) * 0.3).astype(a.dtype)),
    ("orthogonal", lambda a, rng: np.linalg.qr(np.asarray(a, np.float64))[0].astype(a.dtype)),
    ("antisymmetric", lambda a, rng: (a - _t(a)) / 2),
    ("of rank one", lambda a, rng: a[..., :, :1] * a[..., :1, :]),
    ("with a zero diagonal", lambda a, rng: a * (1 - _eye(a))),
)
