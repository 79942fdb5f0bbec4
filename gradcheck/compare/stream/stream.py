"""The certificate of a run in one sweep: every operation is visited once, against the order of the run, and left.

Nothing is kept but what a visit of another operation needs: contributions to an adjoint that are not shown, values and adjoints that are hidden. Numbers are
converted when they are used. What only moves is compared as it came. Bounds are those of `Least`, or lower ones: an array within them is within those of
the certificate too. So the sweep acquits; any other array is left to the certificate, alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.least import Least
from gradcheck.arith.running import Bounded
from gradcheck.compare.certificate import Certificate, shown_values
from gradcheck.compare.comparison import Comparison, Passed
from gradcheck.compare.numbers import native, widened
from gradcheck.compare.prediction import Predictor
from gradcheck.compare.regions import Key, adjoint_depths, key_of, value_depths
from gradcheck.compare.stream.again import Adjoints, Alone, Values
from gradcheck.compare.stream.pieces import cut, cuts
from gradcheck.compare.stream.tally import Tally
from gradcheck.graph.evaluation import entered
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Run

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Is an array what the target says it is?

    Args:
        name: of the value.
        direction: "value", "adjoint" or "gradient".
        edge: of which it is the contribution; None for all of it.
        fused: how many operations lie between what was handed back.
    """

    name: str
    direction: str
    edge: Edge | None
    fused: int

    @property
    def key(self) -> Key:
        """The comparisons of the certificate to which it belongs."""
        return key_of(self.name, self.direction)


