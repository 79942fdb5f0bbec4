"""jax.test_util.check_vjp: one random direction, a central difference with step 1e-4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.test_util import check_vjp

from gradcheck.bench.checkers.problem import Answer, Problem


def examine(problem: Problem, *, mode: str = "") -> Answer:
    """Ask JAX in float64, with f and its vjp as the plain functions that they are."""

    def linearised(*xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        return problem.value(*xs), lambda g: tuple(problem.pull(_arrays(g), *xs))

    try:
        with jax.enable_x64(True):
            check_vjp(problem.value, linearised, problem.floats)
    except AssertionError as error:
        return Answer("fail", message=str(error).strip()[:300])
    return Answer("pass")


def _arrays(g: Any) -> Any:
    return tuple(np.asarray(p) for p in g) if isinstance(g, tuple) else np.asarray(g)
