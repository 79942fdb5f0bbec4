"""Every entry of a doubted gradient beside the certified one: which lies farthest out of its error bar, or of the hull at a kink."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.slope.traced import Certified
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

Floats = npt.NDArray[np.float64]

#: Entries of an array that are looked at one by one: noise of its own may excuse the first ones.
FARTHEST = 8
#: An enclosure of several derivatives is wider than their hull by less than this part of its width: a radius has 30 bits, and is rounded up some times.
WIDER = 2.0**-24


def bars(instrument: Instrument, gs: Vector, v: Vector) -> list[Floats] | None:
    """Return the error bar of every entry, enclosures included; None where there is no certified gradient.

    Where an entry is out of its bar, that of formulas by f's rounded outputs is granted.

    Args:
        instrument: of a traced function.
        gs: the cotangents.
        v: the doubted gradients for them.
    """
    certified = instrument.traced.gradients(list(gs)) if instrument.traced is not None else None
    if instrument.traced is None or certified is None:
        return None
    allowed = _widened(instrument, gs, v, certified)
    if any(outliers(instrument, gs, v, allowed)) and instrument.traced.grant_reuse():
        return _widened(instrument, gs, v, instrument.traced.gradients(list(gs)) or certified)
    return allowed


def _widened(instrument: Instrument, gs: Vector, v: Vector, certified: Certified) -> list[Floats]:
    return [bar + radius for bar, (_, radius) in zip(instrument.entry_bars(gs, v), certified, strict=True)]


def outliers(instrument: Instrument, gs: Vector, v: Vector, allowed: list[Floats]) -> Iterator[Vector]:
    """Yield for each array with entries out of their bars the directions along the farthest ones.

    Args:
        instrument: of a traced function.
        gs: the cotangents.
        v: the doubted gradients for them.
        allowed: the bars.
    """
    certified = instrument.traced.gradients(list(gs)) if instrument.traced is not None else None
    for k, ((c, _), a, bar) in enumerate(zip(certified or (), v, allowed, strict=True)):
        away = np.abs(c - a) / bar
        for entry in np.argsort(-away, axis=None)[:FARTHEST]:
            if away.flat[entry] > MARGIN:
                index = tuple(int(i) for i in np.unravel_index(int(entry), away.shape))
                yield Vector.unit(instrument.subject.point, k, index)


def outside(instrument: Instrument, gs: Vector, accuracy: float | None) -> Iterator[Finding]:
    """Yield the entry that is farthest outside the certified hull of all derivatives at a kink, for each array that has one.

    Args:
        instrument: of a traced function at a kink.
        gs: the cotangents.
        accuracy: that the derivative declares, if any.
    """
    hulls = instrument.kinked.hulls(list(gs)) if instrument.kinked is not None else None
    if hulls is None:
        return
    v = instrument.gradients(gs)
    for path, a, bar, (low, high) in zip(instrument.subject.paths, v, instrument.entry_bars(gs, v), hulls, strict=True):
        largest = np.maximum(np.abs(low), np.abs(high))
        with np.errstate(invalid="ignore"):  # an infinite end: nothing is known
            allowed = MARGIN * bar + WIDER * (high - low) + (accuracy or 0.0) * largest
            beyond = np.where(np.isfinite(largest), np.maximum(low - a, a - high) / allowed, 0.0)
        if not beyond.size or not beyond.max() > 1:
            continue
        k = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
        ends = f"{low[k]:.6g} and {high[k]:.6g}"
        where = f"{path}[{', '.join(map(str, k))}]" if k else path
        message = f"gradient of {where} is {a[k]:.15g}; every generalised derivative lies between {ends} (certified)"
        yield Finding(
            "fault", message, node=path, index=tuple(map(int, k)), direction="gradient", got=float(a[k]), expected=float(np.clip(a[k], low[k], high[k])),
            bound=float(allowed[k]),
        )  # fmt: skip
