"""Values are checked against the graph and rounded to a format."""

import warnings
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from gradcheck.errors import BadValues, UnknownDtype, UnknownName
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.trace import trace
from gradcheck.graph.values import bind

VALUES = {"x": np.ones((2, 3)), "i": np.array([0, 1]), "m": np.array([[True], [False]])}
GRAPH = trace(lambda x, i, m: np.sum(np.where(m, x, 0.5)[i]), VALUES)


def test_every_leaf_is_bound():
    """Constants are there too; floats have the format, integers and booleans their own type."""
    bound = bind(GRAPH, VALUES, "float32")
    assert {k: x.dtype.name for k, x in bound.items()} == {"x": "float32", "i": "int64", "m": "bool", "c1": "float32"}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "longdouble"])
def test_formats(dtype):
    """Values are rounded to the nearest number of the format, and are copies."""
    x = np.full((2, 3), 1 / 3)
    bound = bind(GRAPH, {**VALUES, "x": x}, dtype)
    assert bound["x"].astype(np.float64)[0, 0] == pytest.approx(1 / 3, rel=2**-8)
    assert not np.shares_memory(bound["x"], x)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_is_too_large_becomes_infinite_silently(dtype):
    """Values beyond the format's range are infinities, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bound = bind(GRAPH, {**VALUES, "x": np.full((2, 3), -1e300)}, dtype)
    assert np.isneginf(bound["x"].astype(np.float64)).all()


def test_python_numbers_and_narrow_formats_are_taken():
    """Lists, Python numbers, integers for floats and bfloat16 arrays are real numbers."""
    for x in ([[1, 2, 3]] * 2, np.ones((2, 3), np.int8), np.ones((2, 3), ml_dtypes.bfloat16)):
        assert bind(GRAPH, {**VALUES, "x": x})["x"].dtype == np.float64


def test_without_a_format_numbers_are_kept():
    """With no dtype, fractions stay fractions."""
    x = np.full((2, 3), Fraction(1, 3))
    assert bind(GRAPH, {**VALUES, "x": x}, None)["x"][0, 0] == Fraction(1, 3)


BAD = {
    "missing": ({"x": VALUES["x"]}, "expected a value for input 'i' of shape .2,.; got none"), "shape": ({**VALUES, "x": np.ones(3)}, r"'x': expected shape \(2, 3\); got \(3,\)"),
    "text": ({**VALUES, "x": [["a"] * 3] * 2}, "expected real numbers"), "complex": ({**VALUES, "x": np.ones((2, 3)) * 1j}, "got complex ones"),
    "ragged": ({**VALUES, "x": [[1, 2], [3]]}, "'x': expected an array"), "None": ({**VALUES, "x": None}, "expected shape"), "bool for float": ({**VALUES, "x": np.ones((2, 3), bool)}, "real numbers"),
    "objects": ({**VALUES, "x": np.full((2, 3), Fraction(1))}, "real numbers"), "float for int": ({**VALUES, "i": [0.0, 1.0]}, "'i': expected integers"), "int for bool": ({**VALUES, "m": [[1], [0]]}, "expected booleans"),
    "list": ([1], "expected a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_values(name):
    """Every misfit names the value, what was expected and what came."""
    values, message = BAD[name]
    with pytest.raises(BadValues, match=message):
        bind(GRAPH, values)


@pytest.mark.parametrize("name", ["y", "c1", 3])
def test_unknown_names(name):
    """A value for nothing, or for a constant, is refused."""
    with pytest.raises(UnknownName, match="no input or parameter named"):
        bind(GRAPH, {**VALUES, name: 1.0})


def test_unknown_format():
    """A format that does not exist is refused."""
    with pytest.raises(UnknownDtype, match="float65"):
        bind(GRAPH, VALUES, "float65")


@pytest.mark.parametrize("x", [np.array(["1", "2"]), np.array([1j, 2]), np.array([True, False]), np.array(["2020", "2021"], "datetime64[Y]")])
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_floats_are_real_numbers(x, dtype):
    """Texts, dates, truths and complex numbers are none, whatever format is asked for."""
    graph = Graph([Leaf("w", "parameter", (2,))], [Node("y", "sum", ("w",))], ["y"])
    with pytest.raises(BadValues, match="expected real numbers"):
        bind(graph, {"w": x}, dtype)
