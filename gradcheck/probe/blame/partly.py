"""The mistake of the wrong entries alone: those that are nearly right tell how well f is computed, and few are asked at other points too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.mistakes.factor import NEAR, SHOWN
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.blame.at_hand import Entries, arrays_at_hand
from gradcheck.probe.excuses.small import LARGE
from gradcheck.probe.line.look import Look
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.vector import Vector

Floats = npt.NDArray[np.float64]
Entry = Callable[[Instrument, Look, int, tuple[int, ...]], tuple[float, float, float]]

#: From this relative error on, an entry is wrong by itself where others are off by what accuracy is, `small.LARGE`.
GROSS = 2.0**-3
#: Points beside that few entries are asked at, so that one entry is as many as show a mistake.
POINTS = SHOWN - 1
#: How far these are, relative to the entries: a slope of usual size is another one there by a tenth, what explains it and what does not differ,
#: and the domain of f has hardly ended.
AWAY = 0.125


def partly(instrument: Instrument, seen: Look, k: int, expected: Floats, bar: Floats, entry: Entry) -> Mistake | None:
    """Return what is the mistake of all wrong entries of an input, here and at points beside.

    Args:
        instrument: of the function.
        seen: a confirmed mismatch.
        k: the input.
        expected: its right gradient.
        bar: its error bar.
        entry: measures (got, expected, bar) of an entry.
    """
    got = seen.gradients[k]
    wrong, rest = _gross(got, expected, bar)
    places = np.nonzero(wrong) if got.shape else ()
    count = int(np.count_nonzero(wrong))
    if not count:  # the difference is one of the direction, and below the bars of each entry
        return None
    numbers = np.stack([got[wrong], expected[wrong], bar[wrong]])
    here = _entries(instrument, seen, k, places, numbers, rest)
    found = here.mistake() or _lost(here)
    if found is not None and found.kind != "zero" and sum(y.size for y in instrument.base) > 1:
        found = _joined(seen, k, places, here, entry, [instrument], rest)  # for another cotangent too
    elif found is None and count <= SHOWN:
        found = _joined(seen, k, places, here, entry, _beside(instrument), rest)
    return found if found is None or count == got.size else replace(found, detail=_told(found, count, got.size))


def _told(found: Mistake, count: int, size: int) -> str:
    sentence = str(found).partition(": ")[2].replace("every entry is", "they are")
    return f"of the {count} wrong entries of {size} {sentence}"


def _lost(here: Entries) -> Mistake | None:
    """Return zeros, in fewer entries than are enough for anything else: a zero is no accident."""
    return Mistake("zero") if here.got.size and not np.any(here.got) and np.all(np.abs(here.expected) > NEAR * here.bar) else None


def _gross(got: Floats, expected: Floats, bar: Floats) -> tuple[npt.NDArray[np.bool_], float]:
    """Return the wrong entries, and what f or the derivative is off by: where some are grossly wrong and all others nearly right, these tell."""
    size = np.maximum(np.abs(got), np.abs(expected))
    with np.errstate(all="ignore"):
        relative = np.where(size > 0, np.abs(got - expected) / size, 0.0)
    wrong = np.abs(got - expected) > NEAR * bar
    gross = wrong & (relative > GROSS)
    rest = float(np.max(relative, where=~gross, initial=0.0))
    if gross.any() and (wrong & ~gross).any() and rest < LARGE:
        return gross, rest
    return wrong, 0.0


def _entries(instrument: Instrument, seen: Look, k: int, places: tuple[Any, ...], numbers: Floats, rest: float) -> Entries:
    """Return entries as (got, expected, bar) in rows, off by a part that is told, with what is at hand."""
    got, expected, bar = numbers
    subject, base = instrument.subject, instrument.base
    named = [(f"input {path}", np.asarray(x, np.float64)) for path, x in zip(subject.paths, subject.point, strict=True)]
    if len(base) == 1:
        named.append(("the output", np.asarray(base[0], np.float64)))
        named += [("the cotangent", seen.gs[0])] if base[0].size > 1 else []
    arrays = [x for _, x in named]
    sizes = frozenset(n for a in arrays for n in (*a.shape, a.size) if n > 1)
    bar = bar + rest * np.maximum(np.abs(got), np.abs(expected)) / NEAR
    return Entries(got, expected, bar, tuple(arrays_at_hand(named, places, subject.point[k].shape)), sizes, instrument.unit)


def _joined(
    seen: Look, k: int, places: tuple[Any, ...], here: Entries, entry: Entry, others: Iterable[Instrument], rest: float
) -> Mistake | None:
    """Return the mistake that entries share with some of them for other cotangents, at other points."""
    rng, joined = np.random.default_rng(2), here
    some = tuple(p[:SHOWN] for p in places)
    indices = [tuple(int(i) for i in index) for index in zip(*some, strict=True)] if places else [()]
    for other in others:
        fresh = seen.gs if sum(y.size for y in other.base) == 1 else seen.gs.times([rng.uniform(0.5, 2.0, g.shape) for g in seen.gs])
        there = replace(seen, gs=fresh, gradients=other.gradients(fresh))
        numbers = np.array([entry(other, there, k, index) for index in indices]).T
        if not np.isfinite(numbers).all():
            return None
        joined = joined.joined(_entries(other, there, k, some, numbers, rest))
    return joined.mistake()


def _beside(instrument: Instrument) -> Iterator[Instrument]:
    """Yield instruments at points beside, where f is defined there, and of the same shape."""
    subject, rng = instrument.subject, np.random.default_rng(2)
    for _ in range(POINTS):
        ts = Vector.of([np.abs(np.asarray(x, np.float64)) * rng.uniform(0.25, 1.0, x.shape) for x in subject.point])
        there = replace(subject, point=ts.beside(subject.point, AWAY))
        base = instrument.values(there.point)
        if Vector.of(base).finite and [np.shape(y) for y in base] == [np.shape(y) for y in instrument.base]:
            yield Instrument(there, base, instrument.noise)
