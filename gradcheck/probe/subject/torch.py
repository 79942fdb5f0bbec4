"""PyTorch functions and modules: their own autodiff is what is checked, at first and at second order.

Everything is left as found: parameters, buffers, train mode, random state. Code in float32 or a half format is
evaluated in float64 for the reference, if that reproduces it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from gradcheck.errors import BadInput, FunctionFailed
from gradcheck.probe.subject.directions import cotangent
from gradcheck.probe.subject.edge import gated
from gradcheck.probe.subject.hooks import changed_by_hooks, hooked
from gradcheck.probe.subject.structure import flatten, refuse_empty, shown_path
from gradcheck.probe.subject.subject import Array, Arrays, Subject, reproduces

Tensors = Sequence[torch.Tensor]
T = TypeVar("T")
#: What torch says of a compiled function whose graph is to be kept.
DONATED = "donated buffers"


def _recording(call: Callable[..., T]) -> Callable[..., T]:
    """Return a function that records for the backward pass, whatever mode the caller is in."""

    @wraps(call)
    def inside(*given: Any) -> T:
        with torch.inference_mode(False), torch.enable_grad():
            return call(*given)

    return inside


def is_tensor(x: Any) -> bool:
    """Answer whether `x` is a tensor."""
    return isinstance(x, torch.Tensor)


def to_numpy(t: Any) -> Array:
    """Return a tensor's numbers: float64 for any floating-point format, else as they are."""
    return _array(t) if _inexact(t) else np.array(t.detach().cpu().numpy())


def like(x: Array, old: Any) -> torch.Tensor:
    """Return an array as a tensor of the format and on the device of another one."""
    return torch.from_numpy(np.array(x)).to(old.dtype).to(old.device)


def _inexact(t: Any) -> bool:
    return bool(t.is_floating_point() or t.is_complex())


class Calls:
    """Calls a torch function at arrays; tensors and parameters are put in and taken out again."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self.f = f
        self.flat = flatten(inputs, is_tensor)
        self.chosen = [i for i, t in enumerate(self.flat.arrays) if _inexact(t)]
        self.module = f if isinstance(f, torch.nn.Module) else None
        named = dict(self.module.named_parameters()) if self.module is not None else {}
        _refuse_unfit(self.module, {**{shown_path(p): t for p, t in zip(self.flat.paths, self.flat.arrays, strict=True)}, **named})
        self.names = [k for k, p in named.items() if p.requires_grad]
        self.originals = [self.flat.arrays[i] for i in self.chosen] + [named[k] for k in self.names]
        self.paths = (*(shown_path(self.flat.paths[i]) for i in self.chosen), *self.names)
        self.constant: tuple[int, ...] = ()  # outputs that do not require a gradient, beside others that do

    def run(self, tensors: Tensors, double: bool = False) -> Tensors:
        """Return the outputs, with the random state and the module's buffers as they were before."""
        arrays = [t.clone() if t.is_inference() else t for t in self.flat.arrays]  # which a backward pass cannot keep
        for i, t in zip(self.chosen, tensors, strict=False):
            arrays[i] = t
        arguments = self.flat.rebuild(arrays)
        f = self.f
        state = torch.get_rng_state()
        try:
            if self.module is not None:
                # a copy keeps buffers (running statistics) and, in float64, parameters out of reach
                module = copy.deepcopy(self.module)
                module = module.double() if double else module
                parameters = dict(zip(self.names, tensors[len(self.chosen) :], strict=True))
                found = torch.func.functional_call(module, parameters, arguments)
            else:
                found = f(*arguments)
        finally:
            torch.set_rng_state(state)
        out = flatten(found, is_tensor)
        if not out.arrays:
            raise FunctionFailed(f"expected f to return tensors; got {type(found).__name__}")
        return [y for k, y in enumerate(out.arrays) if k not in self.constant]

    def tensors(self, xs: Arrays, double: bool) -> list[torch.Tensor]:
        """Return arrays as tensors of the original formats, or of twice their precision."""
        return [_tensor(x, _wide(old.dtype) if double else old.dtype, old.device) for x, old in zip(xs, self.originals, strict=True)]

    def gradients(
        self, leaves: Tensors, gs: Tensors, outputs: Tensors, graph: bool = False, *, again: bool = False
    ) -> list[torch.Tensor | None]:
        """Return the gradients of the leaves, None for those that the outputs do not depend on.

        The graph is kept only where it is asked again: a compiled function hands its buffers to its backward pass, and refuses a kept graph.
        """
        used = [(y, g) for y, g in zip(outputs, gs, strict=True) if y.requires_grad]
        if not used:
            return [None] * len(leaves)
        ys, weights = [y for y, _ in used], [g for _, g in used]
        return list(torch.autograd.grad(ys, leaves, weights, allow_unused=True, create_graph=graph, retain_graph=graph or again))


