"""Ordinary Python and NumPy code becomes a graph: run once on tracers that write down what is done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import BadValues, NotTraceable, UnknownName
from gradcheck.graph.builder import Builder
from gradcheck.graph.graph import Graph, Leaf
from gradcheck.graph.tracer import Tracer


def trace(
    fn: Callable[..., Any],
    values: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike],
    *,
    inputs: Iterable[str] = (),
    name: str | None = None,
) -> Graph:
    """Return the graph of what `fn` does with arrays of the shapes of `values`.

    Args:
        fn: code of operators, NumPy functions and `gradcheck.ops`; it is called once.
        values: arrays by argument name, or in the order of the arguments. Integers and booleans
            become inputs, floats parameters.
        inputs: names of float arguments that are data, not parameters.
        name: of the graph; the function's unless given.

    Raises:
        ControlFlow: `fn` branches on a traced value.
        NotTraceable: `fn` uses something without a graph form, or returns no traced value.

    >>> graph = trace(lambda w: np.sum(np.tanh(w @ w.T)), {"w": np.ones((2, 3))})
    >>> [node.op for node in graph.nodes]
    ['transpose', 'matmul', 'tanh', 'sum']
    """
    named = dict(values) if isinstance(values, Mapping) else _by_argument(fn, values)
    builder, data = Builder(), set(inputs)
    for unknown in data - set(named):
        raise UnknownName("argument given in inputs", unknown, named)
    tracers = {k: builder.leaf(_leaf(k, x, k in data)) for k, x in named.items()}
    result = _called(fn, tracers, isinstance(values, Mapping))
    outputs = result if isinstance(result, tuple | list) else (result,)
    for y in outputs:
        if not isinstance(y, Tracer):
            raise NotTraceable(f"expected {_name(fn)} to return traced values; got {type(y).__name__}")
    return Graph(builder.leaves, builder.nodes, [y.name for y in outputs], name=name or _name(fn))


def _called(fn: Callable[..., Any], tracers: Mapping[str, Tracer], by_name: bool) -> Any:
    """Call `fn`; arguments that it does not take are an error of ours."""
    args, kwargs = ((), tracers) if by_name else (tuple(tracers.values()), {})
    signature = _signature(fn)
    try:
        if signature is not None:
            signature.bind(*args, **kwargs)
    except TypeError as error:
        raise BadValues(f"expected values for the arguments {signature} of {_name(fn)}; got {list(tracers)}: {error}") from error
    return fn(*args, **kwargs)


def _leaf(name: str, value: npt.ArrayLike, data: bool) -> Leaf:
    x = np.asarray(value)
    if x.dtype == bool:
        return Leaf(name, "input", x.shape, "bool")
    if np.issubdtype(x.dtype, np.integer):
        return Leaf(name, "input", x.shape, "int")
    if x.dtype.kind in "cSUMm":
        raise BadValues(f"{name!r}: expected real numbers, integers or booleans; got dtype {x.dtype}")
    return Leaf(name, "input" if data else "parameter", x.shape)


def _name(fn: Callable[..., Any]) -> str:
    return str(getattr(fn, "__name__", "graph")).strip("<>")


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature; None for built-in functions that have none."""
    try:
        return inspect.signature(fn)
    except ValueError:
        return None


def _by_argument(fn: Callable[..., Any], values: Sequence[npt.ArrayLike]) -> dict[str, npt.ArrayLike]:
    """Return values by argument name; x1, x2, ... where the arguments have none."""
    signature = _signature(fn)
    several = signature is None or any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [] if signature is None else [p.name for p in signature.parameters.values() if p.kind in kinds]
    if several:
        names += [f"x{k}" for k in range(len(names) + 1, len(values) + 1)]
    if len(values) > len(names):
        raise BadValues(f"expected {len(names)} values, one an argument; got {len(values)}")
    return dict(zip(names, values, strict=False))
