"""What the shares of a tie add up to: any of several equal maxima may have the gradient, but together they have it once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gradcheck.arith.floating import FORMATS, Floating
from gradcheck.arith.rounding import BINARY
from gradcheck.arith.running import Roundoff
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph, Leaf
from gradcheck.graph.values import Arrays
from gradcheck.judge.enclosed import enclosures
from gradcheck.ops.op import registry
from gradcheck.vectors.allowed import allowed

#: Operations that hand on to their operands, together, all that comes back to them: they move entries, or leave some out.
MOVES = (
    "reshape", "expand", "squeeze", "transpose", "broadcast_to", "flip", "slice", "tile", "concatenate", "stack", "gather",
    "gather_elements", "take",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Total:
    """What the gradients of some parameters add up to.

    Args:
        names: of the parameters.
        lower, upper: exact ends.
        error: what rounding may do to the sum.
    """

    names: tuple[str, ...]
    lower: Fraction
    upper: Fraction
    error: float


def totals(graph: Graph, leaves: Arrays, kinked: list[str], dtype: str) -> Iterator[Total]:
    """Yield the sums of gradients that hold whichever contender of a tie is taken.

    Between the parameters and where other operations begin entries are only moved or chosen, so that what comes back there
    arrives at the parameters whole.

    Args:
        graph: the network.
        leaves: its leaves in the format.
        kinked: nodes with an operand on a kink.
        dtype: the format.
    """
    for region, names in _regions(graph):
        if region & set(kinked):
            found = _total(graph, leaves, region, names, dtype)
            if found is not None:
                yield found


def _regions(graph: Graph) -> Iterator[tuple[set[str], tuple[str, ...]]]:
    """Yield the connected nodes that conserve, fed by parameters alone that nothing else uses, and these parameters."""
    groups: list[tuple[set[str], set[str]]] = []
    for node in graph.nodes:
        joined = [g for g in groups if g[0] & set(node.inputs) or g[1] & set(node.inputs)]
        own = {x for x in node.inputs if x in graph.differentiable}
        known = own.union(*(g[0] for g in joined))
        if (registry[node.op].conserves or node.op in MOVES) and set(node.inputs) <= known:
            merged = ({node.name}.union(*(g[0] for g in joined)), own.union(*(g[1] for g in joined)))
            groups = [*(g for g in groups if g not in joined), merged]
    for region, parameters in groups:
        if all(e.consumer in region for x in parameters for e in graph.consumers(x)):
            yield region, tuple(x for x in graph.differentiable if x in parameters)


def _total(graph: Graph, leaves: Arrays, region: set[str], names: tuple[str, ...], dtype: str) -> Total | None:
    """Return the sum of what comes back to a region, by the graph that begins behind it: its values there are exact."""
    rest = [n for n in graph.nodes if n.name not in region]
    front = sorted({x for n in rest for x in n.inputs if x in region})
    count = sum(leaves[x].size for x in names)
    if region & set(graph.outputs):  # the loss itself is the largest
        return None if front else Total(names, Fraction(1), Fraction(1), 2 * count * BINARY[dtype].u)
    if not front:
        return None
    values = propagate(graph, lift(graph, {k: x for k, x in leaves.items() if graph.leaf[k].kind != "constant"}, Floating()), Floating())
    kept = [x for x in graph.leaves if x.name not in names]
    behind = Graph([*kept, *(Leaf(x, "parameter", graph.shapes[x]) for x in front)], rest, graph.outputs)
    begun = {k: leaves[k] for k in (x.name for x in kept)} | {k: np.asarray(values[k]).astype(FORMATS[dtype]) for k in front}
    certified = enclosures(behind, begun, registry)
    if certified is None:
        return None
    ends = [np.concatenate([np.ravel(getattr(certified[k], end)) for k in front]) for end in ("lower", "upper")]
    if not all(isinstance(x, Fraction) for x in (*ends[0], *ends[1])):
        return None
    may = sum(float(np.sum(x)) for k, x in allowed(behind, begun, Roundoff.of(dtype), wrt=tuple(front)).bounds.items() if k)
    size = sum(float(np.sum(np.abs(certified[k].rounded))) for k in front)
    count = max(count, len(ends[0]))
    return Total(names, sum(ends[0], Fraction(0)), sum(ends[1], Fraction(0)), may + 2 * count * BINARY[dtype].u * size)
