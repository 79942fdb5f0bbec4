"""One figure of the accuracy report: the largest error of one result of one operation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.bench.ulps.distance import Errors, Exact


@dataclass(frozen=True, slots=True)
class Example:
    """A point and what came out there.

    Args:
        at: the operands, of a function of entries.
        got, exact: the target's number and the exact one, in float64.
        sample: of another operation: number of the sample, seed, scale and entry.
    """

    at: tuple[float, ...] = ()
    got: float = math.nan
    exact: float = math.nan
    sample: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Errors of one result.

    Args:
        target, dtype, op: what was run.
        attributes: those that were given.
        what: "value", or "gradient K" with respect to operand K.
        how: "exhaustive" or "searched, at least".
        points: how many numbers were compared.
        ulps: the largest error where the exact result is a normal number; None if nothing was comparable.
        median: of these errors.
        worst: where the largest one is.
        scaled: the largest error over what rounding may do to the operation's formula at these operands (for sums of
            products n u sum abs(a) abs(b)), where entries cancel and their own ulp says little.
        bad: results that are not finite where the exact one is, or the reverse, at normal operands.
        bad_example: one of them.
        subnormal: results or operands that are subnormal.
        subnormal_ulps: the largest error there, but for results that were flushed.
        flushed: results that should be subnormal and came as zero.
        bad_subnormal: as `bad`, at subnormal operands.
    """

    target: str
    dtype: str
    op: str
    what: str
    how: str
    points: int
    attributes: dict[str, Any] = field(default_factory=dict)
    ulps: float | None = None
    median: float | None = None
    worst: Example | None = None
    scaled: float | None = None
    bad: int = 0
    bad_example: Example | None = None
    subnormal: int = 0
    subnormal_ulps: float | None = None
    flushed: int = 0
    bad_subnormal: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; numbers that are not finite are the texts "nan", "inf" and "-inf", empty fields are left out."""
        made = {k: v for k, v in asdict(self).items() if v not in (None, 0, {}) or k in ("points", "ulps", "median")}
        return {k: plain(v) for k, v in made.items()}


def plain(x: Any) -> Any:
    """Return numbers and lists that JSON has.

    >>> plain({"a": float("inf"), "b": (1.0,)})
    {'a': 'inf', 'b': [1.0]}
    """
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items() if v is not None and not (isinstance(v, tuple) and not v)}
    if isinstance(x, tuple | list):
        return [plain(v) for v in x]
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    return x


def summary(
    found: Errors, example: Callable[[int], Example], *, small_operands: npt.NDArray[np.bool_], compared: npt.NDArray[np.bool_],
    scaled: npt.NDArray[np.float64] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the figures of a `Row` from errors entry by entry.

    Args:
        found: the errors.
        example: position -> `Example`.
        small_operands: where an operand is subnormal.
        compared: where the comparison means something (no kink, in the domain).
        scaled: errors over what rounding may do.
    """
    apart = (found.subnormal | small_operands) & compared
    usual = compared & ~apart
    bad, bad_small = found.bad & usual, found.bad & apart
    ulps = np.where(usual, found.ulps, np.nan)
    small = np.where(apart & ~found.flushed, found.ulps, np.nan)
    out: dict[str, Any] = {
        "points": int(compared.sum()), "bad": int(bad.sum()), "bad_subnormal": int(bad_small.sum()), "subnormal": int(apart.sum()),
        "flushed": int((found.flushed & compared).sum()),
    }  # fmt: skip
    if np.isfinite(ulps).any():
        k = int(np.nanargmax(ulps))
        out |= {"ulps": _short(ulps[k]), "median": _short(np.nanmedian(ulps)), "worst": example(k)}
    if np.isfinite(small).any():
        out["subnormal_ulps"] = _short(np.nanmax(small))
    if bad.any():
        out["bad_example"] = example(int(np.flatnonzero(bad)[0]))
    if scaled is not None and np.isfinite(scaled[usual]).any():
        out["scaled"] = _short(np.nanmax(scaled[usual]))
    return out


def _short(x: Any) -> float:
    return float(f"{float(x):.6g}")


def example_of(xs: list[npt.NDArray[Any]], got: npt.NDArray[Any], exact: Exact) -> Callable[[int], Example]:
    """Return position -> `Example` for a function of entries."""
    numbers = exact.number()

    def made(k: int) -> Example:
        return Example(tuple(float(x[k]) for x in xs), float(got[k]), float(numbers[k]))

    return made
