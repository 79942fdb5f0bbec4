"""What operations were applied to, after a stream: what it did not keep is converted, or computed, again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from gradcheck.compare.certificate import Certificate
from gradcheck.compare.regions import Key
from gradcheck.graph.graph import Graph

#: Makes some comparisons of the certificate alone.
Alone = Callable[[Collection[Key]], Certificate]


class Values(Mapping[str, Any]):
    """The values of leaves and nodes.

    Args:
        graph: the network.
        shows: whether the target handed a value back, or got it.
        operand: converts one that it did.
        alone: computes one that it did not.
    """

    def __init__(self, graph: Graph, shows: Callable[[str], bool], operand: Callable[[str], Any], alone: Alone) -> None:
        self._graph, self._shows, self._operand, self._alone = graph, shows, operand, alone

    def __getitem__(self, name: str) -> Any:
        return self._operand(name) if self._shows(name) else self._alone([(name, False)]).values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.shapes)

    def __len__(self) -> int:
        return len(self._graph.shapes)


class Adjoints(Mapping[str, Any]):
    """The adjoints that were compared or carried.

    Args:
        names: of these.
        handed_back: whether the target handed one back.
        exact: converts one that it did.
        alone: computes one that it did not.
    """

    def __init__(self, names: Collection[str], handed_back: Callable[[str], bool], exact: Callable[[str], Any], alone: Alone) -> None:
        self._names, self._handed_back, self._exact, self._alone = names, handed_back, exact, alone

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._exact(name) if self._handed_back(name) else self._alone([(name, True)]).adjoints[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
