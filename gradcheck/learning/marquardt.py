"""Levenberg-Marquardt: steps between Gauss-Newton's and the gradient's, as far as the model of the residuals holds.

The damping mu follows the gain, the loss that was won over the loss that the linear model of the residuals promised (Nielsen,
Damping parameter in Marquardt's method, 1999; Madsen, Nielsen, Tingleff, Methods for non-linear least squares problems, 2004,
algorithm 3.16). Dense: every step solves a least-squares problem in all parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.learning.residuals import Residuals, residuals
from gradcheck.learning.trajectory import Point

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Marquardt:
    """Levenberg-Marquardt in float64.

    Args:
        tau: the first damping in terms of the largest diagonal entry of J^T J; 1e-3 and less where the start is near a minimum.
        shortest: a step below this part of the parameters ends the search.
    """

    tau: float = 1.0
    shortest: float = 1e-12

    def points(self, graph: Graph, data: Arrays, parameters: Arrays) -> Iterator[Point]:
        """Yield where each step begins, whether or not the step before was taken.

        Args:
            graph: with residuals, see `gradcheck.learning.residuals`.
            data: the inputs by name.
            parameters: at the start, by name.

        Raises:
            NoResiduals: a loss that is no sum of squares.
        """
        r = residuals(graph)
        w, place = _flat(graph, parameters), _Place.at(r, data, parameters)
        mu, growth = self.tau * float(np.max(np.sum(place.j**2, axis=0), initial=0.0)), 2.0
        while True:
            yield Point(place.loss, float(np.max(np.abs(place.slope), initial=0.0)), _named(graph, w), {"damping": mu})
            h = _solved(place, mu)
            if not np.isfinite(h).all() or np.linalg.norm(h) <= self.shortest * (np.linalg.norm(w) + self.shortest):
                return
            after = r.value({**data, **_named(graph, w + h)})
            promised = float(h @ (mu * h - place.slope)) / 2
            gain = (place.loss - float(after @ after) / 2) / promised if promised > 0 else math.nan
            if gain > 0:
                w = w + h
                place = _Place.at(r, data, _named(graph, w))
                mu, growth = mu * max(1 / 3, 1 - (2 * gain - 1) ** 3), 2.0
            else:
                mu, growth = mu * growth, 2 * growth


@dataclass(frozen=True)
class _Place:
    """Residuals and their derivatives at one place."""

    r: Floats
    j: Floats

    @classmethod
    def at(cls, r: Residuals, data: Arrays, parameters: Mapping[str, Floats]) -> _Place:
        values = {**data, **parameters}
        return cls(r.value(values), r.jacobian(values))

    @property
    def loss(self) -> float:
        return float(self.r @ self.r) / 2

    @property
    def slope(self) -> Floats:
        """The gradient of the loss."""
        return np.asarray(self.j.T @ self.r)


def _solved(place: _Place, mu: float) -> Floats:
    """Return the step: J^T J + mu I is never formed, which would square the condition of J."""
    n = place.j.shape[1]
    matrix, right = np.concatenate([place.j, math.sqrt(mu) * np.eye(n)]), np.concatenate([-place.r, np.zeros(n)])
    if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
        return np.full(n, math.nan)
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0])


def _flat(graph: Graph, parameters: Mapping[str, Floats]) -> Floats:
    return np.concatenate([np.ravel(np.asarray(parameters[k], np.float64)) for k in graph.parameters])


def _named(graph: Graph, w: Floats) -> dict[str, Floats]:
    found, start = {}, 0
    for k in graph.parameters:
        n = math.prod(graph.shapes[k])
        found[k] = w[start : start + n].reshape(graph.shapes[k])
        start += n
    return found
