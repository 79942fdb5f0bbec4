"""scipy.optimize.check_grad: forward differences entry by entry of <g, f> for a random g.

It gives the norm of the difference, and its documentation leaves the judgement to the reader. Ours: the derivative is
rejected where the norm is above 1e-6 times that of the gradient, or above 1e-6 where that is below 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import check_grad

from gradcheck.bench.checkers.problem import Answer, Floats, Problem, single

BAR = 1e-6


def examine(problem: Problem, *, mode: str = "") -> Answer:
    """Ask SciPy, with f contracted to a number."""
    value, pull = single(problem)
    xs = problem.floats
    g = np.random.default_rng(problem.seed).normal(size=np.shape(value(*xs)))
    ends = np.cumsum([x.size for x in xs])[:-1]

    def unpacked(z: Floats) -> list[Any]:
        return [part.reshape(x.shape) for part, x in zip(np.split(z, ends), xs, strict=True)]

    def scalar(z: Floats) -> float:
        return float(np.sum(g * value(*unpacked(z))))

    def gradient(z: Floats) -> Floats:
        return np.concatenate([np.ravel(v) for v in pull(g, *unpacked(z))])

    point = np.concatenate([np.ravel(x) for x in xs])
    with np.errstate(all="ignore"):
        difference = float(check_grad(scalar, gradient, point))
        size = float(np.linalg.norm(gradient(point)))
    right = difference <= BAR * max(1.0, size)  # NaN is not close to zero
    return Answer("pass" if right else "fail", message=f"norm of the difference {difference:.2g}, of the gradient {size:.2g}")
