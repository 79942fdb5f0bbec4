"""Which mistake? Compares a wrong contribution with what well-known mistakes would have made of it.

A pattern is named only if it reproduces the target's numbers within a few rounding bounds; "not
recognised" is an allowed answer, a wrong name is a defect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array, Shape
from gradcheck.arith.floating import Floating
from gradcheck.graph.graph import Edge, Graph, Node
from gradcheck.ops.op import Op

Floats = npt.NDArray[Any]
#: Rounding bounds within which a pattern counts as reproduced: the bound is of the right contribution, by the right operands. A wrong
#: one is rounded by its own, which the sizes of the operands make larger, and what a float16 target rounded is computed in float64.
NEAR = 16.0
#: Part of the largest difference within which it does too, whatever the bound is: that of a right entry may be far below a wrong one's
#: rounding, of which four digits are left even in float16 and its sums.
UNEXPLAINED = 1e-4
#: A factor is a plain number where its numerator times its denominator is at most this, and it within so much of it, which float32
#: leaves of a quotient of two sums: of any other number that is so in a case of a hundred.
MOST_PLAIN, PLAIN = 1024, 1e-5
#: A factor is told as its distance from 1 where that is less than by which the smallest mistake of the catalogue differs, 1.001.
_NEARLY = 1e-3


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


def diagnose(s: Suspect) -> str:
    """Return the name of the mistake that explains a contribution, or ""."""
    for name, candidate in _patterns(s):
        if s.reproduced_by(candidate):
            return name
    return factor(s.got, s.expected, s.bound)


def _patterns(s: Suspect) -> Iterator[tuple[str, Floats | None]]:
    g, y = s.adjoint, s.value
    label = f"{s.op.name} at {s.node.name}"
    yield "zero: the contribution is missing", np.zeros_like(s.expected)
    yield "sign: it is the negative of the right one", -s.expected
    if s.expected.ndim == 2 and s.expected.shape[0] == s.expected.shape[1]:
        yield "transpose: it is the transpose of the right one", s.expected.T
    elementwise = len(s.operands) == 1 and s.operands[0].shape == y.shape == g.shape
    if elementwise:
        yield f"f for f': the value of {label} stands where its derivative belongs", g * y
        yield "cotangent passed through: the derivative of the operation is missing", np.asarray(g)
        yield f"1 - y: the derivative of {label} is taken to be 1 - y", g * (1 - y)
        yield f"the derivative of {label} is taken at its output instead of its input", _vjp(s, operands=(y,))
        yield "mask inverted: the cotangent is let through where it must be stopped", g - s.expected
    yield "cotangent ignored: it is the derivative for a cotangent of ones", _vjp(s, g=np.ones_like(g))
    for how, broken in _BROKEN_SUMS.items():
        if s.expected.shape != y.shape:
            yield f"missing sum over a broadcast axis: only the {how} stands there", _vjp(s, m=broken)
    if len(s.operands) == 2 and s.operands[0].shape == s.operands[1].shape:
        yield "operands swapped", _vjp(s, position=1 - s.edge.position)
    whole = _vjp(s)
    for text, kept in _overwritten(g):
        left = _vjp(s, g=kept)
        if left is not None and np.any((left != 0) & (left != whole)):  # else nothing is added up along these axes
            yield f"= for +=: only {text} of {s.node.name} is left", left


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


def factor(got: Floats, expected: Floats, bound: Floats) -> str:
    """Return "factor c: ..." where got is c times expected in every entry, else ""."""
    largest = float(np.max(np.abs(expected), initial=0.0))
    with np.errstate(all="ignore"):
        part = expected / np.float64(largest)  # squares of huge and of tiny numbers are none
        c = float(np.sum(got / largest * part) / np.sum(np.square(part)))
        made = np.asarray(c * expected)
    if c in (0, 1) or not same(got, made, bound * max(1.0, abs(c))):
        return ""
    if expected.size < 2 and abs(c - 1) >= _NEARLY and _plain_number(c) is None:
        return ""  # one entry is always a multiple of another
    if abs(c - 1) < _NEARLY:
        return f"factor: every entry is 1 {'+' if c > 1 else '-'} {abs(c - 1):.2g} times the right one"
    return f"factor: every entry is {_plain_number(c) or f'{c:.6g}'} times the right one"


def _plain_number(c: float) -> str | None:
    q = Fraction(c).limit_denominator(max(1, math.isqrt(int(MOST_PLAIN / abs(c)))))
    return str(q) if abs(q.numerator) * q.denominator <= MOST_PLAIN and abs(float(q) - c) <= PLAIN * abs(c) else None


def proportional(difference: Floats, parameter: Floats, bound: Floats) -> str:
    """Name a term too many (or few) that is a multiple of the parameter, as a regularisation makes."""
    seen = np.count_nonzero(np.abs(difference) > bound) > 1  # a single entry is a multiple of anything
    text = factor(difference, parameter, bound) if seen else ""
    if not text:
        return ""
    c = float(np.sum(difference * parameter) / np.sum(np.square(parameter)))
    return f"term {'too many' if c > 0 else 'missing'}: {abs(c):.3g} times the parameter itself, as of a regularisation"


def among(got: Floats, parts: list[tuple[Edge, Floats]], bound: Floats) -> tuple[str, Edge | None]:
    """Name a mistake of adding up: a contribution that overwrote, or is missing, or counted twice."""
    total = sum((c for _, c in parts), np.zeros_like(got))
    found: list[tuple[str, Edge]] = []
    for edge, c in parts:
        where = f"{edge.consumer}[{edge.position}]"
        if same(got, total - c, bound) and np.any(np.abs(c) > NEAR * bound):
            found.append((f"term missing: the contribution through {where} was dropped", edge))
        elif len(parts) > 2 and same(got, c, bound):
            found.append((f"= for +=: only the contribution through {where} is left", edge))
        elif same(got, total + c, bound) and np.any(np.abs(c) > NEAR * bound):
            found.append((f"counted twice: the contribution through {where}", edge))
    return found[0] if len(found) == 1 else ("", None)


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
