"""NumPy functions with the user's own vjp, grad or jvp.

Narrow code is evaluated in float64 for the reference, if that reproduces it; the doubted derivative stays in its own format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.errors import BadInput, FunctionFailed
from gradcheck.foreign import array_of
from gradcheck.probe.subject.edge import gated
from gradcheck.probe.subject.structure import Flat, differentiable, flatten, is_number, is_numpy, refuse_empty, shown_path
from gradcheck.probe.subject.subject import Array, Arrays, Subject, reproduces, spacing

Derivative = Callable[..., Any] | None


class Calls:
    """Calls a NumPy function at the arrays that are differentiated; the rest of its arguments stays in place.

    Args:
        f: the function.
        inputs: its arguments.
    """

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self.f, self.inputs = f, inputs
        self.flat = flatten(inputs, is_numpy)
        self.chosen = [i for i, a in enumerate(self.flat.arrays) if differentiable(a)]
        refuse_empty(len(self.chosen))
        self.paths = tuple(shown_path(self.flat.paths[i]) for i in self.chosen)
        self.point = [np.array(self.flat.arrays[i]) for i in self.chosen]
        self.outputs: Flat | None = None  # the structure of the outputs, from the latest call

    def arguments(self, xs: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments with other numbers in them."""
        return self._filled(self.flat.arrays, [_like(self.flat.arrays[i], x) for i, x in zip(self.chosen, xs, strict=True)])

    def tangents(self, ts: Sequence[Any]) -> tuple[Any, ...]:
        """Return tangents in the form of the arguments, zeros for what is not differentiated."""
        return self._filled([np.zeros(np.shape(a)) for a in self.flat.arrays], ts)

    def _filled(self, old: Sequence[Any], xs: Sequence[Any]) -> tuple[Any, ...]:
        new = list(old)
        for i, x in zip(self.chosen, xs, strict=True):
            new[i] = x
        made: tuple[Any, ...] = self.flat.rebuild(new)
        return made

    def raw(self, xs: Sequence[Any]) -> list[Any]:
        """Return the outputs for whatever numbers are given."""
        self.outputs = outputs(self.f(*self.arguments(xs)))
        return list(self.outputs.arrays)

    def call(self, xs: Arrays, wide: bool) -> Arrays:
        """Return the outputs, in float64 where `wide` says so."""
        found = self.raw([_widened(x) if wide else x for x in xs])
        return [array_of(y, "f's output", failure=FunctionFailed, refusal=BadInput) for y in found]

    def per_input(self, answer: Any, what: str) -> list[Any]:
        """Return the gradient of every chosen array out of an answer with one part an argument."""
        parts = answer if isinstance(answer, tuple | list) else (answer,)
        if len(parts) != len(self.inputs):
            raise FunctionFailed(f"expected {what} to return {len(self.inputs)} gradients, one an argument; got {len(parts)}")
        out: list[Any] = []
        position = 0
        for argument, part in zip(self.inputs, parts, strict=True):
            arrays = flatten(argument, is_numpy)
            count = len(arrays.arrays)
            wanted = [i - position for i in self.chosen if position <= i < position + count]
            out += [_at(part, arrays.paths[i], count) for i in wanted]
            position += count
        return out


