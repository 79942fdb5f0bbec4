"""Further points at which a target can be asked again: near enough to be in the domain, far enough to tell mistakes apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.errors import BadValues
from gradcheck.graph.evaluation import forward
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, Values, bind

Floats: TypeAlias = npt.NDArray[Any]
Way: TypeAlias = Callable[[Floats, np.random.Generator], Floats]

#: Values of nodes beyond which a point is left: rounding would hide there what it is to show.
LARGEST = 1e6
#: How often each way to move is tried: where two entries have to stay positive two bold points of three are found so.
_TRIES = 4


def points(graph: Graph, values: Values, dtype: str, seed: int = 0) -> Iterator[Arrays]:
    """Yield other values of the float leaves at which all nodes are finite, boldly moved ones before timid ones.

    Entries are exchanged, their signs drawn and their magnitudes multiplied by 0.5 to 1.5, arrays by a quarter to 4; then, for
    domains such as that of a logarithm, magnitudes alone are moved; then by a hundredth. Integers and booleans stay.

    Args:
        graph: the network.
        values: inputs and parameters.
        dtype: the format of the values.
        seed: of the draws.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(np.log(x)), {"x": np.array([1.0, 2.0])})
    >>> bool(np.all(next(points(graph, {"x": np.array([1.0, 2.0])}, "float64"))["x"] > 0))
    True
    """
    rng = np.random.default_rng(seed)
    given = {k: np.asarray(x) for k, x in values.items()}
    while True:
        for way in (_boldly, _scaled, _nearby):
            moved = (_bound(graph, {k: _moved(x, way, rng) for k, x in given.items()}, dtype) for _ in range(_TRIES))
            found = next((m for m in moved if m is not None), None)
            if found is not None:
                yield found
                break
        else:
            return


def _moved(x: Floats, way: Way, rng: np.random.Generator) -> Floats:
    return x if x.dtype.kind in "iub" else way(np.asarray(x, np.float64), rng)


def _boldly(x: Floats, rng: np.random.Generator) -> Floats:
    exchanged = rng.permutation(_scaled(x, rng).ravel()).reshape(x.shape)
    return np.asarray(2.0 ** rng.uniform(-2, 2) * exchanged * rng.choice([-1.0, 1.0], x.shape))


def _scaled(x: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(x * rng.uniform(0.5, 1.5, x.shape))


def _nearby(x: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(x * rng.uniform(0.99, 1.01, x.shape))


def _bound(graph: Graph, values: Arrays, dtype: str) -> Arrays | None:
    """Return values in a format, if every value of the graph is finite and none is large."""
    try:
        y = forward(graph, bind_given(graph, values, dtype), Floating("float64"))
    except BadValues:
        return None
    fine = all(np.all(np.abs(x) < LARGEST) for k, x in y.items() if k not in graph.leaf or graph.leaf[k].type == "float")
    return bind_given(graph, values, dtype) if fine else None


def bind_given(graph: Graph, values: Arrays, dtype: str) -> Arrays:
    """Return the values that are given from outside, in a format."""
    return {k: x for k, x in bind(graph, values, dtype).items() if graph.leaf[k].kind != "constant"}
