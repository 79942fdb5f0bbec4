"""The Jacobian of a small function, by differences, and what a wrong use of it gives: other cotangents, its transpose, its inverse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.mistakes.factor import LEFT, NEAR
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.blame.evidence import GOOD, STEP
from gradcheck.probe.line.look import Look
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.vector import Vector

Floats = npt.NDArray[np.float64]
Candidates = Iterator[tuple[Mistake, Floats]]

#: Entries of an output whose slopes are kept: with 64 of an input they are as many numbers as a page of memory has.
MOST_OUTPUTS = 1024
#: An inverse is none where its numbers have lost all but two of the digits that differences have, `GOOD`.
CONDITION = 1e3
#: What happens to a slice of outputs: how often it is missing, the kind and the sentence.
SLIPS = ((1.0, "term missing", "count for nothing"), (2.0, "sign", "count with the wrong sign"), (-1.0, "term too many", "count twice"))


def misuse(instrument: Instrument, seen: Look, k: int, expected: Floats, bar: Floats) -> Mistake | None:
    """Return the wrong use of the Jacobian that gives the doubted gradient of input k; None where there is none, or more than one output.

    Args:
        instrument: of the function.
        seen: a confirmed mismatch.
        k: the input.
        expected: its right gradient.
        bar: its error bar.
    """
    got, g = seen.gradients[k], seen.gs[0]
    if len(instrument.base) != 1 or not 1 < g.size <= MOST_OUTPUTS or got.size < 2:
        return None
    J = _jacobian(instrument, k)
    if not np.isfinite(J).all():
        return None
    difference = np.abs(got - expected)
    largest = float(np.max(difference))
    wrong = difference > NEAR * bar
    error = GOOD * float(np.max(np.abs(J), initial=0.0)) * float(np.sum(np.abs(g)))
    allowed = np.fmin(NEAR * bar + error, LEFT * largest)
    distinct = bool(np.count_nonzero(difference > 2 * allowed) >= 2)
    for mistake, made in _candidates(J, g, got.shape):
        if distinct and np.all(np.abs(got - made) <= allowed) and np.all(np.abs(made - expected)[wrong] >= difference[wrong] / 2):
            return mistake
    return _slice(J, g, expected - got, allowed) if distinct else None


def _jacobian(instrument: Instrument, k: int) -> Floats:
    """Return the slopes of the one output, a row an entry of it, by each entry of input k."""
    point, values = instrument.subject.point, instrument.values
    J = np.zeros((instrument.base[0].size, point[k].size))
    for column, index in enumerate(np.ndindex(*point[k].shape)):
        x = abs(float(np.asarray(point[k], np.float64)[index]))
        ts = Vector.unit(point, k, index, x if x > 0 else 1.0)
        plus, minus = ts.beside(point, STEP), ts.beside(point, -STEP)
        step = float(plus[k][index]) - float(minus[k][index])
        up, down = (np.asarray(values(x)[0], np.float64) for x in (plus, minus))
        J[:, column] = (up - down).ravel() / step if up.shape == down.shape == instrument.base[0].shape else np.nan
    return J


def _candidates(J: Floats, g: Floats, shape: tuple[int, ...]) -> Candidates:
    """Yield what other cotangents, and other matrices, give."""
    for mistake, other in _cotangents(g):
        yield mistake, (other.ravel() @ J).reshape(shape)
    if J.shape[0] != J.shape[1]:
        return
    flat = g.ravel()
    yield Mistake("transpose", detail="it is the Jacobian times the cotangent, where its transpose belongs"), (J @ flat).reshape(shape)
    if np.linalg.matrix_rank(J) == len(J) and np.linalg.cond(J) < CONDITION:
        for matrix, told in ((J.T, ""), (J, ", transposed")):
            mistake = Mistake("inverse", detail=f"the inverse of the Jacobian stands where the Jacobian belongs{told}")
            yield mistake, np.asarray(np.linalg.solve(matrix, flat).reshape(shape))


def _cotangents(g: Floats) -> Candidates:
    """Yield cotangents in another order, and those that are summed or averaged along an axis."""
    for axis in range(g.ndim):
        where = f"axis {axis} of the cotangent"
        if g.shape[axis] > 1:
            yield Mistake("flip", where), np.flip(g, axis)
            yield from ((Mistake("roll", where, s), np.roll(g, s, axis)) for s in (1, -1) if g.shape[axis] > 2)
            yield Mistake("wrong axis", where), np.broadcast_to(np.sum(g, axis, keepdims=True), g.shape)
    if g.ndim == 2 and g.shape[0] == g.shape[1] > 1:
        yield Mistake("transpose", detail="it is the gradient for the transposed cotangent"), g.T
    yield Mistake("cotangent ignored"), np.ones(g.shape)


def _slice(J: Floats, g: Floats, lost: Floats, allowed: Floats) -> Mistake | None:
    """Return the outputs, at one index of an axis, that count for nothing, twice, or with the wrong sign."""
    for axis in range(g.ndim):
        for i in range(g.shape[axis] if g.shape[axis] > 1 else 0):
            alone: Any = np.zeros(g.shape)
            np.moveaxis(alone, axis, 0)[i] = np.moveaxis(g, axis, 0)[i]
            part = (alone.ravel() @ J).reshape(lost.shape)
            where = f"outputs at index {i} of axis {axis}"
            for c, kind, told in SLIPS:
                if np.all(np.abs(lost - c * part) <= allowed):
                    return Mistake(kind, where, c, f"{where} {told}")  # type: ignore[arg-type]  # one of three kinds
    return None
