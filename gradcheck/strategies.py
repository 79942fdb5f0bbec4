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


#: Numbers at which derivatives were wrong: zeros, ones, both tails, cut-offs of exponentials.
DELICATE = (0.0, 1.0, -1.0, 2.0, 0.5, 1e-30, -1e-16, 1e-9, 1e-4, 15.0, -15.0, 40.0, -40.0, 95.0, 400.0, -800.0, 1e4, -1e8, 1e18, 1e30)


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None,
    *,
    low: float = -2.0,
    high: float = 2.0,
    dtype: Any = np.float64,
) -> Any:
    """Return a strategy of ordinary arrays: multiples of 1/32 of the range, which shrink to short numbers.

    Args:
        draw: given by Hypothesis.
        shape: of the array, or a strategy of shapes; rank 0 to 3 and sizes 1 to 4 unless given.
        low: the smallest number.
        high: the largest.
        dtype: of the array.

    >>> arrays((2, 3)).example().shape  # doctest: +SKIP
    (2, 3)
    """
    found = _shape(draw, shape)
    steps = draw(st.lists(st.integers(0, 32), min_size=_size(found), max_size=_size(found)))
    return (low + (high - low) * np.array(steps, dtype=np.float64).reshape(found) / 32).astype(dtype)


@st.composite
def adversarial(
    draw: st.DrawFn, shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None, *, dtype: Any = np.float64
) -> Any:
    """Return a strategy of arrays at which derivatives were wrong: zeros, ties, all equal, both tails, unit and empty axes.

    Args:
        draw: given by Hypothesis.
        shape: of the array, or a strategy of shapes; rank 0 to 3 and sizes 0 to 4 unless given.
        dtype: of the array; magnitudes beyond it are left out.

    >>> adversarial((4,)).example().shape  # doctest: +SKIP
    (4,)
    """
    found = _shape(draw, shape, least=0)
    top = float(np.finfo(dtype).max)
    numbers = st.sampled_from([x for x in DELICATE if abs(x) < top]) | st.integers(-64, 64).map(lambda k: k / 32)
    size = _size(found)
    kind = draw(st.sampled_from(("each", "equal", "tie")))
    if kind == "equal" or size < 2:
        return np.full(found, draw(numbers), dtype)
    flat = np.array(draw(st.lists(numbers, min_size=size, max_size=size)), dtype=np.float64)
    if kind == "tie":
        flat[draw(st.integers(0, size - 1))] = flat.max()
    return flat.reshape(found).astype(dtype)


def _shape(draw: st.DrawFn, shape: Any, least: int = 1) -> tuple[int, ...]:
    if shape is None:
        return tuple(draw(st.lists(st.integers(least, 4), max_size=3)))
    made: tuple[int, ...] = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    return made


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=int))
