"""Shapes and index arrays: integers only, no values. The one module of ops that may use NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Index, Shape
from gradcheck.errors import BadAttribute, BadShape, BadValues

#: Index arrays with more entries are refused before they are made: a document must not fill the memory.
MOST_ENTRIES = 2**28


def affordable(op: str, entries: int) -> int:
    """Return a number of entries; raise `BadShape` where no index array should have so many."""
    if entries > MOST_ENTRIES:
        raise BadShape(op, f"at most {MOST_ENTRIES} entries", entries)
    return entries


def broadcast(op: str, *shapes: Shape) -> Shape:
    """Return the common shape under NumPy's broadcasting rules."""
    rank = max(map(len, shapes), default=0)
    lengths = [{n for n in column if n != 1} or {1} for column in zip(*(_with_rank(s, rank) for s in shapes), strict=True)]
    if any(len(n) > 1 for n in lengths):
        raise BadShape(op, "shapes that broadcast together", shapes)
    return tuple(n.pop() for n in lengths)


def positive_axis(op: str, axis: int, rank: int) -> int:
    """Return `axis` counted from the front."""
    if not -rank <= axis < rank:
        raise BadShape(op, f"an axis between {-rank} and {rank - 1}", f"axis={axis}")
    return axis % rank


def positive_axes(op: str, axes: Sequence[int] | int | None, rank: int) -> tuple[int, ...]:
    """Return sorted axes counted from the front; None means all of them."""
    if axes is None:
        return tuple(range(rank))
    given = (axes,) if isinstance(axes, int) else axes
    out = tuple(sorted(positive_axis(op, a, rank) for a in given))
    if len(set(out)) != len(out):
        raise BadShape(op, "distinct axes", f"axes={tuple(given)}")
    return out


