"""The local rounding certificate: every value and adjoint against the exact local operation.

Each value that the target hands back is compared with the exact operation on the target's own
operands, and each adjoint with the exact sum of contributions of the target's own adjoints; both
may differ by what rounding can do to that one operation, and by no more. There is no growth with
depth. If every ratio of error to bound is at most 1, the whole difference from the true gradient is
explained by rounding (Griewank, Kulshreshtha, Walther, Computing 94, 2012).

Where the target does not hand a value back, the value computed here is carried on with its running
error bound: a fused region. With nothing handed back but gradients the region is the whole graph
and the certificate becomes the running error bound of the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.running import Bounded, Roundoff, Running
from gradcheck.graph.evaluation import entered
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.graph.values import Arrays
from gradcheck.ops.op import Op, Textbook, registry
from gradcheck.targets.target import Run, as_float

#: The bounds are themselves computed in float64; this covers what that loses.
OWN_ROUNDING = 1 + 2.0**-30
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One array of the target beside the exact result of its local operation.

    Args:
        name: the value.
        direction: "value", "adjoint" or "gradient".
        got: the target's numbers.
        expected: the exact ones, in a wide format.
        bound: what rounding allows, entry by entry.
        judged: False where neither can be judged (operands not finite, no finite bound).
        edge: the single use of the value whose contribution this is, if it is one.
        textbook: the reason why a legitimate formula of larger error was needed, or "".
        fused: how many operations lie between what was handed back.
    """

    name: str
    direction: str
    got: npt.NDArray[Any]
    expected: npt.NDArray[Any]
    bound: Floats
    judged: npt.NDArray[np.bool_]
    edge: Edge | None = None
    textbook: str = ""
    fused: int = 1

    @property
    def ratios(self) -> Floats:
        """Error over bound, entry by entry; 0 where not judged."""
        return ratios(self.got, self.expected, self.bound, self.judged)

    @property
    def worst(self) -> tuple[float, tuple[int, ...]]:
        """The largest ratio and where it is."""
        r = self.ratios
        if r.size == 0:
            return 0.0, ()
        where = np.unravel_index(int(np.argmax(r)), r.shape)
        return float(r[where]), tuple(int(i) for i in where)


def ratios(got: Array, expected: Array, bound: Floats, judged: Array) -> Floats:
    """Return abs(got - expected) / bound: 0 for equal, inf where only one of them is finite."""
    with np.errstate(all="ignore"):
        error = np.abs(got - expected).astype(np.float64)
        error = np.where(got == expected, 0.0, np.where(np.isfinite(got), error, np.inf))
        ratio = np.where(error == 0, 0.0, error / np.where(bound > 0, bound, 5e-324))
    ratio = np.where(np.isinf(error), np.inf, ratio)
    return np.where(judged, ratio, 0.0)


