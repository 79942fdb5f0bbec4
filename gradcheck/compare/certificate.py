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

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.running import Bounded, Roundoff, Running
from gradcheck.compare.comparison import Comparison, Passed, everywhere, ratios
from gradcheck.compare.formats import Formats
from gradcheck.compare.numbers import Together
from gradcheck.compare.prediction import Legitimate, Predictor
from gradcheck.compare.regions import Key, Part, adjoint_depths, key_of, part_of, value_depths
from gradcheck.graph.evaluation import entered
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Run, as_given

#: Contributions to an adjoint, each with the use that it came through (None: the seed).
Parts: TypeAlias = list[tuple[Edge | None, Bounded]]


@dataclass(slots=True)
class Certificate:
    """All comparisons of a run, in the order in which they were made.

    Args:
        comparisons: with their arrays.
        contributions: what each adjoint was summed up from.
        values, adjoints: what operations were applied to.
        passed: comparisons about which no question is left; the first ones.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    contributions: dict[str, list[tuple[Edge, Bounded]]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    adjoints: Mapping[str, Any] = field(default_factory=dict)
    passed: list[Passed] = field(default_factory=list)

    @property
    def all(self) -> list[Comparison | Passed]:
        """All comparisons."""
        return [*self.passed, *self.comparisons]

    @property
    def worst(self) -> Comparison | Passed | None:
        """The comparison with the largest ratio."""
        return max(self.all, key=lambda c: c.worst[0], default=None)

    @property
    def exceeded(self) -> list[Comparison]:
        """The comparisons beyond their bound."""
        return [c for c in self.comparisons if c.worst[0] > 1]

    @property
    def unjudged(self) -> list[Comparison]:
        """The comparisons of which some entries could not be judged."""
        return [c for c in self.comparisons if not c.complete]


class _Known(dict[str, Any]):
    """What is known by name, made where it is first asked for."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> Any:
        made = self[name] = self._make(name)
        return made


