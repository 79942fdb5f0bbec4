"""Examples and mini-batches of them: which inputs have a row for each example, and the order in which a seed draws them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.arith.floating import Floating
from gradcheck.engine.reverse import evaluate
from gradcheck.errors import BadGraph, BadInput, BadValues, UnknownName
from gradcheck.graph.graph import Graph
from gradcheck.graph.trace import trace
from gradcheck.graph.values import Arrays, Values, bind
from gradcheck.networks.network import Network


@dataclass(frozen=True)
class Examples:
    """The data of a training run, and the network for a batch of it.

    Args:
        graph: of the batch's shapes.
        data: inputs by name, all examples.
        rows: names of the inputs that have a row for each example.
        count: how many examples there are; 0 where they are not divided.
        size: of a batch.
        scale: what the gradient of a batch is multiplied by.
        seed: of the order.
    """

    graph: Graph
    data: Arrays
    rows: tuple[str, ...] = ()
    count: int = 0
    size: int = 0
    scale: float = 1.0
    seed: int = 0

    def batches(self) -> Iterator[Arrays]:
        """Yield the data of one step after the other, without an end.

        In each epoch the examples are drawn in another order; those that do not fill a batch are left out of that epoch.
        """
        if not self.count:
            while True:
                yield self.data
        for epoch in range(2**62):
            order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
            for start in range(0, self.count - self.size + 1, self.size):
                chosen = np.sort(order[start : start + self.size])
                yield {k: x[chosen] if k in self.rows else x for k, x in self.data.items()}
        raise AssertionError


def examples(
    network: Network | Graph, values: Arrays, *, batch: int | None = None, rows: Iterable[str] | None = None, seed: int = 0
) -> Examples:
    """Return the data of a training run, divided into mini-batches or whole.

    Args:
        network: what is trained. A `Network` is traced for the size of a batch, so that its loss is that of a batch by itself. Of a
            `Graph`, in which the number of examples may be a constant, the losses of two halves are compared with that of the whole:
            it has to be their mean or their sum.
        values: inputs and parameters by name.
        batch: examples in a batch; all of them unless given.
        rows: the inputs that have a row for each example; those whose first axis is as long as the most common one unless given.
        seed: of the order in which examples are drawn.

    Raises:
        BadInput: no input has rows, or too few; or a loss that is neither sum nor mean of its examples' losses.
    """
    graph = network.graph if isinstance(network, Network) else network
    data = {k: np.asarray(values[k]) for k in graph.inputs}
    if batch is None:
        return Examples(graph, data)
    names = tuple(rows) if rows is not None else _with_rows(data)
    lengths = {len(data[k]) if k in data and data[k].ndim else 0 for k in names}
    if len(lengths) != 1 or lengths == {0}:
        raise BadInput(f"expected inputs with a row for each example, of one number; got {', '.join(names) or 'none'} out of {_shapes(data)}")
    count = lengths.pop()
    if not 1 <= batch <= count:
        raise BadInput(f"expected a batch of 1 to {count} examples; got {batch}")
    small = {k: x[:batch] if k in names else x for k, x in data.items()}
    made = resized(network, {**values, **small})
    scale = 1.0 if isinstance(network, Network) else _scale(network, values, names, count, batch)
    return Examples(made, data, names, count, batch, scale, seed)


def resized(network: Network | Graph, values: Arrays) -> Graph:
    """Return the graph of a network for values of other shapes: another number of examples.

    Raises:
        BadInput: a graph whose operations do not fit these shapes.
    """
    if isinstance(network, Network):
        return trace(network.program, values, inputs=network.inputs, name=network.name)
    leaves = [x if x.kind == "constant" else replace(x, shape=np.shape(values[x.name])) for x in network.leaves]
    try:
        return Graph(leaves, network.nodes, network.outputs, name=network.name)
    except BadGraph as error:
        raise BadInput(f"expected a graph that takes any number of examples; {error}; give the Network, which is traced again") from error


def _with_rows(data: Arrays) -> tuple[str, ...]:
    """Return the inputs that share the most common length of a first axis; none where only one has it."""
    lengths = [len(x) for x in data.values() if x.ndim]
    best = max(set(lengths), key=lambda n: (lengths.count(n), n), default=0)
    return tuple(k for k, x in data.items() if x.ndim and len(x) == best) if lengths.count(best) > 1 else ()


def _scale(graph: Graph, values: Arrays, names: tuple[str, ...], count: int, batch: int) -> float:
    """Return by what a batch's gradient is multiplied so that it is on average the whole one's.

    With halves of k examples: loss (2k examples) = (a + b) / 2 for a mean, a + b for a sum, also one over a constant.
    """
    half = count // 2
    if not half:
        return 1.0
    losses = []
    for part in (slice(0, half), slice(half, 2 * half), slice(0, 2 * half)):
        given = {k: np.asarray(x)[part] if k in names else x for k, x in values.items()}
        losses.append(float(evaluate(resized(graph, given), given, Floating("longdouble"))))
    first, second, whole = losses
    room = 1e-12 * (abs(first) + abs(second))  # longdouble has 19 digits; a wrong kind of loss is off by a factor
    if abs(whole - (first + second) / 2) <= room:
        return 1.0
    if abs(whole - (first + second)) <= room:
        return count / batch
    raise BadInput(
        f"expected a loss that is the sum or the mean of its examples' losses; of two halves it is {first:.6g} and {second:.6g}, of both "
        f"{whole:.6g}; give the Network, which is traced for each size of a batch"
    )


def _shapes(data: Arrays) -> str:
    return ", ".join(f"{k} {x.shape}" for k, x in data.items()) or "no inputs"


def beginning(network: Network | Graph, values: Values | None, seed: int, dtype: str | None = None) -> Arrays:
    """Return the inputs and parameters with which a training begins.

    Args:
        network: a network, or a graph.
        values: by name; a network's own unless given.
        seed: of those.
        dtype: a format; that of the values unless given.

    Raises:
        BadValues: values that do not fit the graph, none for a graph, or a graph without parameters.
    """
    graph = network.graph if isinstance(network, Network) else network
    if values is None:
        if not isinstance(network, Network):
            raise BadValues("expected values for a graph; only a Network has its own")
        values = network.values(seed)
    if not graph.parameters:
        raise BadValues(f"expected a graph with parameters to move; {graph.name} has none")
    return {k: x for k, x in bind(graph, values, dtype).items() if graph.leaf[k].kind != "constant"}


def known_parameters(names: Iterable[str], parameters: Collection[str]) -> None:
    """Raise `UnknownName` for a name that is no parameter: without weight decay is what is meant to be, nothing else.

    Args:
        names: of parameters that are exempt from weight decay.
        parameters: of the network.
    """
    for name in names:
        if name not in parameters:
            raise UnknownName("parameter", name, parameters)
