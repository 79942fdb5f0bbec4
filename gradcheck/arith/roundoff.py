"""How a target rounds: its unit roundoff, what it adds up in, its underflow, and the errors of its functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck.arith.floating import FORMATS

ROUNDED_ONCE = {"sqrt"}  # IEEE 754 requires the nearest number; some vector libraries miss it now and then
DEFAULT_ULPS = 4.0


@dataclass(frozen=True, slots=True)
class Roundoff:
    """How a target rounds.

    Args:
        u: unit roundoff of stored results.
        accumulate: unit roundoff inside sums and products (float32 for bfloat16 kernels).
        eta: largest error of an underflow: half the smallest subnormal, or the smallest normal
            number where subnormals are flushed.
        largest: the largest finite number.
        ulps: error of elementary functions in units in the last place, by name.
        inputs: unit roundoff to which operands of products are rounded first (tf32), else 0.
        flushes: whether subnormal results are flushed to zero, so that sums underflow too.
    """

    u: float
    accumulate: float
    eta: float
    largest: float
    ulps: Mapping[str, float] = field(default_factory=dict)
    inputs: float = 0.0
    flushes: bool = False

    @classmethod
    def of(
        cls,
        dtype: str,
        *,
        flushes: bool = False,
        accumulate: str | None = None,
        ulps: Mapping[str, float] | None = None,
    ) -> Roundoff:
        """Return the rounding of a format in `gradcheck.arith.floating.FORMATS`.

        >>> Roundoff.of("float32").u == 2.0**-24
        True
        """
        info = _finfo(dtype)
        u = float(info.eps) / 2
        eta = float(info.tiny) if flushes else float(info.smallest_subnormal) / 2
        inner = float(_finfo(accumulate).eps) / 2 if accumulate else min(u, 2.0**-24)
        return cls(u, inner, max(eta, 5e-324), float(info.max), ulps or {}, flushes=flushes)


def _finfo(dtype: str) -> Any:
    import ml_dtypes

    return ml_dtypes.finfo(FORMATS[dtype])


def wide_format(dtype: str) -> str:
    """Return the format in which results of `dtype` are verified."""
    if dtype != "float64":
        return "float64"
    return "longdouble" if np.finfo(np.longdouble).nmant >= 63 else "float64"
