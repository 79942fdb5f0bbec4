"""Gradients alone: what rounding can do (the running bound) and what it usually does (sweeps).

A difference beyond the running bound is a proof of a fault. Within it, a difference that repeated
stochastic sweeps reach is explained by rounding; a larger one is inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.running import Roundoff
from gradcheck.arith.stochastic import Stochastic
from gradcheck.engine.reverse import seeds, sweep
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph
from gradcheck.ops.op import Op, registry

Floats = npt.NDArray[np.float64]

#: How often, and how many times the largest deviation is usual: for the chance of a false alarm see `usual_deviation`.
SWEEPS, MARGIN = 8, 8.0


@dataclass(frozen=True, slots=True)
class Spread:
    """The centre of the sweeps and the largest deviation from it, entry by entry."""

    centre: Floats
    deviation: Floats


def usual_deviation(
    graph: Graph, leaves: Mapping[str, Any], roundoff: Roundoff, wide: str, seed: int, *, ops: Mapping[str, Op] = registry
) -> dict[str, Spread]:
    """Return what rounding usually does to each gradient.

    For a normally distributed deviation the chance that one more sweep deviates by more than
    `MARGIN` times the largest of `SWEEPS` is E|Z|^8 (2 phi(0) / MARGIN)^8 = 1e-6 an entry.
    """
    samples: dict[str, list[Floats]] = {k: [] for k in graph.differentiable}
    with np.errstate(all="ignore"):
        for k in range(SWEEPS):
            m = Stochastic(roundoff, seed * SWEEPS + k, wide)
            lifted = {n: m.array(x) if graph.leaf[n].type == "float" else x for n, x in leaves.items()}
            y = propagate(graph, lifted, m, ops=ops)
            adjoint = sweep(graph, y, m, seeds(graph, m), graph.differentiable, ops=ops)
            for name, found in samples.items():
                found.append(m.number(adjoint[name]) if name in adjoint else np.zeros(graph.shapes[name]))
    return {name: _spread(np.stack(found)) for name, found in samples.items()}


def textbook_reach(
    graph: Graph, leaves: Mapping[str, Any], roundoff: Roundoff, wide: str, seed: int, centre: Mapping[str, Floats], *,
    ops: Mapping[str, Op] = registry,
) -> dict[str, Floats]:  # fmt: skip
    """Return how far from `centre` textbook formulas usually take each gradient.

    Every operation is given its first textbook formula, then its second, and so on as far as any has one.
    """
    reach = {k: np.zeros(graph.shapes[k]) for k in graph.differentiable}
    for replaced in by_textbook(graph, ops):
        for name, found in usual_deviation(graph, leaves, roundoff, wide, seed, ops=replaced).items():
            away = np.abs(found.centre - centre[name]) + MARGIN * found.deviation
            reach[name] = np.fmax(reach[name], away)
    return reach


def by_textbook(graph: Graph, ops: Mapping[str, Op]) -> Iterator[dict[str, Op]]:
    """Yield the operations with the k-th textbook formula (or the last) of those in a graph, for every k."""
    used = [op for op in (ops[name] for name in sorted({n.op for n in graph.nodes})) if op.textbook]
    for k in range(max((len(op.textbook) for op in used), default=0)):
        books = {op.name: op.textbook[min(k, len(op.textbook) - 1)] for op in used}
        yield {
            **ops, **{n: replace(ops[n], value=b.value or ops[n].value, vjp=b.vjp or ops[n].vjp) for n, b in books.items()}
        }  # fmt: skip


def _spread(samples: Floats) -> Spread:
    centre = np.mean(samples, axis=0)
    return Spread(centre, largest_deviation(samples, centre))


def largest_deviation(samples: Floats, centre: Floats) -> Floats:
    """Return the largest deviation of each entry, a tenth of that of its array at least: of few sweeps an entry may have seen no rounding.

    Args:
        samples: of an array, along the first axis.
        centre: from which they deviate.
    """
    deviation = np.max(np.abs(samples - centre), axis=0)
    return np.asarray(np.maximum(deviation, 0.1 * np.fmax.reduce(deviation, axis=None, initial=0.0)))
