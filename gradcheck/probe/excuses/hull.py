"""Where branches meet, a claim is compared with those at points around it, which choose a side at each kink.

Along one direction the slopes from the left and from the right enclose every element of the generalised derivative if there is one kink;
where several meet with mixed signs (relu of a whole layer at 0, a sort of equal numbers), or f has branches without a kink along any line
(the median of equal numbers), they do not. There the gradient has to lie between the gradients of the same code at nearby points: in every
entry, and in sums of entries, so that the shares of a tie add up.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.directions import own_scale, scale
from gradcheck.probe.subject.vector import Vector

Floats = npt.NDArray[np.float64]
#: Where a claim lies: "inside" the hull of those around, "beside" it within their spread, or "outside".
Place: TypeAlias = Literal["inside", "beside", "outside"]

#: How far away the points around are, relative to the entries: a smooth gradient changes over it by less than `SAME`, unless it bends
#: within 2^-8 of its scale; far above the spacing of float32.
NEARBY = 2.0**-18
#: Random points beside the ramps and the gradient's own pattern; each takes a side at every kink, n of them leave one side out with 2^-n.
RANDOM = 6
#: Random signed sums of entries, and single entries, in which a gradient has to lie between the others: one direction in which it does not
#: is missed by a signed sum with 1/2.
SUMS, MOST_ENTRIES = 12, 256
#: Gradients nearby are those of a side up to this.
SAME = 1e-3
#: Beyond the gradients nearby by this much of their spread, not as far as once more across it, a gradient may still be a mixture of sides that was
#: not met.
NEAR = 0.9
#: Where more sides meet (a layer of relu at 0), few of them are met nearby, and the spread seen may be this much too small.
FEW_SIDES, UNMET = 6, 4
#: Gradients nearby that differ by this much belong to different branches: a smooth one would bend within 2^-13 of its scale.
APART = 0.05


def place_in_hull(instrument: Instrument, gs: Vector, ts: Vector, claim: Vector) -> tuple[Place, bool]:
    """Return where a claim lies among the gradients around the point, and whether these belong to several branches.

    Args:
        instrument: of the function.
        gs: the cotangents.
        ts: a direction; entries that it does not move are left where they are.
        claim: the doubted gradient.
    """
    moving = [t != 0 for t in ts]
    around = [_flat(instrument.gradients(gs, way.beside(instrument.subject.point, NEARBY)), moving) for way in _ways(instrument, ts, claim)]
    near, mine = np.stack(around), _flat(claim, moving)
    size = float(np.max(np.abs(near), initial=0.0))
    if not np.isfinite(size):
        return "outside", False
    apart = float(np.max(np.ptp(near, axis=0), initial=0.0)) > APART * size
    if np.any(np.all(np.abs(near - mine) <= SAME * size, axis=1)):
        return "inside", apart  # it is that of one side
    return _between(near, mine, size or 1.0), apart


def _between(near: Floats, mine: Floats, size: float) -> Place:
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (SUMS, len(mine)))
    shares, own = (
        np.concatenate([v[..., :MOST_ENTRIES], v.sum(-1, keepdims=True), *(np.sum(v * s, -1, keepdims=True) for s in signs)], -1) for v in (near, mine)
    )
    low, high = shares.min(axis=0), shares.max(axis=0)
    beyond = np.maximum(low - own, own - high) - SAME * np.max(np.abs(shares), axis=0) - 1e-300
    if np.all(beyond <= 0):
        return "inside"
    sides = len(np.unique(np.round(near / size, 2), axis=0))
    return "beside" if np.all(beyond <= (NEAR if sides <= FEW_SIDES else UNMET * NEAR) * (high - low)) else "outside"


def _flat(v: Vector, moving: list[npt.NDArray[np.bool_]]) -> Floats:
    return np.concatenate([a[on] for a, on in zip(v, moving, strict=True)])


def _ways(instrument: Instrument, ts: Vector, claim: Vector) -> list[Vector]:
    """Return directions to points around: ramps (which order ties, between arrays too), the gradient's own pattern, random ones, and back."""
    point, rng = instrument.subject.point, np.random.default_rng(0)
    total = sum(x.size for x in point) or 1
    starts = accumulate((x.size for x in point[:-1]), initial=1)
    ramp = Vector.of(np.arange(k, k + x.size).reshape(x.shape) / total * scale(x) for k, x in zip(starts, point, strict=True))
    pattern = Vector.of(_unit(v) * scale(x) for v, x in zip(claim, point, strict=True))
    jitter = own_scale(rng, point).times(APART)  # equal entries of the gradient must not keep a tie
    magnitudes = Vector.of(np.abs(p) for p in pattern)
    made = [ramp, pattern.plus(jitter), magnitudes.plus(jitter), *(own_scale(rng, point) for _ in range(RANDOM))]
    still = [t != 0 for t in ts]
    return [way.times(still) for way in (*made, *(m.times(-1.0) for m in made))]


def _unit(v: Floats) -> Floats:
    size = float(np.max(np.abs(v), initial=0.0))
    return v / size if size > 0 and np.isfinite(size) else np.zeros_like(v)
