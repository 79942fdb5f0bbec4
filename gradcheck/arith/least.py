"""Running error bounds from below: what lies within them lies within those of `Running`, whatever our own arithmetic does.

A bound of `Running` grows with the unit roundoff that it is given, by a polynomial without negative terms (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., chapter 3): that of u - v is at most that of u less that of v. So where a value is computed in an arithmetic of unit
roundoff v, of which an operation errs by `ROOM` v at most, the bound for u - `ROOM` v holds beside the value that was computed, and another value that
was computed better. Terms of a bound that are dropped make it smaller only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.roundoff import DEFAULT_ULPS, Roundoff
from gradcheck.arith.running import Bound, Running

#: Unit roundoffs by which an operation of our own errs at most: functions by `DEFAULT_ULPS`, an ulp is two of them.
ROOM = 2 * DEFAULT_ULPS
#: A narrower format than float64 will do where it leaves so much of each rounding.
LEFT = 1 - 2.0**-8


class Least(Running):
    """`Running` with bounds that are never larger, for judgements that acquit.

    Args:
        roundoff: how the implementation to be judged rounds.

    >>> x = np.float32([3]), np.float32([0.9])
    >>> less, more = (m.array(x[0]) * m.array(x[1]) for m in (Least(Roundoff.of("float32")), Running(Roundoff.of("float32"))))
    >>> bool(0.999 * more.error < less.error < more.error)
    True
    """

    def __init__(self, roundoff: Roundoff) -> None:
        super().__init__(roundoff, _wide(roundoff))
        self.u, self.u_sum = (u - ROOM * self.own for u in (roundoff.u, roundoff.accumulate))

    def _widened(self, gap: Array, value: Array) -> Bound:
        """Take off what the wide evaluation of two function values can add to their difference."""
        less: Any = np.maximum(gap - 2 * ROOM * self.own * np.abs(value), 0)
        return np.asarray(less)


def _wide(roundoff: Roundoff) -> str:
    """Return the narrowest format in which a target can be judged: float32 for half formats that also add up in themselves."""
    least = min(roundoff.u, roundoff.accumulate)
    return "float32" if (1 - LEFT) * least >= ROOM * 2.0**-24 else "float64"
