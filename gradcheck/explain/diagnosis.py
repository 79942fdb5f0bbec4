"""Which mistake? Compares a wrong contribution with what well-known mistakes would have made of it.

A pattern is named only if it reproduces the target's numbers within a few rounding bounds; "not
recognised" is an allowed answer, a wrong name is a defect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array, Shape
from gradcheck.arith.floating import Floating
from gradcheck.explain.scene import MISFITS
from gradcheck.faults.placed import mistakes
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.mistakes.factor import NEAR, UNEXPLAINED, factor
from gradcheck.mistakes.mistake import Mistake
from gradcheck.ops.op import Op

Floats = npt.NDArray[Any]
#: Entries at a node up to which its catalogue of some hundred mistakes is made in less than a second.
MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """A use of a value with what came through it and what should have come.

    Args:
        edge: the use.
        node: the consumer.
        op: its operation.
        operands: its operands in float64 (integers as they are).
        value: its value.
        adjoint: its adjoint.
        got: the contribution that the target must have made.
        expected: the exact one.
        bound: what rounding allows.
    """

    edge: Edge
    node: Node
    op: Op
    operands: tuple[Floats, ...]
    value: Floats
    adjoint: Floats
    got: Floats
    expected: Floats
    bound: Floats

    def reproduced_by(self, candidate: Floats | None) -> bool:
        """Answer whether a candidate explains the difference but for rounding, and at least nine tenths of it."""
        if candidate is None:
            return False
        with np.errstate(all="ignore"):
            difference = float(np.max(np.abs(self.got - self.expected), initial=0.0))
            left = float(np.max(np.abs(self.got - candidate), initial=0.0))
        return left <= difference / 10 and same(self.got, candidate, self.bound + UNEXPLAINED * difference / NEAR)


def same(got: Floats, candidate: Floats, bound: Floats) -> bool:
    """Answer whether two arrays agree within `NEAR` bounds; what is not finite agrees with nothing."""
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(got - candidate) <= NEAR * np.nan_to_num(bound, posinf=0.0)))


def diagnose(s: Suspect, unit: float = 0.0) -> Mistake | None:
    """Return the mistake that explains a contribution.

    Args:
        s: the contribution.
        unit: the relative rounding of the target's format.
    """
    found = next((name for name, candidate in _patterns(s) if s.reproduced_by(candidate)), None)
    return found or factor(s.got, s.expected, s.bound, unit=unit)


def inside(s: Suspect) -> Mistake | None:
    """Return the mistake of the catalogue, made in the rule of the one guilty node, that explains a contribution."""
    if sum(x.size for x in (s.value, *s.operands)) > MOST_ENTRIES:
        return None
    given = (Floating("float64"), s.adjoint, s.value, *s.operands)
    for placed in mistakes(s.op, s.operands, s.node.attributes):
        with np.errstate(all="ignore"), suppress(*MISFITS):
            found = placed.rule(*given, **s.node.attributes)[s.edge.position]
            if found is not None and s.reproduced_by(np.asarray(found)):
                return Mistake(placed.kind, s.node.name, detail=f"{s.op.name} at {s.node.name} {placed.words}")
    return None


def _patterns(s: Suspect) -> Iterator[tuple[Mistake, Floats | None]]:
    g, y = s.adjoint, s.value
    label = f"{s.op.name} at {s.node.name}"
    yield Mistake("zero", detail="the contribution is missing"), np.zeros_like(s.expected)
    yield Mistake("sign"), -s.expected
    if s.expected.ndim == 2 and s.expected.shape[0] == s.expected.shape[1]:
        yield Mistake("transpose"), s.expected.T
    elementwise = len(s.operands) == 1 and s.operands[0].shape == y.shape == g.shape
    if elementwise:
        yield Mistake("f for f'", detail=f"the value of {label} stands where its derivative belongs"), g * y
        yield Mistake("passed through", detail="the derivative of the operation is missing"), np.asarray(g)
        yield Mistake("1 - f", detail=f"the derivative of {label} is taken to be 1 - y"), g * (1 - y)
        yield Mistake("at output", detail=f"the derivative of {label} is taken at its output instead of its input"), _vjp(s, operands=(y,))
        yield Mistake("mask inverted"), g - s.expected
    yield Mistake("cotangent ignored"), _vjp(s, g=np.ones_like(g))
    for how, broken in _BROKEN_SUMS.items():
        if s.expected.shape != y.shape:
            yield Mistake("missing broadcast sum", how, detail=f"only the {how} stands there"), _vjp(s, m=broken)
    if len(s.operands) == 2 and s.operands[0].shape == s.operands[1].shape:
        yield Mistake("swapped inputs", detail="the operands are exchanged"), _vjp(s, position=1 - s.edge.position)
    whole = _vjp(s)
    for text, kept in _overwritten(g):
        left = _vjp(s, g=kept)
        if left is not None and np.any((left != 0) & (left != whole)):  # else nothing is added up along these axes
            yield Mistake("= for +=", s.node.name, detail=f"only {text} of {s.node.name} is left"), left


def _overwritten(g: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the cotangent of the last use of a value that is used along some axes, by an engine that does not add up, and of the first."""
    long = [k for k, size in enumerate(g.shape) if size > 1]
    for count in range(1, len(long) + 1):
        for axes in combinations(long, count):
            for how, position in (("first", 0), ("last", -1)):
                one = tuple(slice(position, position + 1 or None) if k in axes else slice(None) for k in range(g.ndim))
                kept = np.zeros_like(g)
                kept[one] = g[one]
                yield f"the {how} entry along axis {' and '.join(map(str, axes))}", kept


