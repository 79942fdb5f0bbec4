"""How accurate are a target's elementary functions: the measured table.

Written by ``gradcheck accuracy TARGET... --write``; no function counts less than
`DEFAULT_ULPS`: another processor may have another library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from gradcheck.arith.roundoff import DEFAULT_ULPS, ROUNDED_ONCE

#: The search sees only some inputs, so the largest error found is doubled.
SAFETY = 2.0
#: A larger error is no rounding (torch's softplus above its threshold): it is not excused.
MOST_ULPS = 200.0
#: IEEE 754 requires 1/2, yet MKL's vector square root, and with it torch, is off by up to 0.77.
UNMEASURED_ROOT = 1.0


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    source = files("gradcheck.verdict").joinpath("ulps.json")
    return json.loads(source.read_text(encoding="utf-8")) if source.is_file() else {}


def measured_ulps(target: str, dtype: str) -> dict[str, float]:
    """Return the error in ulp to allow to each elementary function of a target and format."""
    known = _table().get(target)
    if known is None:
        return dict.fromkeys(ROUNDED_ONCE, UNMEASURED_ROOT)
    measured = {name: ulps for name, ulps in known.get(dtype, {}).items() if ulps <= MOST_ULPS}
    return {name: _allowed(name, ulps) for name, ulps in measured.items()}


def _allowed(name: str, ulps: float) -> float:
    if name in ROUNDED_ONCE:
        return ulps if ulps <= 0.5 else SAFETY * ulps
    return max(DEFAULT_ULPS, SAFETY * ulps)
