"""Where kinks meet, one-sided slopes say too little: a gradient is compared with those at points around it.

Along one direction the slopes from the left and from the right enclose every element of the generalised derivative
if there is one kink; where several meet with mixed signs (relu of a whole layer at 0, a sort of equal numbers) they do
not. There the gradient has to lie between the gradients of the same code at nearby points, which choose a side at each
kink: in every entry, and in sums of entries, so that the shares of a tie add up.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from gradcheck.probe.directions import own_scale, scale
from gradcheck.probe.look import Look
from gradcheck.probe.meter import Instrument
from gradcheck.probe.quotient import moved
from gradcheck.probe.subject import Arrays

Floats = npt.NDArray[np.float64]

INSIDE, BESIDE, OUTSIDE = "inside", "beside", "outside"
#: How far away the points around are, relative to the entries.
NEARBY = 2.0**-18
RANDOM = 6
#: Sums of entries, and single entries, in which a gradient has to lie between the others.
SUMS, MOST_ENTRIES = 12, 256
#: Gradients nearby are those of a side up to this.
SAME = 1e-3
#: Beyond the gradients nearby by this much of their spread, a gradient may still be a mixture of sides that was not met.
NEAR = 0.9
#: Where more sides meet (a layer of relu at 0), few of them are met nearby, and the spread seen may be this much too small.
FEW_SIDES, UNMET = 6, 4
#: Gradients nearby that differ by this much belong to different branches.
APART = 0.05


def convention(instrument: Instrument, look: Look) -> str:
    """Return whether a gradient at a kink lies between those nearby, beside them within their spread, or outside."""
    rng = np.random.default_rng(0)
    moving = [t != 0 for t in look.ts]
    around = [_flat(instrument.gradients(look.gs, moved(instrument.subject.point, ts, NEARBY)), moving) for ts in _ways(instrument, look, rng)]
    claimed, near = _flat(look.gradients, moving), np.stack(around)
    if np.any(np.all(np.abs(near - claimed) <= SAME * np.max(np.abs(near), initial=0.0), axis=1)):
        return INSIDE  # it is that of one side
    across = np.concatenate([np.eye(len(claimed))[:MOST_ENTRIES], np.ones((1, len(claimed))), rng.choice([-1.0, 1.0], (SUMS, len(claimed)))])
    shares, mine = near @ across.T, across @ claimed
    low, high = shares.min(axis=0), shares.max(axis=0)
    slack = SAME * np.max(np.abs(shares), axis=0) + 1e-300
    beyond = np.maximum(low - mine, mine - high) - slack
    if np.all(beyond <= 0):
        return INSIDE
    size = float(np.max(np.abs(near), initial=0.0)) or 1.0
    sides = len(np.unique(np.round(near / size, 2), axis=0))
    return BESIDE if np.all(beyond <= (NEAR if sides <= FEW_SIDES else UNMET * NEAR) * (high - low)) else OUTSIDE


def branches(instrument: Instrument, look: Look, rng: np.random.Generator, base: Arrays) -> bool:
    """Answer whether the gradient is that of one of several branches that meet at the point without a kink along any direction.

    The median of equal numbers follows one of them on each side. The gradients nearby have to differ from each other, this one
    has to lie between them, and they have to be right.
    """
    ways = [own_scale(rng, instrument.subject.point) for _ in range(4)]
    near = [np.concatenate([v.ravel() for v in instrument.gradients(look.gs, moved(instrument.subject.point, ts, NEARBY))]) for ts in ways]
    size = float(np.max(np.abs(near), initial=0.0))
    if not np.isfinite(size) or float(np.max(np.ptp(near, axis=0), initial=0.0)) < APART * size or convention(instrument, look) != INSIDE:
        return False
    there = replace(instrument.subject, point=moved(instrument.subject.point, ways[0], 2.0**-6))
    values = there.value(there.point)
    if not all(np.isfinite(np.asarray(y, np.float64)).all() for y in values):
        return False
    beside = instrument.at(there, values)
    return not beside.look(look.gs, own_scale(rng, there.point), first=2.0**-14).wrong


def _flat(vs: list[Floats], moving: list[npt.NDArray[np.bool_]]) -> Floats:
    return np.concatenate([v[on] for v, on in zip(vs, moving, strict=True)])


def _ways(instrument: Instrument, look: Look, rng: np.random.Generator) -> list[list[Floats]]:
    """Return directions to points around: ramps (which order ties, between arrays too), the gradient's own pattern, random ones, and back."""
    point = instrument.subject.point
    total = sum(x.size for x in point) or 1
    starts = accumulate((x.size for x in point[:-1]), initial=1)
    ramp = [np.arange(k, k + x.size).reshape(x.shape) / total * scale(x) for k, x in zip(starts, point, strict=True)]
    pattern = [_unit(v) * scale(x) for v, x in zip(look.gradients, point, strict=True)]
    jitter = [APART * t for t in own_scale(rng, point)]  # equal entries of the gradient must not keep a tie
    own = [v + t for v, t in zip(pattern, jitter, strict=True)]
    made = [ramp, own, [np.abs(v) + t for v, t in zip(pattern, jitter, strict=True)], *(own_scale(rng, point) for _ in range(RANDOM))]
    return [*made, *([-t for t in ts] for ts in made)]


def _unit(v: Floats) -> Floats:
    size = float(np.max(np.abs(v), initial=0.0))
    return v / size if size > 0 and np.isfinite(size) else np.zeros_like(v)
