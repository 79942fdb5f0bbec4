"""Where kinks meet, one-sided slopes say too little: a gradient is compared with those at points around it.

Along one direction the slopes from the left and from the right enclose every element of the generalised derivative
if there is one kink; where several meet with mixed signs (relu of a whole layer at 0, a sort of equal numbers) they do
not. There the gradient has to lie, entry by entry, between the gradients of the same code at nearby points, which
choose a side at each kink.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gradcheck.probe.directions import own_scale, scale
from gradcheck.probe.meter import Instrument, Look
from gradcheck.probe.quotient import moved

Floats = npt.NDArray[np.float64]

INSIDE, BESIDE, OUTSIDE = "inside", "beside", "outside"
#: How far away the points around are, relative to the entries.
NEARBY = 2.0**-18
RANDOM = 6


def convention(instrument: Instrument, look: Look) -> str:
    """Return whether a gradient at a kink lies between those nearby, beside them within their spread, or outside."""
    rng = np.random.default_rng(0)
    around = [instrument.gradients(look.gs, moved(instrument.subject.point, ts, NEARBY)) for ts in _ways(instrument, look, rng)]
    worst = 0.0
    for k, v in enumerate(look.gradients):
        if not v.size or not np.any(look.ts[k]):
            continue
        near = np.stack([g[k] for g in around])
        low, high = near.min(axis=0), near.max(axis=0)
        slack = 1e-3 * np.maximum(np.abs(low), np.abs(high)) + 1e-300
        beyond = np.maximum(low - v, v - high) - slack
        spread = np.max(high - low, initial=0.0)
        worst = max(worst, float(np.max(beyond, initial=0.0) / spread) if spread > 0 else (np.inf if np.any(beyond > 0) else 0.0))
    return INSIDE if worst <= 0 else BESIDE if worst <= 1 else OUTSIDE


def _ways(instrument: Instrument, look: Look, rng: np.random.Generator) -> list[list[Floats]]:
    """Return directions to points around: ramps (which order ties), the gradient's own pattern, random ones, and back."""
    point = instrument.subject.point
    ramp = [np.arange(1.0, x.size + 1).reshape(x.shape) / max(x.size, 1) * scale(x) for x in point]
    own = [_unit(v) * scale(x) for v, x in zip(look.gradients, point, strict=True)]
    made = [ramp, own, [np.abs(v) for v in own], *(own_scale(rng, point) for _ in range(RANDOM))]
    return [*made, *([-t for t in ts] for ts in made)]


def _unit(v: Floats) -> Floats:
    size = float(np.max(np.abs(v), initial=0.0))
    return v / size if size > 0 and np.isfinite(size) else np.zeros_like(v)
