"""PyTorch functions and modules: their own autodiff is what is checked.

Everything is left as found: parameters, buffers, train mode, random state. Code in float32 or a half format is
evaluated in float64 for the reference, if that reproduces it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from gradcheck.errors import FunctionFailed
from gradcheck.probe.structure import Flat, flatten, refuse_empty, shown_path
from gradcheck.probe.subject import Array, Arrays, Subject, reproduces


def is_tensor(x: Any) -> bool:
    """Answer whether `x` is a tensor."""
    return isinstance(x, torch.Tensor)


def to_numpy(t: Any) -> Array:
    """Return a tensor's numbers: float64 for any floating-point format, else as they are."""
    return _array(t) if t.is_floating_point() else np.array(t.detach().cpu().numpy())


def like(x: Array, old: Any) -> torch.Tensor:
    """Return an array as a tensor of the format and on the device of another one."""
    return torch.from_numpy(np.array(x)).to(old.dtype).to(old.device)


class _Calls:
    """Calls a torch function at arrays; tensors and parameters are put in and taken out again."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self.f = f
        self.flat = flatten(inputs, is_tensor)
        self.chosen = [i for i, t in enumerate(self.flat.arrays) if t.is_floating_point()]
        self.module = f if isinstance(f, torch.nn.Module) else None
        named = dict(self.module.named_parameters()) if self.module is not None else {}
        self.names = [k for k, p in named.items() if p.requires_grad]
        self.originals = [self.flat.arrays[i] for i in self.chosen] + [named[k] for k in self.names]
        self.paths = (*(shown_path(self.flat.paths[i]) for i in self.chosen), *self.names)

    def run(self, tensors: Sequence[torch.Tensor], double: bool = False) -> Flat:
        """Return the outputs, with the random state and the module's buffers as they were before."""
        arrays = list(self.flat.arrays)
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
        return out

    def tensors(self, xs: Arrays, double: bool) -> list[torch.Tensor]:
        """Return arrays as tensors of the original formats, or of float64."""
        out = []
        for x, old in zip(xs, self.originals, strict=True):
            t = torch.from_numpy(np.array(x, np.float64)).to(old.device)
            out.append(t if double else t.to(old.dtype))
        return out


def torch_subject(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Subject:
    """Return the subject of a torch function or module."""
    calls = _Calls(f, inputs)
    refuse_empty(len(calls.originals))
    point = [_array(t) for t in calls.originals]
    before = [t.detach().clone() for t in calls.originals]

    def call(xs: Arrays, double: bool) -> Arrays:
        with torch.no_grad():
            return [_array(y) for y in calls.run(calls.tensors(xs, double), double).arrays]

    def pull(gs: Arrays, xs: Arrays) -> Sequence[Any]:
        leaves = [t.requires_grad_() for t in calls.tensors(xs, False)]
        outputs = calls.run(leaves).arrays
        cotangents = [torch.from_numpy(np.array(g, np.float64)).to(y.dtype).to(y.device) for g, y in zip(gs, outputs, strict=True)]
        used = [(y, g) for y, g in zip(outputs, cotangents, strict=True) if y.requires_grad]
        if not used:
            return [None] * len(leaves)
        found = torch.autograd.grad([y for y, _ in used], leaves, [g for _, g in used], allow_unused=True)
        return [None if v is None else _array(v) for v in found]

    def guard() -> str:
        changed = any(not torch.equal(a, b.detach()) for a, b in zip(before, calls.originals, strict=True))
        return "f changes its inputs or parameters in place" if changed else ""

    eps = tuple(float(torch.finfo(t.dtype).eps) for t in calls.originals)
    double = max(eps) > 2.0**-52 and reproduces(call, point, max(eps))
    return Subject(
        calls.paths, point, lambda xs: call(xs, double or max(eps) == 2.0**-52), pull, owner="torch", guard=guard, eps=eps,
        call_eps=2.0**-52 if double else max(eps),
    )  # fmt: skip


def _array(t: torch.Tensor) -> Array:
    return np.array(t.detach().cpu().double().numpy())
