"""The format of each value, where a network has several: mixed precision, master weights, casts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradcheck.arith.running import Roundoff, Running


@dataclass(frozen=True, slots=True)
class Formats:
    """How each value of a network is rounded.

    Args:
        of: the format of each value by name.
        roundoffs: how each of these formats rounds.
        careful: how the best kernels round, which only acquits; none unless given.

    >>> formats = Formats({"x": "float32", "y": "bfloat16"}, {f: Roundoff.of(f) for f in ("float32", "bfloat16")})
    >>> formats.arithmetics("float64")["y"].roundoff.u
    0.00390625
    """

    of: Mapping[str, str]
    roundoffs: Mapping[str, Roundoff]
    careful: Mapping[str, Roundoff] = field(default_factory=dict)

    def arithmetics(self, wide: str) -> Mapping[str, Running]:
        """Return the arithmetic of each value; values of one format share it.

        Args:
            wide: the format of verification.
        """
        made = {f: Running(roundoff, wide) for f, roundoff in self.roundoffs.items()}
        return {name: made[f] for name, f in self.of.items()}
