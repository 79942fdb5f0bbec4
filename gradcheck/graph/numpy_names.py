"""NumPy's names for our operations: what a traced ``np.tanh(x)`` or ``x[1:]`` becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.errors import NotTraceable
from gradcheck.ops.op import registry


def _op(name: str) -> Callable[..., Any]:
    return lambda *operands: registry[name](*operands)


#: NumPy ufunc -> operation
UFUNCS: Mapping[str, Callable[..., Any]] = {
    numpy: _op(ours)
    for numpy, ours in {
        "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
        "negative": "neg", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1",
        "sqrt": "sqrt", "square": "square", "reciprocal": "reciprocal", "absolute": "abs",
        "fabs": "abs", "sin": "sin", "cos": "cos", "tan": "tan", "arctan": "arctan",
        "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arctanh": "arctanh",
        "maximum": "maximum", "minimum": "minimum", "matmul": "matmul",
    }.items()
} | {"power": lambda x, p: power(x, p), "positive": lambda x: x}  # fmt: skip


def power(x: Any, p: Any) -> Any:
    """Return x**p: an integer power where p is a Python integer, else a real one."""
    if isinstance(p, int | np.integer) and not isinstance(p, bool):
        return registry["square"](x) if p == 2 else registry["integer_power"](x, n=int(p))
    if isinstance(p, float) and p == int(p):
        return power(x, int(p))
    return registry["sqrt"](x) if isinstance(p, float) and p == 0.5 else registry["power"](x, p)


def _axes(axis: Any) -> Any:
    return axis if axis is None or isinstance(axis, tuple) else (int(axis),)


def _reduction(name: str) -> Callable[..., Any]:
    def f(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        return registry[name](a, axes=_axes(axis), keepdims=bool(keepdims))

    return f


mean = _reduction("mean")


def _variance(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    return registry["variance"](a, axes=_axes(axis), keepdims=bool(keepdims), correction=ddof)


def _pads(pad_width: Any, rank: int) -> tuple[int, ...]:
    pairs = np.broadcast_to(np.asarray(pad_width, dtype=int), (rank, 2))
    return (*pairs[:, 0].tolist(), *pairs[:, 1].tolist())


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    if a_min is not None and a_max is not None and np.ndim(a_min) == np.ndim(a_max) == 0:
        return registry["clip"](a, low=float(a_min), high=float(a_max))
    low = a if a_min is None else registry["maximum"](a, a_min)
    return low if a_max is None else registry["minimum"](low, a_max)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return registry["where"](condition, x, y)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 - NumPy's name
    if ord is None:
        return registry["norm"](x, p=2, axes=_axes(axis), keepdims=keepdims)
    if not isinstance(ord, int | float) or isinstance(axis, tuple) or (axis is None and x.ndim != 1):
        raise NotTraceable(f"np.linalg.norm with ord={ord!r} and axis={axis!r} has no graph form")
    return registry["norm"](x, p=ord, axes=_axes(axis), keepdims=keepdims)


def _cumsum(a: Any, axis: Any = None) -> Any:
    return registry["cumsum"](a.reshape(-1) if axis is None else a, axis=0 if axis is None else axis)


def _take(a: Any, indices: Any, axis: Any = None) -> Any:
    return registry["gather"](a.reshape(-1) if axis is None else a, indices, axis=axis or 0)


#: NumPy function -> what builds its nodes; an option without a graph form is a TypeError
ARRAY_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sum": _reduction("sum"), "mean": mean, "prod": _reduction("prod"), "max": _reduction("max"),
    "amax": _reduction("max"), "min": _reduction("min"), "amin": _reduction("min"),
    "var": _variance, "cumsum": _cumsum, "norm": _norm, "clip": _clip, "where": _where,
    "reshape": lambda a, shape: a.reshape(shape),
    "ravel": lambda a: a.reshape(-1),
    "transpose": lambda a, axes=None: registry["transpose"](a, axes=axes),
    "swapaxes": lambda a, axis1, axis2: registry["transpose"](a, axes=_swapped(a.ndim, axis1, axis2)),
    "expand_dims": lambda a, axis: registry["expand"](a, axes=_axes(axis)),
    "squeeze": lambda a, axis=None: registry["squeeze"](a, axes=_axes(axis)),
    "broadcast_to": lambda array, shape: registry["broadcast_to"](array, shape=shape),
    "concatenate": lambda arrays, axis=0: registry["concatenate"](*arrays, axis=axis),
    "stack": lambda arrays, axis=0: registry["stack"](*arrays, axis=axis),
    "flip": lambda m, axis=None: registry["flip"](m, axes=_axes(axis)),
    "tile": lambda A, reps: registry["tile"](A, repeats=reps if isinstance(reps, tuple) else (reps,)),
    "take": _take,
    "pad": lambda array, pad_width, mode="constant": registry["pad"](array, pads=_pads(pad_width, array.ndim), mode=mode),
    "outer": lambda a, b: registry["outer"](a, b),
    "dot": lambda a, b: registry["matmul"](a, b),
    "einsum": lambda equation, *xs: registry["einsum"](*xs, equation=equation),
}  # fmt: skip


def _swapped(rank: int, i: int, j: int) -> tuple[int, ...]:
    axes = list(range(rank))
    axes[i], axes[j] = axes[j], axes[i]
    return tuple(axes)


def index(x: Any, key: Any) -> Any:
    """Return x[key] for integers, slices, None, an ellipsis and at most one integer array."""
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = _without_ellipsis(keys, x.ndim)
    arrays = [k for k in keys if isinstance(k, list | np.ndarray) or hasattr(k, "__gradcheck_apply__")]
    if len(arrays) > 1:
        raise NotTraceable("indexing with several integer arrays has no graph form; use gather one axis at a time")
    starts, stops, steps, axes, squeezed, gathered = [], [], [], [], [], None
    axis, new_axes, out = 0, [], 0
    for k in keys:
        if k is None:
            new_axes.append(out)
            out += 1
            continue
        if isinstance(k, slice):
            if k != slice(None):
                _bounds(k, x.shape[axis], starts, stops, steps)
                axes.append(axis)
            out += 1
        elif isinstance(k, int | np.integer):
            position = int(k) + (x.shape[axis] if k < 0 else 0)
            if not 0 <= position < x.shape[axis]:
                raise IndexError(f"index {k} is out of range for axis {axis} of size {x.shape[axis]}")
            starts.append(position), stops.append(position + 1), steps.append(1)
            axes.append(axis)
            squeezed.append(axis)
        else:
            gathered = (axis, k)
            out += np.ndim(k) if not hasattr(k, "ndim") else k.ndim
        axis += 1
    return _indexed(x, (starts, stops, steps, axes), gathered, squeezed, new_axes)


def _indexed(x: Any, window: tuple[Any, ...], gathered: Any, squeezed: list[int], new_axes: list[int]) -> Any:
    starts, stops, steps, axes = map(tuple, window)
    if axes:
        x = registry["slice"](x, starts=starts, stops=stops, axes=axes, steps=steps)
    if gathered is not None:
        axis, indices = gathered
        if squeezed:
            raise NotTraceable("indexing with an integer and an integer array at once has no graph form")
        x = registry["gather"](x, indices, axis=axis)
    if squeezed:
        x = registry["squeeze"](x, axes=tuple(squeezed))
    return registry["expand"](x, axes=tuple(new_axes)) if new_axes else x


def _without_ellipsis(keys: list[Any], rank: int) -> list[Any]:
    real = sum(1 for k in keys if k is not None and k is not Ellipsis)
    fill = [slice(None)] * (rank - real)
    for i, k in enumerate(keys):
        if k is Ellipsis:
            return keys[:i] + fill + keys[i + 1 :]
    return keys + fill


def _bounds(k: slice, size: int, starts: list[int], stops: list[int], steps: list[int]) -> None:
    """Append a slice in ONNX's terms: a stop before the front is -size - 1."""
    start, stop, step = k.indices(size)
    starts.append(start)
    stops.append(stop if stop >= 0 else -size - 1)
    steps.append(step)
