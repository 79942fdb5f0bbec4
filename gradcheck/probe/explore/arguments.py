"""The arguments of a function as a flat list of NumPy arrays, numbers and switches included, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.probe.explore.mutation import Array
from gradcheck.probe.subject.pairs import joined, split
from gradcheck.probe.subject.structure import flatten, is_numpy, shown_path


@dataclass(frozen=True, slots=True)
class Arguments:
    """What f is called with.

    Args:
        paths: the names of the arrays.
        arrays: floats, integers and booleans; Python numbers are arrays of rank 0.
        rebuild: arrays -> arguments of f.
        originals: what the user gave in their places.
        structure: whatever stands for the arrays -> the arguments with it in their places.
    """

    paths: tuple[str, ...]
    arrays: tuple[Array, ...]
    rebuild: Callable[[Sequence[Array]], tuple[Any, ...]]
    originals: tuple[Any, ...]
    structure: Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True)
class Library:
    """How a library's arrays become NumPy ones and back."""

    is_array: Callable[[Any], bool] = is_numpy
    to_numpy: Callable[[Any], Array] = np.array
    like: Callable[[Array, Any], Any] = lambda x, old: x


def arguments_of(inputs: tuple[Any, ...], library: Library) -> Arguments:
    """Return the arrays, numbers and switches among the arguments."""
    flat = flatten(inputs, lambda x: library.is_array(x) or isinstance(x, bool | int | np.bool_))

    def rebuild(arrays: Sequence[Array]) -> tuple[Any, ...]:
        made: tuple[Any, ...] = flat.rebuild([_back(a, old, library) for a, old in zip(arrays, flat.arrays, strict=True)])
        return made

    arrays = tuple(split(library.to_numpy(a) if library.is_array(a) else np.array(a)) for a in flat.arrays)
    return Arguments(tuple(shown_path(p) for p in flat.paths), arrays, rebuild, flat.arrays, flat.rebuild)


def _back(a: Array, old: Any, library: Library) -> Any:
    if _is_complex(old):
        a = joined(np.asarray(a))
    if isinstance(old, bool | int | float | complex) and not isinstance(old, np.generic):
        return type(old)(a) if np.ndim(a) == 0 else np.array(a)
    return library.like(np.array(a), old)


def _is_complex(old: Any) -> bool:
    """Answer whether a number or an array of any library is complex."""
    return isinstance(old, complex) or "complex" in str(getattr(old, "dtype", ""))
