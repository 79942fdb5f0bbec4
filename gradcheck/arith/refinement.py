"""More bits until balls are narrow: the precision is doubled until every entry is known well enough, or does not get better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball

#: Bits above those asked for with which a computation starts, and to which an entry has to be known.
GUARD, MARGIN = 20, 10
#: A ball within +-2^-NEGLIGIBLE is taken for known: in every format it rounds to zero.
NEGLIGIBLE = 1100
#: How often the precision is doubled at most.
DOUBLINGS = 4
#: How often it may be doubled without that any open entry becomes narrower (an exact tie, a pole).
PATIENCE = 2


@dataclass(frozen=True, slots=True)
class Refined:
    """Balls, and the precision in bits with which they were computed."""

    balls: Mapping[str, Array]
    precision: int


def refined(compute: Callable[[Ball], Mapping[str, Array]], bits: int, *, negligible: int | None = NEGLIGIBLE) -> Refined:
    """Return what `compute` gives, every entry to `bits` bits where that can be had.

    Args:
        compute: arithmetic -> arrays of balls by name; called within a precision.
        bits: to which every entry should be known, relative to its size.
        negligible: a ball within +-2^-negligible is narrow whatever its size; None: none is.
    """
    m, precision, stalled = Ball(), bits + GUARD, 0
    with m.precision(precision):
        found = compute(m)
    for _ in range(DOUBLINGS):
        open_ = [x for x in _entries(found) if not narrow(x, bits, negligible)]
        if not open_ or stalled == PATIENCE:
            break
        precision *= 2
        before, found = found, _again(m, compute, precision)
        better = any(_shrank(a, b) for a, b in zip(_entries(before), _entries(found), strict=True) if not narrow(a, bits, negligible))
        stalled = 0 if better else stalled + 1
    return Refined(found, precision)


def _again(m: Ball, compute: Callable[[Ball], Mapping[str, Array]], precision: int) -> Mapping[str, Array]:
    with m.precision(precision):
        return compute(m)


def narrow(x: Any, bits: int, negligible: int | None = NEGLIGIBLE) -> bool:
    """Answer whether a ball is known to `bits` bits (and a margin), or is negligible."""
    return bool(x.is_exact() or x.rel_accuracy_bits() >= bits + MARGIN or (negligible is not None and _within(x, negligible)))


def _within(x: Any, negligible: int) -> bool:
    if not x.is_finite():
        return False
    mantissa, exponent = x.abs_upper().man_exp()
    return not mantissa or int(exponent) + int(mantissa).bit_length() <= -negligible


def _shrank(before: Any, after: Any) -> bool:
    return bool(after.is_finite() and (not before.is_finite() or 2 * after.rad() < before.rad()))


def _entries(found: Mapping[str, Array]) -> Iterator[Any]:
    for x in found.values():
        yield from np.ravel(np.asarray(x))
