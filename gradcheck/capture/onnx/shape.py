"""Operators that put entries elsewhere."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.numpy.positions import at_positions
from gradcheck.capture.onnx.call import Call, operator
from gradcheck.errors import CannotExpress
from gradcheck.ops.op import registry


def array(x: Any) -> Any:
    """Return an input as something that NumPy's functions take."""
    return x if isinstance(x, Recorded) else np.asarray(x, float)


@operator("Shape")
def shape(c: Call) -> Any:
    """The sizes of the axes."""
    return np.array(c[0].shape[slice(c.get("start", 0), c.get("end"))], np.int64)


@operator("Size")
def size(c: Call) -> Any:
    """The number of entries."""
    return np.array(c[0].size, np.int64)


@operator("Reshape")
def reshape(c: Call) -> Any:
    """Another shape; 0 stands for the size that was, unless allowed."""
    wanted = [int(n) for n in c.data(1)]
    if not c.get("allowzero", 0):
        wanted = [c[0].shape[k] if n == 0 else n for k, n in enumerate(wanted)]
    return c[0].reshape(tuple(wanted))


@operator("Transpose")
def transpose(c: Call) -> Any:
    """Axes in another order."""
    return np.transpose(c[0], c.get("perm"))


@operator("Squeeze")
def squeeze(c: Call) -> Any:
    """Axes of length one left out."""
    return np.squeeze(c[0], c.axes())


@operator("Unsqueeze")
def unsqueeze(c: Call) -> Any:
    """New axes of length one."""
    return np.expand_dims(c[0], c.axes() or ())


@operator("Flatten")
def flatten(c: Call) -> Any:
    """Two axes, split before one of them."""
    axis = c.get("axis", 1) % c[0].ndim if c.get("axis", 1) < 0 else c.get("axis", 1)
    return c[0].reshape((int(np.prod(c[0].shape[:axis], dtype=int)), -1))


@operator("Expand")
def expand(c: Call) -> Any:
    """Repeated to a shape with which it is broadcast."""
    return np.broadcast_to(c[0], np.broadcast_shapes(c[0].shape, tuple(int(n) for n in c.data(1))))


@operator("Tile")
def tile(c: Call) -> Any:
    """Repeated along every axis."""
    return np.tile(c[0], tuple(int(n) for n in c.data(1)))


@operator("Concat")
def concat(c: Call) -> Any:
    """Inputs joined along an axis."""
    return np.concatenate([array(x) for x in c.inputs], axis=c.get("axis", 0))


