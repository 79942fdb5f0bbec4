"""The format of each value, where a network has several: mixed precision, master weights, casts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from gradcheck.arith.running import Roundoff, Running

R = TypeVar("R", bound=Running)


@dataclass(frozen=True, slots=True)
class Formats:
    """How each value of a network is rounded.

    Args:
        of: the format of each value by name.
        roundoffs: how each of these formats rounds.
        careful: how the best kernels round, which only acquits; none unless given.

    >>> formats = Formats({"x": "float32", "y": "bfloat16"}, {f: Roundoff.of(f) for f in ("float32", "bfloat16")})
    >>> formats.arithmetics(Running)["y"].roundoff.u
    0.00390625
    """

    of: Mapping[str, str]
    roundoffs: Mapping[str, Roundoff]
    careful: Mapping[str, Roundoff] = field(default_factory=dict)

    def arithmetics(self, make: Callable[[Roundoff], R]) -> Mapping[str, R]:
        """Return the arithmetic of each value; values of one format share it.

        Args:
            make: gives that of a format.
        """
        made = {f: make(roundoff) for f, roundoff in self.roundoffs.items()}
        return {name: made[f] for name, f in self.of.items()}
