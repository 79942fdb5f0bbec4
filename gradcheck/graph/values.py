"""The values of a graph's leaves: checked against the graph, rounded to a format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import BadValues, UnknownDtype, UnknownName
from gradcheck.graph.graph import Graph, Leaf

Values = Mapping[str, npt.ArrayLike]
Arrays = dict[str, npt.NDArray[Any]]

_CAST = {"int": np.dtype(np.intp), "bool": np.dtype(bool)}


def bind(graph: Graph, values: Values, dtype: str | None = "float64") -> Arrays:
    """Return the array of every leaf, constants included, floats rounded to `dtype`.

    With `dtype` None real numbers of any kind (fractions, mpmath) are kept as they are.

    Raises:
        BadValues: a value is missing, or has a wrong shape or type.
        UnknownName: a value that the graph has no leaf for.
        UnknownDtype: a format that does not exist.
    """
    if not isinstance(values, Mapping):
        raise BadValues(f"expected a mapping from names to arrays; got {type(values).__name__}")
    if dtype is not None and dtype not in FORMATS:
        raise UnknownDtype(dtype, FORMATS)
    for name in values:
        if name not in graph.leaf or graph.leaf[name].kind == "constant":
            raise UnknownName("input or parameter", name, (*graph.inputs, *graph.parameters))
    return {leaf.name: _bound(leaf, values, dtype) for leaf in graph.leaves}


def _bound(leaf: Leaf, values: Values, dtype: str | None) -> npt.NDArray[Any]:
    if leaf.value is None and leaf.name not in values:
        raise BadValues(f"expected a value for {leaf.kind} {leaf.name!r} of shape {leaf.shape}; got none")
    x = _array(leaf, leaf.value if leaf.value is not None else values[leaf.name])
    if tuple(x.shape) != leaf.shape:
        raise BadValues(f"{leaf.kind} {leaf.name!r}: expected shape {leaf.shape}; got {tuple(x.shape)}")
    if leaf.type == "float":
        if x.dtype == object and dtype is None:
            return x
        if not (np.issubdtype(x.dtype, np.number) or x.dtype in FORMATS.values()):
            raise BadValues(f"{leaf.kind} {leaf.name!r}: expected real numbers; got dtype {x.dtype}")
        if np.issubdtype(x.dtype, np.complexfloating):
            raise BadValues(f"{leaf.kind} {leaf.name!r}: expected real numbers; got complex ones")
        return x if dtype is None else _rounded(x, dtype)
    if leaf.type == "int" and not np.issubdtype(x.dtype, np.integer):
        raise BadValues(f"{leaf.kind} {leaf.name!r}: expected integers; got dtype {x.dtype}")
    if leaf.type == "bool" and x.dtype != bool:
        raise BadValues(f"{leaf.kind} {leaf.name!r}: expected booleans; got dtype {x.dtype}")
    return x.astype(_CAST[leaf.type])


def _array(leaf: Leaf, x: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(x)
    except ValueError as error:
        raise BadValues(f"{leaf.kind} {leaf.name!r}: expected an array of shape {leaf.shape}; {error}") from error


def _rounded(x: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    """Return a copy in a format; what is too large for it becomes infinite, as in every framework."""
    with np.errstate(over="ignore"):
        return x.astype(FORMATS[dtype])
