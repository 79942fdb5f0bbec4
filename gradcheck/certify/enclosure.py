"""What is known of one array of a gradient: exact ends for every entry, and the float that is nearest to the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.floating import FORMATS
from gradcheck.arith.rounding import Dyadic, Format, dyadic, format_of, fraction_down, fraction_up, round_to
from gradcheck.errors import BadValues

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Balls that hold the exact entries of one array.

    Args:
        balls: object array of arb.
        precision: bits with which they were computed.
        sensitivity: computes by how much relative errors of the data move the entries; called when `condition` is asked for.
    """

    balls: Array = field(repr=False)
    precision: int
    sensitivity: Callable[[], Floats] = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return tuple(np.shape(self.balls))

    @cached_property
    def _flat(self) -> list[Any]:
        return list(np.ravel(np.asarray(self.balls)))

    @cached_property
    def _ends(self) -> list[tuple[Dyadic, Dyadic] | None]:
        """The ends of each ball, outward by less than its radius; None for one that is not finite."""
        with Ball().precision(2 * self.precision):  # in which arb rounds them
            return [(dyadic(x.lower()), dyadic(x.upper())) if x.is_finite() else None for x in self._flat]

    def _shaped(self, entries: list[Any], dtype: Any = object) -> npt.NDArray[Any]:
        out = np.empty(len(entries), dtype=dtype)
        out[:] = entries
        return out.reshape(self.shape)

    @cached_property
    def lower(self) -> npt.NDArray[Any]:
        """The lower ends, exact: an object array of `Fraction`, -inf where nothing is known."""
        ends: list[Fraction | float] = [-math.inf if x is None else fraction_down(x[0]) for x in self._ends]
        return self._shaped(ends)

    @cached_property
    def upper(self) -> npt.NDArray[Any]:
        """The upper ends, exact: an object array of `Fraction`, inf where nothing is known."""
        ends: list[Fraction | float] = [math.inf if x is None else fraction_up(x[1]) for x in self._ends]
        return self._shaped(ends)

    @cached_property
    def rounded(self) -> Floats:
        """The entries rounded to float64: the nearest numbers, as far as `proved` says so."""
        return self.rounded_to("float64")

    @cached_property
    def proved(self) -> npt.NDArray[np.bool_]:
        """Whether `rounded` is proved to be the float64 nearest to the exact entry."""
        return self.proved_in("float64")

    def rounded_to(self, dtype: str) -> npt.NDArray[Any]:
        """Return the entries rounded to float64, float32, float16 or bfloat16; NaN where nothing is known.

        Raises:
            UnknownDtype: a format that is none of these.
        """
        to = format_of(dtype)
        middles = [round_to(dyadic(x.mid()), to) if x.is_finite() else math.nan for x in self._flat]
        return self._shaped(middles, np.float64).astype(FORMATS[dtype])

    def proved_in(self, dtype: str) -> npt.NDArray[np.bool_]:
        """Return where `rounded_to` is proved to be the number of the format nearest to the exact entry."""
        return self._shaped([p == q for p, q in self._both(format_of(dtype))], np.bool_)

    def _both(self, to: Format) -> list[tuple[float, float]]:
        """Return both ends rounded: rounding is monotonous, so that equal ones are the rounded truth."""
        nothing = (math.nan, math.nan)
        return [nothing if x is None else (round_to(x[0], to), round_to(x[1], to)) for x in self._ends]

    @cached_property
    def bits(self) -> Floats:
        """To how many bits each entry is known: inf for an exact one, negative where not even its size is, -inf where nothing is."""
        known = [math.inf if x.is_exact() else float(x.rel_accuracy_bits()) if x.is_finite() else -math.inf for x in self._flat]
        return self._shaped(known, np.float64)

    @cached_property
    def condition(self) -> Floats:
        """By what factor relative errors of the data grow: ``sum_j |x_j dg/dx_j| / |g|`` over all numbers x_j of the graph.

        The numbers are those of inputs and parameters. An entry with condition 1e6 cannot be expected to be right to better
        than about 1e6 unit roundoffs: its digits are lost, not computed wrongly; inf for one in which everything cancels. NaN
        where float64 does not reach.
        """
        moves, size = self.sensitivity(), np.abs(self.rounded)
        with np.errstate(all="ignore"):
            return np.asarray(np.where((moves == 0) & ~np.isnan(size), 0.0, moves / size))

    def contains(self, x: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return where the floats `x`, of the array's shape, lie in the enclosure; raise `BadValues` for another shape."""
        if np.shape(x) != self.shape:
            raise BadValues(f"expected numbers of shape {self.shape}; got {np.shape(x)}")
        given = np.ravel(np.asarray(x, np.float64))
        inside = [bool(ball.contains(type(ball)(float(v)))) for ball, v in zip(self._flat, given, strict=True)]
        return self._shaped(inside, np.bool_)
