"""What was not checked: inputs with which f does not change, or whose gradient the bars hide."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gradcheck.probe.excuses import Ruling
from gradcheck.probe.line.line import SEEN, Line
from gradcheck.probe.subject import Subject

NO_GRADIENT = "the gradient is zero and f does not change with it: nothing was checked (0 == 0)"
NO_HESSIAN = "the Hessian is zero, and the gradient does not change"
Floats = npt.NDArray[np.float64]
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


def coarse(subject: Subject, lines: Lines, resolved: Sequence[Floats]) -> list[str]:
    """Return a reason for each input all of whose entries could be off by more than a tenth unseen; at a kink the sides say what is seen.

    Args:
        subject: the function.
        lines: that were sampled.
        resolved: the smallest relative error of each entry that was looked for; NaN where the gradient is zero.
    """
    kinked = [any(np.any(line.ts[k]) and r.excuse in ("kink", "hull") for line, r in lines) for k in range(len(subject.point))]
    known = [(path, r[~np.isnan(r)]) for path, r, kink in zip(subject.paths, resolved, kinked, strict=False) if not kink]
    return [f"{path}: no entry would show an error of a tenth, the best one of {np.min(r):.2g}" for path, r in known if r.size and np.min(r) > SEEN]


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
