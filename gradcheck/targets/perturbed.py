"""Node values and adjoints out of a functional framework: a zero is added at every node and at every
use of a shared value, and the gradient with respect to these zeros is asked for as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.targets.interpreter import Table, interpret, shared

Arrays = dict[str, Any]


def edge_key(name: str, edge: Edge) -> str:
    """Return the key of a use of a value among the perturbations."""
    return f"{name}\x00{edge.consumer}\x00{edge.position}"


def edge_of(key: str) -> tuple[str, Edge] | None:
    """Return the use of a value that a key stands for; None for a node's own key."""
    parts = key.split("\x00")
    return (parts[0], Edge(parts[1], int(parts[2]))) if len(parts) == 3 else None


def sites(graph: Graph) -> dict[str, str]:
    """Return every place for a perturbation: key -> name of the value whose shape it has."""
    active = graph.descendants(graph.differentiable)
    found = {n.name: n.name for n in graph.nodes if n.name in active}
    for name in shared(graph) & active:
        found |= {edge_key(name, e): name for e in graph.consumers(name)}
    return found


def program(graph: Graph, table: Table, loss: str, fixed: Mapping[str, Any]) -> Callable[[Arrays, Arrays], tuple[Any, Arrays]]:
    """Return f(parameters, perturbations) -> (loss, node values); absent perturbations are none."""

    def f(parameters: Arrays, zeros: Arrays) -> tuple[Any, Arrays]:
        def made(node: Node, y: Any) -> Any:
            return y + zeros[node.name] if node.name in zeros else y

        def used(name: str, edge: Edge, x: Any) -> Any:
            key = edge_key(name, edge)
            return x + zeros[key] if key in zeros else x

        y = interpret(graph, {**fixed, **parameters}, table, made=made, used=used)
        return y[loss], {n.name: y[n.name] for n in graph.nodes}

    return f
