"""A row that fails by its gradients alone gets an explanation: at its own network, or at a small twin where that is too large."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradcheck.arith.running import Roundoff
from gradcheck.errors import GradcheckError
from gradcheck.explain.explanation import Explanation, explain
from gradcheck.graph.graph import Graph
from gradcheck.graph.shrink import shrunk
from gradcheck.graph.values import Arrays
from gradcheck.judge.judge import Judgement
from gradcheck.networks.network import Network, networks
from gradcheck.result.finding import Finding

#: Graphs beyond this are explained at a small twin: the search takes about a second here, most of it in the number of nodes.
MOST_ENTRIES, MOST_NODES = 20_000, 200

Gradients = Callable[[Graph, Arrays], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Failing:
    """A target on a network whose gradients it gets wrong.

    Args:
        network: the network.
        values: its inputs and parameters, in the target's format.
        gradients: what the target gave there.
        run: gives the target's gradients of any graph.
        roundoff: how the target rounds.
        dtype: its format.
        slack: factor on every bound.
        seed: of data, directions and fresh points.
    """

    network: Network
    values: Arrays
    gradients: Mapping[str, Any]
    run: Gradients
    roundoff: Roundoff
    dtype: str
    slack: float = 1.0
    seed: int = 0


def affordable(graph: Graph) -> bool:
    """Answer whether the search for an explanation takes about a second at most."""
    return len(graph.nodes) <= MOST_NODES and sum(math.prod(s) for s in graph.shapes.values()) <= MOST_ENTRIES


def explained(found: Judgement, case: Failing) -> Judgement:
    """Return a judgement with an explanation of its first wrong gradient; as it is, if no gradient is wrong.

    Args:
        found: a judgement that fails.
        case: what it is about.
    """
    place = next((k for k, f in enumerate(found.findings) if f.severity == "fault" and f.direction == "gradient"), None)
    if place is None or len(case.network.graph.outputs) != 1:
        return found
    explanation, text = _of(case)
    if not text:
        return found
    fault = found.findings[place]
    told = replace(fault, message=f"{fault.message}; {text}", diagnosis="; ".join(t for t in (fault.diagnosis, text) if t))
    findings = (*found.findings[:place], told, *found.findings[place + 1 :], as_note(explanation, text))
    return replace(found, findings=findings, message=told.message if found.message == fault.message else found.message)


def as_note(explanation: Explanation | None, text: str) -> Finding:
    """Return an explanation as a finding of its own.

    Args:
        explanation: what was found; None where it is only said why nothing was.
        text: in words.
    """
    unique = None if explanation is None else explanation.unique
    if explanation is None or unique is not None:
        node, op = (unique.nodes[0], unique.op) if unique is not None else ("", "")
        return Finding("note", text, node=node, op=op, direction="gradient", diagnosis=unique.words if unique else "")
    among = explanation.consistent or tuple(dict.fromkeys(n for e in explanation.mistakes for n in e.nodes))
    return Finding("note", text, candidates=among, direction="gradient")


def _of(case: Failing) -> tuple[Explanation | None, str]:
    """Return the explanation and its words; no words where there is nothing to say."""
    graph = case.network.graph
    if affordable(graph):
        found = _explain(case, graph, case.values, case.gradients)
        return found, "" if found is None else str(found)
    twin = _twin(case)
    if twin is None:
        return None, "not explained: the network is large, and has no small twin"
    graph, values = twin
    try:
        gradients = case.run(graph, {k: x.copy() for k, x in values.items()})
    except GradcheckError:  # the target need not know this network
        return None, f"not explained: the network is large, and the target does not compute {graph.name}"
    found = _explain(case, graph, values, gradients)
    return found, f"not explained: the gradients of {graph.name} are right" if found is None else f"on {graph.name}: {found}"


def _explain(case: Failing, graph: Graph, values: Arrays, gradients: Mapping[str, Any]) -> Explanation | None:
    return explain(
        graph, values, gradients, again=lambda moved: case.run(graph, moved), roundoff=case.roundoff, slack=case.slack, seed=case.seed
    )


def _twin(case: Failing) -> tuple[Graph, Arrays] | None:
    """Return the declared small twin, else one of the same nodes on smaller arrays, if that is small enough."""
    declared = networks[case.network.twin] if case.network.twin else None
    if declared is not None and case.dtype in declared.dtypes and affordable(declared.graph):
        return declared.graph, declared.values(case.seed, case.dtype)
    made = shrunk(case.network.graph, case.values)
    return made if made is not None and affordable(made[0]) else None
