"""What lies between the numbers that a target handed back: how deep a comparison reaches, and what it needs."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass, field

from gradcheck.graph.graph import Graph

#: Comparisons of a value: its name, and whether they are of its adjoint.
Key = tuple[str, bool]


def key_of(name: str, direction: str) -> Key:
    """Return the key of a comparison.

    >>> key_of("w", "gradient")
    ('w', True)
    """
    return name, direction != "value"


@dataclass(slots=True)
class Part:
    """The part of a graph that some comparisons need.

    Args:
        keys: the comparisons.
        values: nodes whose value is computed from their operands.
        adjoints: values whose adjoint is added up.
        handing: nodes of which it is computed what they hand on.
    """

    keys: Collection[Key]
    values: set[str] = field(default_factory=set)
    adjoints: set[str] = field(default_factory=set)
    handing: set[str] = field(default_factory=set)


def part_of(graph: Graph, keys: Collection[Key], values: Container[str], adjoints: Container[str]) -> Part:
    """Return what comparisons need of a graph.

    Args:
        graph: the network.
        keys: the comparisons.
        values: names of nodes whose value the target handed back.
        adjoints: names of those whose adjoint it did.
    """
    made = Part(keys)
    waiting = [x for x, is_adjoint in keys if is_adjoint]
    while waiting:
        x = waiting.pop()
        if x not in made.adjoints:
            made.adjoints.add(x)
            users = {e.consumer for e in graph.consumers(x)}
            made.handing |= users
            waiting += [u for u in users if u not in adjoints]
    needed = [*(x for x, is_adjoint in keys if not is_adjoint), *made.handing]
    while needed:
        x = needed.pop()
        if x in graph.node and x not in made.values:
            made.values.add(x)
            needed += [v for v in graph.node[x].inputs if v not in values]
    return made


def value_depths(graph: Graph, values: Container[str]) -> dict[str, int]:
    """Return how many operations lie between a node's value and what was handed back before it.

    Args:
        graph: the network.
        values: names of what the target handed back.
    """
    found: dict[str, int] = {}
    for node in graph.nodes:
        found[node.name] = 1 + max((found[x] for x in node.inputs if x in graph.node and x not in values), default=0)
    return found


def adjoint_depths(graph: Graph, adjoints: Container[str]) -> dict[str, int]:
    """Return how many operations lie between an adjoint and what was handed back behind it.

    Args:
        graph: the network.
        adjoints: names of what the target handed back.
    """
    found: dict[str, int] = {}
    for name in [*reversed([n.name for n in graph.nodes]), *(leaf.name for leaf in graph.leaves)]:
        users = {e.consumer for e in graph.consumers(name)}
        found[name] = 1 + max((found[u] for u in users if u not in adjoints), default=0)
    return found
