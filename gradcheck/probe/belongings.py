"""What functions keep: layers, counters, random generators. A check leaves them as it found them."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcheck.errors import BadInput
from gradcheck.foreign import answer_of

#: Puts one thing back.
Restore = Callable[[], None]


@contextmanager
def left_as_found(functions: Iterable[Any]) -> Iterator[None]:
    """Put back, at the end, the attributes of the objects whose methods are called, or that are called themselves.

    Args:
        functions: f and its derivatives; None among them has nothing.

    >>> class Layer:
    ...     def forward(self, x):
    ...         self.x = x
    >>> layer = Layer()
    >>> with left_as_found([layer.forward]):
    ...     layer.forward(1.0)
    >>> vars(layer)
    {}
    """
    seen: dict[int, Any] = {}
    kept = answer_of(lambda: [r for f in functions for r in _kept(_owner(f), seen)], who="reading what f keeps", failure=BadInput)
    try:
        yield
    finally:
        answer_of(lambda: [restore() for restore in kept], who="putting back what f keeps", failure=BadInput)


def _owner(f: Any) -> Any:
    """Return the object that a function is a method of, or that it is; None of a plain function."""
    owner = getattr(f, "__self__", f)
    return None if isinstance(owner, type | types.ModuleType | types.FunctionType | types.BuiltinFunctionType) else owner


def _kept(x: Any, seen: dict[int, Any]) -> Iterator[Restore]:
    """Yield what puts an object back, and all that it holds; what is reached twice is put back once."""
    if x is None or isinstance(x, str | bytes | int | float | complex | type | types.ModuleType | types.FunctionType) or id(x) in seen:
        return
    seen[id(x)] = x
    if isinstance(x, np.ndarray):
        if x.flags.writeable and x.dtype != object:
            yield _array(x)
    elif isinstance(x, np.random.Generator | np.random.RandomState):
        yield _generator(x)
    elif type(x) in (list, tuple, dict):
        yield from _container(x, seen)
    elif type(getattr(x, "__dict__", None)) is dict and not _is_of_a_library(x):
        yield from _container(x.__dict__, seen)


def _array(x: np.ndarray[Any, Any]) -> Restore:
    before = x.copy()
    return lambda: np.copyto(x, before)


def _generator(x: Any) -> Restore:
    bits = x.bit_generator if isinstance(x, np.random.Generator) else x._bit_generator
    before = bits.state
    return lambda: setattr(bits, "state", before)


def _container(x: Any, seen: dict[int, Any]) -> Iterator[Restore]:
    items = list(x.values()) if isinstance(x, dict) else list(x)
    if isinstance(x, dict):
        names = list(x)
        yield lambda: _refill(x, lambda: x.update(zip(names, items, strict=True)))
    elif isinstance(x, list):
        yield lambda: _refill(x, lambda: x.extend(items))
    for item in items:
        yield from _kept(item, seen)


def _refill(x: Any, fill: Callable[[], None]) -> None:
    x.clear()
    fill()


def _is_of_a_library(x: Any) -> bool:
    """Answer whether an object is one of a framework, which is put back otherwise: torch's modules are copied before they are called."""
    return type(x).__module__.partition(".")[0] in ("torch", "jax", "jaxlib") or any(k.__module__.startswith("torch.") for k in type(x).__mro__)
