"""What all frameworks share: walk the graph with a table from our operations to theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcheck.errors import CannotExpress
from gradcheck.graph.graph import Edge, Graph, Node

Table = Mapping[str, Callable[..., Any]]


def require(graph: Graph, table: Table, framework: str) -> None:
    """Raise `CannotExpress` if an operation of the graph is not in the table."""
    missing = sorted({n.op for n in graph.nodes} - set(table))
    if missing:
        raise CannotExpress(f"{framework} has no form for {', '.join(missing)}")


def interpret(
    graph: Graph,
    leaves: Mapping[str, Any],
    table: Table,
    *,
    made: Callable[[Node, Any], Any] = lambda node, y: y,
    used: Callable[[str, Edge, Any], Any] = lambda name, edge, x: x,
) -> dict[str, Any]:
    """Return the value of every leaf and node.

    Args:
        graph: the network.
        leaves: the framework's arrays by name.
        table: operation -> ``f(*operands, **attributes)``.
        made: applied to each node's value, for instance to ask for its adjoint.
        used: applied to each use of a value, for instance to tell the uses apart.
    """
    y = dict(leaves)
    for node in graph.nodes:
        operands = [used(x, Edge(node.name, k), y[x]) for k, x in enumerate(node.inputs)]
        y[node.name] = made(node, table[node.op](*operands, **node.attributes))
    return y


def straight(graph: Graph, table: Table, loss: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return f(leaves) -> loss that notes nothing on its way: the program to be timed."""
    calls = [(node.name, table[node.op], node.inputs, node.attributes) for node in graph.nodes]

    def f(leaves: Mapping[str, Any]) -> Any:
        y = dict(leaves)
        for name, call, inputs, attributes in calls:
            y[name] = call(*[y[x] for x in inputs], **attributes)
        return y[loss]

    return f


def scalar_output(graph: Graph) -> str:
    """Return the name of the loss; raise `CannotExpress` if there is none."""
    if len(graph.outputs) != 1 or graph.shapes[graph.outputs[0]] != ():
        raise CannotExpress("expected one scalar output")
    return graph.outputs[0]


def shared(graph: Graph) -> set[str]:
    """Return the names of values that are used more than once."""
    return {name for name in graph.shapes if len(graph.consumers(name)) > 1}
