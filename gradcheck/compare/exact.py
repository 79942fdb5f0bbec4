"""Arrays that a target relies on, as operands of the running arithmetic: exact, and converted when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.running import Running


class Exact(Mapping[str, Any]):
    """Values by name; those that a target handed back take no memory in the wide format but while they are used.

    Args:
        m: the arithmetic.
    """

    def __init__(self, m: Running) -> None:
        self._m = m
        self._exact: dict[str, npt.NDArray[Any]] = {}
        self._other: dict[str, npt.NDArray[Any]] = {}

    def give(self, name: str, x: npt.NDArray[Any]) -> None:
        """Keep floating-point numbers in the format in which they came."""
        self._exact[name] = x

    def keep(self, name: str, x: npt.NDArray[Any]) -> None:
        """Keep integers as they are."""
        self._other[name] = x

    def given(self, name: str) -> npt.NDArray[Any]:
        """Return floating-point numbers as they came."""
        return self._exact[name]

    def __getitem__(self, name: str) -> Array:
        return self._m.array(self._exact[name]) if name in self._exact else self._other[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._exact
        yield from self._other

    def __len__(self) -> int:
        return len(self._exact) + len(self._other)
