"""Nested arguments as a flat list of arrays with paths, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import BadInput

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Flat:
    """The arrays inside a nested structure.

    Args:
        paths: where each is: "0", "1['w']", "[2]".
        arrays: them.
        rebuild: puts as many arrays into the same structure.
    """

    paths: tuple[str, ...]
    arrays: tuple[Any, ...]
    rebuild: Callable[[list[Any]], Any]


def flatten(x: Any, is_array: Callable[[Any], bool], path: str = "") -> Flat:
    """Return the arrays in tuples, lists and dicts; what is no array stays where it is.

    >>> flat = flatten({"w": np.ones(2), "n": None}, lambda v: isinstance(v, np.ndarray))
    >>> flat.paths
    ("['w']",)
    """
    if is_array(x):
        return Flat((path,), (x,), lambda new: new[0])
    if isinstance(x, Mapping):
        keys = list(x)
        return _joined([flatten(x[k], is_array, f"{path}[{k!r}]") for k in keys], lambda v: type_of(x, zip(keys, v, strict=True)))
    if isinstance(x, list | tuple):
        return _joined([flatten(v, is_array, f"{path}[{i}]") for i, v in enumerate(x)], lambda v: type_of(x, v))
    return Flat((), (), lambda _: x)


def type_of(x: Any, items: Any) -> Any:
    """Return the items in a container like `x`; a named tuple or a subclass of dict is kept."""
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*items)
    return type(x)(items) if isinstance(x, list | tuple | dict) else dict(items)


def _joined(parts: list[Flat], make: Callable[[list[Any]], Any]) -> Flat:
    sizes = [len(p.arrays) for p in parts]

    def rebuild(new: list[Any]) -> Any:
        it, out = iter(new), []
        for part, size in zip(parts, sizes, strict=True):
            out.append(part.rebuild([next(it) for _ in range(size)]))
        return make(out)

    return Flat(
        tuple(q for p in parts for q in p.paths), tuple(a for p in parts for a in p.arrays), rebuild
    )  # fmt: skip


def is_numpy(x: Any) -> bool:
    """Answer whether `x` is an array or a number for NumPy functions (booleans are options)."""
    return isinstance(x, np.ndarray | np.generic | float | complex) or (isinstance(x, int) and not isinstance(x, bool))


def is_number(x: Any) -> bool:
    """Answer whether `x` is an array or any kind of number, a dual number or a traced one too."""
    return is_numpy(x) or hasattr(x, "conjugate") or hasattr(x, "__gradcheck_apply__")


def differentiable(x: Any) -> bool:
    """Answer whether an array holds real or complex numbers that are no integers."""
    dtype = np.asarray(x).dtype
    return bool(np.issubdtype(dtype, np.inexact)) or dtype.name in ("bfloat16",)


def shown_path(path: str) -> str:
    """Return a path without the brackets around the argument's number: "[0]['w']" becomes "0['w']"."""
    return path[1 : path.index("]")] + path[path.index("]") + 1 :] if path.startswith("[") else path


def refuse_empty(count: int) -> None:
    """Raise if nothing can be differentiated."""
    if count == 0:
        raise BadInput("expected at least one input of floating-point numbers; got none: there is nothing to differentiate")
