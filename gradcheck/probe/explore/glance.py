"""A short examination at one explored input: is anything wrong there?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gradcheck.errors import FunctionFailed, GradcheckError
from gradcheck.probe.contracts import contracts
from gradcheck.probe.examination.examination import Examination
from gradcheck.probe.explore.cotangents import Maker
from gradcheck.probe.explore.mutation import Array
from gradcheck.probe.slope.dual import MOST_ENTRIES
from gradcheck.probe.slope.instrument import DUAL, Instrument
from gradcheck.probe.subject.directions import array_scale, own_scale, together
from gradcheck.probe.subject.subject import Arrays, Subject, evaluated
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

Masks = list[npt.NDArray[np.bool_]]

#: Why an input says nothing: f refuses it, f is not finite there, the derivative refuses it.
REFUSED, UNDEFINED, UNSUPPORTED = "f", "not finite", "the derivative"


class Refused(GradcheckError):  # noqa: N818 - as all of ours: it says what happened
    """F, or its derivative, does not take such an input; or f is not finite there."""


def outputs(subject: Subject) -> Arrays:
    """Return f at an explored input; raise `Refused` where it does not take it."""
    try:
        base = evaluated(subject)
    except (FunctionFailed, ValueError) as error:
        raise Refused(REFUSED) from error
    if not all(np.isfinite(np.asarray(v, np.float64)).all() for v in (*base, *subject.point)):
        raise Refused(UNDEFINED)
    return base


def glance(examination: Examination, like: Instrument, focus: Masks | None, maker: Maker) -> None:
    """Look along a few directions: the entries that were changed, the others, all, all alike.

    Args:
        examination: of the function at the explored input; what is found is left in it.
        like: the instrument at the ordinary input, for the arithmetic that works.
        focus: entries that were changed, where the shapes are still the ordinary ones.
        maker: makes cotangents.

    Raises:
        Refused: f or the derivative does not take the input.
    """
    subject = examination.subject
    base = outputs(subject)
    rng = np.random.default_rng([examination.seed, 1])
    examination.cotangents = maker
    gs = maker(rng, base)
    try:
        well = examination.well_formed(base, gs)
    except (FunctionFailed, ArithmeticError, ValueError) as error:
        raise Refused(UNSUPPORTED) from error
    if not well or not sum(x.size for x in subject.point):
        return
    if not _same_twice(subject, gs, base):
        examination.findings.append(Finding("fault", "the gradient differs from call to call with the same inputs", direction="gradient"))
        return
    instrument = _instrument(like, subject, base)
    for ts in _directions(rng, subject.point, focus):
        if examination.is_wrong_along(instrument, maker(rng, base), ts, rng):
            return


def _instrument(like: Instrument, subject: Subject, base: Arrays) -> Instrument:
    made = Instrument(subject, base)  # its noise is measured anew: at a far point it is another one
    if like.arithmetic == DUAL and sum(x.size for x in (*subject.point, *base)) <= MOST_ENTRIES:
        made.arithmetic = DUAL
    return made


def _same_twice(subject: Subject, gs: Vector, base: Arrays) -> bool:
    typed = gs.formatted(base)
    return contracts.equal(*(subject.gradient(typed, subject.point) for _ in range(2)))


def _directions(rng: np.random.Generator, point: Arrays, focus: Masks | None) -> list[Vector]:
    ts = own_scale(rng, point)
    out = [ts, together(point)]
    if focus is not None and any(m.any() for m in focus):
        inside, outside = ts.times(focus), array_scale(rng, point).times([~m for m in focus])
        out = [inside, outside, *out] if outside.largest else [inside, *out]
    return out


def changed(new: list[Array], old: list[Array]) -> Masks | None:
    """Return which entries differ; None where a shape does."""
    if any(a.shape != b.shape for a, b in zip(new, old, strict=True)):
        return None
    return [np.asarray(a != b) for a, b in zip(new, old, strict=True)]


def faults_of(examination: Examination | None) -> list[Finding]:
    """Return what is wrong."""
    return [] if examination is None else examination.faults


def on_kink(examination: Examination) -> bool:
    """Answer whether what was found lies on a kink, where numbers tell less."""
    return any(line.kink() is not None for line, ruling in examination.lines if ruling.verdict in ("wrong", "beside"))
