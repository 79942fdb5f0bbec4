"""Record a run of NumPy code as a graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded, Recording
from gradcheck.capture.numpy.creation import recorded_makers
from gradcheck.capture.numpy.functions import joined
from gradcheck.errors import NotTraceable
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays


@dataclass(frozen=True, slots=True)
class NumpyRun:
    """What NumPy code did with its arguments.

    Args:
        graph: of the run: branches as they were taken, comparisons, indices and masks as they came out.
        values: of its parameters.
        at_edge: whether numbers were compared that are all but equal: another branch is near.
        loops: whether a line compared single numbers more than once, as a loop does that ends by them.
    """

    graph: Graph
    values: Arrays
    at_edge: bool = False
    loops: bool = False


def record_numpy(
    f: Callable[..., Any], arguments: Mapping[str, Any] | Sequence[Any], *, name: str = "", code: Any = None, most: float = math.inf
) -> NumpyRun:
    """Return the graph of one run.

    Args:
        f: NumPy code, called once; it may branch on numbers, write in place, and fill arrays.
        arguments: floats are recorded; integers, truth values and whatever else are data of the run.
        name: of the graph; the function's unless given.
        code: the function whose code it is, where `f` only calls it.
        most: entries of all values together, beyond which the run is given up.

    Raises:
        NotTraceable: it did something that has no graph form, or returned nothing that depends on its arguments.

    >>> def f(x):
    ...     y = np.zeros(3)
    ...     y[x > 0] = np.sqrt(x[x > 0])
    ...     return y.sum()
    >>> [node.op for node in record_numpy(f, [np.array([1.0, -2.0, 3.0])]).graph.nodes]
    ['take', 'sqrt', 'concatenate', 'take', 'sum']
    """
    named = dict(arguments) if isinstance(arguments, Mapping) else {f"x{k}": x for k, x in enumerate(arguments)}
    recording, values = Recording(most), {}
    given = {}
    for key, x in named.items():
        if _is_float(x):
            values[key] = np.array(x, np.float64)
            given[key] = recording.input(key, values[key])
        else:
            given[key] = x
    try:
        with recorded_makers(recording, f if code is None else code):
            result = f(**given) if isinstance(arguments, Mapping) else f(*given.values())
        return _run(recording, result, values, name or getattr(f, "__name__", "f").strip("<>"))
    finally:
        recording.closed = True


def _run(recording: Recording, result: Any, values: Arrays, name: str) -> NumpyRun:
    outputs = [_output(recording, y) for y in (result if isinstance(result, tuple) else (result,))]
    graph = Graph(recording.leaves, recording.nodes, outputs, name=name)
    return NumpyRun(graph, values, recording.at_edge, recording.loops)


def _is_float(x: Any) -> bool:
    return (isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f") or isinstance(x, float)


def _output(recording: Recording, y: Any) -> str:
    found = joined(y) if isinstance(y, list) else y
    if not isinstance(found, Recorded) or not found.memory.name:
        raise NotTraceable(f"expected values that depend on the arguments; got {type(found).__name__}")
    return found.name
