"""Arrays made while code is recorded: NumPy's makers give ones that recorded numbers may be written into."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded, Recording
from gradcheck.capture.numpy.code import namespaces
from gradcheck.capture.numpy.functions import joined
from gradcheck.capture.numpy.operators import is_recorded, numbers

#: NumPy's makers of arrays; what is made of a recorded array is made of its numbers.
MAKERS = ("zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like")
#: What takes numbers in lists, and arrays, to arrays.
CONVERSIONS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asarray_chkfinite", "copy")
#: Functions of one number that Python has too.
MATH = ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "asin", "acos",
        "atan", "atan2", "hypot", "fabs", "pow", "erf", "erfc", "floor", "ceil", "isnan", "isinf", "isfinite", "copysign")  # fmt: skip
#: Python's name -> NumPy's, where it is another one
_NUMPY = {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power"}


class _Of(type):
    """The type of a stand-in for a type: its instances are those of the original, and recorded arrays."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.__mro__[1]) or (isinstance(x, Recorded) and (cls is ndarray or x.ndim == 0))

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1])

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.__mro__[1]

    def __hash__(cls) -> int:
        return hash(cls.__mro__[1])

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if cls is not ndarray and args and isinstance(args[0], Recorded):
            return args[0] if cls is float64 or args[0].size == 1 else args[0].__float__()
        return cls.__mro__[1](*args, **options)


class ndarray(np.ndarray, metaclass=_Of):  # noqa: N801 - as what it stands for
    """NumPy's type of arrays."""


class float64(np.float64, metaclass=_Of):  # noqa: N801
    """NumPy's type of numbers, which is called to convert to it."""


class float_(float, metaclass=_Of):  # noqa: N801
    """Python's type of numbers."""


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
    types = {"ndarray": ndarray, "float64": float64}
    instead: dict[int, Any] = {id(np): _Namespace(np, arrays | types), id(np.ndarray): ndarray, id(np.float64): float64, id(math): _Namespace(math, plain)}
    instead |= {id(getattr(np, name)): x for name, x in arrays.items()} | {id(getattr(math, name)): x for name, x in plain.items()}
    reached = namespaces(f)
    places = [(names, key, x) for names in reached for key, x in list(names.items()) if id(x) in instead]
    own = [names for names in reached if "float" not in names]
    try:
        for names, key, x in places:
            names[key] = instead[id(x)]
        for names in own:
            names["float"] = float_
        yield
    finally:
        for names, key, x in places:
            names[key] = x
        for names in own:
            del names["float"]


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
            return x.copy() if original.__name__ in ("array", "copy") and options.get("copy", True) is True else x
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


