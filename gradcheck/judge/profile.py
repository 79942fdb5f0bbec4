"""How every node of a failing run fared, and how far all its entries are off: what a report draws."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gradcheck.compare.certificate import Certificate
from gradcheck.graph.graph import Graph
from gradcheck.result.finding import NodeRatio

#: Nodes that are kept.
MOST_NODES = 400

#: Upper ends of the bins after the first one, which is for entries that are exact; one for all beyond follows.
ENDS = tuple(2.0**k for k in range(-8, 9))


def profile(graph: Graph, certificate: Certificate) -> tuple[NodeRatio, ...]:
    """Return the ratios of values and adjoints of parameters and nodes, in the order of the graph; the first ones of many.

    Args:
        graph: the network.
        certificate: of the run.
    """
    value: dict[str, float] = {}
    adjoint: dict[str, float] = {}
    for c in certificate.all:
        found = value if c.direction == "value" else adjoint
        found[c.name] = max(found.get(c.name, 0.0), c.worst[0])
    leaves = [NodeRatio(k, "", (), value.get(k), adjoint.get(k)) for k in graph.differentiable]
    nodes = [NodeRatio(n.name, n.op, n.inputs, value.get(n.name), adjoint.get(n.name)) for n in graph.nodes]
    return tuple([*leaves, *nodes][:MOST_NODES])


def histogram(certificate: Certificate) -> tuple[int, ...]:
    """Return how many entries have an error over bound of 0, up to each of `ENDS`, and more; arrays within it by far are left out.

    Args:
        certificate: of the run.
    """
    ratios = [c.ratios[c.judged] for c in certificate.comparisons]
    return _counted(np.concatenate([np.ravel(r) for r in ratios]) if ratios else ())


def _counted(ratios: Iterable[float]) -> tuple[int, ...]:
    r = np.asarray(ratios, np.float64)
    bins = np.searchsorted(ENDS, r[r > 0])
    counts = np.bincount(bins, minlength=len(ENDS) + 1)
    return (int((r == 0).sum()), *map(int, counts))
