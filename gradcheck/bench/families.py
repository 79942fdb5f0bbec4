"""Families of networks that grow: the same architecture from about ten parameters to ten million.

Each is a program over the graph's operations and a maker of its values for about n parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gradcheck.graph.graph import Graph
from gradcheck.graph.trace import trace
from gradcheck.graph.values import Arrays
from gradcheck.networks.convolution import conv_pool_dense
from gradcheck.networks.layers import Floats, Rng, half_squares, layered, normal, one_hot, parameters
from gradcheck.networks.modern import attention
from gradcheck.networks.network import Program
from gradcheck.networks.recurrent import elman

Maker = Callable[[Rng, int], dict[str, Floats]]


@dataclass(frozen=True, slots=True)
class Family:
    """Networks of one architecture.

    Args:
        name: in reports.
        doc: what grows, what stays.
        program: code to be traced, for a number of parameters.
        make: inputs and parameters, for about a number of parameters.
        sizes: numbers of parameters to be asked for, in place of the usual ones.
        left_out: methods that would take too long on it.
    """

    name: str
    doc: str
    program: Callable[[int], Program]
    make: Maker
    sizes: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()

    def network(self, n: int, seed: int = 0) -> tuple[Graph, Arrays]:
        """Return the graph of about `n` parameters, and values for it."""
        values = self.make(np.random.default_rng(seed), n)
        graph = trace(self.program(n), values, inputs=("x", "t"), name=f"{self.name}-{n}")
        return graph, dict(values)


def size(graph: Graph) -> int:
    """Return the number of parameters of a graph."""
    return sum(math.prod(graph.shapes[k]) for k in graph.parameters)


def _dense(rng: Rng, batch: int, *widths: int) -> dict[str, Floats]:
    return {"x": normal(rng, batch, widths[0]), "t": normal(rng, batch, widths[-1]), **parameters(rng, *widths)}


def _square_layers(rng: Rng, n: int) -> dict[str, Floats]:
    return _dense(rng, 64, *[max(1, round(math.sqrt(n / 3)))] * 4)


def _large_layers(rng: Rng, n: int) -> dict[str, Floats]:
    """A large batch: the numbers of a layer are read once for many examples, so that arithmetic takes the time, not memory."""
    return _dense(rng, 256, *[max(1, round(math.sqrt(n / 3)))] * 4)


def _deep(rng: Rng, n: int) -> dict[str, Floats]:
    return _dense(rng, 16, *[max(1, round(math.sqrt(n / 30)))] * 31)


def _wide(rng: Rng, n: int) -> dict[str, Floats]:
    return _dense(rng, 16, 8, max(1, n // 10), 1)


def _images(rng: Rng, n: int) -> dict[str, Floats]:
    """Return 8 by 8 images of c channels, c kernels of 3 by 3 a channel, and a dense layer to two classes."""
    c = max(1, round(math.sqrt(n / 9 + 12) - 3.5))
    inputs = c * 16
    return {
        "x": normal(rng, 4, c, 8, 8), "t": one_hot(rng.integers(0, 2, 4), 2), "w1": normal(rng, c, c, 3, 3, scale=1 / math.sqrt(9 * c)),
        "b1": normal(rng, c, scale=0.1), "w2": normal(rng, inputs, 2, scale=1 / math.sqrt(inputs)), "b2": normal(rng, 2, scale=0.1),
    }  # fmt: skip


def _sequences(rng: Rng, n: int) -> dict[str, Floats]:
    width = max(1, round(math.sqrt(n / 4)))
    w = {k: normal(rng, width, width, scale=width**-0.5) for k in ("wq", "wk", "wv", "wo")}
    return {"x": normal(rng, 4, 16, width), "t": normal(rng, 4, 16, width), **w}


def _times(rng: Rng, n: int) -> dict[str, Floats]:
    width = max(1, round(math.sqrt(n + 4) - 2))
    return {
        "x": normal(rng, 16, 16, 2), "t": normal(rng, 16, 16, 1), "w_in": normal(rng, 2, width),
        "w_back": normal(rng, width, width, scale=width**-0.5), "b": normal(rng, width, scale=0.1), "w_out": normal(rng, width, 1),
    }  # fmt: skip


def _tanh_layers(count: int) -> Callable[[int], Program]:
    return lambda n: layered(("tanh",) * (count - 1) + ("identity",), half_squares)


_ALL = (
    Family("layered", "three dense layers of one width, which grows; tanh, batch of 64", _tanh_layers(3), _square_layers),
    Family("large", "three dense layers of one width, which grows; relu, batch of 256: products of matrices take the time",
           lambda n: layered(("relu", "relu", "identity"), half_squares), _large_layers, (1_000_000, 2_000_000, 4_000_000, 7_000_000, 10_000_000),
           ("forward by matrices", "mpmath differences", "symbolic")),
    Family("deep", "thirty dense layers of one width, which grows; tanh, batch of 16", _tanh_layers(30), _deep),
    Family("wide", "one hidden layer of eight inputs, which grows; tanh, batch of 16", _tanh_layers(2), _wide),
    Family("convolution", "a 3 by 3 convolution of 8 by 8 images, a maximum pool, a dense layer; channels grow; batch of 4",
           lambda n: conv_pool_dense, _images),
    Family("attention", "one causal head over 16 places, four square matrices, which grow; batch of 4", lambda n: attention, _sequences),
    Family("recurrent", "a recurrent layer over 16 times, whose width grows; batch of 16", lambda n: elman, _times),
)  # fmt: skip

#: The families by name.
FAMILIES: Mapping[str, Family] = {f.name: f for f in _ALL}
