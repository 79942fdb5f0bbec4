"""Arrays made while code is recorded: NumPy's makers give ones that recorded numbers may be written into."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded, Recording, is_recorded, numbers
from gradcheck.capture.numpy.code import namespaces
from gradcheck.capture.numpy.functions import joined

#: NumPy's makers of arrays; what is made of a recorded array is made of its numbers.
MAKERS = ("zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like")
#: What takes numbers in lists, and arrays, to arrays.
CONVERSIONS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asarray_chkfinite", "copy")
#: Functions of one number that Python has too.
MATH = ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "asin", "acos",
        "atan", "atan2", "hypot", "fabs", "pow", "erf", "erfc", "floor", "ceil", "isnan", "isinf", "isfinite", "copysign")  # fmt: skip
#: Python's name -> NumPy's, where it is another one
_NUMPY = {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power"}


class _Namespace(ModuleType):
    """A module with some functions in the place of its own."""

    def __init__(self, module: ModuleType, instead: Mapping[str, Any]) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(instead)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


@contextmanager
def recorded_makers(recording: Recording, f: Any) -> Iterator[None]:
    """Let NumPy's makers of arrays give recorded constants in all code that a function reaches; afterwards all is as it was.

    The names in that code stand for others meanwhile; NumPy itself is left alone, whose compiled code makes arrays by the same names and
    takes nothing else.
    """
    arrays = {name: _maker(recording, getattr(np, name)) for name in MAKERS} | {name: _conversion(recording, getattr(np, name)) for name in CONVERSIONS}
    plain = {name: _function(name) for name in MATH}
    instead: dict[int, Any] = {id(np): _Namespace(np, arrays), id(math): _Namespace(math, plain)}
    instead |= {id(getattr(np, name)): x for name, x in arrays.items()} | {id(getattr(math, name)): x for name, x in plain.items()}
    places = [(names, key, x) for names in namespaces(f) for key, x in list(names.items()) if id(x) in instead]
    try:
        for names, key, x in places:
            names[key] = instead[id(x)]
        yield
    finally:
        for names, key, x in places:
            names[key] = x


def _maker(recording: Recording, original: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        made = original(*numbers(args), **numbers(options))
        filled = args[1:] + tuple(options.values())
        if is_recorded(filled) and any(isinstance(x, Recorded) and x.memory.name for x in filled):
            found = recording.constant_array(np.zeros(made.shape))
            found[...] = next(x for x in filled if isinstance(x, Recorded))
            return found
        return recording.constant_array(made) if made.dtype == np.float64 else made

    return make


def _conversion(recording: Recording, original: Callable[..., Any]) -> Callable[..., Any]:
    def convert(x: Any, *args: Any, **options: Any) -> Any:
        if isinstance(x, Recorded):
            dtype = options.get("dtype", args[0] if args else None)
            if dtype is not None and np.dtype(dtype) != np.float64:
                return original(x.value, *args, **options)
            return x.copy() if original.__name__ in ("array", "copy") and options.get("copy", True) else x
        if is_recorded(x):
            return joined(x)
        made = original(x, *args, **options)
        is_new = made is not x and type(made) is np.ndarray and made.dtype == np.float64
        return recording.constant_array(made) if is_new else made

    return convert


def _function(name: str) -> Callable[..., Any]:
    original, ours = getattr(math, name), getattr(np, _NUMPY.get(name, name), None)

    def call(*args: Any) -> Any:
        if not is_recorded(args):
            return original(*args)
        if ours is None:
            return args[0]._do(name) if name == "erf" else 1 - args[0]._do("erf")
        found = ours(*args)
        return found if isinstance(found, Recorded) else original(*numbers(args)) if name in ("isnan", "isinf", "isfinite") else int(found)

    return call


