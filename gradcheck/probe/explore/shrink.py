"""The smallest input at which a fault still shows: fewer entries, then simpler numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.errors import OutOfBudget
from gradcheck.probe.explore.mutation import Array, Arrays
from gradcheck.probe.subject.structure import differentiable

#: Inputs that are tried to make a finding smaller.
MOST_TRIES = 80
SIMPLE = (0.0, 1.0, 2.0)
MOST_NUMBERS = 12


def shrunk(arrays: Arrays, fails: Callable[[Arrays], bool], tries: int = MOST_TRIES, *, shorter: bool = True) -> Arrays:
    """Return arrays, smaller in size (where they may be shorter) and with simpler numbers, for which ``fails`` still holds."""
    progress = True
    while progress and tries > 0:
        progress = False
        for candidate in _simpler(arrays, shorter):
            if tries <= 0:
                break
            if all(np.array_equal(a, b) for a, b in zip(candidate, arrays, strict=True)):
                continue
            tries -= 1
            try:
                smaller = fails(candidate)
            except OutOfBudget:
                return arrays
            if smaller:
                arrays, progress = candidate, True
                break
    return arrays


def _simpler(arrays: Arrays, shorter: bool) -> Iterator[Arrays]:
    """Yield simpler candidates, the boldest first."""
    yield from _shorter(arrays) if shorter else ()
    for k, a in enumerate(arrays):
        if differentiable(a) and a.size > 1:
            yield _with(arrays, k, np.where(a == 0, a, np.ones_like(a)))
    for k, a in enumerate(arrays):
        if differentiable(a):
            yield from (_with(arrays, k, made) for made in _rounder(a))


def _shorter(arrays: Arrays) -> Iterator[Arrays]:
    """Yield arrays with half, then one less along all axes of one size; each array alone as well."""
    sizes = sorted({n for a in arrays for n in a.shape if n > 1}, reverse=True)
    for n in sizes:
        yield from ([_cut(a, n, keep) for a in arrays] for keep in _parts(n))
    for k, a in enumerate(arrays):
        for j, n in enumerate(a.shape):
            yield from (_with(arrays, k, a[(slice(None),) * j + (keep,)]) for keep in _parts(n))


def _parts(n: int) -> list[slice]:
    """Return the halves of an axis, then all but its last or first entry."""
    if n < 2:
        return []
    halves = [slice(0, n // 2), slice(n - n // 2, n)]
    return halves if n < 4 else [*halves, slice(0, n - 1), slice(1, n)]


def _cut(a: Array, n: int, keep: slice) -> Array:
    return a[tuple(keep if m == n else slice(None) for m in a.shape)]


def _rounder(a: Array) -> Iterator[Array]:
    """Yield arrays with one entry replaced by a simple number, or rounded."""
    flat = np.asarray(a, np.float64).reshape(-1)
    for i in range(min(a.size, MOST_NUMBERS)):
        x = float(flat[i])
        if x in SIMPLE or not np.isfinite(x):
            continue
        digits = float(f"{x:.1g}")
        for v in dict.fromkeys((*SIMPLE, digits)):
            if v != x and (v != digits or len(repr(v)) < len(repr(x))):
                made = a.copy()
                made.reshape(-1)[i] = v
                yield made


def _with(arrays: Arrays, k: int, made: Array) -> Arrays:
    return [np.asarray(made, a.dtype) if i == k else a for i, a in enumerate(arrays)]