@operator("Split")
def split(c: Call) -> Any:
    """One input in parts."""
    axis = c.get("axis", 0)
    n = c[0].shape[axis]
    parts = c.data(1, c.get("split"))
    count = c.get("num_outputs", c.outputs)
    each = -(-n // count)
    sizes = [int(k) for k in parts] if parts is not None and np.size(parts) else [min(each, n - k * each) for k in range(count)]
    ends = np.cumsum(sizes)
    return tuple(at_positions(c[0], partial(np.take, indices=range(a, b), axis=axis)) for a, b in zip([0, *ends], ends, strict=False))


@operator("Slice")
def slices(c: Call) -> Any:
    """Entries start:end:step along axes."""
    starts, ends = (c.get(k) if c[1 + i] is None else c.data(1 + i) for i, k in enumerate(("starts", "ends")))
    axes = c.data(3, c.get("axes", range(len(starts))))
    steps = c.data(4, [1] * len(starts))
    key = [slice(None)] * c[0].ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = c[0].shape[axis]
        low = -(n + 1) if end <= -(n + 1) else end
        stop = None if step < 0 and low < -n else int(low)
        key[axis] = slice(int(start), stop, int(step))
    return at_positions(c[0], lambda at: at[tuple(key)])


@operator("Gather")
def gather(c: Call) -> Any:
    """Entries along an axis."""
    return at_positions(c[0], lambda at: np.take(at, c.data(1).astype(int), axis=c.get("axis", 0)))


@operator("GatherElements")
def gather_elements(c: Call) -> Any:
    """One index an entry."""
    axis = c.get("axis", 0)
    index = c.data(1).astype(int)
    return at_positions(c[0], lambda at: np.take_along_axis(at, np.where(index < 0, index + at.shape[axis], index), axis=axis))


@operator("GatherND")
def gather_nd(c: Call) -> Any:
    """Slices at tuples of indices."""
    batch, index = c.get("batch_dims", 0), c.data(1).astype(int)

    def places(at: Any) -> Any:
        lead = at.shape[:batch]
        flat, rows = at.reshape((-1, *at.shape[batch:])), index.reshape((-1, *index.shape[batch:]))
        found = [part[tuple(np.moveaxis(row, -1, 0))] for part, row in zip(flat, rows, strict=True)]
        return np.stack(found).reshape((*lead, *found[0].shape))

    return at_positions(c[0], places)


def _scatter(c: Call, places: Any) -> Any:
    """Write updates to positions, in one of five ways."""
    x, updates, how = array(c[0]), array(c[2]), c.get("reduction", "none")
    at = np.ravel(places)
    if how == "none":
        n = x.size
        index = np.arange(n)
        index[at] = n + np.arange(at.size)
        both = np.concatenate([x.reshape(-1), np.reshape(updates, -1)])
        return np.reshape(both[index], x.shape)
    if how == "add":
        return np.reshape(registry["scatter_add"](np.reshape(x, -1), at, np.reshape(updates, -1), axis=0), x.shape)
    if len(set(at.tolist())) < at.size:
        raise CannotExpress(f"{c.op} with reduction={how} and repeated indices has no form here")
    old, new = np.reshape(x, -1), np.reshape(updates, -1)
    change = {"mul": np.multiply, "max": np.maximum, "min": np.minimum}[how]
    both = np.concatenate([old, change(old[at], new)])
    index = np.arange(x.size)
    index[at] = x.size + np.arange(at.size)
    return np.reshape(both[index], x.shape)


@operator("ScatterElements", "Scatter")
def scatter_elements(c: Call) -> Any:
    """Updates written at one index an entry."""
    index, axis = c.data(1).astype(int), c.get("axis", 0)
    shape = np.shape(c[0])
    at = list(np.indices(index.shape))
    at[axis] = np.where(index < 0, index + shape[axis], index)
    return _scatter(c, np.ravel_multi_index(tuple(at), shape))


@operator("ScatterND")
def scatter_nd(c: Call) -> Any:
    """Updates written at tuples of indices."""
    index, shape = c.data(1).astype(int), np.shape(c[0])
    at = np.arange(int(np.prod(shape))).reshape(shape)
    return _scatter(c, at[tuple(np.moveaxis(index, -1, 0))])


@operator("Pad")
def pad(c: Call) -> Any:
    """A border of a constant, of the edge, of the reflection, or of the other side."""
    mode = c.get("mode", "constant")
    widths = np.asarray(c.get("pads") if c[1] is None else c.data(1)).astype(int)
    axes = [int(a) % c[0].ndim for a in c.data(3, range(c[0].ndim))]
    around = np.zeros((c[0].ndim, 2), int)
    for k, axis in enumerate(axes):
        around[axis] = widths[k], widths[len(axes) + k]
    cut = tuple(slice(max(0, -a), n - max(0, -b)) for (a, b), n in zip(around, c[0].shape, strict=True))
    kept = np.maximum(around, 0)

    def places(at: Any) -> Any:
        inner = at[cut] + 1
        return np.pad(inner, kept) if mode == "constant" else np.pad(inner, kept, mode=mode)

    value = c[2] if c[2] is not None and np.size(numbers(c[2])) else c.get("value", 0.0)
    row = np.concatenate([np.reshape(array(value), 1), c[0].reshape(-1)])
    return row[places(np.arange(c[0].size).reshape(c[0].shape))]


@operator("DepthToSpace")
def depth_to_space(c: Call) -> Any:
    """Blocks of channels as blocks of the image."""
    b, (n, d, h, w) = c.get("blocksize"), c[0].shape
    if c.get("mode", "DCR") == "DCR":
        return at_positions(c[0], lambda at: at.reshape(n, b, b, d // b**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, d // b**2, h * b, w * b))
    return at_positions(c[0], lambda at: at.reshape(n, d // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, d // b**2, h * b, w * b))


@operator("SpaceToDepth")
def space_to_depth(c: Call) -> Any:
    """Blocks of the image as channels."""
    b, (n, d, h, w) = c.get("blocksize"), c[0].shape
    order = (0, 1, 3, 5, 2, 4) if c.get("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    return at_positions(c[0], lambda at: at.reshape(n, d, h // b, b, w // b, b).transpose(order).reshape(n, d * b * b, h // b, w // b))


@operator("Compress")
def compress(c: Call) -> Any:
    """Entries where a condition holds."""
    return at_positions(c[0], lambda at: np.compress(c.data(1).astype(bool), at, axis=c.get("axis")))


@operator("ReverseSequence")
def reverse_sequence(c: Call) -> Any:
    """The beginnings of sequences backwards."""
    time, batch = c.get("time_axis", 0), c.get("batch_axis", 1)

    def places(at: Any) -> Any:
        rows = np.moveaxis(at, (batch, time), (0, 1)).copy()
        for row, n in zip(rows, c.data(1).astype(int), strict=True):
            row[:n] = row[:n][::-1].copy()
        return np.moveaxis(rows, (0, 1), (batch, time))

    return at_positions(c[0], places)


@operator("Trilu")
def trilu(c: Call) -> Any:
    """One triangle of matrices."""
    k = int(c.data(1, np.asarray(0)))
    return np.where((np.triu if c.get("upper", 1) else np.tril)(np.ones(c[0].shape, bool), k), c[0], 0.0)


@operator("OneHot")
def one_hot(c: Call) -> Any:
    """Two values, the second where an index says so."""
    depth, axis = int(np.ravel(numbers(c[1]))[0]), c.get("axis", -1)
    index = np.asarray(numbers(c[0])).astype(int)
    index = np.where((index < -depth) | (index >= depth), depth, index % depth)
    mask = np.moveaxis(np.arange(depth) == index[..., None], -1, axis)
    return np.where(mask, c[2][1], c[2][0])


@operator("TopK")
def largest(c: Call) -> Any:
    """The k largest along an axis, or the smallest, in order."""
    axis, k = c.get("axis", -1), int(np.ravel(c.data(1, np.asarray(c.get("k", 1))))[0])
    x = c[0].value
    order = np.take(np.argsort(-x if c.get("largest", 1) else x, axis=axis, kind="stable"), range(k), axis=axis)
    return at_positions(c[0], lambda at: np.take_along_axis(at, order, axis=axis)), order


@operator("Unique")
def unique(c: Call) -> Any:
    """Every entry once."""
    if c.get("axis") is not None:
        raise CannotExpress("Unique along an axis has no form here")
    _, first, inverse, count = np.unique(c[0].value, return_index=True, return_inverse=True, return_counts=True)
    order = np.arange(first.size) if c.get("sorted", 1) else np.argsort(first)
    back = np.argsort(order)[np.ravel(inverse)]
    return c[0].reshape(-1)[first[order]], first[order], back, count[order]


@operator("Range")
def arange(c: Call) -> Any:
    """Start, start + delta and so on."""
    n = np.arange(numbers(c[0]), numbers(c[1]), numbers(c[2])).size
    return c[0] + np.arange(n) * c[2]


def _axis_weights(c: Call, axis: int, n: int, out: int, scale: float | None) -> Any:
    """Return the matrix of a resize along one axis, as ONNX's own reference has it."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    kept = {k: v for k, v in c.attributes.items() if k not in ("axes", "keep_aspect_ratio_policy")}
    node = helper.make_node("Resize", ["x", "", "scales", "sizes"][: 3 if scale is not None else 4], ["y"], **kept)
    if scale is None:
        node.input[2] = ""
    run = ReferenceEvaluator(node, opsets={"": max(c.version, 18)})
    more = {"scales": np.array([scale], np.float32)} if scale is not None else {"sizes": np.array([out], np.int64)}
    columns: list[Any] = [next(iter(run.run(None, {"x": row, **more}))) for row in np.eye(n)]
    return np.stack([np.asarray(x, np.float64) for x in columns], axis=1)


@operator("Resize", "Upsample")
def resize(c: Call) -> Any:
    """Interpolation axis by axis."""
    if c.get("coordinate_transformation_mode") == "tf_crop_and_resize" or c.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise CannotExpress("Resize of a crop, or with a ratio kept, has no form here")
    x, rank = c[0], c[0].ndim
    given = numbers(c[1] if c.op == "Upsample" or c.version == 10 else c[2])
    scales = np.ravel(given if given is not None and np.size(given) else c.get("scales", []))
    sizes = None if np.size(scales) else c.data(3)
    axes = [a % rank for a in c.get("axes", range(rank))]
    for k, axis in enumerate(axes):
        n = x.shape[axis]
        scale = float(scales[k]) if np.size(scales) else None
        out = int(np.floor(n * scale)) if scale is not None else int(np.asarray(sizes)[k])
        if (scale is not None and scale == 1) or (scale is None and out == n):
            continue
        moved = np.moveaxis(x, axis, -1)
        x = np.moveaxis(np.matmul(moved, _axis_weights(c, axis, n, out, scale).T), -1, axis)
    return x
