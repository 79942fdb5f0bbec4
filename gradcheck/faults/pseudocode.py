"""A published description of batch backpropagation, implemented as written: the first historical fault.

It multiplies by the activation g(z) where the derivative g'(z) = a (1 - a) belongs, and it exempts the first layer
from regularisation where the biases should be exempt.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import CannotExpress
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.targets.layered import Layered, recognise
from gradcheck.targets.target import Run, leaf_arrays

Array = npt.NDArray[Any]


class PseudoCode:
    """Layers of logistic units with cross entropy, example by example.

    Args:
        derivative: False for the text as written, True with a (1 - a).
        biases_exempt: False for the text as written, True with the exemption where it belongs.
    """

    version = "as published"
    slack = 2.0  # it divides by m once, after the sums

    def __init__(self, derivative: bool = False, biases_exempt: bool = False) -> None:
        self.name = "pseudocode"
        self.derivative = derivative
        self.biases_exempt = biases_exempt

    def run(self, graph: Graph, values: Values) -> Run:
        """Accumulate Delta over the examples and divide."""
        net = recognise(graph)
        if net.activation != "logistic" or net.loss != "binary_cross_entropy":
            raise CannotExpress("the text treats logistic units with cross entropy")
        leaves = leaf_arrays(graph, values)
        a = [leaves[net.data]]
        for w, b in zip(net.weights, net.biases, strict=True):
            a.append(_logistic(a[-1] @ leaves[w] + leaves[b]))
        delta = self._deltas([leaves[w] for w in net.weights], a, leaves[net.labels])
        wide = np.longdouble if a[0].dtype == np.float64 else np.float64
        return Run(
            _loss(net, leaves, a[-1]),
            self._gradients(net, leaves, a, delta),
            dict(zip(net.after, a[1:], strict=True)),
            {z: np.true_divide(d, len(d), dtype=wide) for z, d in zip(net.before, delta, strict=True)},
        )

    def _deltas(self, weights: list[Array], a: list[Array], t: Array) -> list[Array]:
        delta = [a[-1] - t]
        for w, value in zip(reversed(weights[1:]), reversed(a[1:-1]), strict=True):
            slope = value * (1 - value) if self.derivative else value
            delta.insert(0, (delta[0] @ w.T) * slope)
        return delta

    def _gradients(self, net: Layered, leaves: dict[str, Array], a: list[Array], delta: list[Array]) -> dict[str, Array]:
        m, strength = len(a[0]), a[0].dtype.type(net.alpha(leaves))
        found: dict[str, Array] = {}
        for layer, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            sums, offsets = a[layer].T @ delta[layer], delta[layer].sum(axis=0)
            if self.biases_exempt or layer > 0:
                sums = sums + strength * leaves[w]
            if not self.biases_exempt and layer > 0:
                offsets = offsets + strength * leaves[b]
            found |= {w: sums / m, b: offsets / m}
        return found


def _logistic(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def _loss(net: Layered, leaves: dict[str, Array], p: Array) -> Any:
    t = leaves[net.labels]
    total = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))
    squares = sum(np.sum(leaves[w] ** 2) for w in net.weights)
    return (total + p.dtype.type(net.alpha(leaves)) / 2 * squares) / len(p)


target = PseudoCode()
