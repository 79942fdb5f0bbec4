"""What a network for checking is: a program, its data, and the reason why it is here."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.errors import UnknownName
from gradcheck.graph.graph import Graph
from gradcheck.graph.trace import trace
from gradcheck.graph.values import Arrays, bind

Data: TypeAlias = Mapping[str, npt.NDArray[Any]]
Maker: TypeAlias = Callable[[np.random.Generator], Data]
Program: TypeAlias = Callable[..., Any]

DTYPES = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Network:
    """A network with its data.

    Args:
        name: unique, stable, lower case with hyphens.
        reason: one line: what it is and why it is checked.
        program: code to be traced; its arguments are the names in the data.
        make: makes inputs and parameters (float64, integers, booleans) from a random generator.
        inputs: the float arguments that are data, not parameters.
        systems: the systems of backpropagation that it shows ("S1", ...).
        tags: groups: "classic", "topology", "modern", "kinks", "extremes".
        small: whether the slow oracles can take it.
        smooth: whether there is no kink at or near its values.
        twin: name of its small twin, if it is not small itself.
        dtypes: the formats in which it makes sense.
    """

    name: str
    reason: str
    program: Program
    make: Maker
    inputs: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    small: bool = False
    smooth: bool = True
    twin: str = ""
    dtypes: tuple[str, ...] = DTYPES

    @classmethod
    def of(cls, program: Program, values: Data, *, inputs: Iterable[str] = (), name: str = "") -> Network:
        """Return a network of one's own: code to be traced, and the values to check it at.

        Args:
            program: code of operators, NumPy functions and `gradcheck.ops`; see `gradcheck.trace`.
            values: arrays by argument name.
            inputs: the float arguments that are data, not parameters.
            name: the program's unless given.
        """
        fixed = {k: np.array(x) for k, x in values.items()}
        return cls(name or program.__name__.strip("<>"), "given by the user", program, lambda _: fixed, tuple(inputs))

    @classmethod
    def of_graph(cls, graph: Graph, values: Data, reason: str) -> Network:
        """Return a graph that is there, with the values to check it at.

        Args:
            graph: with a scalar output.
            values: of its inputs and parameters, by name.
            reason: what it is.
        """
        fixed = {k: np.array(x) for k, x in values.items()}
        return _OfGraph(graph.name, reason, lambda: None, lambda _: fixed, there=graph)

    @cached_property
    def graph(self) -> Graph:
        """The traced graph."""
        return trace(self.program, self.make(np.random.default_rng(0)), inputs=self.inputs, name=self.name)

    def values(self, seed: int = 0, dtype: str = "float64") -> Arrays:
        """Return inputs and parameters, floats rounded to `dtype`."""
        arrays = bind(self.graph, self.make(np.random.default_rng(seed)), dtype)
        return {k: x for k, x in arrays.items() if self.graph.leaf[k].kind != "constant"}


@dataclass(frozen=True)
class _OfGraph(Network):
    there: Any = None

    @cached_property
    def graph(self) -> Graph:
        """The graph that was given."""
        found: Graph = self.there
        return found


class Networks(Mapping[str, Network]):
    """The registry: filled when first asked, from the modules of `gradcheck.networks`."""

    MODULES = (
        "layered", "classic", "historical", "learning", "functions", "topology", "modern", "convolution", "recurrent",
        "kinks", "extremes",
    )  # fmt: skip

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}
        self._loaded = False

    def add(self, network: Network) -> Network:
        """Register a network and return it."""
        if network.name in self._networks:
            raise ValueError(f"there are two networks named {network.name!r}")
        self._networks[network.name] = network
        return network

    def _load(self) -> dict[str, Network]:
        if not self._loaded:
            self._loaded = True
            for module in self.MODULES:
                import_module(f"gradcheck.networks.{module}")
        return self._networks

    def __getitem__(self, name: str) -> Network:
        found = self._load()
        if name.startswith("random/"):
            from gradcheck.networks.random import random_network

            return random_network(name)
        if name.startswith("op/"):
            from gradcheck.networks.specimen import operation_network

            return operation_network(name)
        if name not in found:
            raise UnknownName("network", name, found)
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def matching(self, patterns: str | Iterable[str]) -> list[Network]:
        """Return the networks whose name, system or tag matches a shell pattern, in order.

        Raises:
            UnknownName: if a pattern matches none.
        """
        wanted = [patterns] if isinstance(patterns, str) else list(patterns)
        found: dict[str, Network] = {}
        for pattern in (q for p in wanted for q in p.split(",")):
            hits = [n for n in self._load().values() if _matches(n, pattern)]
            if not hits:
                hits = [self[pattern]]
            found.update({n.name: n for n in hits})
        return list(found.values())


def _matches(network: Network, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(x, pattern) for x in (network.name, *network.systems, *network.tags))


networks = Networks()


def declare(name: str, reason: str, program: Program, make: Maker, **more: Any) -> Network:
    """Make a `Network`, register it and return it; see `Network` for the arguments."""
    return networks.add(Network(name, reason, program, make, **more))
