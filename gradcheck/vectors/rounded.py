"""Inputs with few significant bits: the same on every machine, whatever its library of elementary functions does to the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS
from gradcheck.graph.graph import Graph, Leaf
from gradcheck.graph.values import Arrays

#: format -> significant bits of inputs. More than the next narrower format has, so that an engine that computes in that one shows;
#: fewer than the format has, so that they do not hang on the last bit of anybody's logarithm. The half formats have no bit to spare.
BITS: Mapping[str, int] = {"float64": 32, "float32": 20, "float16": 11, "bfloat16": 8}


def shortened(x: npt.ArrayLike, bits: int) -> npt.NDArray[np.float64]:
    """Return numbers rounded to so many significant bits, ties to even, by arithmetic that is exact.

    >>> shortened([1 / 3, 3.0, 0.0], 4).tolist()
    [0.34375, 3.0, 0.0]
    """
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))


def short_values(graph: Graph, values: Mapping[str, npt.ArrayLike], dtype: str) -> Arrays:
    """Return the values of a graph's leaves in a format, floats with few bits.

    Args:
        graph: the network.
        values: by name.
        dtype: the format.
    """
    made: dict[str, npt.NDArray[Any]] = {}
    for name, x in values.items():
        if graph.leaf[name].type != "float":
            made[name] = np.array(x)
            continue
        with np.errstate(over="ignore"):
            made[name] = shortened(np.asarray(x, np.float64), BITS[dtype]).astype(FORMATS[dtype])
    return made


def short_constants(graph: Graph) -> Graph:
    """Return a graph whose float constants have no more bits than float64 inputs."""
    return Graph([_short(x) for x in graph.leaves], graph.nodes, graph.outputs, name=graph.name)


def _short(x: Leaf) -> Leaf:
    return replace(x, value=shortened(x.value, BITS["float64"])) if x.kind == "constant" and x.type == "float" and x.value is not None else x
