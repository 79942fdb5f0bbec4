"""How accurate are a target's elementary functions: the measured table.

Written by ``gradcheck accuracy TARGET... --write``; no function counts less than
`DEFAULT_ULPS`: another processor may have another library.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from gradcheck.arith.roundoff import DEFAULT_ULPS, ROUNDED_ONCE, Roundoff

#: The search sees only some inputs, so the largest error found is doubled.
SAFETY = 2.0
#: IEEE 754 requires 1/2, yet MKL's vector square root, and with it torch, is off by up to 0.77.
UNMEASURED_ROOT = 1.0


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    source = files("gradcheck.validation").joinpath("ulps.json")
    return json.loads(source.read_text(encoding="utf-8")) if source.is_file() else {}


def measured_ulps(target: str, dtype: str) -> dict[str, float]:
    """Return the error in ulp to allow to each elementary function of a target and format."""
    known = _table().get(target)
    if known is None:
        return dict.fromkeys(ROUNDED_ONCE, UNMEASURED_ROOT)
    measured = {name: ulps for name, ulps in known.get(dtype, {}).items() if ulps <= most_ulps(dtype)}
    return {name: _allowed(name, ulps) for name, ulps in measured.items()}


def most_ulps(dtype: str) -> float:
    """Return the largest error that is rounding; a larger one (torch's softplus above its threshold) is not excused.

    It is that of exp where its argument was rounded once, as in JAX's sinh by exp(x + log 1/2): half a unit in the last
    place of the largest argument.

    >>> most_ulps("float64"), most_ulps("float32"), most_ulps("float16")
    (512.0, 64.0, 8.0)
    """
    return 2.0 ** math.floor(math.log2(math.log(Roundoff.of(dtype).largest)))


def _allowed(name: str, ulps: float) -> float:
    if name in ROUNDED_ONCE:
        return ulps if ulps <= 0.5 else SAFETY * ulps
    return max(DEFAULT_ULPS, SAFETY * ulps)
