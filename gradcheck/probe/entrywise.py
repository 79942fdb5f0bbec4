"""Every entry of a doubted gradient beside the certified one: which lies farthest out of its error bar."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gradcheck.probe.look import MARGIN
from gradcheck.probe.meter import Instrument

Floats = npt.NDArray[np.float64]


def bars(instrument: Instrument, gs: list[Floats], v: list[Floats]) -> list[Floats] | None:
    """Return the error bar of every entry, enclosures included; None where there is no certified gradient.

    Args:
        instrument: of a traced function.
        gs: the cotangents.
        v: the doubted gradients for them.
    """
    certified = instrument.traced.gradients(gs) if instrument.traced is not None else None
    if certified is None:
        return None
    return [bar + radius for bar, (_, radius) in zip(instrument.entry_bars(gs, v), certified, strict=True)]


def outliers(instrument: Instrument, gs: list[Floats], v: list[Floats], allowed: list[Floats]) -> Iterator[list[Floats]]:
    """Yield for each array with an entry out of its bar the direction along the farthest one.

    Args:
        instrument: of a traced function.
        gs: the cotangents.
        v: the doubted gradients for them.
        allowed: the bars.
    """
    certified = instrument.traced.gradients(gs) if instrument.traced is not None else None
    for k, ((c, _), a, bar) in enumerate(zip(certified or (), v, allowed, strict=True)):
        away = np.abs(c - a) / bar
        if c.size and away.max() > MARGIN:
            ts = [np.zeros(x.shape) for x in instrument.subject.point]
            ts[k].flat[int(np.argmax(away))] = 1.0
            yield ts