@_recording
def torch_subject(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Subject:
    """Return the subject of a torch function or module."""
    calls = Calls(f, inputs)
    refuse_empty(len(calls.originals))
    point = [_array(t) for t in calls.originals]
    before = [t.detach().clone() for t in calls.originals]

    @_recording
    def call(xs: Arrays, double: bool) -> Arrays:
        with torch.no_grad():
            return [_array(y) for y in calls.run(calls.tensors(xs, double), double)]

    def forward(xs: Arrays) -> tuple[list[torch.Tensor], Tensors]:
        leaves = [t.requires_grad_() for t in calls.tensors(xs, False)]
        return leaves, calls.run(leaves)

    calls.constant = _constant(_recording(forward)(point)[1])

    @_recording
    def pull(gs: Arrays, xs: Arrays) -> Sequence[Any]:
        leaves, outputs = forward(xs)
        return _arrays(calls.gradients(leaves, _cotangents(gs, outputs), outputs))

    @_recording
    def arranged(layout: str, gs: Arrays, xs: Arrays) -> Sequence[Any]:
        given = 0 if layout.endswith("cotangent") else len(calls.chosen)  # parameters stay as modules make them
        made = [t if layout == "stride-0" or k >= given else _laid_out(t, layout) for k, t in enumerate(calls.tensors(xs, False))]
        leaves = [t.requires_grad_() for t in made]
        contiguous, ordinary = forward(xs)
        try:
            outputs = calls.run(leaves)
        except RuntimeError:  # f itself asks for contiguous inputs (view)
            leaves, outputs = contiguous, ordinary
        if not all(torch.allclose(a, b, equal_nan=True) for a, b in zip(outputs, ordinary, strict=True)):
            leaves, outputs = contiguous, ordinary  # f is another one in this layout: the mask of dropout goes by memory
        return _arrays(calls.gradients(leaves, [_laid_out(g, layout.removesuffix(" cotangent")) for g in _cotangents(gs, outputs)], outputs))

    @_recording
    def crossed(gs: Arrays, xs: Arrays, other: Arrays) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        (a, ya), (b, yb) = forward(xs), forward(other)
        try:
            first = _arrays(calls.gradients(a, _cotangents(gs, ya), ya, again=True))
        except RuntimeError as error:
            if DONATED not in str(error):
                raise
            answers = [_arrays(calls.gradients(v, _cotangents(gs, y), y)) for v, y in ((a, ya), (b, yb))]
            return answers[0], answers[1], answers[0]  # nothing is left of a graph that is asked twice
        second = _arrays(calls.gradients(b, _cotangents(gs, yb), yb))
        return first, second, _arrays(calls.gradients(a, _cotangents(gs, ya), ya))

    @_recording
    def guard() -> str:
        changed = any(not torch.equal(a, b.detach()) for a, b in zip(before, calls.originals, strict=True))
        return "f changes its inputs or parameters in place" if changed else _hooks(calls, forward(point))

    eps = tuple(float(torch.finfo(t.dtype).eps) for t in calls.originals)
    double = max(eps) > 2.0**-52 and reproduces(call, point, max(eps))
    return gated(Subject(
        calls.paths, point, lambda xs: call(xs, double or max(eps) == 2.0**-52), pull, owner="torch", guard=guard, eps=eps,
        call_eps=2.0**-52 if double else max(eps), arranged=arranged, crossed=crossed, constant=calls.constant,
        second=lambda seed: second_subject(calls, point, eps, seed),
    ))  # fmt: skip


def _constant(outputs: Tensors) -> tuple[int, ...]:
    """Return the numbers of the outputs that do not require a gradient where others do: whoever detached them told that they have none."""
    found = tuple(k for k, y in enumerate(outputs) if not y.requires_grad)
    return found if len(found) < len(outputs) else ()


@_recording
def second_subject(calls: Calls, point: Arrays, eps: tuple[float, ...], seed: int) -> Subject:
    """Return the subject whose function is the gradient, of inputs and cotangents, and whose derivative is double backward."""
    with torch.no_grad():
        outputs = calls.run(calls.tensors(point, False))
    gs = cotangent(np.random.default_rng([seed, 4]), [_array(y).real for y in outputs])
    count = len(point)

    def first(xs: Arrays, double: bool, graph: bool) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        leaves = [t.requires_grad_() for t in calls.tensors(xs[:count], double)]
        with torch.enable_grad():
            ys = calls.run(leaves, double)
            weights = [w.requires_grad_() for w in _cotangents(xs[count:], ys)]
            found = calls.gradients(leaves, weights, ys, graph)
        return [*leaves, *weights], [torch.zeros_like(t) if v is None else v for v, t in zip(found, leaves, strict=True)]

    @_recording
    def call(xs: Arrays, double: bool) -> Arrays:
        return [_array(v) for v in first(xs, double, False)[1]]

    @_recording
    def pull(hs: Arrays, xs: Arrays) -> Sequence[Any]:
        leaves, found = first(xs, False, True)
        if any(type(v.grad_fn).__name__ == "Error" for v in found):
            raise FunctionFailed("f is declared to be differentiable once")
        return _arrays(calls.gradients(leaves, _cotangents(hs, found), found))

    start = [*point, *gs]
    double = max(eps) > 2.0**-52 and reproduces(call, start, max(eps))
    names = tuple(f"cotangent {k}" if len(gs) > 1 else "cotangent" for k in range(len(gs)))
    formats = (*eps, *(float(torch.finfo(y.dtype).eps) for y in outputs))
    return gated(Subject(
        (*calls.paths, *names), start, lambda xs: call(xs, double or max(eps) == 2.0**-52), pull, owner="torch", eps=formats,
        call_eps=2.0**-52 if double else max(eps), hessian=count,
    ))  # fmt: skip


def _hooks(calls: Calls, passed: tuple[list[torch.Tensor], Tensors]) -> str:
    """Return how hooks on parameters change the gradients, "" where they do not."""
    module = calls.module
    names = hooked(module, calls.names) if module is not None else []
    if module is None or not names:
        return ""
    leaves, outputs = passed

    def gradients(_: Tensors, weights: Tensors) -> list[torch.Tensor | None]:
        given = iter(weights)
        gs = [next(given) if y.requires_grad else y for y in outputs]
        found = calls.gradients(leaves[len(calls.chosen) :], gs, outputs)
        return [found[calls.names.index(k)] for k in names]

    return changed_by_hooks(module, lambda: flatten(module(*calls.flat.rebuild(list(calls.flat.arrays))), is_tensor).arrays, gradients, names)


def _refuse_unfit(module: Any, tensors: Mapping[str, Any]) -> None:
    """Raise `BadInput` for tensors without numbers in rows, and for a module that is none of Python's."""
    if isinstance(module, torch.jit.ScriptModule):
        raise BadInput("expected a module of Python; got one of torch.jit.script, whose parameters cannot be moved; check the module before it is scripted")
    for name, t in tensors.items():
        if is_lazy(t):
            raise BadInput(f"{name}: expected a tensor with a shape; got one that the first call makes; call the module once before the check")
        if t.is_meta or t.is_nested or t.is_quantized or t.layout != torch.strided:
            kind = "meta" if t.is_meta else "nested" if t.is_nested else "quantized" if t.is_quantized else str(t.layout).removeprefix("torch.")
            raise BadInput(f"{name}: expected a dense tensor of numbers; got a {kind} tensor; give .to_dense(), or a function that makes it inside")


@_recording
def submodules(module: Any, inputs: tuple[Any, ...]) -> list[tuple[str, Any, tuple[Any, ...]]]:
    """Return (name, module, operands) of every submodule that is called with tensors alone, at what it really sees."""
    seen: dict[str, tuple[Any, tuple[Any, ...]]] = {}
    copied = copy.deepcopy(module)

    def hook(name: str) -> Callable[[Any, tuple[Any, ...]], None]:
        def keep(sub: Any, args: tuple[Any, ...]) -> None:
            if name not in seen and all(is_tensor(a) for a in args):
                seen[name] = (copy.deepcopy(sub), tuple(a.detach().clone() for a in args))

        return keep

    handles = [sub.register_forward_pre_hook(hook(name)) for name, sub in copied.named_modules() if name]
    state = torch.get_rng_state()
    try:
        with torch.no_grad():
            copied(*inputs)
    finally:
        torch.set_rng_state(state)
        for handle in handles:
            handle.remove()
    for sub, _ in seen.values():
        for inner in sub.modules():
            inner._forward_pre_hooks.clear()
    return [(name, sub, args) for name, (sub, args) in seen.items()]


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


def _tensor(x: Array, dtype: torch.dtype, device: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(x, np.complex128 if dtype.is_complex else np.float64)).to(device).to(dtype)


def _cotangents(gs: Arrays, outputs: Tensors) -> list[torch.Tensor]:
    return [_tensor(g, y.dtype, y.device) for g, y in zip(gs, outputs, strict=True)]


def _laid_out(t: torch.Tensor, layout: str) -> torch.Tensor:
    """Return the same numbers in another memory layout."""
    if layout == "stride-0":
        return t.reshape(-1)[:1].clone().reshape((1,) * t.ndim).expand(t.shape) if t.numel() else t
    if layout == "Fortran-ordered":
        return t.transpose(-1, -2).contiguous().transpose(-1, -2) if t.ndim > 1 else t.clone()
    wide = torch.zeros((*t.shape[:-1], 2 * t.shape[-1]), dtype=t.dtype, device=t.device) if t.ndim else t.clone()
    if t.ndim:
        wide[..., ::2] = t
        return wide[..., ::2]
    return wide


def _arrays(found: Sequence[torch.Tensor | None]) -> list[Any]:
    return [None if v is None else _array(v) for v in found]


def _array(t: torch.Tensor) -> Array:
    plain = t.detach().cpu().resolve_conj().resolve_neg()
    return np.array(plain.to(_wide(plain.dtype)).numpy(force=True))  # a gradient may be a tensor of zeros without memory
