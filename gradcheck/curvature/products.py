"""Products J^T C (J v) with the Jacobian J of the predictions, without any matrix: a forward and a reverse sweep around C.

C is a function of tangents of the predictions: the loss's Hessian gives Gauss-Newton, covariances of scores give Fisher matrices
(Schraudolph, Neural Computation 14, 2002). A whole matrix is its products with all unit vectors, many of them at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.arith.lanes import Lane, Lanes
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.curvature.split import Split
from gradcheck.engine.reverse import sweep
from gradcheck.engine.second import MOST_LANES, MOST_NUMBERS, Direction, Hessian
from gradcheck.errors import BadShape, UnknownName
from gradcheck.graph.evaluation import propagate
from gradcheck.ops.op import Op

#: (arithmetic of series, every value as a series) -> adjoints, in the coefficients' arithmetic, of predictions and of leaves that
#: the loss takes directly
Middle: TypeAlias = Callable[[Taylor, Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, slots=True)
class Sandwich:
    """J^T C J at a point.

    Args:
        split: the graph, cut.
        leaves: every leaf of the graph, in `m`.
        middle: C.
        names: of the leaves whose derivatives J holds.
        m: the arithmetic.
        ops: the operations.
    """

    split: Split
    leaves: Mapping[str, Array]
    middle: Middle
    names: tuple[str, ...]
    m: Arithmetic
    ops: Mapping[str, Op]

    def times(self, direction: Direction) -> dict[str, Array]:
        """Return the product with a direction, by name.

        Raises:
            BadShape: a direction of another shape than its leaf.
            UnknownName: a direction of what is none of the leaves.
        """
        for name, t in direction.items():
            if name not in self.names:
                raise UnknownName("leaf that is differentiated", name, self.names)
            if np.shape(t) != self.split.body.shapes[name]:
                raise BadShape(f"direction of {name!r}", f"shape {self.split.body.shapes[name]}", np.shape(t))
        found = self._product(self.m, {k: self.m.array(t) for k, t in direction.items()})
        return {k: found[k] if k in found else self.m.zeros(self.split.body.shapes[k]) for k in self.names}

    def _product(self, inner: Arithmetic, tangents: Mapping[str, Array]) -> dict[str, Array]:
        """Return the product; with lanes as inner arithmetic, many of them."""
        m, body = Taylor(inner, 1), self.split.body
        leaves = {k: Series(m, x) if body.leaf[k].type == "float" else x for k, x in self.leaves.items()}
        leaves |= {k: Series(m, self.leaves[k], (t,)) for k, t in tangents.items()}
        y = propagate(body, leaves, m, ops=self.ops)
        adjoint = self.middle(m, y)
        values = {k: x.value if isinstance(x, Series) else x for k, x in y.items()}
        return sweep(body, values, inner, adjoint, self.names, ops=self.ops)

    def matrix(self) -> Hessian:
        """Return the whole matrix, by blocks."""
        shapes = self.split.body.shapes
        blocks: dict[tuple[str, str], Array] = {}
        for b in self.names:
            columns: dict[str, list[Array]] = {a: [] for a in self.names}
            for found in self._columns(b):
                for a in self.names:
                    columns[a].append(found[a])
            for a, parts in columns.items():
                shape = shapes[a] + shapes[b]
                blocks[a, b] = np.moveaxis(np.concatenate(parts), 0, -1).reshape(shape) if parts else np.zeros(shape)
        return Hessian(self.names, blocks)

    def _columns(self, name: str) -> Iterator[dict[str, Array]]:
        """Yield the products with unit vectors of one leaf, in batches, with their number in front."""
        shapes = self.split.body.shapes
        size, shape = math.prod(shapes[name]), shapes[name]
        if not isinstance(self.m, Floating):
            for unit in np.eye(size):
                yield {k: np.asarray(x)[None] for k, x in self.times({name: unit.reshape(shape)}).items()}
            return
        count = max(1, min(MOST_LANES, MOST_NUMBERS // max(1, sum(math.prod(s) for s in shapes.values()))))
        for start in range(0, size, count):
            units = np.eye(size)[start : start + count].reshape(-1, *shape)
            lanes = Lanes(self.m, len(units))
            found = self._product(lanes, {name: lanes.lanes(self.m.array(units))})
            yield {k: _with_lanes(found.get(k), (len(units), *shapes[k]), self.m) for k in self.names}


def _with_lanes(x: Any, shape: tuple[int, ...], m: Floating) -> Array:
    """Return an array, or lanes, with its lanes in front; zeros for None."""
    numbers = m.zeros(()) if x is None else x.value if isinstance(x, Lane) else x
    return np.broadcast_to(numbers, shape)
