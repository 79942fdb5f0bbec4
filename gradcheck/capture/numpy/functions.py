"""NumPy's functions of recorded arrays: in terms of our operations, or, where they are constant in pieces, of the numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.capture.numpy.composites import (
    average,
    convolve,
    cov,
    cross,
    diff,
    interp,
    polyval,
    quantile,
    sort,
    tensordot,
    trapezoid,
)
from gradcheck.capture.numpy.formulas import MADE_OF
from gradcheck.capture.numpy.memory import Memory
from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.numpy.positions import (
    at_positions,
    by_positions,
    diagonal_matrix,
    of_several,
    recorded_or_array,
    reshape_in_order,
)
from gradcheck.capture.numpy.steps import QUESTIONS, STEPS, answer, step
from gradcheck.errors import NotTraceable
from gradcheck.graph.numpy_names import ARRAY_FUNCTIONS
from gradcheck.ops.op import registry

#: ufunc -> what its `reduce` is called
_REDUCED = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any"}


def ufunc_result(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return what a ufunc makes of arguments of which one is recorded.

    Raises:
        NotTraceable: it has no graph form.
    """
    name = ufunc.__name__
    given = {k: v for k, v in options.items() if v is not None and k not in ("dtype", "casting", "subok", "order")}
    if method == "reduce" and name in _REDUCED:
        x, *rest = inputs
        axis = given.pop("axis", rest[0] if rest else 0)
        given.pop("initial", None)
        return function_result(getattr(np, _REDUCED[name]), (x,), {"axis": axis, **given})
    if method == "accumulate" and name == "add":
        return np.cumsum(inputs[0], axis=given.get("axis", 0))
    if method == "outer" and name in MADE_OF:
        a, b = (x.reshape((*x.shape, *(1,) * np.ndim(inputs[1]))) if k == 0 else x for k, x in enumerate(map(recorded_or_array, inputs)))
        return MADE_OF[name](a, b)
    if method != "__call__" or given:
        call = name if method == "__call__" else f"{name}.{method}"
        raise NotTraceable(f"np.{call} with {sorted(given) or 'no options'} has no graph form")
    if name in STEPS:
        return step(ufunc, inputs)
    if name not in MADE_OF:
        raise NotTraceable(f"np.{name} has no graph form")
    return MADE_OF[name](*inputs)


def joined(x: Any) -> Any:
    """Return nested lists of recorded numbers and arrays as one array."""
    if not isinstance(x, list | tuple):
        return x if isinstance(x, Recorded) else np.asarray(x, np.float64)
    return registry["stack"](*(joined(v) for v in x), axis=0)


def _variance(a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: int = 0, keepdims: bool = False) -> Any:
    _unwritten(out)
    return ARRAY_FUNCTIONS["var"](a, axis, ddof=ddof, keepdims=bool(keepdims))


def _std(a: Any, *args: Any, **options: Any) -> Any:
    return registry["sqrt"](_variance(a, *args, **options))


def _select(condition: Any, *branches: Any) -> Any:
    """Return `np.where`: of one argument the places, of three a choice."""
    c = np.asarray(numbers(condition))
    return registry["where"](c.astype(bool), *branches) if branches else np.nonzero(c)


def _chosen(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0.0) -> Any:
    """Return `np.select`: of each entry the first choice whose condition holds."""
    made = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        made = _select(condition, choice, made)
    return made


def _nan_masked(f: str, neutral: float) -> Callable[..., Any]:
    return lambda a, **options: getattr(np, f)(registry["where"](np.isnan(a.value), neutral, a), **options)


def _einsum(*operands: Any, optimize: Any = None) -> Any:
    equation, *xs = operands
    return registry["einsum"](*xs, equation=equation.replace(" ", ""))


