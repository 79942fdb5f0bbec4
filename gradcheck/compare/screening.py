"""The certificate of a large float32 run in which nothing is wrong: each operation is looked at once, and left.

Where a target hands back every value and every adjoint, no operation waits for another: its value and what it hands
on are compared together, from operands that are converted once, and nothing is kept. Bounds are those of `Screening`,
which are never larger than those of the certificate: what is within them needs no second look. A product is bounded
by a quarter of its terms first, and by all of them where that does not suffice or where the largest ratio of the run
might be. At the first array that is then not within its bound the whole run is left to `Certifier`. The largest ratio
is too large by (n + 8) 2^-22 of itself at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.running import Bounded, Roundoff
from gradcheck.arith.screening import Screening
from gradcheck.compare.certificate import Certificate, Parts
from gradcheck.compare.comparison import Passed, plainly
from gradcheck.compare.exact import Exact
from gradcheck.compare.prediction import Predictor
from gradcheck.graph.evaluation import entered
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.graph.values import Arrays
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Run, as_given

#: Products are bounded by one in so many of their terms at first.
PART = 4
#: Entries of all values from which on screening pays.
LARGE = 20_000


class Unsettled(Exception):  # noqa: N818 - no error
    """An array is not plainly right."""


@dataclass(frozen=True, slots=True)
class Question:
    """Is the value, or the sum of what came through `uses` (None: the seed), what the target says it is?"""

    name: str
    direction: str
    got: npt.NDArray[Any]
    uses: tuple[Edge | None, ...] = ()


def screened(
    graph: Graph, leaves: Arrays, run: Run, roundoff: Roundoff, *, slack: float = 1.0, ops: Mapping[str, Op] = registry
) -> Certificate | None:
    """Return the certificate of a float32 run that is plainly right; None for any other.

    Args:
        graph: the network.
        leaves: its leaves in float32, constants included.
        run: what the target handed back.
        roundoff: how the target rounds.
        slack: factor on every bound.
        ops: the operations.
    """
    try:
        return _Screen(graph, leaves, run, roundoff, slack, ops).certify()
    except Unsettled:
        return None


def pays(graph: Graph, dtype: str) -> bool:
    """Answer whether a run is to be screened: float32, and more than a few entries; where nodes are missing it ends at the first."""
    return dtype == "float32" and sum(math.prod(s) for s in graph.shapes.values()) >= LARGE


class _Screen:
    def __init__(self, graph: Graph, leaves: Arrays, run: Run, roundoff: Roundoff, slack: float, ops: Mapping[str, Op]) -> None:
        self.graph, self.ops, self.run = graph, ops, run
        self.m = Screening(roundoff, PART)
        self.predict = Predictor(self.m, ops, slack=slack)
        self.surely = Predictor(Screening(roundoff), ops, slack=slack)
        self.values, self.adjoints = Exact(self.m), Exact(self.m)
        self.found: dict[str, list[tuple[Question, Passed]]] = {"value": [], "adjoint": [], "gradient": []}
        self.collected: dict[str, Parts] = {}
        self.partly: set[Edge | str | None] = set()  #: values and uses bounded by a part of their terms
        self.active = graph.descendants(graph.differentiable)
        for leaf in graph.leaves:
            (self.values.give if leaf.type == "float" else self.values.keep)(leaf.name, leaves[leaf.name])
        given = {graph.outputs[0]: run.loss, **(run.node_values or {})}
        for node in graph.nodes:
            self.values.give(node.name, self._number(node.name, given))

    def _number(self, name: str, answers: Mapping[str, Any] | None) -> npt.NDArray[Any]:
        x = (answers or {}).get(name)
        if x is None:
            raise Unsettled
        return as_given(x).reshape(self.graph.shapes[name])

    def certify(self) -> Certificate:
        """Return the certificate; raise `Unsettled` at the first array that is not plainly right."""
        wrt = self.graph.differentiable
        for name in self.graph.outputs:
            self.collected.setdefault(name, []).append((None, self.m.array(np.ones(self.graph.shapes[name]))))
        waiting = {k: uses[0].consumer for k in wrt if (uses := self.graph.consumers(k))}
        with np.errstate(all="ignore"):
            for node in reversed(self.graph.nodes):
                self._operation(node)
                for name in dict.fromkeys(node.inputs):
                    if waiting.get(name) == node.name:  # nothing more is to come
                        self._adjoint(name, "gradient", self.run.gradients)
            for name in wrt:
                if name not in waiting:
                    self._adjoint(name, "gradient", self.run.gradients)
            return Certificate(passed=self._passed(), values=self.values, adjoints=self.adjoints)

    def _passed(self) -> list[Passed]:
        """Return what was found, the largest ratio from all terms."""
        found = [*reversed(self.found["value"]), *self.found["adjoint"], *self.found["gradient"]]
        while True:
            k = max(range(len(found)), key=lambda i: found[i][1].ratio)
            q, top = found[k]
            if not self._partly(q):
                return [p for _, p in found]
            self.partly -= {q.name, *q.uses}
            found[k] = q, self._surely(q, top.shape)

    def _operation(self, node: Node) -> None:
        """Compare the value of a node, then its adjoint, and collect what it hands on."""
        operands, before = self._operands(node), self.m.taken
        y = self.predict.value(node, operands)
        if self.m.taken > before:
            self.partly.add(node.name)
        self._compare(Question(node.name, "value", self.values.given(node.name)), y)
        if node.name in self.active and node.name in self.collected:
            self._adjoint(node.name, "adjoint", self.run.node_adjoints)
            found = self.predict.contributions(node, self.adjoints[node.name], y, operands)
            for position, (x, c) in enumerate(zip(node.inputs, found, strict=True)):
                if c is not None and x in self.active:
                    edge = Edge(node.name, position)
                    if self.m.taken > before:
                        self.partly.add(edge)
                    self._collect(x, edge, c)

    def _operands(self, node: Node) -> list[Array]:
        return entered(self.ops[node.op], self.m, [self.values[x] for x in node.inputs])

    def _collect(self, name: str, edge: Edge, c: Bounded) -> None:
        got = (self.run.edge_adjoints or {}).get((name, edge))
        if got is not None:
            self._compare(Question(name, "adjoint", self._number(name, {name: got}), (edge,)), c)
        self.collected.setdefault(name, []).append((edge, c))

    def _adjoint(self, name: str, direction: str, answers: Mapping[str, Any] | None) -> None:
        parts = self.collected.pop(name, [])
        total = self.predict.total([p for _, p in parts], self.graph.shapes[name])
        self.adjoints.give(name, self._number(name, answers))
        self._compare(Question(name, direction, self.adjoints.given(name), tuple(e for e, _ in parts)), total)

    def _compare(self, q: Question, predicted: Bounded) -> None:
        worst = _worst(q.got, predicted)
        if worst is not None and worst[0] <= 1:
            made = Passed(q.name, q.direction, *worst, predicted.shape)
        elif self._partly(q):
            made = self._surely(q, predicted.shape)
            self.partly -= {q.name, *q.uses}
        else:
            raise Unsettled
        self.found[q.direction].append((q, made))

    def _partly(self, q: Question) -> bool:
        return q.name in self.partly if q.direction == "value" else not self.partly.isdisjoint(q.uses)

    def _surely(self, q: Question, shape: tuple[int, ...]) -> Passed:
        """Return a comparison with the bound from all terms."""
        if q.direction == "value":
            node = self.graph.node[q.name]
            predicted = self.surely.value(node, self._operands(node))
        else:
            predicted = self.surely.total([self._contribution(e, shape) for e in q.uses], shape)
        worst = _worst(q.got, predicted)
        if worst is None or worst[0] > 1:
            raise Unsettled
        return Passed(q.name, q.direction, *worst, shape)

    def _contribution(self, edge: Edge | None, shape: tuple[int, ...]) -> Bounded:
        if edge is None:
            return self.m.array(np.ones(shape))
        node = self.graph.node[edge.consumer]
        operands = self._operands(node)
        y = self.surely.value(node, operands)
        found = self.surely.contributions(node, self.adjoints[node.name], y, operands)[edge.position]
        assert found is not None
        return found


def _worst(got: npt.NDArray[Any], predicted: Bounded) -> tuple[float, int] | None:
    return plainly(got, predicted.value, predicted.radius() if predicted.error is None else predicted.error)