def reduced(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """Return the shape after reducing `axes`."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def positions(shape: Shape) -> Index:
    """Return the flat position of every entry, in the array's shape."""
    return np.arange(affordable("positions", math.prod(shape)), dtype=np.intp).reshape(shape)


def mask(*entries: bool) -> npt.NDArray[np.bool_]:
    """Return a vector of truth values, for samples."""
    return np.array(entries, dtype=bool)


def integers(entries: Sequence[Any] | int) -> Index:
    """Return an array of integers, for samples."""
    return np.array(entries, dtype=np.intp)


def checked_index(op: str, index: Index, size: int) -> Index:
    """Return `index` counted from the front; raise `BadValues` where an entry is out of range."""
    index = np.asarray(index)
    if index.size and not (-size <= index.min() and index.max() < size):
        bad = int(index.min()) if index.min() < -size else int(index.max())
        raise BadValues(f"{op}: expected indices from {-size} to {size - 1}; got {bad}; correct the index operand")
    return np.where(index < 0, index + size, index).astype(np.intp)


def gathered(op: str, shape: Shape, index: Index, axis: int) -> Index:
    """Return the flat positions that NumPy's take along `axis` picks."""
    axis = positive_axis(op, axis, len(shape))
    return np.take(positions(shape), checked_index(op, index, shape[axis]), axis)


def gathered_elements(op: str, shape: Shape, index: Index, axis: int) -> Index:
    """Return the flat positions that ONNX GatherElements picks: one index an entry along `axis`."""
    axis = positive_axis(op, axis, len(shape))
    index = checked_index(op, index, shape[axis])
    where: list[Any] = list(np.indices(index.shape, sparse=True))
    where[axis] = index
    found: Index = positions(shape)[tuple(where)]
    return found


def slices(shape: Shape, starts: Sequence[int], stops: Sequence[int], axes: Any, steps: Any) -> tuple[slice, ...]:
    """Return what ONNX Slice takes of each axis."""
    steps = (1,) * len(starts) if steps is None else steps
    axes = range(len(starts)) if axes is None else [positive_axis("slice", a, len(shape)) for a in axes]
    keys = [slice(None)] * len(shape)
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        # ONNX clamps a stop before the first entry to -1, which Python would count from the end
        before = step < 0 and stop < -shape[axis]
        keys[axis] = slice(start, None if before else stop, step)
    return tuple(keys)


def sliced(shape: Shape, **given: Any) -> Index:
    """Return the flat positions of ONNX Slice."""
    return positions(shape)[slices(shape, **given)]


def sliced_shape(shape: Shape, **given: Any) -> Shape:
    """Return the shape of `sliced`."""
    return tuple(len(range(*key.indices(n))) for n, key in zip(shape, slices(shape, **given), strict=True))


def pairs(op: str, given: Any, n: int) -> tuple[tuple[int, int], ...]:
    """Return n (begin, end) pairs from one number, n numbers, n pairs, or ONNX order (begins, ends)."""
    if isinstance(given, int):
        return ((given, given),) * n
    if all(isinstance(p, int) for p in given):
        if len(given) == n:
            return tuple((p, p) for p in given)
        if len(given) == 2 * n:
            return tuple((given[i], given[n + i]) for i in range(n))
    elif len(given) == n:
        return tuple((int(a), int(b)) for a, b in given)
    raise BadAttribute(f"{op}: expected a number, {n} numbers, {n} pairs or {2 * n} numbers of padding; got {given!r}")


def _borders(shape: Shape, widths: Any, mode: str) -> tuple[tuple[int, int], ...]:
    """Return how far ONNX Pad goes at both ends of each axis."""
    if mode not in ("constant", "reflect", "edge"):
        raise BadAttribute(f"pad: expected mode to be constant, reflect or edge; got {mode!r}")
    if isinstance(widths, tuple) and len(widths) == len(shape) and all(isinstance(p, int) for p in widths):
        raise BadAttribute(f"pad: expected begins and ends, or pairs; got pads={widths!r}")
    ends = pairs("pad", widths, len(shape))
    if any(p < 0 for pair in ends for p in pair):
        raise BadAttribute(f"pad: expected pads >= 0; got {widths!r}; use slice to crop")
    if mode != "constant" and any(n == 0 and max(pair) > 0 for n, pair in zip(shape, ends, strict=True)):
        raise BadShape("pad", f"axes with entries for mode {mode!r}", shape)
    return ends


def padded_shape(shape: Shape, widths: Any, mode: str) -> Shape:
    """Return the shape of `padded`."""
    out = tuple(n + a + b for n, (a, b) in zip(shape, _borders(shape, widths, mode), strict=True))
    affordable("pad", math.prod(out))
    return out


def padded(shape: Shape, widths: Any, mode: str) -> Index:
    """Return the flat positions of ONNX Pad; -1 for the constant."""
    padded_shape(shape, widths, mode)
    ends = _borders(shape, widths, mode)
    more: dict[str, Any] = {"constant_values": -1} if mode == "constant" else {}
    return np.asarray(np.pad(positions(shape), ends, mode=mode, **more))  # type: ignore[call-overload]


def tiled_shape(shape: Shape, repeats: Sequence[int]) -> Shape:
    """Return the shape of `tiled`."""
    times = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    if any(not isinstance(n, int) or n < 0 for n in times):
        raise BadAttribute(f"tile: expected repeats to be integers >= 0; got {repeats!r}")
    affordable("tile", math.prod(shape) * math.prod(times))
    rank = max(len(shape), len(times))
    return tuple(n * k for n, k in zip(_with_rank(shape, rank), _with_rank(times, rank), strict=True))


def _with_rank(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + tuple(shape)


def tiled(shape: Shape, repeats: Sequence[int]) -> Index:
    """Return the flat positions of NumPy's tile."""
    tiled_shape(shape, repeats)
    return np.tile(positions(shape), repeats)


def outside(index: Index) -> npt.NDArray[np.bool_]:
    """Return True where a position is -1, which stands for padding."""
    return np.asarray(index < 0)


def end_to_end(*indices: Index) -> Index:
    """Return the indices, flat, one after the other."""
    return np.concatenate([np.ravel(i) for i in indices])


def sizes(op: str, name: str, given: Any, n: int, least: int = 1) -> tuple[int, ...]:
    """Return an attribute as n numbers; one number stands for n equal ones."""
    out = (given,) * n if isinstance(given, int) else tuple(given)
    if len(out) != n or any(k < least for k in out):
        raise BadAttribute(f"{op}: expected {name} to be a number or {n} numbers >= {least}; got {given!r}")
    return out


def window_counts(spatial: Shape, kernel: Shape, stride: Shape, ends: Any, dilation: Shape) -> Shape:
    """Return the number of windows along each dimension."""
    sides = zip(spatial, kernel, stride, ends, dilation, strict=True)
    counts = tuple(max(0, (size + sum(end) - d * (k - 1) - 1) // s + 1) for size, k, s, end, d in sides)
    affordable("windows", math.prod(max(c, 1) * k for c, k in zip(counts, kernel, strict=True)))
    return counts


def has_empty_window(size: int, kernel: int, stride: int, begin: int, count: int, dilation: int) -> bool:
    """Return whether one of the windows along a dimension sees nothing but padding."""
    last = stride * (count - 1) - begin
    if last >= size or begin > dilation * (kernel - 1):  # the last one begins behind the end, or the first one ends before the beginning
        return True
    # a window that begins in the padding steps over the entries where these are fewer than its step; where it lands repeats with the step
    early = range(-begin, min(0, last + 1), stride)
    return size < dilation and _landing(len(early), dilation, stride, -begin, size) < len(early)


def _landing(count: int, modulus: int, step: int, start: int, below: int) -> int:
    """Return how many of the first `count` numbers start + k step have a remainder below a bound."""
    start %= modulus
    return _floors(count, modulus, step, start + modulus) - _floors(count, modulus, step, start + modulus - below)


def _floors(count: int, modulus: int, step: int, start: int) -> int:
    """Return the sum of (start + k step) // modulus over k below `count`, as Euclid would: lattice points under a line."""
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (step // modulus) + count * (start // modulus)
        reached = step % modulus * count + start % modulus
        count, start, modulus, step = reached // modulus, reached % modulus, step % modulus, modulus
    return total


def windows(spatial: Shape, kernel: Shape, stride: Shape, ends: Any, dilation: Shape) -> Index:
    """Return the flat position seen by every window (*out) at every offset (*kernel); -1 is padding."""
    counts = window_counts(spatial, kernel, stride, ends, dilation)
    index: Index = np.zeros((), np.intp)
    for size, count, k, s, (begin, _), d in zip(spatial, counts, kernel, stride, ends, dilation, strict=True):
        at = s * np.arange(count)[:, None] + d * np.arange(k) - begin
        at = np.where((at >= 0) & (at < size), at, -1)
        index = np.expand_dims(index, (-1, -2))
        index = np.where((index < 0) | (at < 0), -1, index * size + at)
    n = len(spatial)
    return index.transpose(*range(0, 2 * n, 2), *range(1, 2 * n, 2))


def inverted(index: Index, size: int) -> Index:
    """Return, for windows (p, k), which p sees each position at each offset; -1 where none does."""
    count, offsets = index.shape
    out = np.full((size + 1, offsets), -1, np.intp)  # position -1 is the waste bin
    out[index, np.arange(offsets)] = np.arange(count)[:, None]
    return out[:-1]


def batched(index: Index, lead: Shape, size: int) -> Index:
    """Return flat positions of the same index in each of `lead` blocks of `size` entries."""
    affordable("windows", math.prod(lead) * index.size)
    blocks = positions(lead).reshape(*lead, *(1,) * index.ndim)
    return np.where(index < 0, -1, blocks * size + index)


def filled(index: Index) -> Index:
    """Return windows (..., k) in which padding repeats an entry of the same window."""
    first = np.take_along_axis(index, np.argmax(index >= 0, axis=-1)[..., None], -1)
    return np.where(index < 0, first, index)


def label_first(shape: Shape, labels: Index, ignored: int) -> Index:
    """Return the flat positions in (n, c, ...) of every row of classes, its label's first.

    The result has shape (*labels.shape, c); it is -1 where the label is `ignored`.
    """
    labels = np.asarray(labels)
    keep = labels != ignored
    safe = checked_index("cross_entropy_logits", np.where(keep, labels, 0), shape[1])
    classes = np.arange(shape[1])
    order = np.argsort(classes != safe[..., None], axis=-1, kind="stable")
    rows = np.moveaxis(positions(shape), 1, -1)
    return np.where(keep[..., None], np.take_along_axis(rows, order, -1), -1)


def kept(labels: Index, ignored: int) -> npt.NDArray[np.bool_]:
    """Return True where a label counts."""
    return np.asarray(np.asarray(labels) != ignored)


def window_sizes(index: Index) -> tuple[list[int], Index]:
    """Return the distinct numbers of real entries of windows (..., k), and which one each has."""
    values, which = np.unique(np.sum(index >= 0, axis=-1), return_inverse=True)
    return [int(v) for v in values], which.reshape(index.shape[:-1])
