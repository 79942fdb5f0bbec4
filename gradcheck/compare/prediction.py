"""What one operation may have made of given operands: its exact result, and a bound of what rounding can do to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array, Shape
from gradcheck.arith.running import Bounded, Running
from gradcheck.graph.graph import Node
from gradcheck.ops.op import Op, Textbook

#: The reason why a formula is legitimate, and what it gives.
Legitimate = Iterator[tuple[str, Bounded]]


class Predictor:
    """Predicts values and contributions in the running arithmetic.

    Args:
        m: the arithmetic.
        ops: the operations.
        slack: factor on every bound, besides that of each operation.
        textbook: whether every bound is as wide as any textbook formula of the operation needs.
        of: the arithmetic of each value's format, where a network has several.
    """

    def __init__(
        self, m: Running, ops: Mapping[str, Op], *, slack: float = 1.0, textbook: bool = False, of: Callable[[str], Running] | None = None
    ) -> None:
        self.m, self.ops, self.slack, self.textbook = m, ops, slack, textbook
        self.of = of or (lambda _: m)

    def value(self, node: Node, operands: Sequence[Array]) -> Bounded:
        """Return the value of a node."""
        op, m = self.ops[node.op], self.of(node.name)
        found = self._slacken(op.value(m, *_into(m, operands), **node.attributes), op)
        if any(isinstance(x, Bounded) and x.m.u < m.u for x in operands):  # what only moves rounds here
            found = m.rounded(found)
        if self.textbook:
            for _, other in self.values_by_textbook(node, operands):
                found = self.hull(found, other)
        return found

    def contributions(
        self, node: Node, g: Bounded, y: Bounded, operands: Sequence[Array], wanted: Collection[int] | None = None
    ) -> list[Bounded | None]:
        """Return what a node of adjoint `g` and value `y` hands on to each operand, or at least to those that are wanted."""
        op, m = self.ops[node.op], self.of(node.name)
        g, y, *operands = _into(m, [g, y, *operands])
        if wanted is None or op.vjp_of is None:
            found = op.vjp(m, g, y, *operands, **node.attributes)
        else:
            found = tuple(op.vjp_of(m, k, g, y, *operands, **node.attributes) if k in wanted else None for k in range(len(operands)))
        out = [None if c is None else self._handed(self._slacken(c, op), x) for c, x in zip(found, node.inputs, strict=True)]
        if self.textbook:
            for k, c in enumerate(out):
                for _, other in () if c is None else self.contributions_by_textbook(node, k, g, y, operands):
                    out[k] = self.hull(out[k] or other, other)
        return out

    def values_by_textbook(self, node: Node, operands: Sequence[Array]) -> Legitimate:
        """Yield the value of a node by each textbook formula."""
        op, m = self.ops[node.op], self.of(node.name)
        for book in op.textbook:
            if book.value is not None:
                yield book.reason, self._slacken(book.value(m, *_into(m, operands), **node.attributes), op)

    def contributions_by_textbook(
        self, node: Node, position: int, g: Bounded, y: Bounded, operands: Sequence[Array]
    ) -> Legitimate:
        """Yield what a node hands on to the operand `position` by each textbook formula."""
        op, m = self.ops[node.op], self.of(node.name)
        g, y, *operands = _into(m, [g, y, *operands])
        for book in op.textbook:
            if book.vjp is not None:
                c = book.vjp(m, g, self._value_by(book, node, y, operands), *operands, **node.attributes)[position]
                if c is not None:
                    yield book.reason, self._handed(self._slacken(c, op), node.inputs[position])

    def _value_by(self, book: Textbook, node: Node, y: Bounded, operands: Sequence[Array]) -> Bounded:
        return y if book.value is None else self.hull(y, book.value(y.m, *operands, **node.attributes))

    def _handed(self, c: Bounded, operand: str) -> Bounded:
        """Return a contribution in the format of the operand that it goes to: one more rounding where that is narrower."""
        m = self.of(operand)
        return c if m is c.m else m.rounded(c) if m.u > c.m.u else Bounded(m, c.value, c.error)

    def total(self, parts: Sequence[Bounded], shape: Shape) -> Bounded:
        """Return the sum of contributions in any order: (m - 1) u sum abs(c)."""
        if not parts:
            return self.m.array(np.zeros(shape))
        m = parts[0].m
        if len(parts) == 1:
            return parts[0]
        value: Any = sum((p.value for p in parts[1:]), parts[0].value)
        errors = [p.radius() for p in parts]
        size = sum(np.abs(p.value).astype(np.float64) + e for p, e in zip(parts, errors, strict=True))
        return Bounded(m, value, sum(errors) + self.slack * (len(parts) - 1) * m.u * size)

    def hull(self, a: Bounded, b: Bounded) -> Bounded:
        """Return `a` with a bound that covers b's as well."""
        reach = np.abs(b.value - a.value).astype(np.float64) + b.radius()
        return Bounded(a.m, a.value, np.fmax(a.radius(), reach))

    def _slacken(self, x: Bounded, op: Op) -> Bounded:
        factor = self.slack * op.slack
        return x if factor == 1 or x.error is None else Bounded(x.m, x.value, x.error * factor)


def _into(m: Running, xs: Sequence[Array]) -> list[Array]:
    """Return operands of any format as numbers of another arithmetic, which are the same numbers."""
    dtype = m.base.working
    return [Bounded(m, x.value.astype(dtype, copy=False), x.error) if isinstance(x, Bounded) and x.m is not m else x for x in xs]
