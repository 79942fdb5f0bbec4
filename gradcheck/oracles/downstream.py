"""The values of a network when one entry of one leaf is moved: only what depends on that entry is computed again.

Nodes that do not depend on the leaf keep their values. Of an operation that works entry by entry, and of a product of
matrices, only the entries, rows or columns that changed are computed, by `op.value` of a part of the operands; where
few columns of a left factor changed, the product of the change is added. What else lies downstream is computed in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.graph.evaluation import apply, propagate
from gradcheck.graph.graph import Node
from gradcheck.ops.op import Changed, Part
from gradcheck.oracles.point import Point


class Downstream:
    """Values near a point, from those at the point.

    Args:
        point: the question; nodes that no output depends on are left as they are.
        m: an arithmetic of Python numbers in object arrays.
        y: the value of every leaf and node at the point.
    """

    def __init__(self, point: Point, m: Arithmetic, y: Mapping[str, Array]) -> None:
        self.point, self.m, self.y = point, m, y
        self._nodes = {k: self._after(k) for k in point.names}
        self._all = {k: np.ones(shape, bool) for k, shape in point.graph.shapes.items()}

    def _after(self, name: str) -> list[Node]:
        downstream = self.point.graph.descendants([name])
        return [n for n in self.point.nodes if n.name in downstream]

    def moved(self, name: str, index: tuple[int, ...], x: Any) -> dict[str, Array]:
        """Return every value when the entry `index` of the leaf `name` is `x`."""
        y, changed = dict(self.y), {}
        y[name] = y[name].copy()
        y[name][index] = x
        changed[name] = np.zeros(y[name].shape, bool)
        changed[name][index] = True
        for node in self._nodes[name]:
            y[node.name], where = self._again(node, y, [changed.get(k) for k in node.inputs])
            changed[node.name] = self._all[node.name] if where is None or where.all() else where
        return y

    def _again(self, node: Node, y: Mapping[str, Array], changed: list[Changed]) -> tuple[Array, Changed]:
        """Return the value of a node, and which of its entries may have changed, None for all."""
        op, operands = self.point.ops[node.op], [y[k] for k in node.inputs]
        part = self._part(node, changed)
        if part is None:
            return apply(op, self.m, operands, node.attributes), None
        shape = self.point.graph.shapes[node.name]
        if op.entrywise:
            operands = [x if x.shape == shape else np.broadcast_to(x, shape, subok=True) for x in operands]
        taken = [self.m.zeros(x.shape) if k is None else x[k] for x, k in zip(operands, part.keys, strict=True)]
        if part.change is not None:
            taken[part.change] = taken[part.change] - self.y[node.inputs[part.change]][part.keys[part.change]]
        found = apply(op, self.m, taken, node.attributes)
        made, where = self.y[node.name].copy(), np.zeros(shape, bool)
        made[part.key] = found if part.change is None else made[part.key] + found
        where[part.key] = True
        return made, where

    def _part(self, node: Node, changed: list[Changed]) -> Part | None:
        """Return what of a node has to be computed again; None for all of it."""
        op, shape = self.point.ops[node.op], self.point.graph.shapes[node.name]
        if not shape or any(x is self._all[k] for x, k in zip(changed, node.inputs, strict=True)):
            return None
        if not op.entrywise:
            return None if op.part is None else op.part(*changed)
        masks = [x for x in changed if x is not None]
        where = masks[0] if len(masks) == 1 and masks[0].shape == shape else np.zeros(shape, bool)
        for x in masks:
            where = where | x
        return None if where.all() else Part((where,) * len(changed), where)


class Everything(Downstream):
    """The same from the leaves on, node by node: what `Downstream` is measured by."""

    def moved(self, name: str, index: tuple[int, ...], x: Any) -> dict[str, Array]:
        """Return every value when the entry `index` of the leaf `name` is `x`."""
        leaves = {k: self.y[k] for k in self.point.graph.leaf}
        leaves[name] = leaves[name].copy()
        leaves[name][index] = x
        return propagate(self.point.graph, leaves, self.m, ops=self.point.ops)
