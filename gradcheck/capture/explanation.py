"""The mistake inside of a region: between its operands and its results it is a network of its own, whose gradients the run has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.arith.running import Roundoff
from gradcheck.compare.numbers import Together
from gradcheck.errors import GradcheckError
from gradcheck.explain.explanation import Explanation, explain
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.values import Arrays
from gradcheck.judge.explaining import affordable
from gradcheck.result.finding import Finding

if TYPE_CHECKING:
    from gradcheck.capture.recording import Recording


def with_explanation(recording: Recording, finding: Finding) -> Finding:
    """Return a fault of an adjoint, that has no name, with the one mistake inside of the region that gives it; as it is where none does.

    Args:
        recording: the run.
        finding: a fault.
    """
    if finding.severity != "fault" or finding.mistake is not None or finding.direction == "value":
        return finding
    region = region_of(recording, finding.node)
    if region is None or not affordable(region.graph):
        return finding
    try:
        found = explain(region.graph, region.values, region.gradients, roundoff=Roundoff.of(region.dtype))
    except GradcheckError:  # a function that the search does not have
        return finding
    return finding if found is None or not found.mistakes else _told(finding, found)


def _told(finding: Finding, found: Explanation) -> Finding:
    return replace(finding, message=f"{finding.message}; {found}", mistake=found.mistake, diagnosis=str(found))


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a program as a network.

    Args:
        graph: its output is the sum of the results times what they were handed, its parameters what this part alone uses.
        values: of its operands.
        gradients: what the run handed to its parameters.
        dtype: its format.
    """

    graph: Graph
    values: Arrays
    gradients: Mapping[str, Any]
    dtype: str


def region_of(recording: Recording, name: str) -> Region | None:
    """Return the region that a value goes into; None where it goes elsewhere too, or what came back to the region is not known.

    Args:
        recording: the run.
        name: of the value.
    """
    graph, run = recording.graph, recording.run
    shown, adjoints = run.node_values or {}, run.node_adjoints or {}
    nodes, results = _between(graph, name, shown)
    own = {n.name for n in nodes}
    if not nodes or not all(k in adjoints for k in results):
        return None
    operands = list(dict.fromkeys(x for n in nodes for x in n.inputs if x not in own))
    whole = {x for x in operands if x not in graph.leaf or graph.leaf[x].kind != "constant"}
    parameters = {x for x in whole if {e.consumer for e in graph.consumers(x)} <= own}
    handed = Together(run.gradients, adjoints)
    gradients = {x: g for x in parameters if (g := handed.get(x)) is not None}
    if name not in gradients:
        return None
    leaves = [graph.leaf[x] if x not in whole else Leaf(x, "parameter" if x in gradients else "input", graph.shapes[x]) for x in operands]
    dtype = recording.formats[name]
    constants, summed = _output(results, adjoints, graph)
    made = Graph([*leaves, *constants], [*nodes, *summed], [summed[-1].name], name=f"{graph.name}: {name}")
    known = Together(shown, recording.values)
    return Region(made, {x: np.asarray(known[x]) for x in whole}, {x: np.asarray(g) for x, g in gradients.items()}, dtype)


def _between(graph: Graph, name: str, shown: Mapping[str, Any]) -> tuple[list[Node], list[str]]:
    """Return the nodes that a value goes through until the run shows what comes out, and whatever leads there without being shown; and the results."""
    inside: set[str] = set()
    waiting = [e.consumer for e in graph.consumers(name)]
    while waiting:
        x = waiting.pop()
        if x in inside:
            continue
        inside.add(x)
        if x not in shown:
            waiting += [e.consumer for e in graph.consumers(x)]
        waiting += [v for v in graph.node[x].inputs if v in graph.node and v not in shown]
    nodes = [n for n in graph.nodes if n.name in inside]
    return nodes, [n.name for n in nodes if n.name in shown]


def _output(results: list[str], adjoints: Mapping[str, Any], graph: Graph) -> tuple[list[Leaf], list[Node]]:
    """Return constants and nodes that add up the results times what they were handed."""
    leaves, nodes, total = [], [], ""
    for k, x in enumerate(results):
        leaves.append(Leaf(f"handed {k}", "constant", graph.shapes[x], "float", np.asarray(adjoints[x], np.float64)))
        nodes += [Node(f"part {k}", "mul", (x, leaves[-1].name)), Node(f"sum {k}", "sum", (f"part {k}",))]
        if total:
            nodes.append(Node(f"total {k}", "add", (total, f"sum {k}")))
        total = nodes[-1].name
    return leaves, nodes
