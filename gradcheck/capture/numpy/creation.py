"""Arrays made while code is recorded: NumPy's makers give ones that recorded numbers may be written into."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded, Recording, is_recorded, numbers
from gradcheck.capture.numpy.functions import joined

#: NumPy's makers of arrays; what is made of a recorded array is made of its numbers.
MAKERS = ("zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like")
#: What takes numbers in lists, and arrays, to arrays.
CONVERSIONS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfarray", "asarray_chkfinite", "copy")
#: Functions of one number that Python has too.
MATH = ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "asin", "acos",
        "atan", "atan2", "hypot", "fabs", "pow", "erf", "erfc", "floor", "ceil", "isnan", "isinf", "isfinite", "copysign")  # fmt: skip
#: Python's name -> NumPy's, where it is another one
_NUMPY = {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power"}


@contextmanager
def recorded_makers(recording: Recording) -> Iterator[None]:
    """Let NumPy's makers of arrays, called by anything but NumPy itself, give recorded constants; afterwards all is as it was."""
    changes: dict[tuple[Any, str], Any] = {(np, name): _maker(recording, getattr(np, name)) for name in MAKERS}
    changes |= {(np, name): _conversion(recording, getattr(np, name)) for name in CONVERSIONS if hasattr(np, name)}
    changes |= {(math, name): _function(name) for name in MATH}
    before = {(module, name): getattr(module, name) for module, name in changes}
    try:
        for (module, name), new in changes.items():
            setattr(module, name, new)
        yield
    finally:
        for (module, name), old in before.items():
            setattr(module, name, old)


def _is_foreign() -> bool:
    """Answer whether who calls a maker is no part of NumPy, SciPy or this package, whose own arrays stay arrays."""
    return str(sys._getframe(2).f_globals.get("__name__", "")).split(".")[0] not in ("numpy", "scipy", "gradcheck")


def _maker(recording: Recording, original: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        made = original(*numbers(args), **numbers(options))
        filled = args[1:] + tuple(options.values())
        if is_recorded(filled) and any(isinstance(x, Recorded) and x.memory.name for x in filled):
            found = recording.constant_array(np.zeros(made.shape))
            found[...] = next(x for x in filled if isinstance(x, Recorded))
            return found
        return recording.constant_array(made) if made.dtype == np.float64 and (_is_foreign() or is_recorded(args)) else made

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
        return recording.constant_array(made) if is_new and _is_foreign() else made

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