def _reduced(name: str) -> Callable[..., Any]:
    def reduce(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        _unwritten(out)
        if set(options) - {"initial", "where"} or options.get("where", True) is not True:
            raise NotTraceable(f"np.{name} with where= or {sorted(options)} has no graph form")
        return ARRAY_FUNCTIONS[name](a, axis, keepdims=bool(keepdims))

    return reduce


def _unwritten(out: Any) -> None:
    """Raise `NotTraceable` for an array to write into that is given by its place among the arguments."""
    if out is not None:
        raise NotTraceable("an array to write into that is not given as out=")


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **names: Any) -> Any:
    _unwritten(out)
    return ARRAY_FUNCTIONS["clip"](a, names.get("min", a_min), names.get("max", a_max))


def _kron(a: Any, b: Any) -> Any:
    if np.ndim(a) != 2:
        return np.reshape(np.outer(a, b), -1)
    return np.reshape(np.transpose(np.multiply.outer(a, b), (0, 2, 1, 3)), (len(a) * len(b), -1))


def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    flat = [np.reshape(arr, -1), np.reshape(values, -1)] if axis is None else [arr, values]
    return of_several(np.concatenate)(flat, axis=axis or 0)


def _meshgrid(*xs: Any, indexing: Any = "xy", **_: Any) -> list[Any]:
    def grid(k: int) -> Any:
        return at_positions(xs[k], lambda at: np.meshgrid(*(at if j == k else np.zeros(np.shape(x)) for j, x in enumerate(xs)), indexing=indexing)[k])

    return [grid(k) for k in range(len(xs))]


#: NumPy function -> what it is in our operations
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **ARRAY_FUNCTIONS,
    **{name: _reduced(name) for name in ("sum", "mean", "prod", "max", "amax", "min", "amin")},
    "var": _variance, "std": _std, "average": average, "ptp": lambda a, axis=None: np.max(a, axis=axis) - np.min(a, axis=axis), "where": _select,
    "select": _chosen,
    "nansum": _nan_masked("sum", 0.0), "sort": sort, "quantile": quantile, "percentile": lambda a, q, axis=None: quantile(a, np.asarray(q) / 100, axis),
    "median": lambda a, axis=None, keepdims=False: quantile(a, 0.5, axis, keepdims), "diff": diff, "clip": _clip, "interp": interp, "convolve": convolve,
    "correlate": lambda a, v, mode="valid": convolve(a, np.flip(v), mode), "trapezoid": trapezoid, "trapz": trapezoid, "cross": cross, "cov": cov,
    "tensordot": tensordot, "inner": lambda a, b: tensordot(a, b, ((-1 % np.ndim(a),), (-1 % np.ndim(b),))) if np.ndim(a) and np.ndim(b) else a * b,
    "vdot": lambda a, b: np.sum(np.reshape(a, -1) * np.reshape(b, -1)), "einsum": _einsum,
    "kron": _kron,
    "trace": lambda a, offset=0: np.sum(at_positions(a, lambda at: np.diagonal(at, offset))),
    "diag": lambda v, k=0: at_positions(v, lambda at: np.diagonal(at, k)) if np.ndim(v) == 2 else diagonal_matrix(v, k),
    "tril": lambda m, k=0: m * np.tri(m.shape[-2], m.shape[-1], k=k), "triu": lambda m, k=0: m * (1 - np.tri(m.shape[-2], m.shape[-1], k=k - 1)),
    "copy": lambda a: a.copy(), "nan_to_num": lambda x, copy=True, nan=0.0, **_: registry["where"](np.isnan(x.value), nan, x),
    "sinc": lambda x: registry["where"](numbers(x) == 0, 1.0, registry["sin"](np.pi * x) / registry["where"](numbers(x) == 0, 1.0, np.pi * x)),
    "polyval": polyval, "real": lambda x: x, "real_if_close": lambda x: x, "linalg.norm": ARRAY_FUNCTIONS["norm"],
    "cumsum": lambda a, axis=None, dtype=None: ARRAY_FUNCTIONS["cumsum"](a, axis),
    "reshape": lambda a, shape, order="C", **_: reshape_in_order(a, shape, order),
    "ravel": lambda a, order="C": reshape_in_order(a, -1, order), "array_split": by_positions(np.array_split),
    "dot": lambda a, b: ARRAY_FUNCTIONS["dot"](a, b),
    **{f.__name__: by_positions(f) for f in (
        np.roll, np.rot90, np.repeat, np.diagonal, np.moveaxis, np.rollaxis, np.fliplr, np.flipud, np.delete, np.resize, np.take_along_axis, np.split,
        np.hsplit, np.vsplit, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.compress, np.broadcast_to,
    )},
    **{f.__name__: of_several(f) for f in (np.hstack, np.vstack, np.dstack, np.column_stack, np.block)},
    "append": _append,
    "broadcast_arrays": lambda *args: tuple(by_positions(np.broadcast_to)(x, np.broadcast_shapes(*map(np.shape, args))) for x in args),
    "meshgrid": _meshgrid,
}  # fmt: skip


