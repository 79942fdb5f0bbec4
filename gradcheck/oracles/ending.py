"""The end of a layered network: the loss as a function of the last layer, one example at a time, and of penalised weights.

First and second derivatives are coefficients of dual numbers over dual numbers, by `op.value`, along two unit vectors. That the
loss is a sum over examples and over penalised entries is not taken on trust: its curvature along a random direction in all of
them has to be the sum of the curvatures found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.elements import numbers
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.errors import OracleGaveUp
from gradcheck.graph.evaluation import propagate
from gradcheck.oracles.layers import Layer
from gradcheck.oracles.point import Point

#: Values of the loss beyond which an answer would take minutes.
MOST_VALUES = 4000

Moved = dict[str, npt.NDArray[Any]]


class Ending:
    """The loss beyond the last layer, at a point.

    Args:
        point: the question.
        last: the last layer.
        m: in which it is computed.
        y: every value at the point.

    Raises:
        OracleGaveUp: if it is no sum over examples, or too large.
    """

    def __init__(self, point: Point, last: Layer, m: Multiprecision, y: Mapping[str, Array]) -> None:
        self.point, self.name, self.m, self.y = point, last.output, m, y
        self._dual = Taylor(m, 1)
        self._series = Taylor(self._dual, 1)
        shapes = point.graph.shapes
        self._places = last.rows(np.arange(math.prod(shapes[self.name])).reshape(shapes[self.name]))
        before = point.graph.ancestors([self.name])
        after = [n for n in point.nodes if n.name not in before]
        self.direct = tuple(k for k in point.names if any(k in n.inputs for n in after))
        self._still = {k: self._constant(v) if v.dtype == object else v for k, v in y.items()}
        self._downstream = {k: point.graph.descendants([k]) & {n.name for n in after} for k in (self.name, *self.direct)}
        examples, width = self._places.shape
        count = examples * width * (width + 1) // 2 + sum(math.prod(shapes[k]) for k in self.direct)
        if count > MOST_VALUES:
            raise OracleGaveUp(f"second derivatives of the loss take {count:,} values; at most {MOST_VALUES:,}")
        self._refuse_coupled()

    def _constant(self, x: Array) -> Series:
        return Series(self._series, Series(self._dual, x))

    def _along(self, u: Moved, v: Moved) -> tuple[Any, Any]:
        """Return the derivative of the loss along u, and its second derivative along u and v, which move the same values."""
        again = set().union(*(self._downstream[k] for k in u))
        at = {k: x for k, x in self._still.items() if k not in again}
        for k in u:
            inner = Series(self._dual, self.y[k], (self.m.array(v[k]),))
            at[k] = Series(self._series, inner, (Series(self._dual, self.m.array(u[k])),))
        y = propagate(self.point.graph, at, self._series, ops=self.point.ops)
        slopes = {k: self._series.coefficient(y[k], 1) for k, _ in self.point.weights}
        bends = {k: self._dual.coefficient(x, 1) for k, x in slopes.items()}
        return self.point.contract(self.m, {k: x.value for k, x in slopes.items()}), self.point.contract(self.m, bends)

    def _at(self, name: str, i: int, j: int) -> tuple[Any, Any]:
        """Return the derivative by one entry of a value, and the second one by two."""
        u, v = np.zeros((2, *self.point.graph.shapes[name]))
        u.reshape(-1)[i] = v.reshape(-1)[j] = 1
        return self._along({name: u}, {name: v})

    @cached_property
    def _derivatives(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        examples, width = self._places.shape
        gradient, out = np.empty((examples, width), dtype=object), np.empty((examples, width, width), dtype=object)
        for b in range(examples):
            for i, j in combinations_with_replacement(range(width), 2):
                gradient[b, i], out[b, i, j] = self._at(self.name, self._places[b, i], self._places[b, j])
                out[b, j, i] = out[b, i, j]
        return gradient, out

    @property
    def gradient(self) -> Array:
        """The loss's derivatives by the last layer, of shape (examples, width)."""
        return numbers(self._derivatives[0])

    @property
    def curvature(self) -> Array:
        """Its second derivatives by the entries of each example, of shape (examples, width, width)."""
        return numbers(self._derivatives[1])

    @cached_property
    def penalties(self) -> dict[str, npt.NDArray[Any]]:
        """Its second derivatives by each entry of the leaves that it takes beside the last layer."""
        shapes = self.point.graph.shapes
        return {k: np.array([self._at(k, i, i)[1] for i in range(math.prod(shapes[k]))], dtype=object) for k in self.direct}

    def _refuse_coupled(self) -> None:
        """Raise `OracleGaveUp` if the curvature along a random direction is not the sum of the blocks' curvatures."""
        rng = np.random.default_rng(0)
        moved = {k: rng.normal(size=self.point.graph.shapes[k]) for k in (self.name, *self.direct)}
        v = self.m.array(moved[self.name].reshape(-1)[self._places])
        terms = [v[:, :, None] * self.curvature * v[:, None, :]]
        terms += [self.m.array(moved[k].reshape(-1)) ** 2 * x for k, x in self.penalties.items()]
        found, wanted = self._along(moved, moved)[1], sum((self.m.sum(x) for x in terms), self.m.constant(0))[()]
        size = sum((self.m.sum(abs(x)) for x in terms), abs(self.m.array(found)))[()]
        if abs(found - wanted) > size * self.m.context.mpf(10) ** (-self.m.digits // 2):
            raise OracleGaveUp("the loss is no sum over examples and single weights")
