"""A point at which a target was run: the reference sweep in float64, and what comes of it when rules are exchanged.

A mistake at a node changes what it hands to its operands, and through them the gradients of the leaves behind it alone. Rules
are linear in the cotangent, so the change D of the gradients and the change d_k of the contribution to operand x_k satisfy, for
any direction t of the leaves with the tangents T of all values along it (one forward sweep),

    <t, D> = sum_k <T[x_k], d_k>.

So whether a wrong rule at a node can have made the target's gradients is asked of that node alone, without a sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.compare.comparison import Comparison
from gradcheck.engine.reverse import seeds
from gradcheck.faults.slips import Rule
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Arrays
from gradcheck.ops.op import INTEGER_KINDS, Op, registry

Floats: TypeAlias = npt.NDArray[Any]
Parts: TypeAlias = tuple[Floats | None, ...]
Rules: TypeAlias = Mapping[str, Rule]

#: What a rule that was changed may raise when shapes do not fit any more.
MISFITS = (ValueError, IndexError, TypeError, ZeroDivisionError, OverflowError)
#: Part of a difference below which a hypothesis is not refuted by a quick look: what is left is looked at closely. It is that by which
#: the smallest mistake of the catalogue, a factor of 1.001, differs from none.
COARSE = 1e-3
#: Times the rounding bound of the right gradients, which the wrong ones may exceed: a quick look refutes beyond it. The sizes of both
#: are in the bound already; this is for conditions that are worse behind a wrong rule. Too large it costs time, too small an explanation.
ROUNDING = 64.0


@dataclass(frozen=True, slots=True)
class Direction:
    """A direction of the leaves, and the tangent of every value along it.

    Args:
        step: of each differentiated leaf.
        tangents: by name; a value that does not move has none.
        change: the inner product of the step with the change of the target's gradients.
        rounding: what rounding may do to that.
    """

    step: Mapping[str, Floats]
    tangents: Mapping[str, Floats]
    change: float
    rounding: float


class Scene:
    """The reference at one point beside a target's gradients.

    Args:
        graph: the network.
        leaves: all leaves in the target's format.
        got: the target's gradients.
        comparisons: of the gradients with the right ones, for what rounding allows, and what is wrong.
        ops: the operations.
    """

    def __init__(
        self, graph: Graph, leaves: Arrays, got: Mapping[str, Floats], comparisons: Iterable[Comparison] = (), *,
        ops: Mapping[str, Op] = registry,
    ) -> None:  # fmt: skip
        self.graph, self.leaves, self.ops, self.m = graph, leaves, ops, Floating("float64")
        self.wrt = graph.differentiable
        self.active = graph.descendants(self.wrt)
        lifted = {k: self.m.array(x) if graph.leaf[k].type == "float" else x for k, x in leaves.items()}
        self.y = propagate(graph, lifted, self.m, ops=ops)
        self.parts: dict[str, Parts] = {}
        self.adjoint = self._swept({}, keep=True)
        self.expected = self._leaves(self.adjoint)
        self.got = got
        found = list(comparisons)
        self.bound = {c.name: np.where(np.isfinite(c.bound), c.bound, np.inf) for c in found}
        self.wrong = {c.name: c.worst[0] for c in found if c.worst[0] > 1}
        fit = (k for k, x in got.items() if x.shape == graph.shapes[k])
        with np.errstate(all="ignore"):
            self.difference = {k: np.asarray(got[k], np.float64) - self.expected[k] for k in fit}

    # -- sweeping -------------------------------------------------------------------------------

    def handed(self, node: Node, rule: Rule | None = None, g: Floats | None = None) -> Parts:
        """Return what a node hands to its operands.

        Args:
            node: of the graph.
            rule: its vjp; the right one unless given.
            g: its adjoint; the right one unless given.
        """
        op = self.ops[node.op]
        with np.errstate(all="ignore"):
            found = (rule or op.vjp)(
                self.m, self.adjoint[node.name] if g is None else g, self.y[node.name], *(self.y[x] for x in node.inputs), **node.attributes
            )
        return tuple(None if c is None else np.asarray(c) for c in found)

    def gradients(self, rules: Rules) -> dict[str, Floats] | None:
        """Return the gradients that come of other rules at some nodes; None where what they hand on does not fit."""
        try:
            return self._leaves(self._swept(rules))
        except MISFITS:
            return None

    def _swept(self, rules: Rules, *, keep: bool = False) -> dict[str, Floats]:
        """Return every adjoint; a rule is run where it is another one, or a cotangent is."""
        adjoint = {k: g for k, g in seeds(self.graph, self.m).items() if k in self.active}
        dirty: set[str] = set()
        for node in reversed(self.graph.nodes):
            if node.name not in adjoint:
                continue
            if keep or node.name in rules or node.name in dirty:
                parts = self.handed(node, rules.get(node.name), adjoint[node.name])
                dirty.update(node.inputs)
            else:
                parts = self.parts[node.name]
            if keep:
                self.parts[node.name] = parts
            with np.errstate(all="ignore"):
                for x, c in zip(node.inputs, parts, strict=True):
                    if c is not None and x in self.active:
                        adjoint[x] = adjoint[x] + c if x in adjoint else c
        return adjoint

    def _leaves(self, adjoint: Mapping[str, Floats]) -> dict[str, Floats]:
        return {k: np.asarray(adjoint.get(k, np.zeros(self.graph.shapes[k])), np.float64) for k in self.wrt}

    @property
    def size(self) -> float:
        """The largest difference of a gradient from the right one."""
        return max((_size(d[np.isfinite(d)]) for d in self.difference.values()), default=0.0)

    @property
    def sharp(self) -> bool:
        """Whether rounding bounds hide nothing of that size: at a kink they hold all generalised derivatives."""
        return all(ROUNDING * _size(b) <= COARSE * self.size for b in self.bound.values())

    # -- refuting -------------------------------------------------------------------------------

    def directions(self, count: int, seed: int = 0) -> list[Direction]:
        """Return random signed directions through the entries of which something is known, with their tangents."""
        rng = np.random.default_rng(seed)
        return [self._direction(rng) for _ in range(count)]

    def _direction(self, rng: np.random.Generator) -> Direction:
        step: dict[str, Floats] = {}
        change = rounding = 0.0
        for k in self.wrt:
            t = rng.choice([-1.0, 1.0], self.graph.shapes[k]) * rng.uniform(0.5, 1.0, self.graph.shapes[k])
            d = self.difference.get(k, np.full(self.graph.shapes[k], np.nan))
            known = np.isfinite(d) & np.isfinite(self.bound[k])
            step[k] = np.where(known, t, 0.0)
            change += float(np.sum(step[k] * np.where(known, d, 0.0)))
            rounding += float(np.sum(np.abs(step[k]) * np.where(known, self.bound[k], 0.0)))
        return Direction(step, self._tangents(step), change, rounding)

    def _tangents(self, step: Mapping[str, Floats]) -> dict[str, Floats]:
        found = dict(step)
        with np.errstate(all="ignore"):
            for node in self.graph.nodes:
                if any(x in found for x in node.inputs):
                    op = self.ops[node.op]
                    kinds = op.kinds(len(node.inputs))
                    ts = tuple(
                        None if kind in INTEGER_KINDS else found.get(x, np.zeros(self.graph.shapes[x]))
                        for x, kind in zip(node.inputs, kinds, strict=True)
                    )
                    operands = (self.y[x] for x in node.inputs)
                    found[node.name] = np.asarray(op.jvp(self.m, ts, self.y[node.name], *operands, **node.attributes))
        return found

    def changes(self, node: Node, parts: Parts) -> Iterator[tuple[str, Floats]]:
        """Yield what a node hands on more than it should, operand by operand; nothing where nothing changed."""
        for x, new, old in zip(node.inputs, parts, self.parts[node.name], strict=True):
            if x in self.active and new is not None and old is not None and new.shape == old.shape:
                with np.errstate(all="ignore"):
                    d = new - old
                if np.any(d != 0):
                    yield x, d

    def possible(self, node: Node, parts: Parts, directions: list[Direction]) -> bool:
        """Answer whether contributions of a node can have made the target's gradients, as far as a quick look shows."""
        if any(a is not None and b is not None and a.shape != b.shape for a, b in zip(parts, self.parts[node.name], strict=True)):
            return True
        changes = list(self.changes(node, parts))
        if not changes:
            return False
        right = max((_size(c) for c in self.parts[node.name] if c is not None), default=0.0) or 1.0
        growth = 1 + max(_size(d) for _, d in changes) / right
        with np.errstate(all="ignore"):
            for t in directions:
                moved = [(t.tangents[x] * d) for x, d in changes if x in t.tangents]
                made = sum(float(np.sum(v)) for v in moved)
                size = sum(float(np.sum(np.abs(v))) for v in moved)
                if abs(made - t.change) > COARSE * (abs(t.change) + size) + ROUNDING * growth * t.rounding:  # NaN is not refuted
                    return False
        return True

    def near(self, gradients: Mapping[str, Floats] | None, room: Mapping[str, Floats] | None = None) -> bool:
        """Answer whether gradients may be those of the target, as far as a quick look shows; infinities and NaN have their places.

        Args:
            gradients: of a hypothesis.
            room: what rounding does to the right ones; the rigorous bound unless given.
        """
        if gradients is None or any(x.shape != gradients[k].shape for k, x in self.got.items()):
            return False
        size = self.size
        return all(self._near(k, made, size, (room or self.bound)[k]) for k, made in gradients.items())

    def distance(self, gradients: Mapping[str, Floats]) -> float:
        """Return the largest distance of the target's gradients, in parts of the largest entry."""
        pairs = [(np.asarray(self.got[k], np.float64), x) for k, x in gradients.items()]
        with np.errstate(all="ignore"):
            error = max((_size((a - b)[np.isfinite(a - b)]) for a, b in pairs), default=0.0)
        return error / (max((_size(x[np.isfinite(x)]) for _, x in pairs), default=0.0) or 1.0)

    def _near(self, name: str, made: Floats, size: float, rounding: Floats) -> bool:
        got, right = np.asarray(self.got[name], np.float64), self.expected[name]
        finite = np.isfinite(made)
        if not np.array_equal(np.isfinite(got), finite):
            return False
        if made.shape != right.shape:
            return bool(np.allclose(got, made, rtol=COARSE, equal_nan=True))
        growth = 1 + _size(made[finite]) / (_size(right[np.isfinite(right)]) or 1.0)
        room = COARSE * size + ROUNDING * growth * rounding
        with np.errstate(all="ignore"):
            return not np.any((np.abs(got - made) > room)[finite])


def _size(x: Floats) -> float:
    """Return the largest magnitude."""
    return float(np.max(np.abs(x), initial=0.0))
