"""One derivative at a time: perturb each entry on its own, in multiprecision.

Central differences A(h) and A(h/2) with one Richardson step R = (4 A(h/2) - A(h)) / 3. The step is
``h = max(|x|, scale of the leaf, 1) 10^(-d/2)`` at a working precision of 2d + 10 digits: A(h/2) has
about d digits, R about 2d less what rounding takes, 10^(-3d/2 - 10). The error reported is abs(A(h) - A(h/2)),
which is generous, and enough where only the first derivative is continuous. Where it is not small beside the
value (x^3 at 1e-30), d is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import OracleGaveUp
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.downstream import Downstream
from gradcheck.oracles.estimate import DIGITS, Estimate, estimate
from gradcheck.oracles.point import Point

#: d of the steps 10^(-d/2); the next is taken for entries that the last has not resolved.
STEPS = (60, 120, 480)

#: Values to be computed, beyond which an answer would take minutes.
MOST_WORK = 4_000_000


def differences(
    graph: Graph, values: Values, *, cotangent: Any = None, wrt: Iterable[str] | None = None,
    ops: Mapping[str, Op] = registry, nearby: type[Downstream] = Downstream,
) -> Estimate:  # fmt: skip
    """Central differences in multiprecision with one Richardson step, one entry at a time, by op.value.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        cotangent: of the outputs; 1 for scalar ones.
        wrt: names of the leaves to differentiate.
        ops: the operations.
        nearby: how values near the point are computed.

    Raises:
        OracleGaveUp: where a kink lies between the points of a difference, or the network is too large.
    """
    point = Point(graph, values, cotangent=cotangent, wrt=wrt, ops=ops)
    work = 4 * point.size * sum(int(np.prod(graph.shapes[n.name])) for n in point.nodes)
    if work > MOST_WORK:
        raise OracleGaveUp(f"{work:,} values must be computed; at most {MOST_WORK:,}")
    point.refuse_kinks()
    value = {k: np.empty(graph.shapes[k], dtype=object) for k in point.names}
    bound = {k: np.empty(graph.shapes[k], dtype=object) for k in point.names}
    open_ = [(k, i) for k in point.names for i in np.ndindex(*graph.shapes[k])]
    used = 0
    for d in STEPS:
        if open_:
            used, stencils = 2 * d + 10, _Stencils(point, d, nearby)
            for k, i in open_:
                value[k][i], bound[k][i] = stencils.slope(k, i)
            open_ = [(k, i) for k, i in open_ if not _settled(value[k][i], bound[k][i])]
    return estimate(value, bound, used, "central differences")


def derivatives(
    point: Point, d: int = STEPS[0], *, nearby: type[Downstream] = Downstream
) -> Callable[[str, tuple[int, ...]], Any]:
    """Return f(leaf, index) -> the derivative in one entry by the step 10^(-d/2), for who wants a few of many.

    Args:
        point: where; the forward pass is made once, here.
        d: digits that the step is made for.
        nearby: how values near the point are computed.
    """
    stencils = _Stencils(point, d, nearby)
    return lambda name, index: stencils.slope(name, index)[0]


def _settled(value: Any, bound: Any) -> bool:
    return bool(bound <= abs(value) * value.context.mpf(10) ** -DIGITS)


class _Stencils:
    """Differences around one point with the step 10^(-d/2)."""

    def __init__(self, point: Point, d: int, nearby: type[Downstream]) -> None:
        self.point, self.d = point, d
        self.m = Multiprecision(2 * d + 10)
        self.y = point.forward(self.m)
        self.margins = point.margins(self.m, self.y)
        self.scale = {k: max([abs(v) for v in np.ravel(self.y[k])] + [self.m.element(1)]) for k in point.names}
        self.largest = max((abs(v) for n in point.nodes for v in np.ravel(self.y[n.name])), default=self.m.element(0))
        self.nearby = nearby(point, self.m, self.y)
        self.steps = {k: x * self.m.context.mpf(10) ** -(d // 2) for k, x in self.scale.items()}

    def slope(self, name: str, index: tuple[int, ...]) -> tuple[Any, Any]:
        """Return a derivative and its error bound."""
        ctx = self.m.context
        if name not in self.point.active:
            return ctx.mpf(0), ctx.mpf(0)
        h = self.steps[name]
        wide, narrow = self._central(name, index, h), self._central(name, index, h / 2)
        best = (4 * narrow - wide) / 3
        rounding = self.largest / h * ctx.mpf(10) ** -(2 * self.d)
        return best, abs(wide - narrow) + rounding

    def _central(self, name: str, index: tuple[int, ...], h: Any) -> Any:
        return (self._at(name, index, h) - self._at(name, index, -h)) / (2 * h)

    def _at(self, name: str, index: tuple[int, ...], h: Any) -> Any:
        """Return the loss with one entry moved by h."""
        y = self.nearby.moved(name, index, self.y[name][index] + h)
        if self.margins:
            self._refuse_crossed(self.point.margins(self.m, y))
        return self.point.contract(self.m, y)

    def _refuse_crossed(self, margins: Mapping[str, npt.NDArray[Any]]) -> None:
        """Raise `OracleGaveUp` if a margin has changed by as much as it was.

        That holds for each change of sign, and for each change of the winner of a maximum.
        """
        for node, margin in margins.items():
            if any(abs(b - a) >= abs(a) for a, b in zip(self.margins[node], margin, strict=True)):
                raise OracleGaveUp(f"node {node!r} ({self.point.graph.node[node].op}) has a kink within the step")
