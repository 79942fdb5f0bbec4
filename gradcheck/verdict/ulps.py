"""How accurate are a target's elementary functions: the measured table.

Written by ``gradcheck accuracy TARGET... --write``; no function counts less than
`DEFAULT_ULPS`: another processor may have another library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from gradcheck.arith.running import DEFAULT_ULPS

#: The search sees only some inputs, so the largest error found is doubled.
SAFETY = 2.0
#: A larger error is no rounding (torch's softplus above its threshold): it is not excused.
MOST_ULPS = 200.0


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    source = files("gradcheck.verdict").joinpath("ulps.json")
    return json.loads(source.read_text(encoding="utf-8")) if source.is_file() else {}


def measured_ulps(target: str, dtype: str) -> dict[str, float]:
    """Return the error in ulp to allow to each elementary function of a target and format."""
    measured = _table().get(target, {}).get(dtype, {})
    return {name: max(DEFAULT_ULPS, SAFETY * ulps) for name, ulps in measured.items() if ulps <= MOST_ULPS}
