"""Kernels over NumPy arrays (ctypes, Numba, Cython, emulations), with a vjp of their own, and references in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcheck.arith.floating import FORMATS
from gradcheck.capture.numpy.record import record_numpy
from gradcheck.errors import BadInput, ControlFlow, NotTraceable
from gradcheck.graph.graph import Graph
from gradcheck.graph.trace import trace
from gradcheck.probe.kernel.call import STORED, Floats, Kernel, refuse_formats
from gradcheck.probe.kernel.reference import Reference
from gradcheck.probe.subject.numpy import Calls, outputs
from gradcheck.probe.subject.structure import flatten, shown_path

Derivative = Callable[..., Any]


class NumpyKernel(Kernel):
    """A kernel over NumPy arrays.

    Args:
        f: the kernel.
        inputs: its arguments; arrays of formats that kernels store are differentiated, all else is data.
        vjp: its backward pass.
        reference: the slow function.
        reference_vjp: its backward pass as the kernel's author writes it: (g, result, *inputs).
    """

    owner = "numpy"

    def __init__(self, f: Derivative, inputs: tuple[Any, ...], vjp: Derivative, reference: Derivative, reference_vjp: Derivative | None) -> None:
        self._vjp, self._reference, self._reference_vjp = vjp, reference, reference_vjp
        self._calls = _StoredCalls(f, inputs)
        self._slow = _StoredCalls(reference, inputs)
        self.paths = self._calls.paths
        self.arrays = tuple(self._calls.point)

    def format_of(self, x: Any) -> str:
        return str(np.asarray(x).dtype)

    def numbers(self, x: Any) -> Floats:
        return np.array(x, np.float64)

    def typed(self, x: Floats, stored: str, like: Any = None) -> Any:
        return np.array(x).astype(FORMATS[stored])

    def run(self, xs: Sequence[Any], cotangents: Sequence[Any] | None) -> tuple[list[Any], list[Any]]:
        arguments = self._calls.arguments(xs)
        found = self._calls.outputs = outputs(self._calls.f(*arguments))
        results = [np.asarray(y) for y in found.arrays]
        if cotangents is None:
            return results, []
        given = self._calls.per_input(self._vjp(found.rebuild(list(cotangents)), *arguments), "vjp")
        return results, [None if v is None else np.asarray(v) for v in given]

    def strided(self, x: Any) -> Any:
        if not x.ndim:
            return x
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]

    def written(self, old: Any, x: Any) -> bool:
        old[...] = x
        return True

    @contextmanager
    def poisoned(self) -> Iterator[None]:
        """``np.empty`` and its kind give NaN: of code that has them by these names."""
        kept = {name: getattr(np, name) for name in ("empty", "empty_like")}
        try:
            for name, make in kept.items():
                setattr(np, name, _filled(make))
            yield
        finally:
            for name, make in kept.items():
                setattr(np, name, make)

    def reference(self, xs: Sequence[Floats], cotangents: Sequence[Floats]) -> Reference:
        values = {f"x{k}": np.asarray(x, np.float64) for k, x in enumerate(xs)}
        graph = _graph(lambda **named: tuple(outputs(self._reference(*self._slow.arguments(list(named.values())))).arrays), values)
        names = tuple(k if k in graph.leaf else "" for k in values)
        if self._reference_vjp is None:
            return Reference(graph, values, names)
        return self._by_author(graph, values, names, cotangents)

    def _by_author(self, graph: Graph, values: dict[str, Floats], names: tuple[str, ...], cotangents: Sequence[Floats]) -> Reference:
        results = {f"y{k}": np.zeros(graph.shapes[y]) for k, y in enumerate(graph.outputs)}
        gs = {f"g{k}": np.asarray(g, np.float64) for k, g in enumerate(cotangents)}
        given: list[int] = []

        def backward(**named: Any) -> tuple[Any, ...]:
            g, y, x = ([named[k] for k in part] for part in (gs, results, values))
            assert self._reference_vjp is not None
            one = [v[0] if len(v) == 1 else tuple(v) for v in (g, y)]
            found = self._slow.per_input(self._reference_vjp(*one, *self._slow.arguments(x)), "reference_vjp")
            given[:] = [k for k, v in enumerate(found) if v is not None]
            return tuple(found[k] for k in given)

        author = _graph(backward, {**gs, **results, **values})
        return Reference(graph, values, names, author, (tuple(gs), tuple(results), tuple(values)), tuple(values.values()), tuple(given))


class _StoredCalls(Calls):
    """Calls of which arrays alone are differentiated, and only of formats that are stored."""

    def __init__(self, f: Derivative, inputs: tuple[Any, ...]) -> None:
        self.f, self.inputs, self.outputs = f, inputs, None
        self.flat = flatten(inputs, lambda x: isinstance(x, np.ndarray))
        self.chosen = [i for i, a in enumerate(self.flat.arrays) if str(a.dtype) in STORED]
        refuse_formats([str(self.flat.arrays[i].dtype) for i in self.chosen])
        self.paths = tuple(shown_path(self.flat.paths[i]) for i in self.chosen)
        self.point = [self.flat.arrays[i] for i in self.chosen]


def _graph(f: Derivative, values: dict[str, Floats]) -> Graph:
    try:
        return trace(f, values, name="reference")
    except (NotTraceable, ControlFlow, TypeError):
        pass
    try:
        return record_numpy(f, values, name="reference").graph
    except NotTraceable as error:
        raise BadInput(f"expected a reference whose operations have a graph; got one that has none: {error}") from error


def _filled(make: Any) -> Any:
    def filled(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        if made.dtype.kind == "f" or made.dtype.name == "bfloat16":
            made.fill(np.nan)
        return made

    return filled


