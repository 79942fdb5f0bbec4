"""What functions keep: layers, counters, random generators. A check leaves them as it found them."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcheck.errors import BadInput
from gradcheck.foreign import answer_of

#: Puts one thing back.
Restore = Callable[[], None]

#: What holds nothing that a call could change.
_PLAIN = (str, bytes, int, float, complex, type, types.ModuleType, types.FunctionType)


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
    kept = answer_of(lambda: _kept([_owner(f) for f in functions]), who="reading what f keeps", failure=BadInput)
    try:
        yield
    finally:
        answer_of(lambda: [restore() for restore in kept], who="putting back what f keeps", failure=BadInput)


def _owner(f: Any) -> Any:
    """Return the object that a function is a method of, or that it is; None of a plain function."""
    owner = getattr(f, "__self__", f)
    return None if isinstance(owner, type | types.ModuleType | types.FunctionType | types.BuiltinFunctionType) else owner


def _kept(todo: list[Any]) -> list[Restore]:
    """Return what puts objects back, and all that they hold; what is reached twice is put back once."""
    found: list[Restore] = []
    seen: dict[int, Any] = {}
    while todo:
        x = todo.pop()
        if x is None or isinstance(x, _PLAIN) or id(x) in seen:
            continue
        seen[id(x)] = x
        if isinstance(x, np.ndarray):
            found += [_array(x)] if x.flags.writeable and x.dtype != object else []
        elif isinstance(x, np.random.Generator | np.random.RandomState):
            found.append(_generator(x))
        elif type(x) is dict or _is_of_the_user(x):
            found.append(_mapping(x if type(x) is dict else vars(x)))
            todo += (x if type(x) is dict else vars(x)).values()
        elif type(x) in (list, tuple):
            found += [_list(x)] if type(x) is list else []
            todo += x
    return found


def _array(x: np.ndarray[Any, Any]) -> Restore:
    before = x.copy()
    return lambda: np.copyto(x, before)


def _generator(x: Any) -> Restore:
    bits = x.bit_generator if isinstance(x, np.random.Generator) else x._bit_generator
    before = bits.state
    return lambda: setattr(bits, "state", before)


def _mapping(x: dict[Any, Any]) -> Restore:
    before = dict(x)

    def restore() -> None:
        x.clear()
        x.update(before)

    return restore


def _list(x: list[Any]) -> Restore:
    before = list(x)

    def restore() -> None:
        x[:] = before

    return restore


def _is_of_the_user(x: Any) -> bool:
    """Answer whether an object has attributes, and its class comes neither with Python nor from a framework: those are not ours to touch."""
    own, *inherited = (k.__module__.partition(".")[0] for k in type(x).__mro__)
    foreign = own in {*sys.stdlib_module_names, "numpy"} or bool({own, *inherited} & {"torch", "jax", "jaxlib"})
    return type(getattr(x, "__dict__", None)) is dict and not foreign
