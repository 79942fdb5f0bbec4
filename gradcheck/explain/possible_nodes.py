"""Which nodes can have made a change of the gradients at all, by any mistake: linear algebra over directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.explain.scene import ROUNDING, Direction, Scene
from gradcheck.graph.graph import Node

#: Directions that are drawn at most; a node with as many entries in its operands cannot be excluded.
MOST = 48
#: Part of a change that has to be left over before a node is excluded: the linear algebra has errors of its own, which are so large
#: where the condition of the random rows is 1e9.
LEFT = 1e-6


def consistent(scene: Scene, nodes: Sequence[Node]) -> tuple[str, ...]:
    """Return the names of the nodes at which some change of contributions makes the target's gradients, in topological order.

    For each direction t the change d of what a node hands to its operands has to satisfy <t, D> = sum_k <T[x_k], d_k>, see
    `gradcheck.explain.scene`. Where there are more directions than entries, a node without a solution is excluded.

    Args:
        scene: the point.
        nodes: those that come into question.
    """
    entries = sum(int(np.prod(scene.graph.shapes[k])) for k in scene.wrt)
    directions = scene.directions(min(MOST, entries), seed=1)
    return tuple(n.name for n in reversed(nodes) if _possible(scene, n, directions))


def _possible(scene: Scene, node: Node, directions: Sequence[Direction]) -> bool:
    active = [x for x in dict.fromkeys(node.inputs) if x in scene.active]
    if not active:
        return False
    if sum(int(np.prod(scene.graph.shapes[x])) for x in active) >= len(directions):
        return True
    rows = np.stack([_row(scene, t, active) for t in directions])
    change = np.array([t.change for t in directions])
    room = np.array([ROUNDING * t.rounding for t in directions])
    if not (np.isfinite(rows).all() and np.isfinite(change).all()):
        return True
    left = np.abs(rows @ np.linalg.lstsq(rows, change, rcond=None)[0] - change)
    return bool(np.all(left <= LEFT * np.max(np.abs(change)) + room))


def _row(scene: Scene, t: Direction, active: Sequence[str]) -> npt.NDArray[Any]:
    zero = {x: np.zeros(scene.graph.shapes[x]) for x in active}
    return np.concatenate([np.ravel(t.tangents.get(x, zero[x])) for x in active])
