"""When are two mistakes the same? At the same nodes, and their rules hand on the same numbers, whatever comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.explain.hypothesis import Hypothesis
from gradcheck.explain.scene import MISFITS, Floats, Scene
from gradcheck.faults.slips import Rule
from gradcheck.faults.stage import Stage
from gradcheck.graph.graph import Node
from gradcheck.ops.op import INTEGER_KINDS, Sample

#: Relative difference, to the right contribution or the wrong one, below which two rules hand on the same numbers: sums of 2^17 terms in
#: float64 differ by so much in another order.
SAME = 2.0**-36
#: Random operands at which rules are compared, of the shapes of the node.
DRAWS = 6

Handed = list[tuple[Floats | None, ...]]


class Likeness:
    """Compares hypotheses at a point and at random operands of their nodes; what a rule gives is remembered.

    Args:
        scene: the point.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._handed: dict[tuple[int, str], Handed | None] = {}
        self._stages: dict[str, Stage] = {}
        self._kept: list[Rule] = []  # so that no other rule gets the number of one that is gone

    def merged(self, found: Sequence[Hypothesis]) -> list[list[Hypothesis]]:
        """Return hypotheses in groups of the same mathematics at the same place."""
        groups: list[list[Hypothesis]] = []
        for h in found:
            group = next((g for g in groups if self.alike(g[0], h)), None)
            if group is None:
                groups.append([h])
            else:
                group.append(h)
        return groups

    def alike(self, a: Hypothesis, b: Hypothesis) -> bool:
        """Answer whether two hypotheses are the same."""
        if set(a.rules) != set(b.rules) or not a.rules:
            return a.place == b.place and a.name == b.name
        return all(self._same(self.scene.graph.node[name], a.rules[name], b.rules[name]) for name in a.rules)

    def _same(self, node: Node, a: Rule, b: Rule) -> bool:
        active = [k for k, x in enumerate(node.inputs) if x in self.scene.active]
        p, q, right = (self._numbers(node, rule) for rule in (a, b, self.scene.ops[node.op].vjp))
        if p is None or q is None or right is None:
            return False
        return all(_close(p[n][k], q[n][k], right[n][k]) for n in range(len(p)) for k in active)

    def _numbers(self, node: Node, rule: Rule) -> Handed | None:
        """Return what a rule hands on at the point and at random operands; None where it does not fit."""
        key = id(rule), node.name
        if key not in self._handed:
            self._kept.append(rule)
            try:
                self._handed[key] = [self.scene.handed(node, rule), *self._drawn(node, rule)]
            except MISFITS:
                self._handed[key] = None
        return self._handed[key]

    def _drawn(self, node: Node, rule: Rule) -> Handed:
        stage, rng = self._stage(node), np.random.default_rng(0)
        return [stage.pull(rule, rng.normal(size=stage.shape), *stage.inputs(rng)) for _ in range(DRAWS)]

    def _stage(self, node: Node) -> Stage:
        if node.name not in self._stages:
            op, xs = self.scene.ops[node.op], [self.scene.y[x] for x in node.inputs]
            kinds = op.kinds(len(xs))
            operands = tuple(x if kind in INTEGER_KINDS else tuple(x.shape) for x, kind in zip(xs, kinds, strict=True))
            self._stages[node.name] = Stage(replace(op, samples=(Sample(operands, dict(node.attributes)),)), 0)
        return self._stages[node.name]


def _close(p: Any, q: Any, right: Any) -> bool:
    if p is None or q is None or p.shape != q.shape:
        return p is None and q is None
    with np.errstate(all="ignore"):
        room = SAME * max(float(np.max(np.abs(x), initial=0.0)) for x in (p, right))
        return bool(np.all((np.abs(p - q) <= room) | (p == q) | (np.isnan(p) & np.isnan(q))))