@dataclass(slots=True)
class Certificate:
    """All comparisons of a run, in the order in which they were made."""

    comparisons: list[Comparison] = field(default_factory=list)
    contributions: dict[str, list[tuple[Edge, Bounded]]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    adjoints: dict[str, Any] = field(default_factory=dict)

    @property
    def worst(self) -> Comparison | None:
        """The comparison with the largest ratio."""
        return max(self.comparisons, key=lambda c: c.worst[0], default=None)

    @property
    def exceeded(self) -> list[Comparison]:
        """The comparisons beyond their bound."""
        return [c for c in self.comparisons if c.worst[0] > 1]

    @property
    def unjudged(self) -> list[Comparison]:
        """The comparisons of which some entries could not be judged."""
        return [c for c in self.comparisons if not c.judged.all()]


class Certifier:
    """Makes the certificate of one run.

    Args:
        graph: the network.
        leaves: its leaves in the target's format, see `gradcheck.targets.target.leaf_arrays`.
        run: what the target handed back.
        roundoff: how the target rounds.
        wide: the format of verification.
        slack: factor on every bound, for compiled targets.
        ops: the operations.
    """

    def __init__(
        self,
        graph: Graph,
        leaves: Arrays,
        run: Run,
        roundoff: Roundoff,
        wide: str,
        *,
        slack: float = 1.0,
        ops: Mapping[str, Op] = registry,
    ) -> None:
        self.graph, self.leaves, self.run, self.ops = graph, leaves, run, ops
        self.m = Running(roundoff, wide)
        self.slack = slack
        self.largest = roundoff.largest
        self.made = Certificate()
        self._y: dict[str, Array] = {}
        self._predicted: dict[str, Bounded] = {}
        self._fused: dict[str, int] = {}
        self._given = self._answers(run.node_values)
        if len(graph.outputs) == 1 and graph.shapes[graph.outputs[0]] == () and run.loss is not None:
            self._given.setdefault(graph.outputs[0], as_float(run.loss).reshape(()))

    def _answers(self, mapping: Mapping[str, Any] | None) -> dict[str, npt.NDArray[Any]]:
        return {k: as_float(v) for k, v in (mapping or {}).items() if k in self.graph.shapes}

    def certify(self) -> Certificate:
        """Compare every value, then every adjoint, then the gradients."""
        with np.errstate(all="ignore"):
            self._values()
            self._adjoints()
        return self.made

    # -- forward --------------------------------------------------------------------------------

    def _values(self) -> None:
        for leaf in self.graph.leaves:
            x = self.leaves[leaf.name]
            self._y[leaf.name] = self.m.array(x) if leaf.type == "float" else x
        for node in self.graph.nodes:
            op = self.ops[node.op]
            operands = self._operands(node)
            predicted = self._slacken(op.value(self.m, *operands, **node.attributes), op)
            self._predicted[node.name] = predicted
            depth = 1 + max((self._fused.get(x, 0) for x in node.inputs), default=0)
            given = self._given.get(node.name)
            if given is None:
                self._y[node.name], self._fused[node.name] = predicted, depth
            else:
                self._compare(node.name, "value", given, predicted, self._value_textbooks(op, node), fused=depth)
                self._y[node.name] = self.m.array(given)
        self.made.values = self._y

    def _operands(self, node: Node) -> list[Array]:
        return entered(self.ops[node.op], self.m, [self._y[x] for x in node.inputs])

    def _slacken(self, x: Bounded, op: Op) -> Bounded:
        factor = self.slack * op.slack
        return x if factor == 1 or x.error is None else Bounded(self.m, x.value, x.error * factor)

    def _value_textbooks(self, op: Op, node: Node) -> Iterator[tuple[str, Bounded]]:
        for book in op.textbook:
            if book.value is not None:
                yield book.reason, self._slacken(book.value(self.m, *self._operands(node), **node.attributes), op)

    # -- reverse --------------------------------------------------------------------------------

    def _adjoints(self) -> None:
        wrt = self.graph.differentiable
        active = self.graph.descendants(wrt)
        collected: dict[str, list[tuple[Edge | None, Bounded]]] = {}
        for name in self.graph.outputs:
            one = self.m.array(np.ones(self.graph.shapes[name]))
            collected.setdefault(name, []).append((None, one))
        given = self._answers(self.run.node_adjoints)
        self._fused = {}
        for node in reversed(self.graph.nodes):
            if node.name in active and node.name in collected:
                g = self._adjoint(node.name, "adjoint", collected.pop(node.name), given.get(node.name))
                self._spread(node, g, active, collected)
        gradients = self._answers(self.run.gradients)
        for name in wrt:
            parts = collected.pop(name, [])
            self._adjoint(name, "gradient", parts, gradients.get(name))

    def _adjoint(
        self, name: str, direction: str, parts: list[tuple[Edge | None, Bounded]], given: npt.NDArray[Any] | None
    ) -> Bounded:
        total = self._total(name, [p for _, p in parts])
        self.made.contributions[name] = [(e, p) for e, p in parts if e is not None]
        depth = 1 + max((self._fused.get(e.consumer, 0) for e, _ in parts if e is not None), default=0)
        if given is None:
            self._fused[name] = depth
            self.made.adjoints[name] = total
            return total
        self._compare_edges(name, parts)
        self._compare(name, direction, given, total, self._adjoint_textbooks(name, parts), fused=depth)
        exact = self.m.array(given)
        self.made.adjoints[name] = exact
        return exact

    def _total(self, name: str, parts: list[Bounded]) -> Bounded:
        """Return the sum of contributions in any order: (m - 1) u sum abs(c)."""
        if not parts:
            return self.m.array(np.zeros(self.graph.shapes[name]))
        value = sum((p.value for p in parts[1:]), parts[0].value)
        errors = [p.radius() for p in parts]
        if len(parts) == 1:
            return Bounded(self.m, value, errors[0])
        size = sum(np.abs(p.value).astype(np.float64) + e for p, e in zip(parts, errors, strict=True))
        return Bounded(self.m, value, sum(errors) + self.slack * (len(parts) - 1) * self.m.u * size)

    def _spread(
        self, node: Node, g: Bounded, active: set[str], collected: dict[str, list[tuple[Edge | None, Bounded]]]
    ) -> None:
        op = self.ops[node.op]
        found = op.vjp(self.m, g, self._predicted[node.name], *self._operands(node), **node.attributes)
        for position, (x, c) in enumerate(zip(node.inputs, found, strict=True)):
            if c is not None and x in active:
                collected.setdefault(x, []).append((Edge(node.name, position), self._slacken(c, op)))

    def _adjoint_textbooks(self, name: str, parts: list[tuple[Edge | None, Bounded]]) -> Iterator[tuple[str, Bounded]]:
        """Yield the total with the contributions of all consumers by their textbook formulas."""
        replaced, reasons = [], []
        for edge, part in parts:
            widest = part
            for reason, other in self._edge_textbooks(edge):
                widest = self._hull(widest, other)
                reasons.append(reason)
            replaced.append(widest)
        if reasons:
            yield "; ".join(dict.fromkeys(reasons)), self._total(name, replaced)

    def _edge_textbooks(self, edge: Edge | None) -> Iterator[tuple[str, Bounded]]:
        if edge is None:
            return
        node = self.graph.node[edge.consumer]
        op = self.ops[node.op]
        for book in op.textbook:
            if (c := self._contribution(book, op, node, edge.position)) is not None:
                yield book.reason, c

    def _contribution(self, book: Textbook, op: Op, node: Node, position: int) -> Bounded | None:
        if book.vjp is None:
            return None
        g = self.made.adjoints[node.name]
        y = self._predicted[node.name]
        if book.value is not None:
            y = self._hull(y, book.value(self.m, *self._operands(node), **node.attributes))
        found = book.vjp(self.m, g, y, *self._operands(node), **node.attributes)[position]
        return None if found is None else self._slacken(found, op)

    def _hull(self, a: Bounded, b: Bounded) -> Bounded:
        """Return `a` with a bound that covers b's as well."""
        reach = np.abs(b.value - a.value).astype(np.float64) + b.radius()
        return Bounded(self.m, a.value, np.fmax(a.radius(), reach))

    # -- comparing ------------------------------------------------------------------------------

    def _compare_edges(self, name: str, parts: list[tuple[Edge | None, Bounded]]) -> None:
        for edge, part in parts:
            got = (self.run.edge_adjoints or {}).get((name, edge)) if edge is not None else None
            if got is not None:
                self._compare(name, "adjoint", as_float(got), part, self._edge_textbooks(edge), edge=edge)

    def _compare(
        self,
        name: str,
        direction: str,
        got: npt.NDArray[Any],
        predicted: Bounded,
        textbooks: Iterator[tuple[str, Bounded]],
        *,
        edge: Edge | None = None,
        fused: int = 1,
    ) -> None:
        expected, bound = predicted.value, predicted.radius() * OWN_ROUNDING
        judged = np.isfinite(expected) & np.isfinite(bound)
        overflow = np.isinf(got) & (np.sign(got) == np.sign(expected)) & (np.abs(expected) + bound > self.largest)
        judged &= ~overflow
        reasons: list[str] = []
        if np.any(ratios(got, expected, bound, judged) > 1):
            for why, other in textbooks:
                wider = self._hull(predicted, other).radius()
                bound = np.fmax(bound, np.where(np.isfinite(wider), wider, bound))
                reasons.append(why)
                if np.all(ratios(got, expected, bound, judged) <= 1):
                    break
        self.made.comparisons.append(
            Comparison(name, direction, got, expected, bound, judged, edge, "; ".join(reasons), fused)
        )
