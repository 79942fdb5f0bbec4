"""autograd.test_util.check_grads: one random direction, a central difference with step 1e-6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from autograd.extend import defvjp, primitive
from autograd.test_util import check_grads

from gradcheck.bench.checkers.problem import Answer, Problem, single


def examine(problem: Problem, *, mode: str = "") -> Answer:
    """Ask autograd, with f as a primitive with this vjp: reverse mode and first order, as nothing else is given."""
    value, pull = single(problem)
    wrapped = primitive(value)
    count = len(problem.floats)

    def part(k: int) -> Callable[..., Any]:
        return lambda _, *xs: lambda g: pull(g, *xs)[k]

    defvjp(wrapped, *(part(k) for k in range(count)))
    before = np.random.get_state()  # noqa: NPY002  # autograd draws from the global generator
    np.random.seed(problem.seed)  # noqa: NPY002
    try:
        check_grads(wrapped, tuple(range(count)), modes=["rev"], order=1)(*problem.floats)
    except AssertionError as error:
        return Answer("fail", message=str(error)[:300])
    finally:
        np.random.set_state(before)  # noqa: NPY002
    return Answer("pass")
