"""Kernels of JAX, Pallas included: by their own autodiff, with references in JAX, which are recorded in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcheck.arith.floating import FORMATS
from gradcheck.capture.jax.session import recorded_function
from gradcheck.errors import BadInput, FunctionFailed, NotRecorded
from gradcheck.graph.graph import Graph
from gradcheck.probe.kernel.call import STORED, Floats, Kernel, refuse_formats
from gradcheck.probe.kernel.reference import Reference, cut_to
from gradcheck.probe.subject.jax import is_array
from gradcheck.probe.subject.structure import flatten, shown_path

Function = Callable[..., Any]


class JaxKernel(Kernel):
    """A kernel over JAX arrays.

    Args:
        f: the kernel.
        inputs: its arguments; arrays of formats that kernels store are differentiated, all else is data.
        reference: the slow function.
        reference_vjp: its backward pass as the kernel's author writes it: (g, result, *inputs).

    Raises:
        BadInput: no array that is differentiated.
    """

    owner = "jax"

    def __init__(self, f: Function, inputs: tuple[Any, ...], reference: Function, reference_vjp: Function | None) -> None:
        self._f, self._slow, self._slow_vjp = f, reference, reference_vjp
        self._flat = flatten(inputs, is_array)
        self._chosen = [i for i, x in enumerate(self._flat.arrays) if str(x.dtype) in STORED]
        refuse_formats([str(self._flat.arrays[i].dtype) for i in self._chosen])
        self.paths = tuple(shown_path(self._flat.paths[i]) for i in self._chosen)
        self.arrays = tuple(self._flat.arrays[i] for i in self._chosen)

    def format_of(self, x: Any) -> str:
        return str(x.dtype)

    def numbers(self, x: Any) -> Floats:
        return np.array(np.asarray(x), np.float64)

    def typed(self, x: Floats, stored: str, like: Any = None) -> Any:
        return jnp.asarray(np.array(x, np.float64).astype(FORMATS[stored]))

    def _arguments(self, xs: Sequence[Any]) -> Any:
        arrays = list(self._flat.arrays)
        for i, x in zip(self._chosen, xs, strict=True):
            arrays[i] = x
        return self._flat.rebuild(arrays)

    def _evaluated(self, *xs: Any) -> list[Any]:
        found = flatten(self._f(*self._arguments(xs)), is_array).arrays
        results = [y for y in found if jnp.issubdtype(y.dtype, jnp.floating)]
        if not results:
            raise FunctionFailed("expected a kernel that returns arrays of JAX")
        return results

    def run(self, xs: Sequence[Any], cotangents: Sequence[Any] | None) -> tuple[list[Any], list[Any]]:
        if cotangents is None:
            return self._evaluated(*xs), []
        results, back = jax.vjp(self._evaluated, *xs)
        return results, list(back(list(cotangents)))

    def reference(self, xs: Sequence[Floats], cotangents: Sequence[Floats]) -> Reference:
        with jax.enable_x64(True):
            graph, values, names = _graph(lambda *xs: self._slow(*self._arguments(xs)), xs)
            if self._slow_vjp is None:
                return Reference(graph, values, names)
            results = [np.zeros(graph.shapes[y]) for y in graph.outputs]
            first, second = len(cotangents), len(cotangents) + len(results)
            given: list[int] = []

            def backward(*ts: Any) -> list[Any]:
                one = [v[0] if len(v) == 1 else tuple(v) for v in (ts[:first], ts[first:second])]
                assert self._slow_vjp is not None
                parts = flatten(self._slow_vjp(*one, *self._arguments(ts[second:])), lambda v: v is None or is_array(v)).arrays
                chosen = [int(p[1 : p.index("]")]) for i, p in enumerate(self._flat.paths) if i in self._chosen]
                found = parts if len(parts) == len(chosen) else [parts[k] for k in chosen]
                given[:] = [k for k, v in enumerate(found) if v is not None]
                return [found[k] for k in given]

            author, _, called = _graph(backward, [*cotangents, *results, *xs])
            point = tuple(np.asarray(x, np.float64) for x in xs)
            return Reference(graph, values, names, author, (called[:first], called[first:second], called[second:]), point, tuple(given))


def _graph(f: Function, xs: Sequence[Floats]) -> tuple[Graph, dict[str, Any], tuple[str, ...]]:
    """Return the graph of a function of float64 arrays, the values of its leaves, and the leaf of each array."""
    try:
        recording = recorded_function(f, [jnp.asarray(x, jnp.float64) for x in xs])
    except NotRecorded as error:
        raise BadInput(f"expected a reference whose operations have a graph; got one that has none: {error}") from error
    if recording.coverage.opaque:
        first = recording.coverage.opaque[0]
        raise BadInput(f"expected a reference of operations that have rules; got {first.operation}: {first.reason}")
    graph = cut_to(recording.graph, recording.results)
    names = tuple(f"x{k}" if f"x{k}" in graph.leaf else "" for k in range(len(xs)))
    return graph, {k: np.asarray(recording.values[k]) for k in graph.leaf if graph.leaf[k].value is None}, names
