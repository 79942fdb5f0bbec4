"""The table of mistakes: what may go wrong in one call of each primitive of an arithmetic.

Each is written over the arithmetic itself, so that it happens in every number system. `shift`, `scale` and `clamped`
are left out: by their contract they cancel, whatever they give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import FUNCTIONS, Arithmetic, Array, Index, Shape
from gradcheck.faults.altered import Change, Not
from gradcheck.mistakes.mistake import Kind


def _as(m: Arithmetic, x: Any, right: Array) -> Array:
    """Return an operand, perhaps an integer, in the shape of the right result."""
    return m.broadcast_to(m.constant(x) if isinstance(x, int) else x, right.shape)


def _squarish(x: Array) -> bool:
    return len(x.shape) >= 2 and x.shape[-1] == x.shape[-2] > 1


def _slice(m: Arithmetic, x: Array, axes: Sequence[int], last: bool = False) -> Array:
    """Return the first entry along some axes, or the last."""
    for k in axes:
        x = m.part(x, x.shape[k] - 1, x.shape[k], k) if last else m.part(x, 0, 1, k)
    return x


def _count(x: Array, axes: Sequence[int]) -> int:
    return math.prod(x.shape[k] for k in axes)


def _axes(x: Array, axes: Sequence[int] | None) -> tuple[int, ...]:
    return tuple(range(len(x.shape)) if axes is None else axes)


def _sum_slice(m: Arithmetic, right: Array, x: Array, axes: Any = None, keepdims: bool = False, last: bool = False) -> Array | None:
    found = _axes(x, axes)
    return m.reshape(_slice(m, x, found, last), right.shape) if _count(x, found) > 1 else None


def _sum_mean(m: Arithmetic, right: Array, x: Array, axes: Any = None, keepdims: bool = False) -> Array | None:
    n = _count(x, _axes(x, axes))
    return right / n if n > 1 else None


def _sum_left_out(m: Arithmetic, right: Array, x: Array, axes: Any = None, keepdims: bool = False) -> Array | None:
    return x if keepdims and x.shape != right.shape else None


def _sum_axis(m: Arithmetic, right: Array, x: Array, axes: Any = None, keepdims: bool = False) -> Array | None:
    """Sum along another axis of the same length."""
    found = _axes(x, axes)
    others = [k for k in range(len(x.shape)) if k not in found and x.shape[k] == x.shape[found[0]] > 1] if found else []
    if not others:
        return None
    order = list(range(len(x.shape)))
    order[found[0]], order[others[0]] = others[0], found[0]
    return m.sum(m.transpose(x, order), axes, keepdims)


def _repeated(x: Array, shape: Shape) -> list[int]:
    extra = len(x.shape) - len(shape)
    return [k for k in range(len(x.shape)) if k < extra or shape[k - extra] != x.shape[k]]


def _repeats(x: Array, shape: Shape) -> bool:
    return _count(x, _repeated(x, shape)) > 1


def _unbroadcast_slice(m: Arithmetic, right: Array, x: Array, shape: Shape, last: bool = False) -> Array | None:
    return m.reshape(_slice(m, x, _repeated(x, shape), last), shape) if _repeats(x, shape) else None


def _one_entry_each(index: Index) -> Index:
    """Return the index with all but the last of equal positions dropped."""
    flat = np.ravel(index)
    last = {int(p): k for k, p in enumerate(flat)}
    return np.array([p if last[int(p)] == k else -1 for k, p in enumerate(flat)], np.intp).reshape(np.shape(index))


def _next(index: Index, size: int) -> Index:
    return np.where(index < 0, index, (np.asarray(index) + 1) % size)


def _assign(m: Arithmetic, right: Array, x: Array, index: Index, shape: Shape) -> Array | None:
    once = _one_entry_each(index)
    return None if np.array_equal(once, index) else m.scatter_add(x, once, shape)


def _part(by: int) -> Any:
    def make(m: Arithmetic, right: Array, x: Array, start: int, stop: int, axis: int) -> Array | None:
        inside = start + by >= 0 and stop + by <= x.shape[axis] and stop > start
        return m.part(x, start + by, stop + by, axis) if inside else None

    return make


def _undone(m: Arithmetic, right: Array, x: Array, *_: Any) -> Array | None:
    """Return what was to be transposed as it is."""
    return x if x.shape == right.shape and sum(n > 1 for n in x.shape) > 1 else None


def _by_columns(m: Arithmetic, right: Array, x: Array, shape: Shape) -> Array | None:
    """Read the entries in the order of columns."""
    return m.reshape(m.transpose(x), right.shape) if sum(n > 1 for n in x.shape) > 1 else None


def _backwards(name: str) -> Any:
    def make(m: Arithmetic, right: Array, xs: Sequence[Array], axis: int) -> Array | None:
        return getattr(m, name)(list(xs)[::-1], axis) if len(xs) > 1 else None

    return make


def _transposed(k: int) -> Any:
    def make(m: Arithmetic, right: Array, *ab: Array) -> Array | None:
        return m.matmul(*(m.swap(x) if i == k else x for i, x in enumerate(ab))) if _squarish(ab[k]) else None

    return make


def _einsum_transposed(k: int) -> Any:
    def make(m: Arithmetic, right: Array, spec: str, *xs: Array) -> Array | None:
        if k >= len(xs) or not _squarish(xs[k]):
            return None
        return m.einsum(spec, *(m.swap(x) if i == k else x for i, x in enumerate(xs)))

    return make


def _einsum_rolled(m: Arithmetic, right: Array, spec: str, *xs: Array) -> Array | None:
    return m.einsum(spec, rolled(m, xs[0], len(xs[0].shape) - 1), *xs[1:]) if xs[0].shape and xs[0].shape[-1] > 1 else None


def _last_winner(m: Arithmetic, right: Any, x: Array, axis: int) -> Any:
    return np.flip(m.winners(m.flip(x, (axis,)), axis), axis) if x.shape[axis] > 1 else None


def rolled(m: Arithmetic, x: Array, axis: int) -> Array:
    """Return `x` with the last entry along `axis` moved to the front."""
    n = x.shape[axis]
    return m.concatenate([m.part(x, n - 1, n, axis), m.part(x, 0, n - 1, axis)], axis)


def _function(name: str) -> tuple[Change, ...]:
    """Return the changes of a function of one variable: left out, its argument negated, another one in its place."""
    made = [Change("drop", lambda m, right, x: x)]
    if name not in ("log", "log1p", "sqrt"):
        made.append(Change("negate-argument", lambda m, right, x: getattr(m, name)(-x)))
    other = OTHER.get(name)
    if other:
        made.append(Change(f"becomes-{other}", lambda m, right, x: getattr(m, other)(x)))
    return tuple(made)


#: function -> the one that is taken for it
OTHER: Mapping[str, str] = {
    "exp": "expm1", "expm1": "exp", "log": "log1p", "log1p": "log", "sin": "cos", "cos": "sin", "sinh": "cosh", "cosh": "sinh",
    "tanh": "erf", "erf": "erfc", "erfc": "erf", "sech2": "logistic", "logistic": "tanh", "softplus": "exp", "tan": "tanh",
}  # fmt: skip

_TERM: Kind = "term missing"
_MASK: Kind = "mask inverted"
_SUM: Kind = "missing broadcast sum"

#: primitive -> what may go wrong in a call of it
CHANGES: Mapping[str, tuple[Change, ...]] = {
    "add": (
        Change("drop-first", lambda m, right, a, b: _as(m, b, right), _TERM),
        Change("drop-second", lambda m, right, a, b: _as(m, a, right), _TERM),
        Change("minus", lambda m, right, a, b: a - b),
    ),
    "subtract": (
        Change("drop-first", lambda m, right, a, b: _as(m, -b, right), _TERM),
        Change("drop-second", lambda m, right, a, b: _as(m, a, right), _TERM),
        Change("plus", lambda m, right, a, b: a + b),
    ),
    "multiply": (
        Change("drop-first", lambda m, right, a, b: _as(m, b, right)),
        Change("drop-second", lambda m, right, a, b: _as(m, a, right)),
    ),
    "divide": (
        Change("drop-divisor", lambda m, right, a, b: _as(m, a, right)),
        Change("times", lambda m, right, a, b: a * b),
        Change("drop-dividend", lambda m, right, a, b: _as(m, 1 / (m.constant(b) if isinstance(b, int) else b), right)),
    ),
    "negative": (Change("drop", lambda m, right, x: x),),
    "absolute": (Change("drop", lambda m, right, x: x),),
    "sum": (
        Change("first-slice", _sum_slice, _SUM), Change("mean", _sum_mean), Change("left-out", _sum_left_out, _SUM),
        Change("other-axis", _sum_axis),
    ),
    "unbroadcast": (
        Change("first-slice", _unbroadcast_slice, _SUM),
        Change("mean", lambda m, right, x, shape: right / _count(x, _repeated(x, shape)) if _repeats(x, shape) else None),
        Change("left-out", lambda m, right, x, shape: x if x.shape != tuple(shape) else None, _SUM),
    ),
    "broadcast_to": (
        Change("shared", lambda m, right, x, shape: right / (math.prod(shape) // math.prod(x.shape))
               if math.prod(shape) > math.prod(x.shape) > 0 else None),
    ),
    "matmul": (Change("transpose-first", _transposed(0)), Change("transpose-second", _transposed(1))),
    "einsum": (
        Change("transpose-first", _einsum_transposed(0)), Change("transpose-second", _einsum_transposed(1)),
        Change("roll-first", _einsum_rolled),
    ),
    "scatter_add": (
        Change("assign", _assign, "= for +="),
        Change("next", lambda m, right, x, index, shape: m.scatter_add(x, _next(index, math.prod(shape)), shape)
               if math.prod(shape) > 1 else None),
    ),
    "take": (
        Change("next", lambda m, right, x, index: m.take(x, _next(index, math.prod(x.shape))) if math.prod(x.shape) > 1 else None),
    ),
    "part": (Change("early", _part(-1)), Change("late", _part(1))),
    "cumsum": (
        Change("exclusive", lambda m, right, x, axis: right - x),
        Change("other-way", lambda m, right, x, axis: m.flip(m.cumsum(m.flip(x, (axis,)), axis), (axis,))),
    ),
    "flip": (Change("drop", _undone),),
    "transpose": (Change("drop", _undone, "transpose"),),
    "swap": (Change("drop", _undone, "transpose"),),
    "reshape": (Change("by-columns", _by_columns, "permutation"),),
    "concatenate": (Change("other-order", _backwards("concatenate")),),
    "stack": (Change("other-order", _backwards("stack")),),
    "less": (Change("or-equal", lambda m, right, a, b: Not(m.less(b, a)), "mask off at boundary"),),
    "winners": (Change("last-of-equals", _last_winner, "mask off at boundary"),),
    "select": (
        Change("invert", lambda m, right, t, a, b: _select(m, t, b, a), _MASK),
        Change("always-first", lambda m, right, t, a, b: _as(m, a, right)),
        Change("always-second", lambda m, right, t, a, b: _as(m, b, right)),
    ),
    "maximum": (
        Change("minimum", lambda m, right, a, b: m.minimum(a, b)), Change("drop", lambda m, right, a, b: _as(m, a, right)),
    ),
    "minimum": (
        Change("maximum", lambda m, right, a, b: m.maximum(a, b)), Change("drop", lambda m, right, a, b: _as(m, a, right)),
    ),
    "sign": (Change("drop", lambda m, right, x: x), Change("one-sided", lambda m, right, x: m.select(m.less(m.constant(0), x), 1, 0))),
    "square": (Change("drop", lambda m, right, x: x),),
    "power": (
        Change("exponent", lambda m, right, x, p: m.power(x, p + 1)), Change("drop", lambda m, right, x, p: _as(m, x, right)),
    ),
    "integer_power": (Change("exponent", lambda m, right, x, n: m.integer_power(x, n + 1)),),
    "pi": (Change("22/7", lambda m, right: m.constant(Fraction(22, 7))),),
    **{name: _function(name) for name in FUNCTIONS},
}

#: What is looked for beside the mutants, which have the first slice already.
LAST: Mapping[str, tuple[Change, ...]] = {
    "sum": (Change("last-slice", partial(_sum_slice, last=True), _SUM),),
    "unbroadcast": (Change("last-slice", partial(_unbroadcast_slice, last=True), _SUM),),
}


def _select(m: Arithmetic, truth: Any, a: Array, b: Array) -> Array:
    return m.select(truth.truth, b, a) if isinstance(truth, Not) else m.select(truth, a, b)
