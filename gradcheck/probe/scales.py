"""Structure finer than the steps: a saw, a staircase, a function that saturates has another slope at small steps.

A mismatch seen with coarse steps is no proof if the doubted derivative is what the quotients tend to as the step shrinks.
This acquits nobody: the check is inconclusive then.
"""

from __future__ import annotations

import numpy as np

from gradcheck.probe.look import Look
from gradcheck.probe.meter import Instrument
from gradcheck.probe.noise import own_rounding
from gradcheck.probe.quotient import contract, moved, residual_at
from gradcheck.probe.subject import spacing

#: Steps shrink by this from look to look, down to where rounding hides half a percent of the mismatch.
SHRINK = 2.0**-6
#: Below this no step moves an entry that is not 0; an entry that is 0 moves by any step.
FINEST, FINEST_FROM_ZERO = 2.0**-44, 2.0**-140
#: Two steps to the next numbers, or nearly, over which a jump stays; and its least size, in roundings of the outputs.
NEXT, LEAST_JUMP = (2.0**-36, 2.0**-44), 2.0**16
#: Agreement is this much of the mismatch.
AGREES = 1 / 16


def agrees_at_finer_steps(instrument: Instrument, look: Look) -> bool:
    """Answer whether the mismatch is gone at two successive smaller steps, error bars of the outputs' rounding considered."""
    subject, r = instrument.subject, look.residual
    zero = any(np.any((x == 0) & (t != 0)) for x, t in zip(subject.point, look.ts, strict=True))
    least = own_rounding(subject, look.gs, instrument.base) * 200 / max(abs(r.value), 5e-324)
    h, before = r.step * SHRINK, False
    finest = FINEST_FROM_ZERO if zero else max(FINEST, 256 * max(spacing(x) for x in subject.point))  # a step has to move x
    while h > max(least, finest):
        found = residual_at(subject, look.gs, look.ts, look.gradients, instrument.base, h)
        now = found is not None and abs(found) <= AGREES * abs(r.value)
        if now and before:
            return True
        h, before = h * SHRINK, now
    return False


def jumps(instrument: Instrument, look: Look) -> bool:
    """Answer whether f is discontinuous at the point along a direction: its change does not shrink with the step."""
    subject = instrument.subject
    changes = []
    for h in NEXT:
        up, down = (subject.value(moved(subject.point, look.ts, s * h)) for s in (1, -1))
        changes.append(abs(contract(look.gs, up, down)))
    return changes[1] > 0.5 * changes[0] and changes[1] > LEAST_JUMP * own_rounding(subject, look.gs, instrument.base)
