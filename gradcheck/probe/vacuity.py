"""Looks that say nothing: both sides are zero, or the step is lost below the noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.probe.look import MARGIN, Look
from gradcheck.probe.quotient import norm
from gradcheck.probe.subject import Subject

#: Resolutions above this say nothing.
BLIND = 0.1


def unmoved(subject: Subject, looks: list[Look], undeclared: set[int]) -> Iterator[str]:
    """Yield a reason for each input with a gradient of zero with which f does not change.

    Args:
        subject: the function.
        looks: what was looked at.
        undeclared: inputs whose gradient is None: of these it was said.
    """
    for k, mine, sizes in _along(subject, looks):
        if not any(sizes) and k not in undeclared and not any(s.moves for s in mine):
            said = "the gradient is zero and f does not change with it: nothing was checked (0 == 0)"
            yield f"{subject.paths[k]}: {'the Hessian is zero, and the gradient does not change' if subject.hessian else said}"


def unseen(subject: Subject, looks: list[Look]) -> Iterator[str]:
    """Yield a reason for each input along which no look is sharp enough to say anything."""
    for k, mine, sizes in _along(subject, looks):
        bars = [MARGIN * s.residual.error / size for s, size in zip(mine, sizes, strict=True) if size]
        if bars and min(bars) > BLIND:
            yield f"{subject.paths[k]}: the step is lost below the noise: nothing could be seen"


def _along(subject: Subject, looks: list[Look]) -> Iterator[tuple[int, list[Look], list[float]]]:
    """Yield each input that has entries, the looks along it, and the sizes of the doubted derivative along each."""
    for k, x in enumerate(subject.point):
        if x.size:
            mine = [s for s in looks if np.any(s.ts[k] != 0)]
            yield k, mine, [norm([s.gradients[k] * s.ts[k]]) for s in mine]
