"""Measurements that name a mistake: what each output contributes to an entry, and what each output alone gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gradcheck.mistakes.factor import NEAR
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.contracts.contracts import stretches
from gradcheck.probe.line.look import Look
from gradcheck.probe.slope.instrument import CHAIN, Instrument
from gradcheck.probe.subject.vector import Vector

Floats = npt.NDArray[np.float64]
#: One entry of the gradient of an input: index -> (got, expected, bar).
Entry = Callable[[Look, int, tuple[int, ...]], tuple[float, float, float]]

#: Wrong entries whose contributions are measured.
MOST_ENTRIES = 6
MOST_OUTPUTS = 4
#: The relative step of a plain central difference, and what it is good for: a sixth of the square of the step, in waves of up to 30 radians an
#: entry, is below it, and so is the rounding of outputs up to 10^7 times the slope.
STEP, GOOD = 2.0**-12, 1e-5


def kept_one(instrument: Instrument, look: Look, k: int, wrong: list[tuple[int, ...]]) -> Mistake | None:
    """Name = for +=: in every wrong entry only one of several contributions was kept, always the last or always the first.

    Where the input was broadcast to the output, that is a missing sum.
    """
    verdicts: list[set[str]] = []
    for index in wrong[:MOST_ENTRIES]:
        parts = contributions(instrument, look, k, index)
        if parts is None or len(parts) < 2:
            return None
        got, allowed = float(look.gradients[k][index]), GOOD * float(np.max(np.abs(parts)))
        verdicts.append({name for name, part in (("last", parts[-1]), ("first", parts[0])) if abs(got - part) <= allowed})
    kept = set.intersection(*verdicts) if verdicts else set()
    if len(kept) != 1 and not (len(wrong) == 1 and kept):
        return None
    which, shape = kept.pop(), instrument.subject.point[k].shape
    base = instrument.base
    if len(base) == 1 and shape != base[0].shape and stretches(shape, base[0].shape):
        return Mistake("missing broadcast sum", which)
    return Mistake("= for +=", which)


def contributions(instrument: Instrument, look: Look, k: int, index: tuple[int, ...]) -> Floats | None:
    """Return what each output entry contributes to an entry of the gradient, zeros left out; None where f is not finite."""
    subject = instrument.subject
    x = abs(float(np.asarray(subject.point[k], np.float64)[index]))
    ts = Vector.unit(subject.point, k, index, x if x > 0 else 1.0)
    plus, minus = ts.beside(subject.point, STEP), ts.beside(subject.point, -STEP)
    step = float(plus[k][index]) - float(minus[k][index])
    up, down = subject.value(plus), subject.value(minus)
    parts = np.concatenate([(g * (np.asarray(a, np.float64) - np.asarray(b, np.float64)) / step).ravel() for g, a, b in zip(look.gs, up, down, strict=True)])
    if not np.isfinite(parts).all():
        return None
    return np.asarray(parts[np.abs(parts) > GOOD * float(np.max(np.abs(parts), initial=0.0))])


def lost_output(look: Look, k: int, difference: Floats, bar: Floats, entry: Entry) -> Mistake | None:
    """Name an output that counts for nothing: the missing part is the gradient for its cotangent alone."""
    if not 1 < len(look.gs) <= MOST_OUTPUTS:
        return None
    for j in range(len(look.gs)):
        alone = replace(look, gs=look.gs.only(j), gradients=look.gradients.times(0.0))
        part = np.zeros(difference.shape)
        for index in np.ndindex(*difference.shape):
            part[index] = entry(alone, k, index)[1]
        if np.all(np.abs(difference - part) <= 32 * bar + 1e-6 * float(np.max(np.abs(difference)))):
            return Mistake("term missing", f"output {j}", detail=f"output {j} counts for nothing")
    return None


def _allowed(got: Floats, expected: Floats, bar: Floats) -> Floats:
    """Return how far an entry that is made by differences may be from what came: not so far as to leave a tenth unexplained."""
    return np.asarray(np.fmin(NEAR * bar + GOOD * np.abs(got), float(np.max(np.abs(got - expected))) / 10))


def diagonal(look: Look, k: int, got: Floats, expected: Floats, bar: Floats, entry: Entry) -> Mistake | None:
    """Name the cotangent times the diagonal of the Jacobian: each output is differentiated by its own input alone."""
    if len(look.gs) != 1 or look.gs[0].shape != got.shape or got.size < 2:
        return None
    allowed = np.fmin(_allowed(got, expected, bar), np.abs(got - expected) / 2 + NEAR * bar)
    for index in np.ndindex(*got.shape):
        alone = replace(look, gs=Vector.unit(look.gs, 0, index, float(look.gs[0][index])), gradients=look.gradients.times(0.0))
        if abs(got[index] - entry(alone, k, index)[1]) > allowed[index]:
            return None
    return Mistake("diagonal only")


def at_output(
    instrument: Instrument, look: Look, k: int, got: Floats, expected: Floats, bar: Floats, entry: Callable[..., tuple[float, float, float]]
) -> Mistake | None:
    """Name the derivative that is taken at the output of f instead of its input."""
    base, subject = instrument.base, instrument.subject
    if len(base) != 1 or len(subject.point) != 1 or base[0].shape != got.shape:
        return None
    there = replace(subject, point=[base[0].astype(subject.point[0].dtype)])
    values = instrument.values(there.point)
    if not Vector.of(values).finite:
        return None
    other, there_seen = Instrument(there, values, instrument.noise), replace(look, gradients=look.gradients.times(0.0))
    made = (entry(other, there_seen, k, index)[1] for index in np.ndindex(*got.shape))
    near = all(abs(v - e) <= a for v, e, a in zip(got.flat, made, _allowed(got, expected, bar).flat, strict=True))
    return Mistake("at output") if near else None


def boundary(x: Floats, wrong: npt.NDArray[np.bool_], got: Floats, expected: Floats, bar: Floats, g: Floats | None) -> Mistake | None:
    """Name a mask that is off at its boundary: the cotangent is let through or stopped wrongly at entries of one value alone."""
    if g is None or g.shape != got.shape or x.shape != got.shape or len(values := np.unique(x[wrong])) != 1 or np.any(x[~wrong] == values[0]):
        return None
    through = np.abs(expected - g) <= NEAR * bar
    stopped = np.abs(expected) <= NEAR * bar
    if not np.all(through | stopped) or not (np.any(through[~wrong]) and np.any(stopped | wrong)):
        return None
    other = np.where(through, 0.0, g)
    if not np.all(np.abs(got - other)[wrong] <= NEAR * bar[wrong]):
        return None
    return Mistake("mask off at boundary", "stopped" if np.all(through[wrong]) else "let through", float(values[0]))


def is_flat(instrument: Instrument, look: Look, k: int) -> bool:
    """Answer whether f stays what it is, but for rounding, when an input moves: else its slope is zero at the point alone."""
    ts = look.ts.only(k)
    moved = (instrument.values(ts.beside(instrument.subject.point, h)) for h in (0.25, -0.125))
    return all(not abs(instrument.contract(look.gs, ys)) > CHAIN * instrument.own_rounding(look.gs) for ys in moved)


def same_factor(instrument: Instrument, look: Look, k: int, index: tuple[int, ...], entry: Entry) -> bool:
    """Answer whether the factor in an entry is the same for another cotangent: else it is none."""
    rng = np.random.default_rng(1)
    gs = look.gs.times([rng.uniform(0.25, 4.0, g.shape) * rng.choice([-1.0, 1.0], g.shape) for g in look.gs])
    again = replace(look, gs=gs, gradients=instrument.gradients(gs))
    (a, b, bar), (c, d, other) = entry(look, k, index), entry(again, k, index)
    rounding = NEAR * (bar * (abs(c) + abs(d)) + other * (abs(a) + abs(b)))
    return abs(a * d - b * c) <= min(GOOD * (abs(a * d) + abs(b * c)) + rounding, abs((a - b) * d) / 4)
