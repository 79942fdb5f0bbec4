"""NumPy's names for our operations: what a traced ``np.tanh(x)`` or ``x[1:]`` becomes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck.errors import BadShape, NotTraceable
from gradcheck.ops.op import registry


def power(x: Any, p: Any) -> Any:
    """Return x**p: an integer power where p is a whole number, else a real one."""
    if isinstance(p, np.ndarray) and p.ndim == 0:
        p = p.item()
    if isinstance(p, float | np.floating) and float(p).is_integer():
        p = int(p)
    if isinstance(p, int | np.integer):
        return registry["square"](x) if p == 2 else registry["integer_power"](x, n=int(p))
    return registry["sqrt"](x) if isinstance(p, float) and p == 0.5 else registry["power"](x, p)


#: NumPy ufunc -> operation
UFUNCS: Mapping[str, Callable[..., Any]] = {
    numpy: registry[ours]
    for numpy, ours in {
        "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
        "negative": "neg", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1",
        "sqrt": "sqrt", "square": "square", "reciprocal": "reciprocal", "absolute": "abs",
        "fabs": "abs", "sin": "sin", "cos": "cos", "tan": "tan", "arctan": "arctan",
        "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arctanh": "arctanh",
        "maximum": "maximum", "minimum": "minimum", "matmul": "matmul",
    }.items()
} | {"power": power, "positive": lambda x: x}  # fmt: skip


def _axes(axis: Any) -> Any:
    if axis is None:
        return None
    return tuple(operator.index(a) for a in axis) if isinstance(axis, tuple) else (operator.index(axis),)


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


def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: float = 0) -> Any:
    if np.ndim(constant_values):
        raise NotTraceable("np.pad with several constants has no graph form")
    value = float(constant_values)
    return registry["pad"](array, pads=_pads(pad_width, array.ndim), mode=mode, constant=int(value) if value.is_integer() else value)


def _dot(a: Any, b: Any) -> Any:
    if not np.ndim(a) or not np.ndim(b):
        return registry["mul"](a, b)
    if np.ndim(a) > 1 and np.ndim(b) > 2:
        raise NotTraceable("np.dot of stacks of matrices has no graph form; use einsum")
    return registry["matmul"](a, b)


def _flat(x: Any) -> Any:
    return x if np.ndim(x) == 1 else np.reshape(x, -1)


def _expanded(x: Any, axis: Any) -> Any:
    axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    rank = x.ndim + len(axes)
    if any(not -rank <= a < rank for a in axes):
        raise BadShape("expand_dims", f"axes between {-rank} and {rank - 1}", f"axis={axis}")
    places = sorted({int(a) % rank for a in axes})
    if len(places) < len(axes):
        raise BadShape("expand_dims", "distinct axes", f"axis={axis}")
    for a in places:
        x = registry["expand"](x, axis=a)
    return x


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
    return registry["gather"](a.reshape(-1) if axis is None else a, indices, axis=0 if axis is None else axis)


#: NumPy function -> what builds its nodes; an option without a graph form is a TypeError
ARRAY_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sum": _reduction("sum"), "mean": mean, "prod": _reduction("prod"), "max": _reduction("max"),
    "amax": _reduction("max"), "min": _reduction("min"), "amin": _reduction("min"),
    "var": _variance, "cumsum": _cumsum, "norm": _norm, "clip": _clip, "where": _where,
    "reshape": lambda a, shape: a.reshape(shape),
    "ravel": lambda a: a.reshape(-1),
    "transpose": lambda a, axes=None: registry["transpose"](a, axes=axes),
    "swapaxes": lambda a, axis1, axis2: registry["transpose"](a, axes=_swapped(a.ndim, axis1, axis2)),
    "expand_dims": _expanded,
    "squeeze": lambda a, axis=None: registry["squeeze"](a, axes=_axes(axis)),
    "broadcast_to": lambda array, shape: registry["broadcast_to"](array, shape=shape),
    "concatenate": lambda arrays, axis=0: registry["concatenate"](*arrays, axis=axis),
    "stack": lambda arrays, axis=0: registry["stack"](*arrays, axis=axis),
    "flip": lambda m, axis=None: registry["flip"](m, axes=_axes(axis)),
    "tile": lambda A, reps: registry["tile"](A, repeats=tuple(int(n) for n in np.ravel(reps))),
    "take": _take,
    "pad": _pad, "dot": _dot,
    "outer": lambda a, b: registry["outer"](_flat(a), _flat(b)),
    "einsum": lambda equation, *xs: registry["einsum"](*xs, equation=equation),
    "shape": lambda a: a.shape, "ndim": lambda a: a.ndim, "size": lambda a: a.size,
}  # fmt: skip


def _swapped(rank: int, i: int, j: int) -> tuple[int, ...]:
    axes = list(range(rank))
    if not (-rank <= i < rank and -rank <= j < rank):
        raise BadShape("swapaxes", f"axes between {-rank} and {rank - 1}", f"axis1={i}, axis2={j}")
    axes[i], axes[j] = axes[j], axes[i]
    return tuple(axes)


@dataclass(slots=True)
class _Key:
    """What a key of ``x[key]`` asks for: a window of slices, then one gather, then squeezes, then new axes."""

    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    axes: list[int] = field(default_factory=list)
    squeezed: list[int] = field(default_factory=list)
    new_axes: list[int] = field(default_factory=list)
    gathered: tuple[int, Any] | None = None

    def window(self, axis: int, start: int, stop: int, step: int) -> None:
        """Add a slice along an axis."""
        self.starts.append(start)
        self.stops.append(stop)
        self.steps.append(step)
        self.axes.append(axis)

    def applied(self, x: Any) -> Any:
        """Return the nodes for it on x."""
        if self.axes:
            x = registry["slice"](
                x, starts=tuple(self.starts), stops=tuple(self.stops), axes=tuple(self.axes), steps=tuple(self.steps)
            )
        if self.gathered is not None:
            x = registry["gather"](x, self.gathered[1], axis=self.gathered[0])
        if self.squeezed:
            x = registry["squeeze"](x, axes=tuple(self.squeezed))
        return _expanded(x, tuple(self.new_axes)) if self.new_axes else x


def index(x: Any, key: Any) -> Any:
    """Return x[key] for integers, slices, None, an ellipsis and at most one array of integers or truth values."""
    keys = [_plain(k) for k in (key if isinstance(key, tuple) else (key,))]
    found, axis, out = _Key(), 0, 0
    for k in _without_ellipsis(keys, x.ndim):
        if k is None:
            found.new_axes.append(out)
            out += 1
            continue
        size = x.shape[axis]
        if isinstance(k, slice):
            if k != slice(None):
                found.window(axis, *_bounds(k, size))
            out += 1
        elif isinstance(k, int):
            at = _inside(k, axis, size)
            found.window(axis, at, at + 1, 1)
            found.squeezed.append(axis)
        else:
            if found.gathered is not None:
                raise NotTraceable("indexing with several integer arrays has no graph form; use gather one axis at a time")
            k = _chosen(k, axis, size)
            found.gathered = (axis, k)
            out += k.ndim
        axis += 1
    if found.gathered is not None and found.squeezed:
        raise NotTraceable("indexing with an integer and an integer array at once has no graph form; index twice")
    return found.applied(x)


def _plain(k: Any) -> Any:
    """Return a part of a key as an int, a slice, None, an ellipsis, an array or a traced value."""
    if isinstance(k, bool | np.bool_ | float | str):
        raise NotTraceable(f"expected integers, slices, None, ... or arrays of integers as an index; got {k!r}")
    if isinstance(k, list | np.ndarray):
        k = np.asarray(k)
        return int(k) if k.ndim == 0 and np.issubdtype(k.dtype, np.integer) else k
    return int(k) if isinstance(k, np.integer) else k


def _inside(k: int, axis: int, size: int) -> int:
    if not -size <= k < size:
        raise BadShape("index", f"an index from {-size} to {size - 1} for axis {axis}", k)
    return k % size


def _chosen(k: Any, axis: int, size: int) -> Any:
    """Return the integers of an index array; traced ones are checked when there are values."""
    if not isinstance(k, np.ndarray):
        return k
    if k.dtype == bool:
        if k.shape != (size,):
            raise NotTraceable(f"indexing with truth values of shape {k.shape} has no graph form; expected shape ({size},)")
        return np.flatnonzero(k)
    if not np.issubdtype(k.dtype, np.integer) and k.size:
        raise NotTraceable(f"expected integers or truth values as an index; got dtype {k.dtype}")
    for bad in k[(k < -size) | (k >= size)][:1]:
        _inside(int(bad), axis, size)
    return k.astype(np.intp)


def _without_ellipsis(keys: list[Any], rank: int) -> list[Any]:
    dots = [i for i, k in enumerate(keys) if k is Ellipsis]
    fill = rank - sum(1 for k in keys if k is not None and k is not Ellipsis)
    if fill < 0 or len(dots) > 1:
        raise BadShape("index", f"at most {rank} indices and one ellipsis", f"{len(keys)} parts")
    at = dots[0] if dots else len(keys)
    return keys[:at] + [slice(None)] * fill + keys[at + 1 :]


def _bounds(k: slice, size: int) -> tuple[int, int, int]:
    """Return start, stop and step of a slice in ONNX's terms: a stop before the front is -size - 1."""
    start, stop, step = k.indices(size)
    return start, stop if stop >= 0 else -size - 1, step