def function_result(f: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return what a NumPy function makes of arguments of which one is recorded.

    Raises:
        NotTraceable: it has no graph form.
    """
    given = {k: v for k, v in options.items() if type(v).__name__ != "_NoValueType"}
    if f.__name__ in QUESTIONS:
        return answer(f, args, given)
    if f.__name__ not in FUNCTIONS:
        raise NotTraceable(f"np.{f.__name__} has no graph form")
    out = given.pop("out", None)
    return written(out, FUNCTIONS[f.__name__](*args, **given), f.__name__)


def written(out: Any, made: Any, name: str) -> Any:
    """Return what was made, in the array that was given for it, if one was.

    Args:
        out: it, or None.
        made: by a function.
        name: of that.

    Raises:
        NotTraceable: the array was made before the recording.
    """
    if out is None:
        return made
    if not isinstance(out, Recorded):
        raise NotTraceable(f"np.{name} with out= an array that was made before the recording")
    out[...] = made
    return out


def _sort_in_place(x: Any, axis: int = -1, kind: Any = None) -> None:
    x[...] = sort(x, axis)


def _fill(x: Any, new: Any) -> None:
    x[...] = new


def _astype(x: Any, dtype: Any, **_: Any) -> Any:
    kind = np.dtype(dtype)
    return x.copy() if kind == np.float64 else x.value.astype(kind) if kind.kind in "iub" else _refused(f"astype({kind})")


def _refused(what: str) -> Any:
    raise NotTraceable(f"{what} of a recorded array has no graph form")


def _copy(x: Any, order: str = "C") -> Any:
    """Return an array of its own with the same entries."""
    memory = Memory(np.array(x.value, order="C").reshape(-1), x.name if x.memory.name else "")
    return Recorded(x.builder, memory, memory.data.reshape(x.shape), memory.name)


#: method -> what it does
METHODS: Mapping[str, Callable[..., Any]] = {
    **{name: (lambda x, *a, _f=name, **o: getattr(np, _f)(x, *a, **o)) for name in (
        "var", "std", "cumsum", "dot", "squeeze", "swapaxes", "repeat", "clip", "trace", "diagonal", "take", "argmax", "argmin", "argsort", "nonzero",
        "any", "all", "round", "compress", "searchsorted",
    )},
    "copy": _copy, "__copy__": _copy, "flatten": lambda x, order="C": _copy(reshape_in_order(x, -1, order)),
    "astype": _astype, "fill": _fill, "sort": _sort_in_place,
    "item": lambda x, *at: (x.reshape(-1)[at[0]] if len(at) == 1 else x[at] if at else x.reshape(())), "conj": lambda x: x, "conjugate": lambda x: x,
    "tolist": lambda x: [v.tolist() if v.ndim else v for v in x] if x.ndim else x, "view": lambda x, *a: x if not a else _refused("view()"),
    "mean": lambda x, axis=None, dtype=None, out=None, keepdims=False: np.mean(x, axis=axis, keepdims=keepdims, out=out),
}  # fmt: skip
