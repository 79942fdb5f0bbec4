"""What rounding may do to each entry of a gradient: the running error bound of the whole sweep, for an engine that hands back no more.

The bound holds for any order of summation, with or without fused multiply-add, and for elementary functions that are off by as
many ulp as `gradcheck.arith.roundoff` says. It is computed in `gradcheck.vectors.reproducible`, with the rounding of that in it, so
that it depends on no machine's longdouble, library or matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import NO, UNKNOWN, YES, Array, Truth
from gradcheck.arith.running import Bounded, Roundoff, Running, radius_of
from gradcheck.compare.certificate import Certifier
from gradcheck.compare.prediction import Predictor
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Run
from gradcheck.vectors.reproducible import Reproduced

Floats = npt.NDArray[np.float64]

#: The format in which bounds are computed.
WIDE = "float64"
#: Times the largest error of an underflow: closer than this to a kink is on it.
_UNDERFLOWS = 1024


class Settled(Reproduced):
    """A running arithmetic that takes one side of every exact tie, in place of the hull of both.

    Args:
        roundoff: how the implementation to be judged rounds.
        side: `YES` or `NO`: the answer to a comparison of equal numbers.
    """

    def __init__(self, roundoff: Roundoff, side: int) -> None:
        super().__init__(roundoff)
        self._side = side

    def less(self, a: Array, b: Array) -> Truth:
        return self._settled(super().less(a, b), self._pair(b) - self._pair(a))

    def is_zero(self, x: Bounded) -> Truth:
        return self._settled(super().is_zero(x), x)

    def winners(self, x: Bounded, axis: int) -> Truth:
        gap = self.max(x, axis) - x
        return self._settled(super().winners(x, axis), gap)

    def _settled(self, truth: Truth, gap: Bounded) -> Truth:
        tie = np.abs(gap.value).astype(np.float64) + gap.radius() <= _UNDERFLOWS * self.roundoff.eta
        return np.where((truth == UNKNOWN) & tie, self._side, truth).astype(np.int8)


class _Sweep(Certifier):
    """The certificate of a run that hands nothing back, in a given arithmetic: its adjoints are those of the whole sweep."""

    def __init__(self, graph: Graph, leaves: Arrays, m: Running, ops: Mapping[str, Op], *, textbook: bool) -> None:
        super().__init__(graph, leaves, Run(None, {}), m.roundoff, WIDE, ops=ops, textbook=textbook)
        self.m = m
        self.predict = Predictor(m, ops, textbook=textbook)


@dataclass(frozen=True)
class Allowed:
    """What rounding may do, by name of a leaf; to the loss by "".

    Args:
        bounds: of the error.
        settled: the same with one side taken of every exact tie: what is allowed beyond a hull.
    """

    bounds: Mapping[str, Floats]
    settled: Mapping[str, Floats]


def allowed(
    graph: Graph, leaves: Arrays, roundoff: Roundoff, *, textbook: bool = True, wrt: tuple[str, ...] | None = None, ops: Mapping[str, Op] = registry
) -> Allowed:
    """Return what rounding may do to the loss and to every gradient.

    Args:
        graph: the network.
        leaves: its leaves in the format that is meant, constants included.
        roundoff: of that format.
        textbook: whether the formulas that operations list as legitimate are allowed, besides the most accurate ones.
        wrt: some of the leaves that are differentiated; all unless given.
        ops: the operations.
    """
    names = graph.differentiable if wrt is None else wrt

    def bounds(m: Running) -> dict[str, Floats]:
        with np.errstate(all="ignore"):
            found = _swept(graph, leaves, m, names, ops, textbook=False)
            if textbook:
                wider = _swept(graph, leaves, m, names, ops, textbook=True)
                return {k: np.fmax(x, wider[k]) for k, x in found.items()}
            return found

    sides = [bounds(Settled(roundoff, side)) for side in (YES, NO)]
    return Allowed(bounds(Reproduced(roundoff)), {k: np.fmax(x, sides[1][k]) for k, x in sides[0].items()})


def _swept(graph: Graph, leaves: Arrays, m: Running, names: tuple[str, ...], ops: Mapping[str, Op], *, textbook: bool) -> dict[str, Floats]:
    made = _Sweep(graph, leaves, m, ops, textbook=textbook).certify()
    return {k: _radius(made.adjoints[k]) for k in names} | {"": _radius(made.values[graph.outputs[0]])}


def _radius(x: Any) -> Floats:
    """Return a bound, infinite where the value is not finite."""
    value = x.value if isinstance(x, Bounded) else x
    return np.asarray(np.where(np.isfinite(value), radius_of(x), np.inf), np.float64)
