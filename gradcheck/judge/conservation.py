"""At a tie each contender may take any share of the cotangent, but the shares must add up to it.

The hull of a tie bounds every entry by itself; this looks at the sum. It is compared where all
uses of the operands are those of the one operation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcheck.compare.certificate import Certificate
from gradcheck.compare.comparison import Comparison
from gradcheck.graph.graph import Graph, Node
from gradcheck.ops.op import Op
from gradcheck.targets.target import Run, as_float


def conserved(graph: Graph, certificate: Certificate, run: Run, ops: Mapping[str, Op], u: float) -> list[Comparison]:
    """Return a comparison of sums for each node whose operation hands on all of its cotangent.

    Args:
        graph: the network.
        certificate: of the run, its adjoints known.
        run: the target's answer.
        ops: the operations.
        u: unit roundoff of the target.
    """
    out = []
    for node in graph.nodes:
        if ops[node.op].conserves and node.name in certificate.adjoints:
            made = _compared(graph, certificate, run, node, u)
            out += [made] if made is not None else []
    return out


def _compared(graph: Graph, certificate: Certificate, run: Run, node: Node, u: float) -> Comparison | None:
    sources = dict.fromkeys(node.inputs)
    given = {**dict(run.node_adjoints or {}), **dict(run.gradients)}
    g = certificate.adjoints[node.name]
    alone = all(e.consumer == node.name for x in sources for e in graph.consumers(x))
    if not alone or any(given.get(x) is None for x in sources) or g.error is not None:
        return None
    received = [as_float(given[x]) for x in sources]
    got = np.asarray(sum(np.sum(x) for x in received))
    expected = np.asarray(np.sum(g.value))
    size = np.asarray(np.sum(np.abs(g.value)), np.float64)
    count = max(sum(x.size for x in received), g.value.size)
    judged = np.asarray(np.isfinite(expected) & np.isfinite(size))
    return Comparison(node.inputs[0], "adjoint", got, expected, np.asarray(2 * count * u * size), judged, None)
