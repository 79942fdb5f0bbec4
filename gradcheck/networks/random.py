"""Arbitrary acyclic graphs over all operations, grown from a source of choices.

The same growth is driven by a NumPy generator here and by Hypothesis in `gradcheck.strategies`.
Every step draws whether to go on, an operation with one of its samples, and one number an operand:
how far back the value stands that it takes (0: a new parameter), and what a new parameter would
hold. So a step is few choices, references survive the removal of other steps, any operand can be
made a parameter without moving the choices behind it, and a failing graph shrinks well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Protocol

import numpy as np

from gradcheck.arith.arithmetic import Array, Shape
from gradcheck.arith.floating import Floating
from gradcheck.errors import UnknownName
from gradcheck.graph.builder import Builder
from gradcheck.graph.evaluation import apply, propagate
from gradcheck.graph.graph import Graph, Leaf
from gradcheck.graph.tracer import Tracer
from gradcheck.graph.values import Arrays
from gradcheck.graph.weighted import sinks, with_loss
from gradcheck.networks.layers import Floats, Rng
from gradcheck.networks.network import Data, Network
from gradcheck.ops import Op, Sample, registry

#: Values above the first are scaled down, so that no format overflows behind them; above the second, dropped.
_LARGE, _HUGE = 100.0, 1e6

#: How many different contents a parameter may get.
_SEEDS = 256

#: Closer than this to a kink a network is not called smooth.
_NEAR = 0.02


class Draw(Protocol):
    """A source of choices."""

    def integer(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included; low is the simplest."""
        ...


@dataclass
class FromGenerator:
    """Choices of a NumPy generator."""

    rng: Rng

    def integer(self, low: int, high: int) -> int:
        """Return an integer from low to high, evenly."""
        return int(self.rng.integers(low, high + 1))


#: kind of operand -> from and to, away from the edges of its domain
_RANGES = {"positive": (0.5, 2.0), "nonzero": (0.5, 2.0), "unit": (-0.9, 0.9), "probability": (0.1, 0.9)}


def _numbers(shape: Shape, kind: str, *seed: int) -> Floats:
    """Return numbers that an operand of the kind may hold."""
    rng = np.random.default_rng(seed)
    low, high = _RANGES.get(kind, (-2.0, 2.0))
    x = rng.uniform(low, high, shape)
    return np.asarray(x * rng.choice([-1, 1], shape) if kind == "nonzero" else x)


@dataclass
class _Growth:
    """A graph that grows, with the float64 value of everything in it."""

    draw: Draw
    builder: Builder = field(default_factory=Builder)
    y: dict[str, Array] = field(default_factory=dict)
    recent: list[Tracer] = field(default_factory=list)
    parameters: Arrays = field(default_factory=dict)
    m: Floating = field(default_factory=Floating)

    def step(self, op: Op, sample: Sample) -> None:
        """Add an operation on operands drawn for a sample; nothing if its value is huge or none."""
        kinds = op.kinds(len(sample.operands))
        operands = [self.operand(x, kind) for x, kind in zip(sample.operands, kinds, strict=True)]
        y = self.node(op.name, *operands, **sample.attributes)
        if np.all(np.abs(self.y[y.name]) < _HUGE):
            self.recent.append(self.tamed(y))
        else:
            self.builder.nodes.pop()

    def node(self, op: str, *operands: Any, **attributes: Any) -> Tracer:
        """Add a node and its value."""
        result = self.builder.apply(registry[op], operands, attributes)
        node = self.builder.nodes[-1]
        self.y.update({x.name: x.value for x in self.builder.leaves if x.value is not None and x.name not in self.y})
        with np.errstate(all="ignore"):
            self.y[node.name] = apply(registry[op], self.m, [self.y[x] for x in node.inputs], node.attributes)
        return result

    def operand(self, wanted: Any, kind: str) -> Any:
        """Return an array as it is; for a shape a new parameter or an earlier value made to fit."""
        if isinstance(wanted, np.ndarray):
            return wanted
        back, seed = divmod(self.draw.integer(0, _SEEDS * (len(self.recent) + 1) - 1), _SEEDS)
        if back == 0 or (math.prod(wanted) and not self.recent[-back].size):
            return self.parameter(_numbers(wanted, kind, seed, len(self.parameters)), kind)
        return self.inside(self.fitted(self.recent[-back], wanted), kind)

    def parameter(self, x: Floats, kind: str) -> Tracer:
        """Add a parameter that holds x."""
        name = f"w{len(self.parameters) + 1}"
        self.parameters[name] = self.y[name] = x
        tracer = self.builder.leaf(Leaf(name, "parameter", x.shape))
        if kind == "real":
            self.recent.append(tracer)
        return tracer

    def fitted(self, x: Tracer, shape: Shape) -> Tracer:
        """Return a value of the shape: the entries of x in order, repeated as often as needed."""
        if x.shape == shape:
            return x
        return self.node("take", x, np.arange(math.prod(shape)).reshape(shape) % max(x.size, 1))

    def inside(self, x: Tracer, kind: str) -> Tracer:
        """Return x moved into the domain of a kind by a smooth function."""
        if kind in ("positive", "nonzero"):
            return self.node("add", self.node("softplus", x), 0.5)
        if kind == "unit":
            return self.node("mul", self.node("tanh", x), 0.875)
        if kind == "probability":
            return self.node("add", self.node("mul", self.node("logistic", x), 0.875), 0.0625)
        return x

    def tamed(self, x: Tracer) -> Tracer:
        """Return x scaled down by a power of two if it is large."""
        largest = float(np.max(np.abs(self.y[x.name]), initial=0))
        if largest <= _LARGE:
            return x
        return self.node("mul", x, 2.0 ** -math.ceil(math.log2(largest)))

    def finished(self, name: str) -> tuple[Graph, Arrays]:
        """Return the graph whose loss is the weighted sum of all that nothing uses."""
        ends = sinks(self.builder.nodes) or list(self.parameters)
        used = {x for node in self.builder.nodes for x in node.inputs} | set(ends)
        leaves = [x for x in self.builder.leaves if x.name in used]
        shapes = self.builder.shapes
        graph = with_loss(leaves, self.builder.nodes, ends, shapes, name=name)
        return graph, {k: x for k, x in self.parameters.items() if k in used}


