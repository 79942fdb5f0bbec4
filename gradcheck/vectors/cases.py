"""What there are vectors of: every small network, every sample of every operation, historical faults, random networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import UnknownName
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.values import Arrays
from gradcheck.graph.weighted import LOSS
from gradcheck.networks.network import Network, networks
from gradcheck.networks.specimen import operation_names
from gradcheck.vectors.recreated import Recreation, recreations
from gradcheck.vectors.rounded import short_constants, short_values

#: The formats that every engine has.
BOTH = ("float64", "float32")
#: Random networks among the vectors.
RANDOM = 40
#: Networks of which there are vectors in the half formats as well: in deeper ones what rounding may do is as large as the gradient. Of
#: operations it is the first sample.
HALVES = ("adaline", "linear-neuron", "linear-sum", "bias-vector", "loss-squared-error", "embedding-mean-pool", "relu-at-zero", "max-ties")


@dataclass(frozen=True)
class Case:
    """One graph, with values in several formats.

    Args:
        name: unique; also the file's, without its ending.
        about: one sentence: what it is.
        source: name of the network or fault that it was made from.
        tags: groups.
        graph: the network, its constants rounded.
        make: seed -> values by name in float64, or exactly.
        dtypes: the formats in which it makes sense.
        fault: of the mistake that it is there to catch: `name`, `class`, `title`, `reference`.
        textbook: whether all legitimate formulas are allowed.
        recreation: the fault itself.
    """

    name: str
    about: str
    source: str
    tags: tuple[str, ...]
    graph: Graph
    make: Callable[[str], Mapping[str, npt.ArrayLike]]
    dtypes: tuple[str, ...]
    fault: Mapping[str, str] | None = None
    textbook: bool = True
    recreation: Recreation | None = field(default=None, repr=False)

    def values(self, dtype: str) -> Arrays:
        """Return the values in a format, floats with few bits."""
        return short_values(self.graph, self.make(dtype), dtype)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What a case is called, and how it is made."""

    name: str
    source: str
    tags: tuple[str, ...]
    made: Callable[[], Case]


def cases(patterns: Iterable[str] = ("*",), *, seed: int = 0) -> Iterator[Case]:
    """Yield the cases whose name, source or tag matches a shell pattern.

    Args:
        patterns: of names ("networks/xor-*"), sources ("xor-*") or tags ("fault").
        seed: of all values.

    Raises:
        UnknownName: if a pattern matches none.
    """
    known = list(_candidates(seed))
    chosen = set[str]()
    for pattern in patterns:
        hits = {c.name for c in known if any(fnmatchcase(x, pattern) for x in (c.name, c.source, *c.tags))}
        if not hits:
            raise UnknownName("vector", pattern, [c.name for c in known])
        chosen |= hits
    yield from (c.made() for c in known if c.name in chosen)


def _candidates(seed: int) -> Iterator[_Candidate]:
    for network in networks.values():
        if network.small:
            formats = network.dtypes if network.name in HALVES else network.dtypes[:2]
            yield _from_network(network, f"networks/{network.name}", seed, formats, ("network", *network.tags, *network.systems))
    for source in operation_names():
        _, op, number = source.split("/")
        network = networks[source]
        formats = network.dtypes if number == "0" else BOTH
        yield _from_network(network, f"operations/{op}-{number}", seed, formats, ("operation", op, *network.systems))
    for k in range(RANDOM):
        network = networks[f"random/{seed}/{k}"]
        yield _from_network(network, f"random/{k}", seed, BOTH, ("random", *network.systems))
    for recreation in recreations(seed):
        fault = recreation.fault
        yield _Candidate(f"faults/{recreation.name}", fault.name, ("fault", fault.fault_class), partial(_of_fault, recreation))


def _from_network(network: Network, name: str, seed: int, dtypes: tuple[str, ...], tags: tuple[str, ...]) -> _Candidate:
    distinct = tuple(dict.fromkeys(tags))
    return _Candidate(name, network.name, distinct, partial(_of_network, network, name, seed, dtypes, distinct))


def _of_network(network: Network, name: str, seed: int, dtypes: tuple[str, ...], tags: tuple[str, ...]) -> Case:
    graph = short_constants(_scaled(network.graph))
    return Case(name, network.reason, network.name, tags, graph, lambda dtype: network.values(seed, dtype), dtypes)


def _scaled(graph: Graph) -> Graph:
    """Return a graph of one operation, whose value is the loss, with another factor behind it than 1: a rule may forget it."""
    if len(graph.nodes) > 1:
        return graph
    factor = Leaf(f"{LOSS}1", "constant", (), "float", np.array(1.5))
    loss = Node(f"{LOSS}2", "mul", (graph.outputs[0], factor.name))
    return Graph([*graph.leaves, factor], [*graph.nodes, loss], [loss.name], name=graph.name)


def _of_fault(recreation: Recreation) -> Case:
    fault = recreation.fault
    told = {"name": fault.name, "class": fault.fault_class, "title": fault.title, "operation": fault.operation, "reference": fault.source}
    title = "the gradient before, which is right" if recreation.earlier else fault.title

    def make(_: str) -> dict[str, Any]:
        return {k: np.array(x) for k, x in recreation.values.items()}

    return Case(
        f"faults/{recreation.name}", f"{fault.operation}: {title}", fault.name, ("fault", fault.fault_class), recreation.graph, make, BOTH,
        None if recreation.earlier else told, not recreation.accurate, recreation,
    )  # fmt: skip
