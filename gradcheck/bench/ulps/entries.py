"""Errors of functions of entries: all numbers of a narrow format, a search with climbing in a wide one."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.bench.ulps import points as looks
from gradcheck.bench.ulps.distance import Errors, Exact, Format, errors
from gradcheck.bench.ulps.exact import entrywise
from gradcheck.bench.ulps.row import Row, example_of, summary
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.ops import binary, elementwise
from gradcheck.ops.op import Op
from gradcheck.targets.opening import run_of
from gradcheck.targets.target import Description, as_float

Points = list[npt.NDArray[Any]]

#: The climb: how many of the worst points are followed, how many neighbours each gets, and how often.
FOLLOWED, NEIGHBOURS, ROUNDS = 12, 48, 10

ONE = tuple(x.name for x in vars(elementwise).values() if isinstance(x, Op))
TWO = tuple(x.name for x in vars(binary).values() if isinstance(x, Op) and "mask" not in x.operands)


@dataclass(slots=True)
class Memory:
    """Exact results that are kept from one target to the next."""

    kept: dict[Any, Any] = field(default_factory=dict)

    def __call__(self, key: Any, make: Any) -> Any:
        """Return what was made for a key, or make it."""
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]


@dataclass(frozen=True, slots=True)
class Look:
    """Points, the target's numbers and the exact ones: the value, then each gradient; None where the target gave none."""

    xs: Points
    got: list[npt.NDArray[Any] | None]
    exact: list[Exact]
    found: list[Errors | None]

    def ulps(self, which: int, compared: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return what a climb looks at: errors of normal results, -1 elsewhere."""
        e = self.found[which]
        if e is None:
            return np.full(self.xs[0].size, -1.0)
        return np.where(compared & ~e.subnormal & np.isfinite(e.ulps), e.ulps, -1.0)


def variants(op: Op) -> list[dict[str, Any]]:
    """Return the distinct attributes among an operation's samples.

    >>> variants(elementwise.integer_power)
    [{'n': 3}, {'n': -2}, {'n': 0}, {'n': 1}]
    """
    found: list[dict[str, Any]] = []
    for s in op.samples:
        if dict(s.attributes) not in found:
            found.append(dict(s.attributes))
    return found


def measured(d: Description, dtype: str, op: Op, attributes: Mapping[str, Any], *, count: int, seed: int, memory: Memory) -> list[Row]:
    """Return the errors of a function's value and of each derivative, with cotangent 1.

    Args:
        d: the target.
        dtype: its format.
        op: the function, of `ONE` or `TWO`.
        attributes: some of its attributes.
        count: how many points are drawn where not all are tried.
        seed: of the points.
        memory: of exact results.
    """
    full = op.complete(attributes)
    whole = len(op.operands) == 1 and looks.is_narrow(dtype)
    rng = np.random.default_rng([seed, zlib.crc32(f"{op.name} {sorted(attributes.items())} {dtype}".encode())])
    xs = [looks.every(dtype)] if whole else _drawn(op, dtype, count, rng)
    key = (op.name, repr(sorted(attributes.items())), dtype, count, seed)
    first = _look(d, dtype, op, full, xs, memory(key, lambda: entrywise(op, full, _wide(xs), dtype)))
    all_looks = [first] if whole else [first, *_climb(d, dtype, op, full, first, rng)]
    rows = []
    for which in range(len(first.exact)):
        if first.got[which] is not None:
            made = _joined(op, full, all_looks, which, dtype)
            what = "value" if which == 0 else f"gradient {which - 1}"
            how = "exhaustive" if whole else "searched, at least"
            rows.append(Row(d.name, dtype, op.name, what, how, attributes=dict(attributes), **made))
    return rows


def _drawn(op: Op, dtype: str, count: int, rng: np.random.Generator) -> Points:
    if op.name == "power":
        return looks.power_operands(dtype, count, rng)
    xs = [looks.stratified(dtype, count, rng) for _ in op.operands]
    for x in xs:
        rng.shuffle(x.view(np.uint16) if x.dtype.itemsize == 2 else x)  # borders must not meet borders only
    if len(xs) == 2:  # half of the pairs are of one magnitude, where sums cancel
        with np.errstate(all="ignore"):
            close = (xs[0].astype(np.float64) * -rng.uniform(0.25, 4, count)).astype(xs[0].dtype)
        xs[1] = np.where((rng.random(count) < 0.5) & np.isfinite(close.astype(np.float64)), close, xs[1])
    return xs


def _wide(xs: Points) -> Points:
    return [x.astype(np.float64) for x in xs]


def _look(d: Description, dtype: str, op: Op, attributes: Mapping[str, Any], xs: Points, exact: list[Exact]) -> Look:
    names = [f"x{k}" for k in range(len(xs))]
    leaves = [Leaf(n, "parameter", x.shape) for n, x in zip(names, xs, strict=True)]
    graph = Graph(leaves, [Node("y", op.name, tuple(names), attributes), Node("loss", "sum", ("y",))], ["loss"])
    with np.errstate(all="ignore"):
        run = run_of(d.target, graph, {n: x.copy() for n, x in zip(names, xs, strict=True)})
        gradients = run.plain_gradients or run.gradients
        got = [run.node_values.get("y") if run.node_values else None, *(gradients.get(n) for n in names)]
        read = [None if y is None else np.asarray(as_float(y), np.float64).ravel() for y in got]
    return Look(xs, read, exact, [None if y is None else errors(y, e, dtype) for y, e in zip(read, exact, strict=True)])


def _climb(d: Description, dtype: str, op: Op, attributes: Mapping[str, Any], first: Look, rng: np.random.Generator) -> list[Look]:
    """Follow the worst points of each result: neighbours near and far, the worst of which are followed again."""
    found: list[Look] = []
    best = [_worst(first, which, op, attributes) for which in range(len(first.exact))]
    for _ in range(ROUNDS):
        starts = [np.concatenate([b[0][k] for b in best]) for k in range(len(first.xs))]
        xs = looks.neighbours(starts, NEIGHBOURS, rng)
        look = _look(d, dtype, op, attributes, xs, entrywise(op, attributes, _wide(xs), dtype))
        found.append(look)
        best = [_better(b, _worst(look, which, op, attributes)) for which, b in enumerate(best)]
    return found


Best = tuple[Points, npt.NDArray[np.float64]]


def _worst(look: Look, which: int, op: Op, attributes: Mapping[str, Any]) -> Best:
    ulps = look.ulps(which, _compared(op, attributes, look, which))
    top = np.argsort(-ulps, kind="stable")[:FOLLOWED]
    return [x[top] for x in look.xs], ulps[top]


def _better(old: Best, new: Best) -> Best:
    ulps = np.concatenate([old[1], new[1]])
    top = np.argsort(-ulps, kind="stable")[:FOLLOWED]
    return [np.concatenate([a, b])[top] for a, b in zip(old[0], new[0], strict=True)], ulps[top]


def _compared(op: Op, attributes: Mapping[str, Any], look: Look, which: int) -> npt.NDArray[np.bool_]:
    """Answer where a result can be compared: a value anywhere, a derivative where there is a value, no pole and no kink."""
    if which == 0:
        return np.ones(look.xs[0].size, bool)
    value, xs = look.exact[0].high, _wide(look.xs)
    ok, infinite = np.asarray(~np.isnan(value)), np.flatnonzero(np.isinf(value))
    with np.errstate(all="ignore"):
        if infinite.size:  # beyond float64, or a pole
            m = Floating("longdouble")
            ok[infinite] = np.isfinite(op.value(m, *(m.array(x[infinite]) for x in xs), **attributes))
        if op.kinks is not None:
            for margin in op.kinks(Floating("float64"), *xs, **attributes):
                ok &= np.asarray(margin) != 0
    return ok


def _joined(op: Op, attributes: Mapping[str, Any], all_looks: list[Look], which: int, dtype: str) -> dict[str, Any]:
    """Return the figures over all points; the median is that of the first look, which was not led to large errors."""
    f = Format.of(dtype)
    xs = [np.concatenate([look.xs[k] for look in all_looks]).astype(np.float64) for k in range(len(all_looks[0].xs))]
    got = np.concatenate([y for look in all_looks if (y := look.got[which]) is not None])
    exact = Exact.join([look.exact[which] for look in all_looks])
    compared = np.concatenate([_compared(op, attributes, look, which) for look in all_looks])
    small = np.logical_or.reduce([(x != 0) & (np.abs(x) < f.tiny) for x in xs])
    found = errors(got, exact, dtype)
    out = summary(found, example_of(xs, got, exact), small_operands=small, compared=compared)
    n = all_looks[0].xs[0].size
    usual = found.ulps[:n][(compared & ~small & ~found.subnormal)[:n]]
    if np.isfinite(usual).any():
        out["median"] = float(f"{np.nanmedian(usual):.6g}")
    return out
