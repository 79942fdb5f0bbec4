"""A loss for any values: their weighted sum, in which every entry has a weight of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.graph.graph import Graph, Leaf, Node

#: How the names of the nodes and weights of a loss begin that was added.
LOSS = "loss_"


def weights(shape: Shape) -> npt.NDArray[np.float64]:
    """Return weights from 1 to 2 that every format holds exactly, neighbours always different.

    >>> weights((6,))
    array([1.  , 1.25, 1.5 , 1.75, 2.  , 1.  ])
    """
    return np.asarray(1 + (np.arange(np.prod(shape, dtype=int)) % 5) / 4).reshape(shape)


def sinks(nodes: Sequence[Node]) -> list[str]:
    """Return the names of the nodes that no node uses."""
    used = {x for node in nodes for x in node.inputs}
    return [node.name for node in nodes if node.name not in used]


def with_loss(
    leaves: Iterable[Leaf], nodes: Iterable[Node], terms: Sequence[str], shapes: Mapping[str, Shape], *, name: str = "graph"
) -> Graph:
    """Return the graph whose loss is the weighted sum of the values `terms`; one scalar is the loss itself."""
    new_leaves, new_nodes = list(leaves), list(nodes)
    names = _fresh({x.name for x in new_leaves} | {x.name for x in new_nodes})
    total = ""
    for term in terms:
        part = term
        if shapes[term] or len(terms) > 1:
            weight = Leaf(next(names), "constant", shapes[term], "float", weights(shapes[term]))
            new_leaves.append(weight)
            new_nodes.append(Node(next(names), "mul", (term, weight.name)))
            part = new_nodes[-1].name
        if shapes[term]:
            new_nodes.append(Node(next(names), "sum", (part,)))
            part = new_nodes[-1].name
        if total:
            new_nodes.append(Node(next(names), "add", (total, part)))
            part = new_nodes[-1].name
        total = part
    return Graph(new_leaves, new_nodes, [total], name=name)


def _fresh(taken: set[str]) -> Iterator[str]:
    return (name for k in count(1) if (name := f"{LOSS}{k}") not in taken)
