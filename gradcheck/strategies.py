"""Hypothesis strategies: networks with values, and points for a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.errors import MissingDependency
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.networks.random import grow

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise MissingDependency("hypothesis", "hypothesis") from error


@dataclass
class FromHypothesis:
    """Choices of Hypothesis, which then knows how to make them simpler."""

    draw: st.DrawFn

    def integer(self, low: int, high: int) -> int:
        """Return an integer from low to high, drawn so that it shrinks."""
        return self.draw(st.integers(low, high))


@st.composite
def graphs(draw: st.DrawFn, *, max_nodes: int = 12, ops: Sequence[str] | None = None) -> tuple[Graph, Arrays]:
    """Return a strategy of networks with values: any operations, any acyclic shape, a scalar loss.

    Args:
        draw: given by Hypothesis.
        max_nodes: before the loss.
        ops: names of the operations; all unless given.

    >>> graph, values = graphs(max_nodes=3).example()  # doctest: +SKIP
    """
    return grow(FromHypothesis(draw), max_nodes=max_nodes, ops=ops)


@st.composite
def points(draw: st.DrawFn, graph: Graph, *, low: float = -2, high: float = 2) -> Arrays:
    """Return a strategy of values for the float leaves of a network, multiples of 1/32 of the range.

    Args:
        draw: given by Hypothesis.
        graph: a network without integer or boolean inputs.
        low: the smallest number.
        high: the largest.
    """
    found: dict[str, Any] = {}
    for leaf in graph.leaves:
        if leaf.kind != "constant":
            size = int(np.prod(leaf.shape, dtype=int))
            steps = draw(st.lists(st.integers(0, 32), min_size=size, max_size=size))
            found[leaf.name] = low + (high - low) * np.array(steps, dtype=np.float64).reshape(leaf.shape) / 32
    return found
