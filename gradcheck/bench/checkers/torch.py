"""torch.autograd.gradcheck: whole Jacobians by central differences (slow), or one random projection of them (fast)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.autograd.gradcheck import GradcheckError

from gradcheck.bench.checkers.problem import Answer, Problem

#: Entries of a Jacobian beyond which the slow mode would take gigabytes.
MOST_ENTRIES = 2 * 10**7


def examine(problem: Problem, *, mode: str = "slow", most: int = MOST_ENTRIES) -> Answer:
    """Ask torch, with f and its vjp as an `autograd.Function` of float64 tensors; no Jacobian of more than `most` entries."""
    tensors = [torch.from_numpy(x).requires_grad_() for x in problem.floats]
    y = problem.value(*problem.floats)
    outputs = sum(p.size for p in y) if isinstance(y, tuple) else y.size
    if mode == "slow" and outputs * sum(math.prod(t.shape) for t in tensors) > most:
        return Answer("inconclusive", message="the Jacobian has too many entries to be made")
    torch.manual_seed(problem.seed)
    try:
        torch.autograd.gradcheck(_function(problem), tensors, fast_mode=mode == "fast")
    except GradcheckError as error:
        return Answer("fail", message=str(error)[:300])
    return Answer("pass")


def _function(problem: Problem) -> Any:
    class Wrapped(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.arrays = [t.detach().numpy() for t in tensors]
            y = problem.value(*ctx.arrays)
            return tuple(_tensor(p) for p in y) if isinstance(y, tuple) else _tensor(y)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            gs = tuple(g.detach().numpy() for g in cotangents)
            return tuple(_tensor(v) for v in problem.pull(gs if len(gs) > 1 else gs[0], *ctx.arrays))

    return Wrapped.apply


def _tensor(x: Any) -> Any:
    return torch.from_numpy(np.array(x, np.float64))


def own_autodiff(n: int, seed: int) -> tuple[Callable[[], Any], Callable[[], int]]:
    """Return two checks of torch's own derivative of a function of n entries: ours, and theirs, which counts evaluations."""
    from gradcheck.probe.check import check

    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, generator=generator, dtype=torch.float64)
    count = 0

    def f(v: Any) -> Any:
        nonlocal count
        count += 1
        return torch.nn.functional.softplus(v) * torch.sin(v)

    def theirs() -> int:
        nonlocal count
        count = 0
        torch.autograd.gradcheck(f, [x.clone().requires_grad_()])
        return count

    return (lambda: check(f, x)), theirs
