"""Derivatives that keep something: layers that leave their output for the backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import OutOfBudget
from gradcheck.probe.contracts import equal
from gradcheck.probe.directions import own_scale
from gradcheck.probe.quotient import moved
from gradcheck.probe.subject import Arrays, Subject

Floats = npt.NDArray[np.float64]


def keeps_forward(subject: Subject, base: Arrays, gs: list[Floats]) -> bool:
    """Answer whether the derivative uses what the last forward pass left: then f has to be evaluated before each one."""
    if subject.owner != "numpy" or not sum(x.size for x in subject.point):
        return False
    typed = [g.astype(y.dtype) for g, y in zip(gs, base, strict=True)]
    try:
        first = subject.gradient(typed, subject.point)
        subject.value(moved(subject.point, own_scale(np.random.default_rng(0), subject.point), 0.05))
        if equal(first, _tried(subject, typed)):
            return False
        subject.value(subject.point)
        return equal(first, subject.gradient(typed, subject.point))
    except OutOfBudget:
        raise
    except Exception:  # what is raised at the point itself is reported where the gradient is looked at
        return False


def _tried(subject: Subject, gs: Arrays) -> list[Any]:
    """Return the gradients, none of them where the derivative raises."""
    try:
        return list(subject.gradient(gs, subject.point))
    except OutOfBudget:
        raise
    except Exception:  # shapes of another forward pass, for example
        return [np.full(x.shape, np.nan) for x in subject.point]
