"""Second derivatives as differences of the certified gradient: balls at points that are moved by tiny exact amounts.

Central differences A(h) and A(h/2) along a direction with one Richardson step R = (4 A(h/2) - A(h)) / 3, as in
`gradcheck.oracles.differences`, of gradients instead of values. With h = 2^-step, A(h/2) is good to about 2 step bits. What
evaluation contributes is proved by the balls' radii; what truncation does is estimated by abs(A(h) - A(h/2)), generously.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.elements import numbers
from gradcheck.arith.refinement import Refined
from gradcheck.engine.reverse import seeds, sweep, wanted
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.ball import enclosed
from gradcheck.oracles.estimate import Estimate

Direction = Mapping[str, Any]

#: Bits of the step, and with which gradients are computed; the next pair is taken where entries are not known well enough, so that
#: they decide what it costs and no digit.
STEPS = ((100, 450), (260, 1000), (700, 2600))

#: Bits to which entries should be known: 45 digits.
BITS = 150

#: Directions beyond which they are drawn at random.
MOST_DIRECTIONS = 150

#: Random directions, where not all unit vectors are taken.
SAMPLES = 3


def units(graph: Graph) -> list[dict[str, Array]]:
    """Return the unit vectors of the graph's differentiable leaves, by leaf."""
    return _by_leaf(graph, np.eye(_size(graph)))


def sampled(graph: Graph, *, seed: int = 0) -> list[dict[str, Array]]:
    """Return `SAMPLES` random directions."""
    return _by_leaf(graph, np.random.default_rng(seed).normal(size=(SAMPLES, _size(graph))))


def directions(graph: Graph) -> list[dict[str, Array]]:
    """Return the unit vectors, or random directions where these are too many."""
    return units(graph) if _size(graph) <= MOST_DIRECTIONS else sampled(graph)


def _size(graph: Graph) -> int:
    return sum(math.prod(graph.shapes[k]) for k in graph.differentiable)


def _by_leaf(graph: Graph, rows: npt.NDArray[np.float64]) -> list[dict[str, Array]]:
    names = graph.differentiable
    ends = np.cumsum([math.prod(graph.shapes[k]) for k in names])[:-1]
    return [{k: x.reshape(graph.shapes[k]) for k, x in zip(names, np.split(row, ends), strict=True)} for row in rows]


def gradient_differences(
    graph: Graph, values: Values, along: list[dict[str, Array]], *, ops: Mapping[str, Op] = registry
) -> Estimate:
    """Return the Hessian times directions: name -> array of shape (entries of the leaf, directions).

    Args:
        graph: the network.
        values: inputs and parameters by name.
        along: directions, by leaves.
        ops: the operations.

    Raises:
        OracleGaveUp: where a difference is not finite.
    """
    names, m = wanted(graph, None), Ball()
    found: list[dict[str, Array]] = []
    precision = STEPS[0][1]
    for v in along:
        for step, precision in STEPS:
            with m.precision(precision):
                product = _product(_gradients(graph, values, names, v, m, ops), step, m)
            if _known(product):
                break
        found.append(product)
    balls = {k: np.full((math.prod(graph.shapes[k]), len(along)), m.element(0), dtype=object) for k in names}
    for j, product in enumerate(found):
        for k, x in product.items():
            balls[k][:, j] = np.ravel(x)
    return enclosed(Refined({k: numbers(x) for k, x in balls.items()}, precision), "differences of the certified gradient")


def _known(product: Mapping[str, Array]) -> bool:
    """Answer whether every entry is known to `BITS` bits; one that may be zero, beside the largest."""
    found = [x for y in product.values() for x in np.ravel(y)]
    largest = max((abs(x).mid() for x in found), default=0)
    return all(x.rel_accuracy_bits() >= BITS or (x.contains(0) and x.rad() <= largest / 2**BITS) for x in found)


def _gradients(
    graph: Graph, values: Values, names: tuple[str, ...], v: Direction, m: Ball, ops: Mapping[str, Op]
) -> Callable[[Any], dict[str, Array]]:
    """Return h -> the gradient at the point that lies h times the direction away."""
    leaves = lift(graph, values, m)
    moves = {k: m.array(t) for k, t in v.items() if np.any(t)}

    def at(h: Any) -> dict[str, Array]:
        y = propagate(graph, leaves | {k: leaves[k] + t * h for k, t in moves.items()}, m, ops=ops)
        adjoint = sweep(graph, y, m, seeds(graph, m), names, ops=ops)
        return {k: adjoint[k] if k in adjoint else m.zeros(graph.shapes[k]) for k in names}

    return at


def _product(at: Callable[[Any], dict[str, Array]], step: int, m: Ball) -> dict[str, Array]:
    """Return balls around the derivative of the gradient, their radii widened by the estimate of truncation."""
    h = m.element(2) ** -step
    up, down, near, under = at(h), at(-h), at(h / 2), at(-h / 2)
    out = {}
    for k in up:
        wide, narrow = (up[k] - down[k]) / (2 * h), (near[k] - under[k]) / h
        best = (4 * narrow - wide) / 3
        out[k] = m.map(lambda x, gap: x + type(x)(0, gap.abs_upper()), best, wide - narrow) if best.size else best
    return out
