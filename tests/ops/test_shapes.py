"""Shapes by formula: the same as those of the arrays, and found without any."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.arith.floating import Floating
from gradcheck.errors import BadAttribute, BadGraph, BadInput, BadShape
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.ops.geometry import (
    broadcast,
    has_empty_window,
    outside,
    padded,
    padded_shape,
    sliced,
    sliced_shape,
    tiled,
    tiled_shape,
    window_counts,
    windows,
)
from gradcheck.ops.op import INTEGER_KINDS, registry

SAMPLES = [(op, k) for op in registry.values() for k in range(len(op.samples))]
lengths = st.integers(0, 6)
few = st.integers(1, 5)


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize(("op", "k"), SAMPLES, ids=lambda x: getattr(x, "name", x))
def test_the_formula_is_the_value_s_shape(op, k):
    """Of every sample of every operation."""
    sample, m = op.samples[k], Floating("float64")
    kinds = op.kinds(len(sample.operands))
    xs = [np.asarray(x) if kind in INTEGER_KINDS else m.array(np.full(x, 0.5)) for kind, x in zip(kinds, sample.operands, strict=True)]
    attributes = op.complete(sample.attributes)
    assert op.result_shape(tuple(x.shape for x in xs), attributes) == op.value(m, *xs, **attributes).shape


@given(st.integers(0, 7), few, few, st.integers(-2, 9), st.integers(-2, 9), st.integers(1, 7))
def test_windows(size, kernel, stride, begin, end, dilation):
    """How many there are, and whether one of them sees padding alone, however they step over the entries."""
    index = windows((size,), (kernel,), (stride,), ((begin, end),), (dilation,))
    (count,) = window_counts((size,), (kernel,), (stride,), ((begin, end),), (dilation,))
    assert index.shape == (count, kernel)
    if count:
        assert has_empty_window(size, kernel, stride, begin, count, dilation) == bool(outside(index).all(axis=-1).any())


@given(st.lists(lengths, max_size=3), st.lists(st.integers(0, 3), max_size=4))
def test_tile(shape, repeats):
    """NumPy's tile, also of more axes than the operand has."""
    assert tiled_shape(tuple(shape), tuple(repeats)) == tiled(tuple(shape), tuple(repeats)).shape


@given(lengths, lengths, st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([-3, -2, -1, 1, 2, 3]))
def test_slice(n, k, start, stop, step):
    """Every start, stop and step, on either side of the axis."""
    given_ = {"starts": (start,), "stops": (stop,), "axes": (1,), "steps": (step,)}
    assert sliced_shape((k, n), **given_) == sliced((k, n), **given_).shape


@given(lengths, lengths, st.integers(0, 3), st.integers(0, 3), st.sampled_from(["constant", "edge", "reflect"]))
def test_pad(n, k, before, after, mode):
    """Every mode; an axis without entries has no edge."""
    try:
        shape = padded_shape((n, k), ((before, after), (0, 1)), mode)
    except BadShape:
        assert mode != "constant"
        assert 0 in (n, k)
        return
    assert shape == padded((n, k), ((before, after), (0, 1)), mode).shape


@given(st.lists(st.lists(st.sampled_from([0, 1, 2, 3]), max_size=3), max_size=3))
def test_broadcasting(shapes):
    """As NumPy does it."""
    try:
        expected = np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        with pytest.raises(BadShape):
            broadcast("add", *map(tuple, shapes))
        return
    assert broadcast("add", *map(tuple, shapes)) == expected


LARGE = [
    ("max_pool", [(1, 1, 2**24)], {"kernel": 16}), ("avg_pool", [(1, 1, 2**24)], {"kernel": 16}), ("conv1d", [(1, 1, 2**24), (1, 1, 16)], {}),
    ("conv_transpose2d", [(1, 1, 2**12, 2**12), (1, 1, 4, 4)], {}), ("slice", [(2**28,)], {"starts": (0,), "stops": (2**28,)}),
    ("tile", [(2**14,)], {"repeats": (2**14,)}), ("pad", [(2**28 - 2,)], {"pads": (1, 1)}), ("broadcast_to", [(1,)], {"shape": (2**28,)}),
    ("max_pool", [(1, 1, 1)], {"kernel": 2, "dilation": 2**27, "padding": (2**27, 0)}), ("reshape", [(2**28,)], {"shape": (2**14, 2**14)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shapes", "attributes"), LARGE, ids=[x[0] for x in LARGE])
def test_shapes_make_no_arrays(name, shapes, attributes):
    """A document of some hundred bytes must not fill the memory."""
    op = registry[name]
    tracemalloc.start()
    try:
        assert op.result_shape(tuple(shapes), op.complete(attributes))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_at_most_32_axes():
    """Of leaves, and of whatever an operation makes."""
    for op, attributes in (("broadcast_to", {"shape": (1,) * 33}), ("reshape", {"shape": (1,) * 33})):
        with pytest.raises(BadShape, match="32 axes"):
            Graph([Leaf("x", "input", (1,))], [Node("y", op, ("x",), attributes)], ["y"])
        assert Graph([Leaf("x", "input", (1,))], [Node("y", op, ("x",), {"shape": (1,) * 32})], ["y"]).shapes["y"] == (1,) * 32
    with pytest.raises(BadShape, match="32 axes"):
        Graph([Leaf("x", "input", (1,) * 32)], [Node("y", "expand", ("x",))], ["y"])
    with pytest.raises(BadGraph, match="32 axes"):
        Graph([Leaf("x", "input", (1,) * 33)], [Node("y", "sum", ("x",))], ["y"])


def test_entries_are_counted_in_64_bits():
    """Outer products of outer products: each would have the square of the entries."""
    nodes, source = [], "x"
    for k in range(7):
        nodes += [Node(f"o{k}", "outer", (source, source)), Node(f"r{k}", "reshape", (f"o{k}",), {"shape": (-1,)})]
        source = f"r{k}"
    with pytest.raises(BadShape, match="64 bits"):
        Graph([Leaf("x", "input", (10,))], nodes, [source])


def test_letters_of_an_equation():
    """There are 52, and each repetition takes one more."""
    for equation in ("a" * 54, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZa"):
        with pytest.raises((BadAttribute, BadShape)):
            Graph([Leaf("x", "input", (1,) * 32)], [Node("y", "einsum", ("x",), {"equation": equation})], ["y"])
    diagonal = Graph([Leaf("x", "input", (1,) * 32)], [Node("y", "einsum", ("x",), {"equation": "a" * 32})], ["y"])
    assert diagonal.shapes["y"] == ()


def test_messages_have_an_end():
    """An equation of 200 KB is told by its beginning and its end."""
    for op in ("einsum", "x" * 200_000):
        with pytest.raises(BadInput) as caught:
            Graph([Leaf("x", "input", (1,))], [Node("y", op, ("x",), {"equation": "a%" * 100_000})], ["y"])
        assert len(str(caught.value)) <= 2000
