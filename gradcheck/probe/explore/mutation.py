"""A mutation: one way to make another input out of an input. Mutations are data, so that they can be ordered and mixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.probe.subject.structure import differentiable

Array = npt.NDArray[Any]
#: All arrays of the arguments, integers and booleans included.
Arrays = list[Array]
Change = Callable[[Arrays, np.random.Generator], Arrays | None]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A named change of the inputs.

    Args:
        name: what it does, in words, for the report.
        apply: arrays, random generator -> new arrays (the old ones stay as they are), or None where it does not apply.
    """

    name: str
    apply: Change


def one(k: int, change: Callable[[Array, np.random.Generator], Any]) -> Change:
    """Return the change of the k-th array alone; ``change`` gets a copy of it and returns the new one, or None."""

    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        made = change(arrays[k].copy(), rng)
        return None if made is None else [np.asarray(made) if i == k else a for i, a in enumerate(arrays)]

    return apply


def every(ks: Sequence[int], change: Callable[[Array, np.random.Generator], Any]) -> Change:
    """Return the same change of several arrays; it applies where it applies to one of them."""

    def apply(arrays: Arrays, rng: np.random.Generator) -> Arrays | None:
        made = {k: change(arrays[k].copy(), rng) for k in ks}
        if all(v is None for v in made.values()):
            return None
        return [a if made.get(i) is None else np.asarray(made[i]) for i, a in enumerate(arrays)]

    return apply


def floats(arrays: Sequence[Array]) -> list[int]:
    """Return the positions of arrays that are differentiated."""
    return [k for k, a in enumerate(arrays) if differentiable(a)]


def integers(arrays: Sequence[Array]) -> list[int]:
    """Return the positions of arrays of integers."""
    return [k for k, a in enumerate(arrays) if a.dtype.kind in "iu"]


def booleans(arrays: Sequence[Array]) -> list[int]:
    """Return the positions of arrays of booleans."""
    return [k for k, a in enumerate(arrays) if a.dtype.kind == "b"]


def cell(a: Array, rng: np.random.Generator) -> tuple[int, ...]:
    """Return the index of a random entry."""
    return tuple(int(i) for i in np.unravel_index(int(rng.integers(a.size)), a.shape))


def resized(a: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return an array of another shape with entries like those of `a`: its own, in other places, slightly changed."""
    if a.size == 0:
        return rng.normal(size=shape).astype(a.dtype) if differentiable(a) else np.zeros(shape, a.dtype)
    drawn = rng.choice(a.ravel(), size=shape)
    if differentiable(a):
        return np.asarray(np.asarray(drawn, np.float64) * rng.uniform(0.7, 1.3, shape)).astype(a.dtype)
    return np.asarray(drawn, a.dtype)