class _Doubted:
    """The user's derivatives, in the formats of the inputs and outputs whatever f is evaluated in.

    Args:
        calls: the function.
        vjp, grad, jvp: as given to `check`.
    """

    def __init__(self, calls: Calls, vjp: Derivative, grad: Derivative, jvp: Derivative) -> None:
        self.calls, self.vjp, self.grad, self.jvp = calls, vjp, grad, jvp
        self.formats: list[Any] = []  # of the outputs, where f is evaluated in a wider one than theirs

    def pull(self, gs: Arrays, xs: Arrays) -> Sequence[Any]:
        """Return the gradients."""
        return self._back(self._pull(_typed(gs, self.formats), self._inputs(xs)))

    def push(self, ts: Arrays, xs: Arrays) -> Sequence[Any]:
        """Return the tangents of the outputs."""
        assert self.jvp is not None
        tangents = self.calls.tangents(self._inputs(ts))
        return self._back(outputs(self.jvp(tangents, *self.calls.arguments(self._inputs(xs)))).arrays)

    def _pull(self, gs: Arrays, xs: Arrays) -> Sequence[Any]:
        args = self.calls.arguments(xs)
        if self.vjp is not None:
            assert self.calls.outputs is not None
            return self.calls.per_input(self.vjp(self.calls.outputs.rebuild(list(gs)), *args), "vjp")
        assert self.grad is not None
        if len(gs) != 1 or gs[0].size != 1:
            raise FunctionFailed(f"expected a scalar f for grad=; got outputs of shapes {[g.shape for g in gs]}: give vjp= instead")
        answer = self.grad(*args)
        found = self.calls.per_input(answer if isinstance(answer, tuple) else (answer,), "grad")
        return [None if v is None else gs[0] * v for v in found]

    def _inputs(self, xs: Arrays) -> Arrays:
        return _typed(xs, [x.dtype for x in self.calls.point] if self.formats else [])

    def _back(self, found: Sequence[Any]) -> list[Any]:
        if not self.formats:
            return list(found)
        return [v if v is None or np.asarray(v).dtype.kind not in "fcV" else _widened(np.asarray(v)) for v in found]


def numpy_subject(f: Callable[..., Any], inputs: tuple[Any, ...], *, vjp: Derivative, grad: Derivative, jvp: Derivative) -> Subject:
    """Return the subject of a NumPy function with the user's own vjp, grad or jvp."""
    return gated(as_given(f, inputs, vjp=vjp, grad=grad, jvp=jvp))


def as_given(f: Callable[..., Any], inputs: tuple[Any, ...], *, vjp: Derivative, grad: Derivative, jvp: Derivative) -> Subject:
    """Return the subject without a gate: its derivative takes whatever numbers f takes."""
    calls = Calls(f, inputs)
    doubted = _Doubted(calls, vjp, grad, jvp)
    point, eps = calls.point, tuple(spacing(x) for x in calls.point)
    wide = min(eps) > 2.0**-52 and reproduces(calls.call, point, max(eps))
    if wide:
        doubted.formats = [y.dtype for y in calls.call(point, False)]
        point = [_widened(x) for x in point]
    return Subject(
        calls.paths, point, lambda xs: calls.call(xs, wide), doubted.pull if vjp is not None or grad is not None else None,
        doubted.push if jvp is not None else None, calls.raw, eps=eps, call_eps=2.0**-52 if wide else max(eps),
    )  # fmt: skip


def outputs(y: Any) -> Flat:
    """Return the numbers that a function returned; raise `FunctionFailed` where there are none."""
    flat = flatten(y, is_number)
    if not flat.arrays:
        raise FunctionFailed(f"expected f to return numbers; got {type(y).__name__}")
    return flat


def _widened(x: Array) -> Array:
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def _typed(xs: Arrays, formats: Sequence[Any]) -> Arrays:
    return [x.astype(d) for x, d in zip(xs, formats, strict=True)] if formats else xs


def _like(old: Any, new: Any) -> Any:
    """Hand a Python number back as one where a Python number was given."""
    if isinstance(old, float | complex) and not isinstance(old, np.generic) and isinstance(new, np.ndarray) and new.dtype != object:
        return type(old)(new)
    return new


def _at(part: Any, path: str, count: int) -> Any:
    """Return the gradient at a path inside an argument's answer; None anywhere above means None."""
    if part is None or (count == 1 and not path):
        return part
    flat = flatten(part, lambda v: v is None or is_numpy(v))
    found = dict(zip(flat.paths, flat.arrays, strict=True))
    if path not in found:
        got = "one array" if list(found) == [""] else str(sorted(found))
        raise FunctionFailed(f"expected gradients in the form of the input, one at {path}; got {got} (a tuple of inputs is the list of arguments)")
    return found[path]
