"""Hooks on a torch module's parameters: a check calls the module with other tensors in their place, where hooks are not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

Tensors = Sequence[torch.Tensor]


def hooked(module: torch.nn.Module, names: Sequence[str]) -> list[str]:
    """Return the names of the parameters that have hooks."""
    named = dict(module.named_parameters())
    return [k for k in names if named[k]._backward_hooks or getattr(named[k], "_post_accumulate_grad_hooks", None)]


def changed_by_hooks(
    module: torch.nn.Module, call: Callable[[], Tensors], gradients: Callable[[Tensors, Tensors], Sequence[Any]], names: Sequence[str]
) -> str:
    """Return how `.backward()` on the module itself differs from the gradients of its function, "" where it does not.

    Args:
        module: with hooks; it is left as it was found.
        call: calls it.
        gradients: outputs and cotangents -> the gradients of the parameters without hooks, in the order of `names`.
        names: of the parameters.
    """
    named, rng = dict(module.named_parameters()), np.random.default_rng(0)
    with _left_as_found(module):
        for p in named.values():
            p.grad = None
        outputs = [y for y in call() if y.requires_grad]
        weights = [torch.as_tensor(rng.choice([-1.0, 1.0], tuple(y.shape)) * rng.uniform(0.5, 1.5, tuple(y.shape)), dtype=y.dtype) for y in outputs]
        torch.autograd.backward(outputs, weights)
        own = {k: None if named[k].grad is None else named[k].grad.clone() for k in names}
    for name, plain in zip(names, gradients(outputs, weights), strict=True):
        if not _same(own[name], plain):
            return f"gradient of {name}: a hook on the parameter changes it: .backward() on the module gives other numbers than its function has"
    return ""


def _same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    """Answer whether half of the digits are the same: both passes run the same kernels, and adding up in another order takes fewer."""
    if a is None or b is None:
        return (a is None or not a.any()) and (b is None or not b.any())
    size = float(b.abs().max()) if b.numel() else 0.0
    return bool(((a - b).abs() <= math.sqrt(torch.finfo(b.dtype).eps) * size).all())


@contextmanager
def _left_as_found(module: torch.nn.Module) -> Iterator[None]:
    tensors = [*module.parameters(), *module.buffers()]
    kept = [(t, t.detach().clone(), t.grad) for t in tensors]
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
        with torch.no_grad():
            for t, before, grad in kept:
                t.copy_(before)
                t.grad = grad
