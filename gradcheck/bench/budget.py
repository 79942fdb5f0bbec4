"""Budgets: what a file records of counted operations, allocation and ratios must not be exceeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gradcheck.bench.clock import paired
from gradcheck.bench.families import FAMILIES
from gradcheck.bench.model import model
from gradcheck.bench.plan import CASES, mlp, over_value, peak_bytes, point, ways
from gradcheck.engine.plan import compile as compiled
from gradcheck.engine.reverse import backward
from gradcheck.errors import BadDocument, UnknownName
from gradcheck.files import json
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values

SCHEMA = "gradcheck-budget/1"

#: Sizes of the families at which work is counted.
COUNTED_SIZES = (1_000, 100_000)

#: By what a recorded figure may be exceeded: counts by nothing, bytes by what another Python or NumPy needs, times by noise.
SLACK: Mapping[str, float] = {"count": 1.0, "bytes": 1.1, "ratio": 2.0}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that can have a budget.

    Args:
        name: "family-size/what" or "net/what".
        kind: "count" (operations, bytes moved), "bytes" (allocated), "ratio" (of two times in one run).
        measure: seconds -> the number.
    """

    name: str
    kind: str
    measure: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure beside its budget."""

    name: str
    kind: str
    got: float
    limit: float

    @property
    def exceeded(self) -> bool:
        """Whether it is above its limit."""
        return self.got > self.limit


#: what -> graph, values -> the number
_COUNTS: Mapping[str, Callable[[Graph, Values], int]] = {
    "operations of the value": lambda g, v: model(g, v).value.operations,
    "operations of the gradient": lambda g, v: model(g, v).gradient.operations,
    "bytes moved by the gradient": lambda g, v: model(g, v).gradient.traffic,
    "bytes saved": lambda g, v: model(g, v).gradient.saved,
    "bytes of the plan": lambda g, v: compiled(g).memory.total,
}


def _families() -> Iterator[Figure]:
    for name in (f.name for f in FAMILIES.values() if not f.sizes):
        for n in COUNTED_SIZES:
            for what in _COUNTS:
                yield Figure(f"{name}-{n}/{what}", "count", partial(_counted, name, n, what))


def _counted(family: str, n: int, what: str, seconds: float) -> int:
    return _COUNTS[what](*FAMILIES[family].network(n))


def _nets() -> Iterator[Figure]:
    for name, case in CASES.items():
        yield Figure(f"{name}/peak bytes of the plan", "bytes", partial(_peak, case))
        yield Figure(f"{name}/plan over hand", "ratio", partial(_over_hand, case))
        yield Figure(f"{name}/plan over sweep", "ratio", partial(_over_sweep, case))
        yield Figure(f"{name}/gradient over value", "ratio", partial(_over_value, case))


def _peak(case: Any, seconds: float) -> int:
    return peak_bytes(compiled(mlp(*case)), point(*case))


def _over_hand(case: Any, seconds: float) -> float:
    run = ways(*case, others=False)
    return paired(run["plan"], run["hand"], seconds).median


def _over_sweep(case: Any, seconds: float) -> float:
    graph, values = mlp(*case), point(*case)
    plan = compiled(graph)
    return paired(lambda: plan.value_and_grad(values), lambda: backward(graph, values), seconds).median


def _over_value(case: Any, seconds: float) -> float:
    return over_value(compiled(mlp(*case)), point(*case), seconds).median


def figures() -> dict[str, Figure]:
    """Return every figure that can have a budget, by name."""
    return {f.name: f for f in (*_families(), *_nets())}


def recorded(seconds: float) -> dict[str, Any]:
    """Return the budget file of this machine: every figure, and the limit that it may not exceed.

    Args:
        seconds: for each ratio.
    """
    found = {}
    for name, f in figures().items():
        got = f.measure(seconds)
        limit = got * SLACK[f.kind]
        found[name] = {"kind": f.kind, "measured": _rounded(got), "limit": int(limit) if f.kind != "ratio" else _rounded(limit)}
    return {"schema": SCHEMA, "figures": found}


def _rounded(x: float) -> float:
    return x if isinstance(x, int) else float(f"{x:.3g}")


def read(path: Path) -> dict[str, float]:
    """Return the limits that a file records, by name.

    Raises:
        BadDocument: if it is no budget.
        UnknownName: a figure that does not exist.
    """
    data = json.read(path, "a budget")
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("figures"), dict) or not data["figures"]:
        raise BadDocument(f"{path}: expected schema {SCHEMA!r} and figures; record one with: gradcheck cost --budget {path} --record")
    known = figures()
    limits = {}
    for name, entry in data["figures"].items():
        if name not in known:
            raise UnknownName("figure", name, known)
        limit = entry.get("limit") if isinstance(entry, dict) else None
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit >= 0:
            raise BadDocument(f"{path}: {name}: expected a limit, a number of at least 0; got {limit!r:.80}")
        limits[name] = float(limit)
    return limits


def lines(limits: Mapping[str, float], seconds: float) -> Iterator[Line]:
    """Yield each figure beside its limit.

    Args:
        limits: by name.
        seconds: for each ratio.
    """
    known = figures()
    for name, limit in limits.items():
        yield Line(name, known[name].kind, known[name].measure(seconds), limit)
