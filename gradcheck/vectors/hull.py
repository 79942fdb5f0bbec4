"""Sharp ends for hulls at exact kinks: a ball that holds two numbers reaches beyond them by the last bit of its short radius."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import NO, UNKNOWN, YES, Array, Truth
from gradcheck.arith.ball import Ball
from gradcheck.certify.enclosure import Enclosure
from gradcheck.engine.reverse import backward
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, Values

#: arb's radii have 30 bits: an end of a hull that is nearer than this part of its width to a one-sided derivative stands for it.
_SLOP = Fraction(1, 2**26)
_PRECISION = 192


class OneSided(Ball):
    """Balls that take one side of what they leave open, in place of the hull of both.

    Args:
        side: `YES` or `NO`.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self._side = side

    def less(self, a: Array, b: Array) -> Truth:
        return self._taken(super().less(a, b))

    def is_zero(self, x: Array) -> Truth:
        return self._taken(super().is_zero(x))

    def winners(self, x: Array, axis: int) -> Truth:
        return self._taken(super().winners(x, axis))

    def _taken(self, truth: Truth) -> Truth:
        return np.where(truth == UNKNOWN, self._side, truth).astype(np.int8)


@dataclass(frozen=True)
class Sides:
    """The derivatives on both sides of all kinks at once, as exact ends by name."""

    ends: Mapping[str, list[tuple[Fraction, ...]]]

    def sharpened(self, name: str, low: Any, high: Any, k: int) -> tuple[Any, Any]:
        """Return the ends of an entry's hull, moved inward to a one-sided derivative where that is as near as rounding puts it.

        Args:
            name: of the leaf.
            low: end of the hull.
            high: end of the hull.
            k: number of the entry in C order.
        """
        sides = self.ends[name][k] if name in self.ends else ()
        if not (isinstance(low, Fraction) and isinstance(high, Fraction)):
            return low, high
        slop = (high - low) * _SLOP
        candidates = [*sides, *(-x for x in sides)]  # a norm is steep by 1 and by -1 at zero, and a side has one of them
        return min((x for x in candidates if 0 <= x - low <= slop), default=low), max((x for x in candidates if 0 <= high - x <= slop), default=high)


def one_sided(graph: Graph, leaves: Arrays) -> Sides:
    """Return the derivatives on both sides of all kinks at once.

    Args:
        graph: the network.
        leaves: its leaves in the format that is meant, constants included.
    """
    own = [replace(x, value=leaves[x.name]) if x.kind == "constant" else x for x in graph.leaves]
    meant = Graph(own, graph.nodes, graph.outputs)
    values = {x.name: leaves[x.name] for x in graph.leaves if x.kind != "constant"}
    found = [_ends(meant, values, side) for side in (YES, NO)]
    return Sides({k: [_both(a, b) for a, b in zip(found[0][k], found[1][k], strict=True)] for k in found[0]})


def _ends(graph: Graph, values: Values, side: int) -> dict[str, list[tuple[Any, Any]]]:
    m = OneSided(side)
    with m.precision(_PRECISION):
        _, gradients = backward(graph, values, m)
    enclosed = {k: Enclosure(x, _PRECISION, lambda: np.zeros(())) for k, x in gradients.items()}
    return {k: list(zip(np.ravel(x.lower), np.ravel(x.upper), strict=True)) for k, x in enclosed.items()}


def _both(a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Fraction, ...]:
    return tuple(x for x in (*a, *b) if isinstance(x, Fraction))
