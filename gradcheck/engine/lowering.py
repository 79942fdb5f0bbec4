"""From a graph to a program: the rules of its operations are run once, on registers.

The operations stay the only source of what is computed. A rule that cannot be recorded, because it looks at numbers,
is called as it is, with arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.floating import Floating
from gradcheck.engine.program import Program, Register, needed
from gradcheck.engine.recording import Recording
from gradcheck.engine.segments import checkpoints, segments
from gradcheck.engine.writer import own
from gradcheck.errors import NotInThisArithmetic
from gradcheck.graph.evaluation import apply, entered
from gradcheck.graph.graph import Graph, Node
from gradcheck.ops.op import INTEGER_KINDS, Op, Vjp, registry

#: Operations whose textbook derivative is taken unless a plan is strict: a third of the work, used by every framework.
SHORT = ("tanh", "logistic")

#: What a rule raises that looks at the numbers of registers.
CANNOT = (TypeError, ValueError, IndexError, AttributeError, NotInThisArithmetic)


class Lowering:
    """The making of one program.

    Args:
        graph: the network.
        floating: the format.
        strict: whether formulas and sums are those of the sweep, to the last bit.
        ops: the operations.
    """

    def __init__(self, graph: Graph, floating: Floating, *, strict: bool, ops: Mapping[str, Op] = registry) -> None:
        self.graph = graph
        self.floating = floating
        self.strict = strict
        self.ops = ops
        self.m = Recording(floating, strict=strict)
        self.unrecorded: dict[str, None] = {}
        self.leaves = {x.name: self._leaf(x.name) for x in graph.leaves}
        self.y: dict[str, Register] = dict(self.leaves)

    def _leaf(self, name: str) -> Register:
        leaf = self.graph.leaf[name]
        if leaf.type == "float":
            if leaf.value is not None:
                return self.m.fixed(self.floating.array(leaf.value))
            return self.m.given(leaf.shape, self.floating.storage)
        dtype = np.dtype(np.intp if leaf.type == "int" else np.bool_)
        return self.m.given(leaf.shape, dtype) if leaf.value is None else self.m.fixed(leaf.value.astype(dtype))

    def forward(self) -> Program:
        """Return the program of the value alone."""
        for node in self.graph.nodes:
            self.y[node.name] = self.value(node, self.y)
        return self._program((), {})

    def gradient(self, wrt: Iterable[str], *, cotangent: bool, recompute: bool) -> Program:
        """Return the program of the value and the gradient.

        Args:
            wrt: the leaves to differentiate.
            cotangent: whether cotangents will be given; else they are ones.
            recompute: whether values between the cuts of the network are computed again when they are needed.
        """
        wrt = tuple(wrt)
        self.forward()
        given, adjoint = self.seeds(cotangent)
        active = self.graph.descendants(wrt)
        adjoint = {k: g for k, g in adjoint.items() if k in active}
        runs = segments(self.graph) if recompute else [self.graph.nodes]
        for run in reversed(runs):
            y = self.y if run is runs[-1] else self._again(run)
            self._sweep(run, y, adjoint, active)
        zero = self.m.fixed(self.floating.array(0))
        zeros = {k: self.m.broadcast_to(zero, self.graph.shapes[k]) for k in wrt if k not in adjoint}
        return self._program(given, {k: adjoint[k] if k in adjoint else zeros[k] for k in wrt})

    def _program(self, cotangents: tuple[Register, ...], gradients: Mapping[str, Any]) -> Program:
        outputs = tuple(self.y[k] for k in self.graph.outputs)
        steps = needed(self.m.steps, (*outputs, *gradients.values()))
        leaves = {k: x for k, x in self.leaves.items() if not x.constant}
        return Program(leaves, cotangents, steps, outputs, dict(gradients), tuple(self.unrecorded))

    def seeds(self, cotangent: bool) -> tuple[tuple[Register, ...], dict[str, Register]]:
        """Return the registers of cotangents that will be given, and the adjoints of the outputs."""
        shapes = [self.graph.shapes[name] for name in self.graph.outputs]
        ones = self.floating.array(1)
        given = [self.m.given(s, ones.dtype) if cotangent else self.m.fixed(np.broadcast_to(ones, s)) for s in shapes]
        found: dict[str, Register] = {}
        for name, g in zip(self.graph.outputs, given, strict=True):
            found[name] = self._sum(found[name], g) if name in found else g
        return (tuple(given) if cotangent else ()), found

    def _again(self, run: Sequence[Node]) -> Mapping[str, Register]:
        """Return the values within a run, computed again from those that were kept."""
        self.m.known, self.m.phase = {}, "forward"
        y, kept = dict(self.y), checkpoints(self.graph, tuple(run))
        for node in run:
            if node.name not in kept:
                y[node.name] = self.value(node, y)
        return y

    def _sweep(self, run: Sequence[Node], y: Mapping[str, Register], adjoint: dict[str, Register], active: set[str]) -> None:
        self.m.phase = "reverse"
        for node in reversed(run):
            if node.name in adjoint:
                wanted = [x in active for x in node.inputs]
                for x, c in zip(node.inputs, self.cotangents(node, adjoint[node.name], y, wanted), strict=True):
                    if c is not None and x in active:
                        adjoint[x] = self._sum(adjoint[x], c) if x in adjoint else c

    # -- one node ----------------------------------------------------------------------------

    def value(self, node: Node, y: Mapping[str, Register]) -> Register:
        """Return the register of the value of a node."""
        op, operands, shape = self.ops[node.op], [y[x] for x in node.inputs], self.graph.shapes[node.name]
        self.m.node = node.name
        found = self._recorded(node, lambda *xs: (op.value(self.m, *xs, **node.attributes),), operands)
        if found is not None and found[0] is not None and found[0].shape == shape:
            return found[0]
        plain = own(lambda *xs: apply(op, self.floating, [np.asarray(x) for x in xs], node.attributes))
        return self.m.write("call", plain, operands, [(shape, self.floating.storage)])[0]

    def cotangents(self, node: Node, g: Register, y: Mapping[str, Register], wanted: Sequence[bool]) -> Sequence[Register | None]:
        """Return the registers of the cotangents of a node's operands, at least of those that are wanted."""
        op, operands = self.ops[node.op], [y[x] for x in node.inputs]
        self.m.node = node.name
        rule = rule_of(op, self.strict)
        found = self._recorded(
            node, lambda *xs: rule(self.m, g, y[node.name], *xs, **node.attributes), operands
        )
        shapes = [x.shape for x in operands]
        if found is not None and all(c is None or not w or c.shape == s for c, w, s in zip(found, wanted, shapes, strict=True)):
            return found
        return self._called(node, op, [g, y[node.name], *operands], wanted)

    def _called(self, node: Node, op: Op, operands: Sequence[Register], wanted: Sequence[bool]) -> list[Register | None]:
        shapes = [(x.shape, self.floating.storage) for x, w in zip(operands[2:], wanted, strict=True) if w]
        found = iter(self.m.write("call", _plain_vjp(op, self.floating, node.attributes, wanted), operands, shapes))
        return [next(found) if w else None for w in wanted]

    def _recorded(
        self, node: Node, rule: Callable[..., Sequence[Any]], operands: Sequence[Register]
    ) -> tuple[Register | None, ...] | None:
        """Return what a rule gives on registers; None if it cannot be recorded."""
        if self.floating.working == self.floating.storage and node.name not in self.unrecorded:
            kinds = self.ops[node.op].kinds(len(operands))
            xs = [x.value if k in INTEGER_KINDS and x.constant else x for k, x in zip(kinds, operands, strict=True)]
            try:
                return tuple(None if c is None else self.m.register(c) for c in rule(*xs))
            except CANNOT:
                pass
        self.unrecorded[node.name] = None
        return None

    def _sum(self, a: Register, c: Register) -> Register:
        """Return an adjoint with one more cotangent: one rounding."""
        m = self.floating
        if m.working == m.storage:
            return self.m.ufunc("add", a, c)
        plain = own(lambda a, c: m.leave(m.enter(np.asarray(a)) + m.enter(np.asarray(c))))
        return self.m.write("call", plain, [a, c], [(a.shape, m.storage)])[0]


def rule_of(op: Op, strict: bool) -> Vjp:
    """Return the vjp of an operation, or of some the shorter textbook one unless a plan is strict."""
    short = next((t.vjp for t in op.textbook if t.vjp is not None), None)
    return short if short is not None and op.name in SHORT and not strict else op.vjp


def _plain_vjp(op: Op, m: Floating, attributes: Mapping[str, Any], wanted: Sequence[bool]) -> Callable[..., Any]:
    """Return the vjp rule on stored arrays: an array, or a tuple of those that are wanted."""

    def vjp(g: Array, y: Array, *xs: Array) -> Any:
        g, y, *arrays = (np.asarray(x) for x in (g, y, *xs))
        parts = op.vjp(m, m.enter(g), m.enter(y), *entered(op, m, arrays), **attributes)
        stored = [np.array(m.leave(c)) for c, w in zip(parts, wanted, strict=True) if w]
        return stored[0] if len(stored) == 1 else tuple(stored)

    return vjp
