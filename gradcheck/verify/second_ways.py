"""The ways to second derivatives beside the engine's certified Hessian, each with what it should give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.elements import numbers
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.refinement import Refined
from gradcheck.certify.second import certify_hessian
from gradcheck.engine.second import derivative, hvp
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.ball import enclosed
from gradcheck.oracles.estimate import DIGITS, Estimate, refined
from gradcheck.oracles.point import Point
from gradcheck.oracles.recursion import recursion
from gradcheck.oracles.symbolic_second import symbolic_second
from gradcheck.verify.gradient_differences import directions, gradient_differences, sampled

#: Bits to which the Hessian is certified: 50 digits.
BITS = math.ceil(DIGITS * math.log2(10))

#: Orders of the derivatives along a line.
ORDERS = (2, 3, 4)

#: Digits at which zeros are believed.
ZEROS = 80


@dataclass(frozen=True, slots=True)
class Question:
    """A graph at a point, and its certified Hessian.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        hessian: name -> rows, of shape (entries of the leaf, entries of all leaves), with their balls.
        ops: the engine's operations.
    """

    graph: Graph
    values: Values
    hessian: Estimate
    ops: Mapping[str, Op]

    def times(self, along: list[dict[str, Array]]) -> Estimate:
        """The Hessian times directions: name -> array of shape (entries of the leaf, directions)."""
        m, bits = Ball(), math.ceil(self.hessian.precision * math.log2(10))
        columns = np.array([np.concatenate([np.ravel(v[k]) for k in v]) for v in along]).T
        with m.precision(bits):
            found = {k: m.matmul(x, m.array(columns)) for k, x in (self.hessian.balls or {}).items()}
        return enclosed(Refined(found, bits), "certified sweep")


def asked(graph: Graph, values: Values, *, ops: Mapping[str, Op] = registry) -> Question:
    """Return the question about a graph at a point: the engine's Hessian, certified, is its reference.

    Raises:
        OracleGaveUp: where a second derivative is not finite.
    """
    found = certify_hessian(graph, values, bits=BITS, ops=ops, negligible=None)
    balls = Point(graph, values).rows(np.asarray(found.matrix.balls))
    return Question(graph, values, enclosed(Refined(balls, found.precision), "certified sweep"), ops)


Way: TypeAlias = Callable[[Question], tuple[Estimate, Estimate]]


def _recursion(question: Question) -> tuple[Estimate, Estimate]:
    """Return the second-order backpropagation of layered networks, by op.value."""
    return recursion(question.graph, question.values), question.hessian


def _symbolic(question: Question) -> tuple[Estimate, Estimate]:
    """Return closed forms differentiated twice by SymPy."""
    return symbolic_second(question.graph, question.values), question.hessian


def _differences(question: Question) -> tuple[Estimate, Estimate]:
    """Return differences of the certified gradient along every unit vector, or along random directions in a large graph."""
    along = directions(question.graph)
    found = gradient_differences(question.graph, question.values, along, ops=question.ops)
    return found, question.times(along)


def _multiprecision(question: Question) -> tuple[Estimate, Estimate]:
    """Return products with random directions by the sweep in mpmath's numbers."""
    along = sampled(question.graph)

    def products(digits: int) -> dict[str, Array]:
        m = Multiprecision(digits)
        found = [hvp(question.graph, question.values, v, arithmetic=m, ops=question.ops) for v in along]
        return {k: numbers(np.stack([np.ravel(x[k]) for x in found], 1)) for k in question.graph.differentiable}

    return refined(products, "sweep in multiprecision", zeros=ZEROS), question.times(along)


def _line(question: Question) -> tuple[Estimate, Estimate]:
    """Return mpmath's differences of second, third and fourth order along a random line, and the engine's series."""
    graph, values, (v, *_) = question.graph, question.values, sampled(question.graph)
    point = Point(graph, values)

    def by_series(digits: int) -> dict[str, Array]:
        m = Multiprecision(digits)
        found = (derivative(graph, values, v, order=k, arithmetic=m, ops=question.ops) for k in ORDERS)
        return _gathered([m.sum(x)[()] for x in found])

    def by_differences(digits: int) -> dict[str, Array]:
        m = Multiprecision(digits)
        leaves, moves = point.lift(m), {k: m.array(t) for k, t in v.items()}

        def loss(h: Any) -> Any:
            return point.contract(m, propagate(graph, leaves | {k: leaves[k] + t * h for k, t in moves.items()}, m))

        return _gathered([m.context.diff(loss, 0, k, relative=False) for k in ORDERS])

    found = refined(by_differences, "differences of orders 2 to 4 along a line", zeros=ZEROS)
    return found, refined(by_series, "series", zeros=ZEROS)


def _gathered(xs: Iterable[Any]) -> dict[str, Array]:
    return {f"order {k}": numbers(np.array([x], dtype=object)) for k, x in zip(ORDERS, xs, strict=True)}


#: The ways by name.
WAYS: Mapping[str, Way] = {
    "recursion": _recursion, "symbolic": _symbolic, "differences": _differences, "multiprecision": _multiprecision, "line": _line,
}  # fmt: skip
