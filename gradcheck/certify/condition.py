"""How far relative errors of the data move each entry of a gradient: its componentwise condition number.

cond_i = sum_j |x_j dg_i/dx_j| / |g_i| over every number x_j of the inputs and parameters (Gohberg and Koltracht, SIAM J. Matrix
Anal. Appl. 14, 1993). Each column of second derivatives is one sweep over dual numbers in float64. For many numbers the sum is
estimated: along a direction of independent Cauchy variables c_j, sum_j c_j a_j is Cauchy with scale sum_j |a_j|, of which the
median of the magnitudes is an estimate (Indyk, J. ACM 53, 2006).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.engine.reverse import seeds, sweep
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op

Floats = npt.NDArray[np.float64]
Direction = Mapping[str, Floats]

#: Numbers up to which the sum is taken in full.
EXACT = 40
#: Random directions of the estimate: its usual error is a third of the condition.
SAMPLES = 17


def movements(
    graph: Graph, values: Values, names: tuple[str, ...], *, cotangent: Any, ops: Mapping[str, Op], seed: int = 0, exact: int = EXACT,
) -> dict[str, Floats]:
    """Return sum_j |x_j dg_i/dx_j| for every entry g_i of the gradients of `names`; NaN where float64 does not reach.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        names: the leaves whose gradients are meant.
        cotangent: of the outputs.
        ops: the operations.
        seed: of the random directions.
        exact: numbers up to which the sum is taken in full.
    """
    m = Taylor(Floating("float64"))
    leaves = lift(graph, values, m)
    moved = [x.name for x in graph.leaves if x.type == "float" and x.kind != "constant"]
    size = sum(math.prod(graph.shapes[k]) for k in moved)
    full = size <= exact
    directions = _units(graph, moved) if full else _cauchy(graph, moved, seed)
    samples: dict[str, list[Floats]] = {k: [] for k in names}
    for t in directions:
        at = leaves | {k: Series(m, leaves[k].value, (leaves[k].value * t[k],)) for k in t}
        y = propagate(graph, at, m, ops=ops)
        gradient = sweep(graph, y, m, seeds(graph, m, cotangent), names, ops=ops)
        for k, found in samples.items():
            found.append(np.abs(m.coefficient(gradient[k], 1)) if k in gradient else np.zeros(graph.shapes[k]))
    gather = np.sum if full else np.median
    return {k: np.asarray(gather(found, axis=0)) for k, found in samples.items()}


def _units(graph: Graph, names: list[str]) -> Iterator[Direction]:
    for name in names:
        for i in np.ndindex(*graph.shapes[name]):
            t = np.zeros(graph.shapes[name])
            t[i] = 1
            yield {name: t}


def _cauchy(graph: Graph, names: list[str], seed: int) -> Iterator[Direction]:
    rng = np.random.default_rng(seed)
    for _ in range(SAMPLES):
        yield {k: rng.standard_cauchy(graph.shapes[k]) for k in names}
