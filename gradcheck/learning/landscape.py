"""The error over one or two parameters, with the ways of descent in it: numbers to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.engine.plan import compile as compiled
from gradcheck.errors import BadInput
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.learning.trajectory import Trajectory

#: Points along an axis, with one parameter and with two.
LINE, GRID = 241, 33


def drawable(graph: Graph) -> bool:
    """Answer whether there are one or two parameters, each a single number."""
    return 1 <= graph.size <= 2


def landscape(graph: Graph, values: Arrays, ways: Mapping[str, Trajectory], ranges: Sequence[tuple[float, float]] = ()) -> dict[str, Any]:
    """Return the error on a grid, and along the ways.

    Args:
        graph: of one or two parameter entries.
        values: inputs by name; parameters are put in their place.
        ways: trajectories with their paths, by a label.
        ranges: lowest and highest value of each entry; around the ways unless given.

    Raises:
        BadInput: more parameters than can be drawn, or a trajectory whose path was not kept.
    """
    if not drawable(graph):
        raise BadInput(f"expected a network of one or two parameters, whose error can be drawn; {graph.name} has {graph.size}")
    if not all(t.path for t in ways.values()):
        raise BadInput("expected trajectories with their paths; train with keep=True")
    entries = [(k, i) for k in graph.parameters for i in np.ndindex(graph.shapes[k])]
    tracks = {label: np.array([[float(p[k][i]) for k, i in entries] for p in t.path]) for label, t in ways.items()}
    spans = ranges or _around(np.concatenate(list(tracks.values())))
    axes = [np.linspace(*span, LINE if len(entries) == 1 else GRID) for span in spans]
    plan, data = compiled(graph), {k: values[k] for k in graph.inputs}

    def error(*at: float) -> float:
        found = {k: np.zeros(graph.shapes[k]) for k in graph.parameters}
        for (k, i), x in zip(entries, at, strict=True):
            found[k][i] = x
        return float(plan.value({**data, **found}))

    return {
        "names": [k + (str(list(i)) if i else "") for k, i in entries], "axes": [x.tolist() for x in axes],
        "errors": np.vectorize(error)(*np.meshgrid(*axes, indexing="ij")).tolist(),
        "ways": [{"label": label, "at": x.tolist(), "errors": list(ways[label].losses)} for label, x in tracks.items()],
    }  # fmt: skip


def _around(track: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return ranges that hold a track and half as much around it, of one width."""
    low, high = track.min(axis=0), track.max(axis=0)
    half = max(float(np.max(high - low)), 0.5)
    return [(float(m - half), float(m + half)) for m in (low + high) / 2]