def grow(
    draw: Draw, *, min_nodes: int = 1, max_nodes: int = 25, ops: Sequence[str] | None = None, name: str = "random"
) -> tuple[Graph, Arrays]:
    """Return a graph of random operations, and values at which it is finite.

    Args:
        draw: the source of choices.
        min_nodes: it goes on at least until there are so many nodes.
        max_nodes: it stops when there are so many; the loss comes on top.
        ops: names of the operations; all unless given.
        name: of the graph.
    """
    growth = _Growth(draw)
    choices = [(registry[o], sample) for o in (ops or registry) for sample in registry[o].samples]
    for step in count():
        size = len(growth.builder.nodes)
        if size >= max_nodes or (size >= min_nodes and step and draw.integer(0, 7) == 0):
            break
        growth.step(*choices[draw.integer(0, len(choices) - 1)])
    return growth.finished(name)


def random_network(name: str) -> Network:
    """Return the network named "random/SEED/K", the same in every run of one version.

    Raises:
        UnknownName: if the name is not of that form.

    >>> random_network("random/0/7").graph.name
    'random/0/7'
    """
    parts = name.split("/")
    if len(parts) != 3 or parts[0] != "random" or not (parts[1].isdecimal() and parts[2].isdecimal()):
        raise UnknownName("network", name, ("random/SEED/K",))
    rng = np.random.default_rng((int(parts[1]), int(parts[2])))
    graph, values = grow(FromGenerator(rng), min_nodes=3, max_nodes=16, name=name)
    return Network(
        name, "random operations on random shapes, reproduced by its name", partial(replay, graph), partial(_near, values),
        systems=("S5",), tags=("random",), small=graph.size <= 64, smooth=_smooth(graph, values),
        twin="" if graph.size <= 64 else "random/0/0", dtypes=("float64", "float32", "bfloat16"),
    )  # fmt: skip


def random_networks(count: int, seed: int = 0) -> Iterator[Network]:
    """Yield `count` random networks, "random/SEED/0" and so on."""
    return (random_network(f"random/{seed}/{k}") for k in range(count))


def replay(graph: Graph, /, **leaves: Any) -> Any:
    """Apply the operations of a graph, as a program does; return its loss."""
    known = {**{x.name: x.value for x in graph.leaves if x.kind == "constant"}, **leaves}
    for node in graph.nodes:
        known[node.name] = registry[node.op](*(known[x] for x in node.inputs), **node.attributes)
    loss = known[graph.outputs[0]]
    return loss.named("loss") if isinstance(loss, Tracer) else loss


def _near(values: Arrays, rng: Rng) -> Data:
    """Return the values, each moved by up to 1 percent."""
    return {k: x * rng.uniform(0.99, 1.01, x.shape) for k, x in values.items()}


def _smooth(graph: Graph, values: Arrays) -> bool:
    m = Floating("float64")
    known = {x.name: values[x.name] if x.value is None else x.value for x in graph.leaves}
    y = propagate(graph, known, m)
    return all(np.all(np.abs(k) > _NEAR) for k in _kinks(graph, y, m))


def _kinks(graph: Graph, y: dict[str, Array], m: Floating) -> Iterable[Array]:
    for node in graph.nodes:
        kinks = registry[node.op].kinks
        if kinks:
            yield from kinks(m, *(y[x] for x in node.inputs), **node.attributes)
