"""Derivatives that keep something: layers that leave their output for the backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.errors import OutOfBudget
from gradcheck.probe.contracts.contracts import equal
from gradcheck.probe.subject.directions import own_scale
from gradcheck.probe.subject.subject import Arrays, Subject
from gradcheck.probe.subject.vector import Vector


def keeps_forward(subject: Subject, base: Arrays, gs: Vector) -> bool:
    """Answer whether the derivative uses what the last forward pass left: then f has to be evaluated before each one."""
    if subject.owner != "numpy" or not sum(x.size for x in subject.point):
        return False
    typed = gs.formatted(base)
    try:
        first = subject.gradient(typed, subject.point)
        subject.value(own_scale(np.random.default_rng(0), subject.point).beside(subject.point, 0.05))
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
