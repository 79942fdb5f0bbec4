"""What changes in jumps alone, or is no number: it is taken from the numbers, and whether a jump is near is noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.capture.numpy.operators import numbers

#: Ufuncs whose value changes in jumps alone, or is no number.
STEPS = frozenset({
    "sign", "floor", "ceil", "rint", "trunc", "isnan", "isinf", "isfinite", "signbit", "less", "less_equal", "greater", "greater_equal", "equal",
    "not_equal", "logical_and", "logical_or", "logical_not", "logical_xor", "floor_divide", "spacing",
})  # fmt: skip
#: Functions that answer with truth values, positions or counts.
QUESTIONS = frozenset({
    "all", "any", "allclose", "isclose", "array_equal", "array_equiv", "argmax", "argmin", "argsort", "argwhere", "nonzero", "flatnonzero", "count_nonzero",
    "searchsorted", "digitize", "lexsort", "shape", "ndim", "size", "iscomplexobj", "isrealobj", "iscomplex", "isreal", "result_type", "can_cast",
    "shares_memory", "may_share_memory", "nanargmax", "nanargmin", "isin", "sign", "round", "around", "fix", "histogram", "bincount",
    "array_repr", "array_str", "array2string", "common_type", "min_scalar_type", "trim_zeros",
})  # fmt: skip


def recording_of(x: Any) -> Any:
    """Return the recording to which arguments belong."""
    return next(v.builder for v in x if isinstance(v, Recorded))


def step(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    """Return what changes in jumps, and note whether a jump is near."""
    given, name = numbers(list(inputs)), ufunc.__name__
    if len(given) == 2 and not name.startswith("logical") and name != "floor_divide":
        recording_of(inputs).compare(*given)
    elif name in ("sign", "signbit"):
        recording_of(inputs).compare(given[0], 0)
    elif name in ("floor", "ceil", "trunc", "rint", "floor_divide"):
        x = given[0] / given[1] if len(given) == 2 else 2 * given[0] if name == "rint" else given[0]
        recording_of(inputs).compare(x, np.rint(x))
    return ufunc(*given)


def answer(f: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return truth values, positions or counts, and note whether others are near: where entries are equal."""
    given = numbers(list(args))
    if f.__name__ in ("argmax", "argmin", "argsort", "lexsort", "nanargmax", "nanargmin"):
        ordered = np.sort(given[0], axis=None)
        recording_of(args).compare(ordered[1:], ordered[:-1])
    elif f.__name__ in ("searchsorted", "digitize", "isin"):
        recording_of([*args, *options.values()]).compare(np.ravel(given[0])[:, None], np.ravel(given[1])[None])
    elif f.__name__ in ("round", "around", "fix", "sign", "histogram", "bincount"):
        recording_of(args).at_edge = True
    return f(*given, **numbers(options))