def _vjp(
    s: Suspect,
    *,
    g: Floats | None = None,
    operands: tuple[Floats, ...] | None = None,
    m: Floating | None = None,
    position: int | None = None,
) -> Floats | None:
    """Return the contribution that the op's rule makes when something is put in a wrong place."""
    with np.errstate(all="ignore"):
        found = s.op.vjp(
            m or Floating("float64"), s.adjoint if g is None else g, s.value, *(operands or s.operands), **s.node.attributes
        )[s.edge.position if position is None else position]
    return None if found is None else np.asarray(found)


class _BrokenSum(Floating):
    """float64 in which the sum over repeated axes is forgotten."""

    def __init__(self, choose: Callable[[Floats, tuple[int, ...]], Floats]) -> None:
        super().__init__("float64")
        self._choose = choose

    def unbroadcast(self, x: Array, shape: Shape) -> Array:
        extra = x.ndim - len(shape)
        axes = tuple(i for i in range(x.ndim) if i < extra or shape[i - extra] != x.shape[i])
        return self._choose(x, axes).reshape(shape) if axes else x


def _slice(position: int) -> Callable[[Floats, tuple[int, ...]], Floats]:
    return lambda x, axes: x[tuple([position] if i in axes else slice(None) for i in range(x.ndim))]


_BROKEN_SUMS: Mapping[str, Floating] = {
    "first slice": _BrokenSum(_slice(0)),
    "last slice": _BrokenSum(_slice(-1)),
    "mean": _BrokenSum(lambda x, axes: np.asarray(np.mean(x, axis=axes, keepdims=True))),
}


def proportional(difference: Floats, parameter: Floats, bound: Floats) -> Mistake | None:
    """Name a term too many (or few) that is a multiple of the parameter, as a regularisation makes."""
    seen = np.count_nonzero(np.abs(difference) > bound) > 1  # a single entry is a multiple of anything
    found = factor(difference, parameter, bound) if seen else None
    if found is None or found.number is None:
        return None
    c = found.number
    return Mistake("term too many" if c > 0 else "term missing", number=abs(c), detail=f"{abs(c):.3g} times the parameter itself, as of a regularisation")


def among(got: Floats, parts: list[tuple[Edge, Floats]], bound: Floats) -> tuple[Mistake | None, Edge | None]:
    """Name a mistake of adding up: a contribution that overwrote, or is missing, or counted twice."""
    total = sum((c for _, c in parts), np.zeros_like(got))
    found: list[tuple[Mistake, Edge]] = []
    for edge, c in parts:
        where = f"{edge.consumer}[{edge.position}]"
        if same(got, total - c, bound) and np.any(np.abs(c) > NEAR * bound):
            found.append((Mistake("term missing", where, detail=f"the contribution through {where} was dropped"), edge))
        elif len(parts) > 2 and same(got, c, bound):
            found.append((Mistake("= for +=", where, detail=f"only the contribution through {where} is left"), edge))
        elif same(got, total + c, bound) and np.any(np.abs(c) > NEAR * bound):
            found.append((Mistake("counted twice", where), edge))
    return found[0] if len(found) == 1 else (None, None)


def suspects(
    graph: Graph,
    ops: Mapping[str, Op],
    numbers: Callable[[str], Floats],
    adjoints: Callable[[str], Floats],
    got: Floats,
    parts: list[tuple[Edge, Floats]],
    bound: Floats,
) -> Iterator[Suspect]:
    """Yield each use of a value as the one through which the whole difference came."""
    total = sum((c for _, c in parts), np.zeros_like(got))
    for edge, c in parts:
        node = graph.node[edge.consumer]
        op = ops[node.op]
        operands = tuple(numbers(x) for x in node.inputs)
        needed = got - (total - c)
        yield Suspect(edge, node, op, operands, numbers(node.name), adjoints(node.name), needed, c, bound)
