"""Does a hypothesis reproduce a target's gradients? The certificate of the network with the wrong rules in it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.arith.running import Roundoff, wide_format
from gradcheck.compare.certificate import Certificate, Certifier
from gradcheck.compare.comparison import Comparison, everywhere
from gradcheck.compare.statistics import MARGIN, usual_deviation
from gradcheck.explain.hypothesis import Gradients, Hypothesis
from gradcheck.explain.scene import MISFITS
from gradcheck.faults.slips import Rule
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Arrays
from gradcheck.ops.op import Op, registry
from gradcheck.targets.target import Run

#: Rounding bounds within which a hypothesis with a fitted number counts as reproducing: its number has errors of its own, a bound's
#: over as many entries as it was taken from.
FITTED = 16.0


@dataclass(frozen=True, slots=True)
class Judge:
    """How gradients of a target are compared.

    Args:
        graph: the network.
        roundoff: how the target rounds.
        dtype: its format.
        slack: factor on every bound.
        ops: the operations.
    """

    graph: Graph
    roundoff: Roundoff
    dtype: str
    slack: float = 1.0
    ops: Mapping[str, Op] = field(default_factory=lambda: registry)

    def compared(self, leaves: Arrays, got: Mapping[str, Any], rules: Mapping[str, Rule] | None = None) -> list[Comparison]:
        """Return the comparisons of gradients with those of the network, some of whose rules may be wrong.

        Args:
            leaves: in the target's format.
            got: gradients.
            rules: node -> rule in place of its own, which has no textbook formulas.
        """
        graph, ops = with_rules(self.graph, rules or {}, self.ops)
        made = Certifier(graph, leaves, Run(None, got), self.roundoff, wide_format(self.dtype), slack=self.slack, ops=ops)
        certificate: Certificate = made.certify()
        return [c for c in certificate.comparisons if c.direction == "gradient"]

    def reproduces(self, leaves: Arrays, got: Gradients, h: Hypothesis, made: Gradients) -> bool:
        """Answer whether gradients are those of a hypothesis, within the rounding bound of the network with its wrong rules.

        An infinity or NaN has no bound: it is enough that the hypothesis has one there as well.

        Args:
            leaves: in the target's format.
            got: the target's gradients.
            h: what it may have done wrong.
            made: the gradients that it gives in float64.
        """
        try:
            found = self.compared(leaves, got, h.rules) if h.rules else self._moved(leaves, got, h)
        except MISFITS:
            return False
        if any(c.got.shape != c.expected.shape for c in found):
            return False
        judged = (replace(c, judged=c.judged & (np.isfinite(made[c.name]) | np.isfinite(c.got))) for c in found)
        return all(float(np.max(c.ratios, initial=0.0)) <= (FITTED if h.fitted else 1) for c in judged)

    def usual(self, leaves: Arrays, seed: int = 0) -> dict[str, Any]:
        """Return what rounding usually does to the right gradients; a kink adds nothing to it, as it does to the bound."""
        found = usual_deviation(self.graph, leaves, self.roundoff, wide_format(self.dtype), seed, ops=self.ops)
        return {k: MARGIN * x.deviation for k, x in found.items()}

    def _moved(self, leaves: Arrays, got: Gradients, h: Hypothesis) -> list[Comparison]:
        right = {c.name: c for c in self.compared(leaves, got)}
        expected: dict[str, Any] = {k: c.expected for k, c in right.items()}
        bound: dict[str, Any] = {k: c.bound for k, c in right.items()}
        if h.moved is not None:
            expected, bound = dict(h.moved(expected)), {k: np.abs(b) for k, b in h.moved(bound).items()}
        for k, c in h.terms.items():
            term = c * leaves[k].astype(np.longdouble)
            bound[k] = bound[k] + 3 * self.roundoff.u * np.asarray(np.abs(term) + np.abs(expected[k]), np.float64)
            expected[k] = expected[k] + term
        return [replace(c, expected=expected[k], bound=bound[k], judged=everywhere(c.got.shape)) for k, c in right.items()]


def with_rules(graph: Graph, rules: Mapping[str, Rule], ops: Mapping[str, Op]) -> tuple[Graph, Mapping[str, Op]]:
    """Return the graph with operations of their own at the nodes whose rules are wrong, and the table of all operations.

    Args:
        graph: the network.
        rules: node -> vjp in place of its own, which has no textbook formulas any more.
        ops: the operations.
    """
    if not rules:
        return graph, ops
    made = {f"{graph.node[name].op}@{name}": _with_rule(ops[graph.node[name].op], rule) for name, rule in rules.items()}
    table = {**ops, **made}
    nodes = [Node(n.name, f"{n.op}@{n.name}", n.inputs, n.attributes) if n.name in rules else n for n in graph.nodes]
    return Graph(graph.leaves, nodes, graph.outputs, name=graph.name, ops=table), table


def _with_rule(op: Op, rule: Rule) -> Op:
    """Return an operation with another vjp; of its textbook formulas only those of the value are left."""
    return replace(op, vjp=rule, textbook=tuple(replace(b, vjp=None) for b in op.textbook if b.value is not None))
