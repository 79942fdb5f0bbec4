"""From a graph to a program of Hessian times vector: the rules are run once, on dual numbers whose parts are registers.

No rule is added, as in `gradcheck.engine.second`, and no step is computed that the product does not need: of the reverse pass
the derivatives along the direction are wanted alone. A rule that cannot be recorded is called as it is, with dual numbers of arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.floating import Floating
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.engine.lowering import CANNOT, Lowering, rule_of
from gradcheck.engine.program import Program, Register, needed
from gradcheck.graph.evaluation import apply, entered
from gradcheck.graph.graph import Graph, Node
from gradcheck.ops.op import INTEGER_KINDS


class SecondLowering:
    """The making of one program of Hessian times vector.

    Args:
        graph: the network.
        floating: the format.
        wrt: the leaves that move, and whose products are wanted.
        strict: whether formulas and sums are those of the sweep.
    """

    def __init__(self, graph: Graph, floating: Floating, wrt: tuple[str, ...], *, strict: bool) -> None:
        self.base = Lowering(graph, floating, strict=strict)
        self.graph, self.floating, self.wrt, self.strict = graph, floating, wrt, strict
        self.m = self.base.m
        self.dual = Taylor(self.m, 1)
        self.plain = Taylor(floating, 1)
        self.directions = tuple(self.m.given(graph.shapes[k], floating.storage) for k in wrt)
        moving = dict(zip(wrt, self.directions, strict=True))
        self.y: dict[str, Any] = {
            k: Series(self.dual, x, (moving[k],) if k in moving else ()) if graph.leaf[k].type == "float" else x
            for k, x in self.base.leaves.items()
        }

    def product(self, *, cotangent: bool) -> Program:
        """Return the program: its cotangents are those of the outputs, if they will be given, and the direction by leaves."""
        for node in self.graph.nodes:
            self.y[node.name] = self._value(node)
        given, adjoint = self.base.seeds(cotangent)
        found = self._sweep({k: Series(self.dual, g) for k, g in adjoint.items()})
        zero = self.m.fixed(self.floating.array(0))
        products = {k: self._moved(found.get(k), self.m.broadcast_to(zero, self.graph.shapes[k])) for k in self.wrt}
        steps = needed(self.m.steps, products.values())
        leaves = {k: x for k, x in self.base.leaves.items() if not x.constant}
        return Program(leaves, (*given, *self.directions), steps, (), products, tuple(self.base.unrecorded))

    def _sweep(self, adjoint: dict[str, Series]) -> dict[str, Series]:
        self.m.phase = "reverse"
        active = self.graph.descendants(self.wrt)
        adjoint = {k: g for k, g in adjoint.items() if k in active}
        for node in reversed(self.graph.nodes):
            if node.name in adjoint:
                wanted = [x in active for x in node.inputs]
                for x, c in zip(node.inputs, self._cotangents(node, adjoint[node.name], wanted), strict=True):
                    if c is not None and x in active:
                        adjoint[x] = self._sum(adjoint[x], c) if x in adjoint else c
        return adjoint

    def _moved(self, x: Series | None, zeros: Register) -> Register:
        return zeros if x is None or x[1] is None else self.m.register(x[1])

    def _sum(self, a: Series, c: Series) -> Series:
        found: Series = a + c
        return found

    # -- one node ----------------------------------------------------------------------------

    def _value(self, node: Node) -> Series:
        op, operands = self.base.ops[node.op], [self.y[x] for x in node.inputs]
        self.m.node = node.name
        found = self._recorded(node, lambda *xs: (op.value(self.dual, *xs, **node.attributes),), operands)
        if found is not None and found[0] is not None and found[0].shape == self.graph.shapes[node.name]:
            return found[0]

        def plain(*xs: Any) -> list[Series]:
            return [apply(op, self.plain, list(xs), node.attributes)]

        return self._called(plain, operands, [self.graph.shapes[node.name]])[0]

    def _cotangents(self, node: Node, g: Series, wanted: Sequence[bool]) -> Sequence[Series | None]:
        op, operands = self.base.ops[node.op], [self.y[x] for x in node.inputs]
        self.m.node, rule = node.name, rule_of(op, self.strict)
        found = self._recorded(node, lambda *xs: rule(self.dual, g, self.y[node.name], *xs, **node.attributes), operands)
        shapes = [self.graph.shapes[x] for x in node.inputs]
        if found is not None and all(c is None or not w or c.shape == s for c, w, s in zip(found, wanted, shapes, strict=True)):
            return found

        def plain(g: Any, y: Any, *xs: Any) -> list[Series]:
            m = self.plain
            parts = op.vjp(m, m.enter(g), m.enter(y), *entered(op, m, list(xs)), **node.attributes)
            return [m.leave(c) for c, w in zip(parts, wanted, strict=True) if w]

        made = iter(self._called(plain, [g, self.y[node.name], *operands], [s for s, w in zip(shapes, wanted, strict=True) if w]))
        return [next(made) if w else None for w in wanted]

    def _recorded(
        self, node: Node, rule: Callable[..., Sequence[Any]], operands: Sequence[Any]
    ) -> tuple[Series | None, ...] | None:
        """Return what a rule gives on dual numbers of registers; None if it cannot be recorded."""
        if self.floating.working == self.floating.storage and node.name not in self.base.unrecorded:
            kinds = self.base.ops[node.op].kinds(len(operands))
            xs = [x.value if k in INTEGER_KINDS and x.constant else x for k, x in zip(kinds, operands, strict=True)]
            try:
                return tuple(None if c is None else self._series(c) for c in rule(*xs))
            except CANNOT:
                pass
        self.base.unrecorded[node.name] = None
        return None

    def _series(self, x: Any) -> Series:
        parts = [None if c is None else self.m.register(c) for c in x.rest]
        return Series(self.dual, self.m.register(x.value), parts)

    def _called(self, rule: Callable[..., list[Series]], operands: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> list[Series]:
        """Return the results of a rule that is called with dual numbers of arrays: values and tangents, all of them."""
        dual = [isinstance(x, Series) for x in operands]
        flat = [p for x, d in zip(operands, dual, strict=True) for p in ((x.value, self.dual.coefficient(x, 1)) if d else (x,))]

        def plain(*parts: Any) -> tuple[Array, ...]:
            rest = iter(parts)
            xs = [Series(self.plain, np.asarray(next(rest)), (np.asarray(next(rest)),)) if d else np.asarray(next(rest)) for d in dual]
            return tuple(np.array(p) for y in rule(*xs) for p in (y.value, self.plain.coefficient(y, 1)))

        made = self.m.write("call", plain, list(map(self.m.register, flat)), [(s, self.floating.storage) for s in shapes for _ in range(2)])
        return [Series(self.dual, p, (t,)) for p, t in zip(made[::2], made[1::2], strict=True)]
