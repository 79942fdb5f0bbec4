"""Make a failing network small: what is left shows the fault and little else.

The reducer knows graphs: it moves the loss forwards, so that everything behind the fault goes, and
the leaves backwards, so that everything before it goes. Both are searched by halving; a graph of n
nodes takes about 2 log2(n) calls, and a few more for what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from gradcheck.arith.floating import Floating
from gradcheck.errors import BadInput
from gradcheck.graph.evaluation import forward
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.values import Arrays, Values
from gradcheck.graph.weighted import LOSS, sinks, with_loss

Fails: TypeAlias = Callable[[Graph, Arrays], bool]
Case: TypeAlias = tuple[Graph, Arrays]

#: Graphs of at most so many nodes are tried node by node.
_FEW = 12


def reduce(graph: Graph, values: Values, fails: Fails) -> Case:
    """Return a small graph with values that still fails.

    Args:
        graph: a network that fails.
        values: inputs and parameters by name.
        fails: whether a graph and its values show the fault; should be deterministic.

    Raises:
        BadInput: if the network does not fail to begin with.
    """
    case: Case = (graph, {k: np.asarray(x) for k, x in values.items()})
    if not fails(*case):
        raise BadInput(f"expected a network that fails; {graph.name} does not")
    case = _earliest_end(case, fails)
    case = _first(_fewer_terms(case), fails) or case
    case = _latest_start(case, fails)
    while len(case[0].nodes) <= _FEW and (smaller := _first(_smaller(case), fails)) is not None:
        case = smaller
    return _first((_plain_sum(case), _used_only(case)), fails) or case


def _first(cases: Iterable[Case | None], fails: Fails) -> Case | None:
    return next((c for c in cases if c is not None and fails(*c)), None)


def _earliest_end(case: Case, fails: Fails) -> Case:
    """Return the case with the shortest failing beginning of its nodes, all their ends summed up."""
    graph, values = case
    passing, failing, best = 0, len(graph.nodes), case
    while failing - passing > 1:
        middle = (passing + failing) // 2
        candidate = _ending(graph, values, graph.nodes[:middle], sinks(graph.nodes[:middle]))
        if fails(*candidate):
            failing, best = middle, candidate
        else:
            passing = middle
    return best


def _ending(graph: Graph, values: Arrays, nodes: tuple[Node, ...], terms: list[str]) -> Case:
    """Return the case with these nodes only, and the weighted sum of `terms` as its loss."""
    return _used_only((with_loss(graph.leaves, nodes, terms, graph.shapes, name=graph.name), values))


def _fewer_terms(case: Case) -> Iterator[Case]:
    """Yield the case with its last node before the loss as the loss, alone or with one other end."""
    graph, values = case
    body = _body(graph)
    last = body[-1].name
    for other in (None, *(x for x in sinks(body) if x != last)):
        yield _ending(graph, values, body, [last] if other is None else [other, last])


def _body(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes without the weighted sum that `with_loss` added."""
    return tuple(n for n in graph.nodes if not n.name.startswith(LOSS)) or graph.nodes


def _latest_start(case: Case, fails: Fails) -> Case:
    """Return the case with as many of the first nodes as possible made parameters."""
    graph, values = case
    failing, passing, best = 0, len(graph.nodes), case
    while passing - failing > 1:
        middle = (passing + failing) // 2
        candidate = _cut(graph, values, [n.name for n in graph.nodes[:middle]])
        if fails(*candidate):
            failing, best = middle, candidate
        else:
            passing = middle
    return best


def _cut(graph: Graph, values: Arrays, names: Iterable[str]) -> Case:
    """Return the case with the named nodes made parameters that hold their values."""
    made, y = set(names), forward(graph, values, Floating("float64"))
    dtype = next((x.dtype for x in values.values() if x.dtype.kind not in "iub"), np.dtype(np.float64))
    leaves = [*graph.leaves, *(Leaf(n.name, "parameter", graph.shapes[n.name]) for n in graph.nodes if n.name in made)]
    rest = [n for n in graph.nodes if n.name not in made]
    cut = Graph(leaves, rest, graph.outputs, name=graph.name)
    return _used_only((cut, {**values, **{name: y[name].astype(dtype) for name in made}}))


def _smaller(case: Case) -> Iterator[Case]:
    """Yield the case with another node as its end, without one node, or with one node made a parameter."""
    graph, values = case
    size = len(graph.nodes)
    for k in range(1, size):
        candidate = _ending(graph, values, graph.nodes[:k], [graph.nodes[k - 1].name])
        if len(candidate[0].nodes) < size:
            yield candidate
    for node in graph.nodes[:-1]:
        yield _cut(graph, values, [node.name])


def _plain_sum(case: Case) -> Case | None:
    """Return the case without the weights of its loss."""
    graph, values = case
    last = graph.nodes[-1]
    source = graph.node.get(last.inputs[0]) if last.op == "sum" else None
    if source is None or source.op != "mul" or graph.leaf.get(source.inputs[1], Leaf("", "input", ())).kind != "constant":
        return None
    kept = [n for n in graph.nodes if n.name not in (last.name, source.name)]
    nodes = [*kept, Node(last.name, "sum", source.inputs[:1], last.attributes)]
    return _used_only((Graph(graph.leaves, nodes, graph.outputs, name=graph.name), values))


def _used_only(case: Case) -> Case:
    """Return the case without leaves and nodes that the loss does not depend on."""
    graph, values = case
    used = graph.ancestors(graph.outputs)
    leaves: list[Any] = [x for x in graph.leaves if x.name in used]
    nodes = [n for n in graph.nodes if n.name in used]
    return Graph(leaves, nodes, graph.outputs, name=graph.name), {k: x for k, x in values.items() if k in used}
