"""A network as a drawing: columns by distance from the inputs, the guilty node in red, each node's ratio under its name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradcheck.result.finding import NodeRatio
from gradcheck.result.text import clean, ratio

#: Nodes that are drawn: more are cut to those around the guilty one.
MOST_NODES = 60
#: Steps from the guilty node that are kept then.
STEPS = 3

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 104, 40, 34, 12


@dataclass(frozen=True, slots=True)
class Box:
    """A node in its place.

    Args:
        x, y: upper left corner, in pixels.
        name, op: texts.
        ratio: the larger of value and adjoint.
        style: "guilty", "bad", "good" or "" where nothing was compared.
    """

    x: float
    y: float
    name: str
    op: str
    ratio: str
    style: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes and lines between them (x1, y1, x2, y2), and what to say to those who cannot see them."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[tuple[float, float, float, float], ...]
    text: str


def worst(n: NodeRatio) -> float | None:
    """Return the larger ratio of a node; None where nothing was compared."""
    found = [x for x in (n.value, n.adjoint) if x is not None and not math.isnan(x)]
    return max(found, default=None)


def drawing(nodes: Sequence[NodeRatio], guilty: str) -> Drawing | None:
    """Return a drawing of a network; None of none.

    Args:
        nodes: in an order in which each comes after what it reads.
        guilty: the name of the node at which the fault sits.
    """
    kept = _near(nodes, guilty) if len(nodes) > MOST_NODES else list(nodes)
    if not kept:
        return None
    names = {n.name for n in kept}
    depth: dict[str, int] = {}
    for n in kept:
        depth[n.name] = 1 + max((depth[x] for x in n.inputs if x in depth), default=-1)
    columns: dict[int, list[NodeRatio]] = {}
    for n in kept:
        columns.setdefault(depth[n.name], []).append(n)
    tallest = max(map(len, columns.values()))
    place: dict[str, tuple[float, float]] = {}
    for k, column in columns.items():
        top = (tallest - len(column)) * (_HEIGHT + _GAP_Y) / 2
        for i, n in enumerate(column):
            place[n.name] = (8 + k * (_WIDTH + _GAP_X), 8 + top + i * (_HEIGHT + _GAP_Y))
    boxes = tuple(Box(*place[n.name], clean(n.name, 14), clean(n.op or "parameter", 10), ratio(worst(n)), _style(n, guilty)) for n in kept)
    lines = tuple(
        (place[x][0] + _WIDTH, place[x][1] + _HEIGHT / 2, place[n.name][0], place[n.name][1] + _HEIGHT / 2)
        for n in kept for x in dict.fromkeys(n.inputs) if x in names
    )  # fmt: skip
    width = 16 + len(columns) * (_WIDTH + _GAP_X) - _GAP_X
    bad = [n.name for n in kept if (worst(n) or 0) > 1]
    text = f"Graph of {len(nodes)} nodes, {len(kept)} drawn; at {guilty or 'no single node'} sits the fault"
    text += f"; beyond their bound: {', '.join(bad[:8])}" if bad else ""
    return Drawing(width, 16 + tallest * (_HEIGHT + _GAP_Y) - _GAP_Y, boxes, lines, clean(text))


def _style(n: NodeRatio, guilty: str) -> str:
    if n.name == guilty:
        return "guilty"
    found = worst(n)
    return "" if found is None else "bad" if found > 1 else "good"


def _near(nodes: Sequence[NodeRatio], guilty: str) -> list[NodeRatio]:
    """Return the nodes within a few steps of the guilty one, or the first ones."""
    around = {n.name: set(n.inputs) for n in nodes}
    for n in nodes:
        for x in n.inputs:
            around.setdefault(x, set()).add(n.name)
    kept, edge = {guilty}, {guilty}
    for _ in range(STEPS):
        edge = {y for x in edge for y in around.get(x, ())} - kept
        kept |= edge
    found = [n for n in nodes if n.name in kept] if guilty in around else list(nodes)
    return found[:MOST_NODES]
