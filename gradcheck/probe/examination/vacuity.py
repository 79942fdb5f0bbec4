"""What was not checked: inputs with which f does not change, or whose gradient the bars hide."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gradcheck.probe.excuses.excuses import Ruling
from gradcheck.probe.line.line import SEEN, Line
from gradcheck.probe.subject.subject import Subject

NO_GRADIENT = "the gradient is zero and f does not change with it: nothing was checked (0 == 0)"
NO_HESSIAN = "the Hessian is zero, and the gradient does not change"
Lines = Sequence[tuple[Line, Ruling]]


def unmoved(subject: Subject, lines: Lines, undeclared: set[int]) -> list[str]:
    """Return a remark for each input with a gradient of zero with which f does not change at all.

    Args:
        subject: the function.
        lines: that were sampled.
        undeclared: inputs whose gradient is None: of these it was said.
    """
    out = []
    for k, x in enumerate(subject.point):
        mine = [line for line, _ in lines if np.any(line.ts[k])]
        still = mine and all(line.nothing for line in mine)
        if x.size and still and k not in undeclared:
            out.append(f"{subject.paths[k]}: {NO_HESSIAN if subject.hessian else NO_GRADIENT}")
    return out


def unseen(subject: Subject, lines: Lines) -> list[str]:
    """Return a reason for each input along which no look is sharp enough to say anything.

    Args:
        subject: the function.
        lines: that were sampled.
    """
    out = []
    for k, x in enumerate(subject.point):
        best = min((line.resolution for line, r in lines if np.any(line.ts[k]) and r.verdict != "blind"), default=math.inf)
        blind = next((r.text for line, r in lines if np.any(line.ts[k]) and r.verdict == "blind"), "")
        kinked = any(r.excuse in ("kink", "hull") for line, r in lines if np.any(line.ts[k]))
        if x.size and blind and not kinked and best > SEEN:
            out.append(f"{subject.paths[k]}: {blind}: nothing could be seen")
    return out
