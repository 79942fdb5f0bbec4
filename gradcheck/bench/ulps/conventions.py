"""Which derivative does each target give at a kink, and does it lie in the generalised derivative?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gradcheck.arith.floating import FORMATS
from gradcheck.bench.ulps.kinks import Point, points
from gradcheck.bench.ulps.row import plain
from gradcheck.errors import TargetFailed
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.ops.op import registry
from gradcheck.targets.opening import run_of
from gradcheck.targets.target import Description, as_float


@dataclass(frozen=True, slots=True)
class Cell:
    """What one target gives at one point.

    Args:
        target, dtype: who.
        point: what is asked.
        allowed: the generalised derivative, for people.
        given: the derivative, the entries of all operands one after the other; empty where the target has no form, or failed.
        status: "inside", "outside", "not finite", "no form", or "finite" where there is no derivative.
    """

    target: str
    dtype: str
    point: str
    op: str
    allowed: str
    given: tuple[float, ...]
    status: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {k: plain(v) for k, v in asdict(self).items()}


def conventions(d: Description, dtype: str, names: Iterable[str] | None = None) -> list[Cell]:
    """Return what a target gives at every point without a derivative.

    Args:
        d: the target.
        dtype: its format.
        names: of the operations wanted, all unless given.

    >>> from gradcheck.targets.reference import Reference
    >>> [c.given for c in conventions(Description.of(Reference()), "float64", ["relu"])]
    [(0.0,), (0.0,)]
    """
    wanted = None if names is None else set(names)
    return [_cell(d, dtype, p) for p in points() if wanted is None or p.op in wanted]


def _cell(d: Description, dtype: str, p: Point) -> Cell:
    try:
        given = _derivative(d, dtype, p)
    except TargetFailed:
        return Cell(d.name, dtype, p.name, p.op, p.allowed.text, (), "no form")
    if p.allowed.holds(given):
        status = "finite" if p.allowed.empty else "inside"
    else:
        status = "outside" if np.isfinite(given).all() else "not finite"
    return Cell(d.name, dtype, p.name, p.op, p.allowed.text, tuple(float(x) + 0.0 for x in given), status)


def _derivative(d: Description, dtype: str, p: Point) -> np.ndarray[Any, np.dtype[np.float64]]:
    op, leaves, values, wanted = registry[p.op], [], {}, []
    for k, x in enumerate(p.operands):
        a, name = np.asarray(x), f"x{k}"
        if a.dtype == bool:
            leaves.append(Leaf(name, "constant", a.shape, "bool", a))
            continue
        leaves.append(Leaf(name, "parameter", a.shape))
        values[name] = a.astype(FORMATS[dtype])
        if p.wrt is None or k in p.wrt:
            wanted.append(name)
    node = Node("y", op.name, tuple(x.name for x in leaves), op.complete(p.attributes))
    graph = Graph(leaves, [node, Node("loss", "sum", ("y",))], ["loss"], name=p.name)
    with np.errstate(all="ignore"):
        run = run_of(d.target, graph, values)
    found = run.plain_gradients or run.gradients
    if any(found.get(name) is None for name in wanted):
        raise TargetFailed(f"expected a gradient of each of {', '.join(wanted)}")
    return np.concatenate([np.asarray(as_float(found[name]), np.float64).ravel() for name in wanted])
