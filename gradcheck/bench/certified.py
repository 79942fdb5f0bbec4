"""What a certified gradient takes, beside mpmath's central differences over all parameters: naive, and what lies downstream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gradcheck.bench.clock import Ratio, paired
from gradcheck.bench.methods import entries
from gradcheck.bench.plan import mlp, point
from gradcheck.certify.certification import certify
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.oracles.differences import derivatives
from gradcheck.oracles.downstream import Downstream, Everything
from gradcheck.oracles.point import Point

#: Bits to which every entry is certified, and the decimal digits that differences are made for.
BITS, DIGITS = 128, 38

#: name -> sizes of the layers of a perceptron with tanh within, and the batch.
NETS: Mapping[str, tuple[tuple[int, ...], int]] = {
    "4-8-8-1, batch 1": ((4, 8, 8, 1), 1),
    "16-24-24-1, batch 1": ((16, 24, 24, 1), 1),
    "9 layers of 30, batch 1": ((30,) * 10, 1),
}

#: Parameters up to which differences are taken in all of them; of larger nets in `SAMPLE`, and said by proportion.
ALL = 150
SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """A net's certified gradient beside differences.

    Args:
        net: of `NETS`.
        parameters: how many entries the gradient has.
        precision: bits that the loop ended with.
        naive, downstream: the time of differences over that of the certified gradient; all entries, by proportion where
            only some were taken.
        sampled: whether that is so.
    """

    net: str
    parameters: int
    precision: int
    naive: Ratio
    downstream: Ratio
    sampled: bool


def comparisons(nets: Mapping[str, tuple[tuple[int, ...], int]] = NETS, *, seconds: float = 5.0) -> Iterator[Comparison]:
    """Yield each net's ratios, measured in paired runs.

    Args:
        nets: name -> sizes and batch.
        seconds: for each ratio, about; at least five pairs.
    """
    for name, (sizes, batch) in nets.items():
        graph, values = mlp(sizes, batch), point(sizes, batch)
        count = sum(math.prod(graph.shapes[k]) for k in graph.differentiable)
        certified = partial(certify, graph, values, bits=BITS)
        chosen = entries(graph, count if count <= ALL else SAMPLE)
        naive, downstream = (
            scaled(paired(_differences(graph, values, nearby, chosen), certified, seconds), count / len(chosen))
            for nearby in (Everything, Downstream)
        )
        yield Comparison(name, count, certified().precision, naive, downstream, len(chosen) < count)


def _differences(graph: Graph, values: Values, nearby: type[Downstream], chosen: list[tuple[str, tuple[int, ...]]]) -> Callable[[], Any]:
    """Return a call that takes differences in the chosen entries; the value at the point is computed in every call."""

    def call() -> Any:
        slope = derivatives(Point(graph, values), DIGITS, nearby=nearby)
        return [slope(*entry) for entry in chosen]

    return call


def scaled(ratio: Ratio, by: float) -> Ratio:
    """Return the ratio for so many times the work."""
    return Ratio(ratio.median * by, ratio.low * by, ratio.high * by, ratio.seconds * by, ratio.other, ratio.runs)
