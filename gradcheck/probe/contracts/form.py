"""The form of the gradients: their number, shapes and formats, and whether they are finite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradcheck.probe.contracts import contracts
from gradcheck.probe.subject.infinite import finite_slope
from gradcheck.probe.subject.subject import Arrays, Subject
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

Floats = npt.NDArray[np.float64]

#: Entries of one gradient that are not finite and are looked into.
MOST_ENTRIES = 3


@dataclass(frozen=True, slots=True)
class Form:
    """What was seen of the form.

    Args:
        findings: what is wrong.
        reasons: why nothing can be said.
        remarks: what else was noticed.
        undeclared: positions of inputs whose gradient is None: f is said not to depend on these.
    """

    findings: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    undeclared: frozenset[int] = frozenset()


def form(subject: Subject, base: Arrays, gs: Vector) -> Form:
    """Return what the form of the gradients says.

    Args:
        subject: the function with its doubted derivative.
        base: f at the point.
        gs: cotangents.

    Raises:
        FunctionFailed: there are no gradients.
    """
    found = subject.gradient(gs.formatted(base), subject.point)
    wrong = tuple(contracts.shapes(subject, found))
    if wrong:
        return Form(wrong)
    given = [(k, np.asarray(v)) for k, v in enumerate(found) if v is not None]
    remarks = [
        f"gradient of {subject.paths[k]} has dtype {v.dtype}, the input {subject.point[k].dtype}"  # another precision is no wrong number
        for k, v in given
        if v.dtype != subject.point[k].dtype
    ]
    wide = [(k, v.astype(np.float64)) for k, v in given]
    said = [_not_finite(subject, k, v, gs, base) for k, v in wide if not np.isfinite(v).all()]
    return Form(
        tuple(x for x in said if isinstance(x, Finding)), tuple(x for x in said if isinstance(x, str)), tuple(remarks),
        frozenset(k for k, v in enumerate(found) if v is None),
    )  # fmt: skip


def _not_finite(subject: Subject, k: int, v: Floats, gs: Vector, base: Arrays) -> Finding | str:
    """Judge NaN or infinity in a gradient: a fault where f has a finite slope, else the reason why nothing can be said."""
    path = subject.paths[k]
    for where in np.argwhere(~np.isfinite(v))[:MOST_ENTRIES]:
        index = tuple(int(i) for i in where)
        slope = finite_slope(subject, gs, base, k, index)
        shown = f"{path}{list(index) if index else ''}"
        if slope is not None:
            return Finding(
                "fault", f"gradient of {shown} is {v[index]}, where f has the slope {slope:.6g}", node=path,
                direction="gradient", index=index, got=float(v[index]), expected=slope,
            )  # fmt: skip
    return f"gradient of {shown} is {v[index]}, and f has no finite slope there"
