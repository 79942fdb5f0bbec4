"""Where a network is cut if values are computed again in the reverse pass (Chen et al. 2016)."""

from __future__ import annotations

import math

from gradcheck.graph.graph import Graph, Node


def segments(graph: Graph) -> list[tuple[Node, ...]]:
    """Return the nodes in about sqrt(n) runs, cut near equal distances where the fewest entries cross.

    Args:
        graph: the network.
    """
    size = len(graph.nodes)
    count = math.ceil(math.sqrt(size))
    crossing = _crossing(graph)
    cuts = [0]
    for k in range(1, count):
        middle, reach = k * size // count, size // (4 * count)
        window = range(max(cuts[-1] + 1, middle - reach), min(size, middle + reach + 1))
        cuts.append(min(window, key=lambda p: (crossing[p], abs(p - middle)), default=cuts[-1]))
    return [graph.nodes[a:b] for a, b in zip(cuts, [*cuts[1:], size], strict=True) if a < b]


def checkpoints(graph: Graph, nodes: tuple[Node, ...]) -> set[str]:
    """Return the names of the nodes among `nodes`, a run, whose values are needed after it."""
    inside = {n.name for n in nodes}
    return {x for x in inside if x in graph.outputs or any(e.consumer not in inside for e in graph.consumers(x))}


def _crossing(graph: Graph) -> list[int]:
    """Return for each position how many entries are made before it and used from it on."""
    position = {n.name: k for k, n in enumerate(graph.nodes)}
    change = [0] * (len(graph.nodes) + 1)
    for k, node in enumerate(graph.nodes):
        last = max((position[e.consumer] for e in graph.consumers(node.name)), default=k)
        entries = math.prod(graph.shapes[node.name])
        change[k + 1] += entries
        change[last + 1] -= entries
    found, total = [], 0
    for step in change:
        total += step
        found.append(total)
    return found
