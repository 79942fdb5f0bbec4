"""Kernels of PyTorch, Triton and CUDA included: by their own autodiff or a vjp, with references in torch, which are recorded in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils import deterministic

from gradcheck.capture.torch.session import recorded_call
from gradcheck.errors import BadInput, FunctionFailed, NotRecorded
from gradcheck.graph.graph import Graph
from gradcheck.probe.kernel.call import STORED, Floats, Kernel, refuse_formats
from gradcheck.probe.kernel.reference import Reference, cut_to
from gradcheck.probe.subject.structure import Flat, flatten, shown_path
from gradcheck.probe.subject.torch import is_tensor

Function = Callable[..., Any]


class TorchKernel(Kernel):
    """A kernel over tensors.

    Args:
        f: the kernel: a function, an `autograd.Function`'s apply, a module without parameters.
        inputs: its arguments; tensors of formats that kernels store are differentiated (those that require a gradient, if any does), all else is data.
        vjp: its backward pass, where it has no autograd.
        reference: the slow function.
        reference_vjp: its backward pass as the kernel's author writes it: (g, result, *inputs).

    Raises:
        BadInput: no tensor that is differentiated.
    """

    owner = "torch"

    def __init__(self, f: Function, inputs: tuple[Any, ...], vjp: Function | None, reference: Function, reference_vjp: Function | None) -> None:
        self._f, self._vjp, self._slow, self._slow_vjp = f, vjp, reference, reference_vjp
        self._flat = flatten(inputs, is_tensor)
        floats = [i for i, t in enumerate(self._flat.arrays) if _name(t) in STORED]
        wanted = [i for i in floats if self._flat.arrays[i].requires_grad]
        self._chosen = wanted or floats
        refuse_formats([_name(self._flat.arrays[i]) for i in self._chosen])
        self.paths = tuple(shown_path(self._flat.paths[i]) for i in self._chosen)
        self.arrays = tuple(self._flat.arrays[i].detach() for i in self._chosen)

    def format_of(self, x: Any) -> str:
        return _name(x)

    def numbers(self, x: Any) -> Floats:
        return np.array(x.detach().to("cpu", torch.float64).numpy())

    def typed(self, x: Floats, stored: str, like: Any = None) -> Any:
        return torch.from_numpy(np.array(x, np.float64)).to(getattr(torch, stored)).to("cpu" if like is None else like.device)

    def _arguments(self, xs: Sequence[Any], others: Callable[[Any], Any] = lambda t: t) -> Any:
        arrays = [t if i in self._chosen else others(t.detach()) for i, t in enumerate(self._flat.arrays)]
        for i, x in zip(self._chosen, xs, strict=True):
            arrays[i] = x
        return self._flat.rebuild(arrays)

    def run(self, xs: Sequence[Any], cotangents: Sequence[Any] | None) -> tuple[list[Any], list[Any]]:
        by_autograd = cotangents is not None and self._vjp is None
        leaves = [x.detach().requires_grad_(by_autograd) for x in xs]
        with torch.set_grad_enabled(by_autograd):
            given = self._f(*self._arguments(leaves))
        found = flatten(given, is_tensor)
        results = [y for y in found.arrays if y.is_floating_point()]
        if not results:
            raise FunctionFailed(f"expected a kernel that returns tensors; got {type(given).__name__}")
        if cotangents is None:
            return results, []
        if self._vjp is not None:
            return results, self._by_vjp(leaves, cotangents, found)
        used = [(y, g) for y, g in zip(results, cotangents, strict=True) if y.requires_grad]
        if not used:
            raise FunctionFailed("expected a kernel with a backward pass; got results that require no gradient; give vjp=")
        grads = torch.autograd.grad([y for y, _ in used], leaves, [g for _, g in used], allow_unused=True)
        return results, [torch.zeros_like(x) if v is None else v for v, x in zip(grads, leaves, strict=True)]

    def _by_vjp(self, leaves: Sequence[Any], cotangents: Sequence[Any], found: Flat) -> list[Any]:
        assert self._vjp is not None
        one = cotangents[0] if len(cotangents) == 1 else found.rebuild(list(cotangents))
        return self._parts(self._vjp(one, *self._arguments(leaves)), "vjp")

    def _parts(self, answer: Any, what: str) -> list[Any]:
        """Return the gradients of what is differentiated, of an answer with one an argument."""
        parts = list(answer) if isinstance(answer, tuple | list) else [answer]
        arguments = [int(p[1 : p.index("]")]) for p in self._flat.paths]
        if any(arguments.count(k) > 1 for k in arguments) or max(arguments) >= len(parts):
            raise FunctionFailed(f"expected {what} to return a gradient, or None, for each argument, which are tensors; got {len(parts)}")
        return [parts[arguments[i]] for i in self._chosen]

    def strided(self, x: Any) -> Any:
        if not x.dim():
            return x
        wide = x.new_zeros((*x.shape[:-1], 2 * x.shape[-1]))
        wide[..., ::2] = x
        return wide[..., ::2]

    def written(self, old: Any, x: Any) -> bool:
        with torch.no_grad():
            old.copy_(x)
        return True

    @contextmanager
    def poisoned(self) -> Iterator[None]:
        """``torch.empty`` and its kind give NaN."""
        before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled(), deterministic.fill_uninitialized_memory
        try:
            torch.use_deterministic_algorithms(True, warn_only=True)
            deterministic.fill_uninitialized_memory = True
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            deterministic.fill_uninitialized_memory = before[2]

    def reference(self, xs: Sequence[Floats], cotangents: Sequence[Floats]) -> Reference:
        leaves = [torch.from_numpy(np.array(x, np.float64)) for x in xs]
        graph, values, names = _graph(lambda *ts: self._slow(*self._arguments(ts, _wide)), leaves)
        if self._slow_vjp is None:
            return Reference(graph, values, names)
        results = [torch.zeros(graph.shapes[y], dtype=torch.float64) for y in graph.outputs]
        gs = [torch.from_numpy(np.array(g, np.float64)) for g in cotangents]
        given: list[int] = []

        def backward(*ts: Any) -> tuple[Any, ...]:
            parts = [ts[: len(gs)], ts[len(gs) : len(gs) + len(results)], ts[len(gs) + len(results) :]]
            one = [v[0] if len(v) == 1 else tuple(v) for v in parts[:2]]
            assert self._slow_vjp is not None
            found = self._parts(self._slow_vjp(*one, *self._arguments(parts[2], _wide)), "reference_vjp")
            given[:] = [k for k, v in enumerate(found) if v is not None]
            return tuple(found[k] for k in given)

        author, _, called = _graph(backward, [*gs, *results, *leaves])
        first, second = len(gs), len(gs) + len(results)
        point = tuple(np.asarray(x, np.float64) for x in xs)
        return Reference(graph, values, names, author, (called[:first], called[first:second], called[second:]), point, tuple(given))


def _name(t: Any) -> str:
    return str(t.dtype).removeprefix("torch.")


def _wide(t: Any) -> Any:
    """Return data of the run for a reference in float64."""
    return t.double() if t.is_floating_point() else t


def _graph(f: Function, leaves: Sequence[Any]) -> tuple[Graph, dict[str, Any], tuple[str, ...]]:
    """Return the graph of a function of float64 tensors, the values of its leaves, and the leaf of each tensor."""
    given = [t.detach().clone().requires_grad_() for t in leaves]
    try:
        recording = recorded_call(f, given, None, {}, {})
    except NotRecorded as error:
        raise BadInput(f"expected a reference whose operations have a graph; got one that has none: {error}") from error
    if recording.coverage.opaque:
        first = recording.coverage.opaque[0]
        raise BadInput(f"expected a reference of operations that have rules; got {first.operation} [{first.place}]: {first.reason}")
    graph = cut_to(recording.graph, recording.results)
    names = tuple(f"input{k}" if f"input{k}" in graph.leaf else "" for k in range(len(given)))
    return graph, {k: np.asarray(recording.values[k]) for k in graph.leaf if graph.leaf[k].value is None}, names
