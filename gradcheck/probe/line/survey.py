"""A survey of a line: tables wider, narrower and beside the point, from which the noise of f and the law of a difference are learned."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from gradcheck.probe.line import stencils as st
from gradcheck.probe.line.line import LADDER, WIDE, Line
from gradcheck.probe.line.samples import Samples
from gradcheck.probe.subject.margin import MARGIN

#: Tables beside each other on both sides of the point, in the widths of the first table: a difference that adds up has one sign in all.
NEIGHBOURS = (-6, -4, -2, 2, 4, 6)
#: Narrower ones, in the scale of the point, and farther out for functions that are flat as far as was seen.
NARROW_NEIGHBOURS, FAR_NEIGHBOURS = (-0.5, -0.25, 0.25, 0.5), (-0.875, -0.75, 0.75, 0.875)
#: Panels that have to show a difference before anything is said of its law: two are on a line by accident.
FEWEST_PANELS = 3
#: A factor is the same in all panels up to this part of it; a tolerance is met anew in each, by other errors.
SAME_FACTOR = 0.1
#: Two tables around the largest jump of a mismatch, each as wide as the gap, 0.19 of the one before at most: the mismatch of noise stays, that of
#: a kink falls by 27 and more.
NARROWINGS, FALLEN = 2, 16
#: Significant bits of the formats that outputs may have been rounded to: bfloat16, float16, float32.
NARROW = (8, 11, 24)


def survey(line: Line) -> None:
    """Sample wider, narrower and beside the point, and learn the noise of f from what is irregular there; tables are taken once."""
    for h in (WIDE, WIDE / 2, *(h / 8 for h in LADDER[:4])):
        if h >= line.finest:
            line.table(h)
    beside = [line.table(LADDER[0], k * LADDER[0]) for k in NEIGHBOURS]
    if LADDER[1] >= line.finest:
        places = (*NARROW_NEIGHBOURS, *(FAR_NEIGHBOURS if all(t.flat for t in line.tables) else ()))
        beside += [line.table(LADDER[1], c) for c in places]
    for t in (*line.tables, *beside):
        if 2 * line.noise < t.noise <= line.most_noise and _lasts(line, t):
            line.instrument.noise = max(line.instrument.noise, t.noise / (line.norm or 1.0))


def _lasts(line: Line, table: Samples) -> bool:
    """Answer whether what is irregular in a table is no smaller in narrower ones around its largest jump, as noise is."""
    q = table
    for _ in range(NARROWINGS):
        if not np.isfinite(q.mismatch).all():
            return False
        k = int(np.argmax(np.abs(np.diff(q.mismatch))))
        h = q.h * (st.NODES[k + 1] - st.NODES[k]) / 2
        if h < line.finest:  # steps would be lost
            return True
        q = line.table(h, q.center + q.h * (st.NODES[k] + st.NODES[k + 1]) / 2)
    return q.around.least > table.around.least / FALLEN


def is_factor(line: Line) -> bool:
    """Answer whether the mismatch of tables beside each other is one factor of the changes of f: a wrong constant adds up, a tolerance varies."""
    panels = [t for t in line.everywhere if t.h == LADDER[0] and line.off("around", t)]
    if len(panels) < FEWEST_PANELS:
        return False
    with np.errstate(all="ignore"):  # f may not change in a panel
        ratios = np.array([t.mismatch @ t.phi / (t.phi @ t.phi) for t in panels])
        return bool(np.ptp(ratios) <= SAME_FACTOR * np.max(np.abs(ratios)))


def wavers(line: Line) -> bool:
    """Answer whether the mismatch of tables beside each other changes its sign twice or more: its sum is bounded, that of a mistake grows."""
    panels = sorted((t for t in line.everywhere if t.h == LADDER[0] and math.isfinite(t.around.value)), key=lambda t: t.center)
    signs = [t.around.value > 0 for t in panels if abs(t.around.value) > MARGIN * (t.around.truncation + t.rounding)]
    return sum(a != b for a, b in pairwise(signs)) >= 2


def is_narrow(line: Line) -> bool:
    """Answer whether all outputs, at the point and far from it, are numbers of a format that is narrower than the one they come in."""
    far = line.instrument.values(line.ts.beside(line.instrument.subject.point, WIDE))
    outputs = [np.asarray(y, np.float64) for y in (*line.instrument.base, *far)]
    return any(all(np.array_equal(_rounded(y, bits), y) for y in outputs) for bits in NARROW)


def _rounded(y: st.Floats, bits: int) -> st.Floats:
    mantissa, exponent = np.frexp(y)
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits))
