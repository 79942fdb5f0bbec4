"""The primitives of JAX in terms of our operations: a paragraph each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck.capture.coverage import Unruled
from gradcheck.capture.jax.equation import Equation, primitive

#: ours by theirs, entry by entry
_SAME = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1",
    "tanh": "tanh", "logistic": "logistic", "sin": "sin", "cos": "cos", "tan": "tan", "sqrt": "sqrt", "abs": "abs", "erf": "erf", "max": "maximum",
    "min": "minimum", "sinh": "sinh", "cosh": "cosh", "atanh": "arctanh", "atan": "arctan", "square": "square",
}  # fmt: skip
#: ours by theirs, over axes
_REDUCED = {"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _entrywise(theirs: str, ours: str) -> None:
    @primitive(theirs)
    def rule(e: Equation) -> None:
        e.out(ours, *(e[k] for k in range(len(e))))


for _theirs, _ours in _SAME.items():
    _entrywise(_theirs, _ours)


def _reduced(theirs: str, ours: str) -> None:
    @primitive(theirs)
    def rule(e: Equation) -> None:
        e.out(ours, e[0], axes=tuple(e.params["axes"])) if e.params["axes"] else e.shaped(e[0])


for _theirs, _ours in _REDUCED.items():
    _reduced(_theirs, _ours)


@primitive("integer_pow")
def integer_power(e: Equation) -> None:
    """X to a whole power."""
    n = int(e.params["y"])
    e.out("square", e[0]) if n == 2 else e.out("integer_power", e[0], n=n)


@primitive("pow")
def power(e: Equation) -> None:
    """A to the power b."""
    if not (np.asarray(e.values[0], np.float64) > 0).all():
        raise Unruled("pow: a base that is not positive")
    e.out("power", e[0], e[1])


@primitive("rsqrt")
def reciprocal_root(e: Equation) -> None:
    """One over the square root."""
    e.out("reciprocal", e.emit("sqrt", e[0]))


@primitive("exp2")
def power_of_two(e: Equation) -> None:
    """2 to the power x."""
    e.out("exp", e.emit("mul", e[0], e.constant(math.log(2))))


@primitive("erfc")
def complement(e: Equation) -> None:
    """1 - erf, where that has digits."""
    if (np.asarray(e.values[0]) > 1).any():
        raise Unruled("erfc: a tail in which 1 - erf has no digits")
    e.out("sub", e.constant(1.0), e.emit("erf", e[0]))


@primitive("clamp")
def clamp(e: Equation) -> None:
    """X moved between two bounds."""
    e.out("minimum", e.emit("maximum", e[1], e[0]), e[2])


@primitive("select_n")
def select(e: Equation) -> None:
    """The first or the second case, by a mask."""
    if len(e) != 3:
        raise Unruled("select_n: more than two cases")
    e.out("where", e.constant(np.broadcast_to(e.data(0).astype(bool), e.shape(1)), "mask"), e[2], e[1])


@primitive("convert_element_type", "copy", "copy_p", "reduce_precision", "optimization_barrier", "pvary", "sharding_constraint")
def same(e: Equation) -> None:
    """The same numbers, in another format perhaps."""
    if e.name == "reduce_precision" or len(e) > 1:
        raise Unruled(f"{e.name}: no rule")
    e.shaped(e[0])


@primitive("reshape", "squeeze", "expand_dims")
def reshape(e: Equation) -> None:
    """The same numbers in another shape."""
    e.shaped(e[0])


@primitive("transpose")
def transpose(e: Equation) -> None:
    """Axes in another order."""
    e.out("transpose", e[0], axes=tuple(e.params["permutation"]))


@primitive("broadcast_in_dim")
def broadcast(e: Equation) -> None:
    """Axes of length one, or new ones, repeated."""
    shape, axes = tuple(e.params["shape"]), e.params["broadcast_dimensions"]
    ones = [1] * len(shape)
    for k, axis in enumerate(axes):
        ones[axis] = e.shape(0)[k]
    x = e[0] if tuple(ones) == e.shape(0) else e.emit("reshape", e[0], shape=tuple(ones))
    e.out("broadcast_to", x, shape=shape)


@primitive("concatenate")
def concatenate(e: Equation) -> None:
    """Arrays joined along an axis."""
    e.out("concatenate", *(e[k] for k in range(len(e))), axis=e.params["dimension"])


@primitive("stack")
def stack(e: Equation) -> None:
    """Arrays joined along a new axis."""
    e.out("stack", *(e[k] for k in range(len(e))), axis=e.params["axis"])


@primitive("cumsum")
def running_sum(e: Equation) -> None:
    """Running sums along an axis."""
    e.out("cumsum", e[0], axis=e.params["axis"], reverse=bool(e.params["reverse"]))


@primitive("slice", "rev", "gather", "dynamic_slice")
def moved(e: Equation) -> None:
    """Entries of one array, found by what becomes of their positions."""
    at = np.arange(np.size(e.values[0]), dtype=np.int32).reshape(e.shape(0))
    for k in range(1, len(e)):
        e.data(k)
    e.take(e.flat(0), e.bind(at, *e.values[1:])[0])


@primitive("split")
def split(e: Equation) -> None:
    """One array in parts."""
    at = np.arange(np.size(e.values[0]), dtype=np.int32).reshape(e.shape(0))
    row = e.flat(0)
    for k, index in enumerate(e.bind(at)):
        e.take(row, index, k)


@primitive("dynamic_update_slice", "scatter")
def written(e: Equation) -> None:
    """An array with a part of another one in it."""
    updates = 1 if e.name == "dynamic_update_slice" else 2
    n, m = np.size(e.values[0]), np.size(e.values[updates])
    at = np.arange(n, dtype=np.int32).reshape(e.shape(0))
    new = (n + np.arange(m, dtype=np.int32)).reshape(e.shape(updates))
    rest = {k: e.data(k) for k in range(1, len(e)) if k != updates}
    operands = [at, *(new if k == updates else rest[k] for k in range(1, len(e)))]
    e.take(e.emit("concatenate", e.flat(0), e.flat(updates), axis=0), e.bind(*operands)[0])


@primitive("scatter-add", "scatter_add")
def added(e: Equation) -> None:
    """An array with others added at positions."""
    import jax

    d = e.params["dimension_numbers"]
    batch = {"operand_batching_dims": d.operand_batching_dims, "start_indices_batching_dims": d.scatter_indices_batching_dims}
    numbers = jax.lax.GatherDimensionNumbers(d.update_window_dims, d.inserted_window_dims, d.scatter_dims_to_operand_dims, **batch)
    window, fixed = iter(e.shape(2)[k] for k in d.update_window_dims), {*d.inserted_window_dims, *d.operand_batching_dims}
    sizes = tuple(1 if k in fixed else next(window) for k in range(len(e.shape(0))))
    at = np.arange(np.size(e.values[0]), dtype=np.int32).reshape(e.shape(0))
    places = np.asarray(jax.lax.gather(at, e.data(1), numbers, sizes, mode="fill", fill_value=-1))
    if places.size and places.min() < 0:
        raise Unruled("scatter-add: entries out of bounds")
    e.shaped(e.emit("scatter_add", e.flat(0), e.constant(places.reshape(-1), "index"), e.flat(2), axis=0))


@primitive("pad")
def pad(e: Equation) -> None:
    """A border, negative or between the entries perhaps."""
    at = (1 + np.arange(np.size(e.values[0]), dtype=np.int32)).reshape(e.shape(0))
    row = e.emit("concatenate", e.emit("reshape", e[1], shape=(1,)), e.flat(0), axis=0)
    e.take(row, e.bind(at, np.int32(0))[0])


@primitive("sort")
def sort(e: Equation) -> None:
    """Arrays in the order of the first ones."""
    import jax

    axis = e.params["dimension"]
    at = jax.lax.broadcasted_iota(np.int32, e.shape(0), axis)
    order = np.asarray(jax.lax.sort([*e.values, at], dimension=axis, is_stable=True, num_keys=e.params["num_keys"])[-1])
    for k, name in enumerate(e.names):
        if name:
            e.out("gather_elements", name, e.constant(order, "index"), k=k, axis=axis)


@primitive("top_k")
def largest(e: Equation) -> None:
    """The k largest along the last axis, and where they were."""
    e.out("gather_elements", e[0], e.constant(np.asarray(e.outs[1]), "index"), axis=len(e.shape(0)) - 1)


@primitive("dot_general")
def product(e: Equation) -> None:
    """Sums of products over axes."""
    (over_a, over_b), (batch_a, batch_b) = e.params["dimension_numbers"]
    rank = len(e.shape(0))
    a, b = list(_LETTERS[:rank]), list(_LETTERS[rank : rank + len(e.shape(1))])
    for i, j in (*zip(over_a, over_b, strict=True), *zip(batch_a, batch_b, strict=True)):
        b[j] = a[i]
    batch = [a[i] for i in batch_a]
    kept = [x for k, x in enumerate(a) if k not in (*over_a, *batch_a)] + [x for k, x in enumerate(b) if k not in (*over_b, *batch_b)]
    if len(a) == len(b) == 2 and not batch and (tuple(over_a), tuple(over_b)) == ((1,), (0,)):
        return e.out("matmul", e[0], e[1])
    return e.out("einsum", e[0], e[1], equation=f"{''.join(a)},{''.join(b)}->{''.join(batch + kept)}")


def _windows(e: Equation, x: Any) -> Any:
    """Return the entries of every window in a last axis; -1 beyond the array."""
    p = e.params
    if any(d != 1 for d in (*p.get("base_dilation", ()), *p.get("window_dilation", ()))):
        raise Unruled(f"{e.name}: windows with gaps")
    border = np.pad(x, p["padding"], constant_values=-1)
    seen = np.lib.stride_tricks.sliding_window_view(border, p["window_dimensions"])[tuple(slice(None, None, s) for s in p["window_strides"])]
    return seen.reshape((*seen.shape[: x.ndim], -1))


@primitive("reduce_window_max", "reduce_window_sum")
def pooled(e: Equation) -> None:
    """The largest entry, or the sum, of every window."""
    op, beyond = ("max", -np.inf) if e.name.endswith("max") else ("sum", 0.0)
    at = _windows(e, np.arange(np.size(e.values[0])).reshape(e.shape(0)))
    row = e.emit("concatenate", e.constant([beyond]), e.flat(0), axis=0)
    seen = e.emit("take", row, e.constant(at + 1, "index"))
    e.out(op, seen, axes=(at.ndim - 1,))


@primitive("conv_general_dilated")
def convolution(e: Equation) -> None:
    """Correlation with a kernel, axes in any order."""
    p, rank = e.params, len(e.shape(0)) - 2
    d = p["dimension_numbers"]
    if rank not in (1, 2) or any(k != 1 for k in p["lhs_dilation"]) or p["batch_group_count"] != 1:
        raise Unruled("conv_general_dilated: more axes, gaps in the image, or groups of a batch")
    x, w = e.emit("transpose", e[0], axes=tuple(d.lhs_spec)), e.emit("transpose", e[1], axes=tuple(d.rhs_spec))
    before, after = zip(*p["padding"], strict=True)
    if any((*before, *after)):
        x = e.emit("pad", x, pads=(0, 0, *before, 0, 0, *after))
    y = e.emit(f"conv{rank}d", x, w, stride=tuple(p["window_strides"]), dilation=tuple(p["rhs_dilation"]), groups=p["feature_group_count"])
    e.out("transpose", y, axes=tuple(int(k) for k in np.argsort(d.out_spec)))