class Stream:
    """Certifies one run.

    Args:
        graph: the network.
        leaves: its leaves, constants included.
        run: what the target handed back, all of it well formed.
        of: the arithmetic of each value's format.
        alone: makes comparisons that are left open.
        slack: factor on every bound.
        ops: the operations.
        local: operations of a region beyond which the certificate decides.
    """

    def __init__(
        self, graph: Graph, leaves: Mapping[str, Any], run: Run, of: Callable[[str], Least], alone: Alone, *,
        slack: float = 1.0, ops: Mapping[str, Op] = registry, local: int,
    ) -> None:  # fmt: skip
        self.graph, self.leaves, self.run, self.of, self.ops, self.slack, self._alone, self._local = graph, leaves, run, of, ops, slack, alone, local
        self.predict = Predictor(of(graph.outputs[0]), ops, slack=slack, of=of)
        self.values, self._adjoints, self._edges = shown_values(graph, run), run.node_adjoints or {}, run.edge_adjoints or {}
        self._wrt = set(graph.differentiable)
        self.active = graph.descendants(graph.differentiable)
        self._depths = value_depths(graph, self.values), adjoint_depths(graph, self._adjoints)
        self._parts: dict[str, list[tuple[Edge | None, Bounded | None]]] = {}
        self._direct: set[str] = set()
        self._hidden: dict[str, Bounded] = {}
        self._carried: dict[str, Bounded] = {}
        self._open: dict[Key, set[Edge | None]] = {}
        self._settled: set[str] = set()
        self._done: set[str] = set()
        self._found: list[tuple[Question, Tally | None, Passed | Comparison]] = []
        self._contributions: dict[str, list[tuple[Edge, Bounded]]] = {}

    def certify(self, rules: Iterable[Callable[[Stream, Node, bool], bool]]) -> Certificate:
        """Return the certificate.

        Args:
            rules: each visits a node, or answers that it does not.
        """
        rules, wrt = tuple(rules), self.graph.differentiable
        for name in self.graph.outputs:
            self._parts.setdefault(name, []).append((None, Bounded(self.of(name), np.ones(self.graph.shapes[name], self.of(name).base.working), None)))
        first = {uses[0].consumer: [x for x in wrt if (u := self.graph.consumers(x)) and u[0].consumer == uses[0].consumer]
                 for k in wrt if (uses := self.graph.consumers(k))}  # fmt: skip
        with np.errstate(all="ignore"):
            for node in reversed(self.graph.nodes):
                self._visit(node, rules)
                for name in first.get(node.name, ()):  # nothing more is to come
                    self._settle(name)
                self._decide()
            for name in wrt:
                self._settle(name)
            self._decide()
            self._top()
        return self._made()

    # -- what rules ask for -----------------------------------------------------------------------

    def shows(self, name: str) -> bool:
        """Answer whether the target handed a value back, or got it."""
        return name in self.graph.leaf or name in self.values

    def number(self, name: str) -> Numbers:
        """Return a value that is shown, in the target's format."""
        leaf = self.graph.leaf.get(name)
        if leaf is None:
            return native(self.values, name)
        return leaf.value if leaf.value is not None else native(self.leaves, name)

    def operand(self, name: str) -> Array:
        """Return a value as an operand; a hidden one with its bound."""
        if self.shows(name):
            x = self.number(name)
            return x if name in self.graph.leaf and self.graph.leaf[name].type != "float" else self.exact(name, x)
        if name not in self._hidden:
            node = self.graph.node[name]
            self._hidden[name] = self.predict.value(node, self.operands(node))
        return self._hidden[name]

    def exact(self, name: str, x: Numbers) -> Bounded:
        """Return numbers of a value's format as they are."""
        m = self.of(name)
        return Bounded(m, widened(x, m.base.working), None)

    def operands(self, node: Node) -> list[Array]:
        """Return the operands of a node."""
        return entered(self.ops[node.op], self.of(node.name), [self.operand(x) for x in node.inputs])

    def handed_back(self, name: str) -> bool:
        """Answer whether the target handed an adjoint back."""
        return name in self._adjoints or (name in self._wrt and name in self.run.gradients)

    def adjoint(self, name: str) -> Numbers:
        """Return an adjoint that the target handed back, in its format."""
        return native(self.run.gradients if name in self._wrt else self._adjoints, name)

    def _exact_adjoint(self, name: str) -> Bounded:
        return self.exact(name, self.adjoint(name))

    def value_question(self, name: str) -> Question:
        """Return the comparison of a node's value."""
        return Question(name, "value", None, self._depths[0][name])

    def question(self, name: str, edge: Edge) -> Question | None:
        """Return the comparison in which one use of a value stands alone; None where the target shows no number for it."""
        if not self.handed_back(name):
            return None
        if (name, edge) in self._edges:
            return Question(name, "adjoint", edge, 1)
        if len(self.graph.consumers(name)) > 1 or name in self.graph.outputs:
            return None
        return Question(name, "gradient" if name in self._wrt else "adjoint", None, self._depths[1][name])

    def wanted(self, node: Node) -> list[tuple[int, str, Edge]]:
        """Return the operands to which a node hands something on: position, name and use."""
        return [(k, x, Edge(node.name, k)) for k, x in enumerate(node.inputs) if x in self.active]

    def got(self, q: Question) -> Numbers:
        """Return the target's numbers."""
        if q.direction == "value":
            return native(self.values, q.name)
        return self.adjoint(q.name) if q.edge is None else native(self._edges, (q.name, q.edge))

    def collect(self, name: str, edge: Edge, c: Bounded) -> None:
        """Count what a use contributes in, compared with what the target shows of it or kept until all uses were visited."""
        if (q := self.question(name, edge)) is None:
            self._parts.setdefault(name, []).append((edge, c))
            return
        tally = Tally(c.shape)
        tally.compare(self.got(q), c)
        self.settle(q, tally)

    def settle(self, q: Question, tally: Tally) -> None:
        """Note what was found: within the bound, or open."""
        if tally.ratio <= 1 and q.fused <= self._local:
            self._found.append((q, tally, Passed(q.name, q.direction, tally.ratio, tally.position, tally.shape, q.edge, q.fused)))
        else:
            self._open.setdefault(q.key, set()).add(q.edge)
        if q.edge is not None:
            self._parts.setdefault(q.name, []).append((q.edge, None))
        elif q.direction != "value":
            self._direct.add(q.name)

    def carried(self, name: str) -> Bounded:
        """Return an adjoint that is not shown, with its bound."""
        return self._carried[name]

    def skip(self, names: Iterable[str]) -> None:
        """Visit no node of these: a rule has."""
        self._done.update(names)
        self._settled.update(names)

    # -- one node ---------------------------------------------------------------------------------

    def _visit(self, node: Node, rules: tuple[Callable[[Stream, Node, bool], bool], ...]) -> None:
        reached = node.name in self.active and (node.name in self._parts or node.name in self._direct)
        if reached:
            self._settle(node.name)
        if node.name not in self._done and not any(rule(self, node, reached) for rule in rules):
            self._operation(node, reached)
        self._hidden.pop(node.name, None)
        self._carried.pop(node.name, None)

    def _operation(self, node: Node, reached: bool) -> None:
        """Compare the value of a node by its own rule, and what it hands on."""
        operands, shown = self.operands(node), self.shows(node.name)
        y = self.predict.value(node, operands) if shown else self.operand(node.name)
        if shown:
            q = self.value_question(node.name)
            tally = Tally(y.shape)
            tally.compare(self.got(q), y)
            self.settle(q, tally)
        if reached:
            g = self.exact(node.name, self.adjoint(node.name)) if self.handed_back(node.name) else self._carried[node.name]
            uses = self.wanted(node)
            found = self.predict.contributions(node, g, y, operands, [k for k, _, _ in uses])
            for k, x, edge in uses:
                if (c := found[k]) is not None:
                    self.collect(x, edge, c)

    def _settle(self, name: str) -> None:
        """Add up what came to a value, and compare it."""
        if name in self._settled:
            return
        self._settled.add(name)
        parts = self._parts.pop(name, [])
        direction = "gradient" if name in self._wrt else "adjoint"
        if name in self._direct:
            return
        if not self.handed_back(name):
            if name in self.graph.node:
                total = self.predict.total([c for _, c in parts if c is not None], self.graph.shapes[name])
                self._carried[name] = total if total.error is None else Bounded(total.m, total.value, total.radius())
            return
        q = Question(name, direction, None, self._depths[1][name])
        tally = Tally(self.graph.shapes[name], coarse=any(c is None for _, c in parts))
        if not parts:
            tally.add(math.inf if np.any(self.got(q)) else 0.0, 0)
        else:
            self._added(q, tally, parts)
        self.settle(q, tally)

    def _added(self, q: Question, tally: Tally, parts: list[tuple[Edge | None, Bounded | None]]) -> None:
        """Compare a sum: what the target shows of a use stands for what was within its bound of it.

        abs(got - sum c) <= abs(got - sum c') + sum abs(c' - c): the second sum is at most that of the bounds of the c', which are part of the bound of the sum.
        """
        if q.key in self._open:
            return tally.add(math.inf, 0)
        shape = self.graph.shapes[q.name]
        if any(c is not None for _, c in parts):
            total = self.predict.total([self.exact(q.name, native(self._edges, (q.name, e))) if c is None else c for e, c in parts], shape)
            return tally.compare(self.got(q), total)
        terms, got = [native(self._edges, (q.name, e)) for e, _ in parts], self.got(q)
        axis, slices = cuts(shape)
        for part in slices:
            total = self.predict.total([self.exact(q.name, cut(t, axis, part, len(shape))) for t in terms], shape)
            tally.compare(cut(got, axis, part, len(shape)), total, tuple(part.start if k == axis else 0 for k in range(len(shape))))
        return None

    # -- what is left to the certificate ----------------------------------------------------------

    def _decide(self) -> None:
        """Have decided what is open, and to which nothing more is to come."""
        keys = [k for k in self._open if not k[1] or k[0] in self._settled or k[0] in self._direct]
        if not keys:
            return
        made = self._alone(keys)
        self._contributions |= {x: made.contributions[x] for x, is_adjoint in keys if is_adjoint and x in made.contributions}
        for c in made.comparisons:
            q = Question(c.name, c.direction, c.edge, c.fused)
            if q.key in self._open and c.edge in self._open[q.key]:
                self._found.append((q, None, self._left(c)))
        for k in keys:
            del self._open[k]

    def _left(self, c: Comparison) -> Passed | Comparison:
        """Return what has to be kept of a comparison: nothing of an array within its bound."""
        if c.plain is None or c.plain[0] > 1 or c.textbook or c.fused > self._local:
            return c
        return Passed(c.name, c.direction, c.plain[0], int(np.ravel_multi_index(c.plain[1], c.got.shape)), c.got.shape, c.edge, c.fused)

    def _top(self) -> None:
        """Replace the largest ratio as long as it is one to a bound much lower than the certificate's."""
        while self._found:
            k = max(range(len(self._found)), key=lambda i: self._found[i][2].worst[0])
            q, tally, _ = self._found[k]
            if tally is None or not tally.coarse:
                return
            made = self._alone([q.key])
            self._found[k] = q, None, next(self._left(c) for c in made.comparisons if (c.direction, c.edge) == (q.direction, q.edge))

    def _made(self) -> Certificate:
        place = {node.name: k for k, node in enumerate(self.graph.nodes)} | {x: k for k, x in enumerate(self.graph.differentiable)}

        def order(entry: tuple[Question, Any, Any]) -> tuple[Any, ...]:
            q = entry[0]
            kind = 0 if q.direction == "value" else 1 if q.name in self.graph.node else 2
            use = (1, 0, 0) if q.edge is None else (0, -place[q.edge.consumer], q.edge.position)
            return kind, -place[q.name] if kind == 1 else place[q.name], *use

        found = [x for _, _, x in sorted(self._found, key=order)]
        return Certificate(
            comparisons=[x for x in found if isinstance(x, Comparison)], contributions=self._contributions,
            passed=[x for x in found if isinstance(x, Passed)], values=Values(self.graph, self.shows, self.operand, self._alone),
            adjoints=Adjoints(self._settled, self.handed_back, self._exact_adjoint, self._alone),
        )  # fmt: skip