def shown_values(graph: Graph, run: Run) -> Mapping[str, Any]:
    """Return the values of nodes that a run shows, its loss among them.

    Args:
        graph: the network.
        run: the target's answer.
    """
    values, output = run.node_values or {}, graph.outputs[0]
    if output in values or len(graph.outputs) > 1 or graph.shapes[output] != () or run.loss is None:
        return values
    return Together({output: as_given(run.loss).reshape(())}, values)


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
        textbook: whether every bound is that of any textbook formula from the start; else such a bound is
            looked at where the tight one is exceeded.
        formats: of the values, where they have several; all have the target's else.
    """

    def __init__(
        self,
        graph: Graph,
        leaves: Mapping[str, Any],
        run: Run,
        roundoff: Roundoff,
        wide: str,
        *,
        slack: float = 1.0,
        ops: Mapping[str, Op] = registry,
        textbook: bool = False,
        formats: Formats | None = None,
    ) -> None:
        self.graph, self.leaves, self.run, self.ops = graph, leaves, run, ops
        self.m = Running(roundoff, wide)
        self._several = {} if formats is None else formats.arithmetics(partial(Running, wide=wide))
        self.predict = Predictor(self.m, ops, slack=slack, textbook=textbook, of=self.of)
        self.made = Certificate()
        self._adjoint_of = _Known(self._adjoint_given)
        self._by_textbook_alone = partial(Certifier, graph, leaves, run, roundoff, wide, slack=slack, ops=ops, textbook=True, formats=formats)
        self._y = _Known(self._exact)
        self._predicted: dict[str, Bounded] = {}
        self._values_given, self._adjoints_given = shown_values(graph, run), run.node_adjoints or {}
        self._part: Part | None = None
        self._keys: Collection[Key] | None = None

    def of(self, name: str) -> Running:
        """Return the arithmetic of a value's format."""
        return self._several.get(name, self.m)

    def _exact(self, name: str) -> Array:
        """Return a leaf, or a value that was handed back, as an operand."""
        leaf = self.graph.leaf.get(name)
        if leaf is not None and leaf.type != "float":
            return self.leaves[name]
        return self.of(name).array(self.leaves[name] if leaf is not None else as_given(self._values_given[name]))

    def certify(self, keys: Collection[Key] | None = None) -> Certificate:
        """Compare every value, then every adjoint, then the gradients.

        Args:
            keys: the only comparisons that are made, if not all; what they do not need is not computed.
        """
        self._keys = keys
        if keys is not None:
            self._part = part_of(self.graph, keys, self._values_given, self._adjoints_given)
        self._depths = value_depths(self.graph, self._values_given), adjoint_depths(self.graph, self._adjoints_given)
        with np.errstate(all="ignore"):
            self._values()
            self._adjoints()
        return self.made

    # -- forward --------------------------------------------------------------------------------

    def _values(self) -> None:
        for node in self.graph.nodes:
            if self._part is None or node.name in self._part.values:
                self._value(node)
        self.made.values, self.made.adjoints = self._y, self._adjoint_of

    def _value(self, node: Node) -> None:
        operands = self._operands(node)
        predicted = self._predicted[node.name] = self.predict.value(node, operands)
        given = self._values_given.get(node.name)
        if given is None:
            self._y[node.name] = predicted
        elif self._compared(node.name, "value"):
            depth = self._depths[0][node.name]
            self._compare(node.name, "value", as_given(given), predicted, self.predict.values_by_textbook(node, operands), fused=depth)

    def _operands(self, node: Node) -> list[Array]:
        return entered(self.ops[node.op], self.of(node.name), [self._y[x] for x in node.inputs])

    def _compared(self, name: str, direction: str) -> bool:
        return self._part is None or key_of(name, direction) in self._part.keys

    # -- reverse --------------------------------------------------------------------------------

    def _adjoints(self) -> None:
        wrt, part = self.graph.differentiable, self._part
        active = self.graph.descendants(wrt)
        collected: dict[str, Parts] = {}
        for name in self.graph.outputs:
            one = self.of(name).array(np.ones(self.graph.shapes[name]))
            collected.setdefault(name, []).append((None, one))
        for node in reversed(self.graph.nodes):
            added = part is None or node.name in part.adjoints
            if node.name in active and (node.name in collected or not added):
                if added:
                    self._adjoint(node.name, "adjoint", collected.pop(node.name), self._adjoints_given.get(node.name))
                if part is None or node.name in part.handing:
                    self._spread(node, active, collected)
        for name in wrt:
            if part is None or name in part.adjoints:
                self._adjoint(name, "gradient", collected.pop(name, []), self.run.gradients.get(name))

    def _adjoint(self, name: str, direction: str, parts: Parts, given: Any) -> None:
        total = self.predict.total([p for _, p in parts], self.graph.shapes[name])
        self.made.contributions[name] = [(e, p) for e, p in parts if e is not None]
        if given is None:
            self._adjoint_of[name] = total if total.error is None else Bounded(total.m, total.value, total.radius())
        elif self._compared(name, direction):
            self._compare_edges(name, parts)
            self._compare(name, direction, as_given(given), total, self._total_by_textbook(name, parts), fused=self._depths[1][name])
            self._adjoint_of[name] = self._adjoint_given(name)

    def _adjoint_given(self, name: str) -> Bounded:
        mapping = self.run.gradients if name in self.graph.leaf else self._adjoints_given
        return self.of(name).array(as_given(mapping[name]))

    def _spread(self, node: Node, active: set[str], collected: dict[str, Parts]) -> None:
        found = self.predict.contributions(node, self._adjoint_of[node.name], self._predicted[node.name], self._operands(node))
        for position, (x, c) in enumerate(zip(node.inputs, found, strict=True)):
            if c is not None and x in active and (self._part is None or x in self._part.adjoints):
                collected.setdefault(x, []).append((Edge(node.name, position), c))

    # -- textbook formulas ----------------------------------------------------------------------

    def _by_textbook(self, edge: Edge | None) -> Legitimate:
        """Yield what came through a use by each textbook formula of its consumer."""
        if edge is not None:
            node = self.graph.node[edge.consumer]
            g, y = self._adjoint_of[node.name], self._predicted[node.name]
            yield from self.predict.contributions_by_textbook(node, edge.position, g, y, self._operands(node))

    def _total_by_textbook(self, name: str, parts: Parts) -> Legitimate:
        """Yield the total with the contributions of all consumers by their textbook formulas."""
        replaced, reasons = [], []
        for edge, part in parts:
            widest = part
            for reason, other in self._by_textbook(edge):
                widest = self.predict.hull(widest, other)
                reasons.append(reason)
            replaced.append(widest)
        if reasons:
            yield "; ".join(dict.fromkeys(reasons)), self.predict.total(replaced, self.graph.shapes[name])

    def _region_by_textbook(self, name: str, direction: str, edge: Edge | None) -> Legitimate:
        """Yield the prediction in which all that was not handed back is by any textbook formula."""
        around = self.graph.ancestors([name]) if direction == "value" else self.graph.descendants([name])
        books = [b for n in self.graph.nodes if n.name in around for b in self.ops[n.op].textbook]
        if books:
            c = self._wider[name, direction, edge]
            yield "; ".join(dict.fromkeys(b.reason for b in books)), Bounded(self.of(name), c.expected, c.bound)

    @cached_property
    def _wider(self) -> Mapping[tuple[str, str, Edge | None], Comparison]:
        return {(c.name, c.direction, c.edge): c for c in self._by_textbook_alone().certify(self._keys).comparisons}

    # -- comparing ------------------------------------------------------------------------------

    def _compare_edges(self, name: str, parts: Parts) -> None:
        for edge, part in parts:
            if edge is not None and (got := (self.run.edge_adjoints or {}).get((name, edge))) is not None:
                self._compare(name, "adjoint", as_given(got), part, self._by_textbook(edge), edge=edge)

    def _compare(
        self, name: str, direction: str, got: npt.NDArray[Any], predicted: Bounded, textbooks: Legitimate, *,
        edge: Edge | None = None, fused: int = 1,
    ) -> None:  # fmt: skip
        expected, bound = predicted.value, predicted.radius() if predicted.error is None else predicted.error
        made = Comparison(name, direction, got, expected, bound, everywhere(expected.shape), edge, "", fused)
        if made.plain is None or made.plain[0] > 1:
            if fused > 1:
                textbooks = chain(textbooks, self._region_by_textbook(name, direction, edge))
            made = self._closely(made, predicted, () if self.predict.textbook else textbooks)
        self.made.comparisons.append(made)

    def _closely(self, c: Comparison, predicted: Bounded, textbooks: Iterable[tuple[str, Bounded]]) -> Comparison:
        """Return a comparison with entries that cannot be judged left out, and with the textbook bound if it is needed."""
        got, expected, bound = c.got, c.expected, predicted.radius()
        judged = np.isfinite(expected) & np.isfinite(bound)
        overflow = np.isinf(got) & (np.sign(got) == np.sign(expected)) & (np.abs(expected) + bound > predicted.m.roundoff.largest)
        if c.direction == "value" and c.fused == 1:  # what is beyond the format is infinite: two masks added up
            expected, bound = (np.where(overflow & (np.abs(expected) > predicted.m.roundoff.largest), x, y) for x, y in ((got, expected), (0.0, bound)))
        moved = (bound == 0) & np.isnan(got) & np.isnan(expected)  # memory that nobody has filled so far
        got, expected = (np.where(moved, 0.0, x) if moved.any() else x for x in (got, expected))
        judged = judged & ~overflow | (bound == 0) & (got == expected)  # infinite masks are exact
        reasons: list[str] = []
        if np.any(ratios(got, expected, bound, judged) > 1):
            for why, other in textbooks:
                wider = self.predict.hull(predicted, other).radius()
                if c.fused > 1:  # beyond a bound that a legitimate formula need not keep, nothing is proved
                    judged &= np.isfinite(wider) | (ratios(got, expected, bound, judged) <= 1)
                bound = np.fmax(bound, np.where(np.isfinite(wider), wider, bound))
                reasons.append(why)
                if np.all(ratios(got, expected, bound, judged) <= 1):
                    break
        return replace(c, got=got, expected=expected, bound=bound, judged=judged, textbook="; ".join(dict.fromkeys(reasons)))
