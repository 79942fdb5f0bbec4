"""Which mistake in one node's second derivative gives the numbers that a target gave?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.faults.second import MISTAKES, SecondMistake, detached
from gradcheck.graph.graph import Graph, Node
from gradcheck.ops.op import Op

Named = Mapping[str, npt.NDArray[Any]]

#: Sweeps in which one node makes a mistake, at most: a second or two.
MOST_HYPOTHESES = 400


class Asked(Protocol):
    """What is needed of a question: see `gradcheck.judge.second.Product`."""

    @property
    def graph(self) -> Graph:
        """The network."""

    @property
    def ops(self) -> Mapping[str, Op]:
        """The operations."""

    @property
    def wide(self) -> str:
        """The format in which hypotheses are computed."""

    def over(self, m: Any, ops: Mapping[str, Op] | None = None, *, graph: Graph | None = None) -> dict[str, Any]:
        """Return the product in an arithmetic."""


@dataclass(frozen=True, slots=True)
class Guilty:
    """A mistake that reproduces the target's numbers, and the operation that makes it; "" for none."""

    op: str = ""
    text: str = ""


def mistake(asked: Asked, reproduces: Callable[[Named], bool]) -> Guilty:
    """Return the mistake in one node's second derivative that gives the target's numbers.

    Args:
        asked: the question.
        reproduces: answers whether numbers are the target's, within rounding.
    """
    m = Floating(asked.wide)
    found: dict[str, list[Node]] = {}
    for wrong, node, graph, rules in _hypotheses(asked):
        if reproduces({k: np.asarray(x) for k, x in asked.over(m, rules, graph=graph).items()}):
            found.setdefault(wrong.text.format(op=node.op), []).append(node)
    said = [f"{', '.join(n.name for n in nodes[:5])}: {text}" for text, nodes in found.items()]
    ops = {n.op for nodes in found.values() for n in nodes}
    ties = any(len(nodes) > 1 for nodes in found.values())
    text = "; or ".join(said[:3]) + (" (one of these nodes)" if ties else "")
    return Guilty(ops.pop() if len(ops) == 1 else "", text)


def _hypotheses(asked: Asked) -> Iterator[tuple[SecondMistake, Node, Graph, Mapping[str, Op]]]:
    """Yield for every node and mistake a graph in which that node has an operation of its own, and the rules with it."""
    graph, count = asked.graph, 0
    for node in graph.nodes:
        own = f"{node.op}@{node.name}"
        for wrong in MISTAKES:
            count += 1
            if count > MOST_HYPOTHESES:
                return
            rules = {**asked.ops, own: replace(detached(asked.ops[node.op], wrong), name=own)}
            nodes = [replace(n, op=own) if n is node else n for n in graph.nodes]
            yield wrong, node, Graph(graph.leaves, nodes, graph.outputs, name=graph.name, ops=rules), rules
