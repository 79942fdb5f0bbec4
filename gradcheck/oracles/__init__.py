"""Independent oracles: four ways to the gradient of a graph, none of which reads a vjp.

To add one, write a module with a function (graph, values, *, cotangent, wrt) -> `Estimate` and
name it in `ORACLES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from gradcheck.errors import UnknownName
from gradcheck.oracles.estimate import Estimate, Oracle

__all__ = ["ORACLES", "Estimate", "Oracle", "Oracles"]


class Oracles(Mapping[str, Oracle]):
    """The oracles by name; each is a function of that name in a module of that name, loaded when asked for."""

    NAMES = ("symbolic", "differences", "forward", "ball")

    def __getitem__(self, name: str) -> Oracle:
        if name not in self.NAMES:
            raise UnknownName("oracle", name, self.NAMES)
        found: Oracle = getattr(import_module(f"{__name__}.{name}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)


#: Every oracle by name.
ORACLES = Oracles()
