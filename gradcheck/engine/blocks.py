"""A square matrix over all entries of several leaves, by pairs of leaves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar


class _Block(Protocol):
    @property
    def shape(self) -> Any: ...


B = TypeVar("B", bound=_Block)


class Blocks(Mapping[tuple[str, str], B]):
    """A mapping (name, name) -> block of shape ``(*shape of the first, *shape of the second)``.

    Args:
        names: of the leaves, in the order of the whole matrix.
        blocks: by pairs of names.

    >>> import numpy as np
    >>> Blocks(("x",), {("x", "x"): np.zeros((2, 3, 2, 3))}).sizes
    {'x': 6}
    """

    def __init__(self, names: tuple[str, ...], blocks: Mapping[tuple[str, str], B]) -> None:
        self.names, self._blocks = names, dict(blocks)

    def __getitem__(self, pair: tuple[str, str]) -> B:
        return self._blocks[pair]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def sizes(self) -> dict[str, int]:
        """How many entries each leaf has."""
        return {a: math.isqrt(math.prod(self._blocks[a, a].shape)) for a in self.names}
