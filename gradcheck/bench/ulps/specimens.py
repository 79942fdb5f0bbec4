"""Errors of operations that mix entries: their samples at many random points, scaled up and down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic
from gradcheck.arith.floating import FORMATS, Floating
from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.bench.ulps.distance import Errors, Exact, Format, errors
from gradcheck.bench.ulps.entries import Memory
from gradcheck.bench.ulps.exact import solved
from gradcheck.bench.ulps.row import Example, Row, summary
from gradcheck.engine.reverse import seeds, sweep
from gradcheck.errors import CannotExpress
from gradcheck.graph.evaluation import forward
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, bind
from gradcheck.networks.specimen import specimen
from gradcheck.ops.op import Op
from gradcheck.targets.opening import run_of
from gradcheck.targets.target import Description, as_float

#: Real operands are multiplied by these, in turn; the other kinds keep their domain.
SCALES = (1.0, 16.0, 2.0**-10, 1.0, 2.0**-4, 256.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One sample at one point."""

    graph: Graph
    values: Arrays
    where: Mapping[str, Any]


@dataclass(slots=True)
class Gathered:
    """What was found of one result, over all cases."""

    got: list[npt.NDArray[Any]] = field(default_factory=list)
    exact: list[Exact] = field(default_factory=list)
    bounds: list[npt.NDArray[np.float64]] = field(default_factory=list)
    compared: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    small: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    where: list[tuple[int, tuple[int, ...], Mapping[str, Any]]] = field(default_factory=list)


def draw(op: Op, number: int, seed: int, scale: float, dtype: str) -> Case:
    """Return a sample of an operation with values of a format.

    Args:
        op: the operation.
        number: which of its samples.
        seed: of the values.
        scale: factor of the real operands.
        dtype: the format, all of whose digits are used.
    """
    graph, values = specimen(op, number, seed)
    rng = np.random.default_rng([seed, number, 1])
    kinds = dict(zip((f"x{k}" for k in range(99)), op.kinds(len(op.samples[number].operands)), strict=False))
    made = {}
    with np.errstate(over="ignore"):
        for k, x in values.items():
            full = x * (1 + rng.uniform(-(2.0**-24), 2.0**-24, x.shape))
            made[k] = np.asarray(full * (scale if kinds[k] == "real" else 1)).astype(FORMATS[dtype])
    return Case(graph, made, {"network": f"op/{op.name}/{number}", "seed": seed, "scale": scale})


def cases(op: Op, dtype: str, count: int, seed: int) -> Iterator[Case]:
    """Yield every sample `count` times."""
    for number in range(len(op.samples)):
        for k in range(count):
            yield draw(op, number, seed + k, SCALES[k % len(SCALES)], dtype)


def measured(d: Description, dtype: str, op: Op, *, count: int, seed: int, memory: Memory) -> list[Row]:
    """Return the errors of an operation's value and of the gradient of each real operand.

    The cotangents are the weights 1, 1.25, ... 2, exact in every format.

    Args:
        d: the target.
        dtype: its format.
        op: the operation.
        count: points for each sample.
        seed: of the points.
        memory: of exact results.

    Raises:
        CannotExpress: if the target has a form for no sample.
    """
    found: dict[str, Gathered] = {}
    refused: CannotExpress | None = None
    ran = False
    for k, case in enumerate(cases(op, dtype, count, seed)):
        try:
            with np.errstate(all="ignore"):
                run = run_of(d.target, case.graph.copy(), {k: x.copy() for k, x in case.values.items()})
        except CannotExpress as error:
            refused = error
            continue
        ran = True
        exact = memory((op.name, dtype, seed, count, k), lambda case=case: _exact(case, dtype))
        gradients = run.plain_gradients or run.gradients
        answers = {"value": (run.node_values or {}).get("y")} | {f"gradient {k[1:]}": gradients.get(k) for k in case.values}
        _gather(found, answers, exact, _bounds(d, op, case, dtype), case, op, dtype)
    if refused is not None and not ran:
        raise refused
    return [_row(d, dtype, op, what, g) for what, g in found.items()]


def _results(case: Case, m: Arithmetic) -> list[Any]:
    """Return the node's value and every parameter's gradient in an arithmetic."""
    plain = {k: x.astype(np.float64) for k, x in case.values.items()}
    y = forward(case.graph, plain, m)
    wrt = case.graph.differentiable
    back = sweep(case.graph, y, m, seeds(case.graph, m), wrt)
    return [y["y"], *(back.get(k, m.zeros(case.graph.shapes[k])) for k in wrt)]


def _exact(case: Case, dtype: str) -> dict[str, Exact]:
    found = solved(lambda m: _results(case, m), dtype)
    return dict(zip(_names(case), found, strict=True))


def _names(case: Case) -> list[str]:
    return ["value", *(f"gradient {k[1:]}" for k in case.graph.differentiable)]


def _bounds(d: Description, op: Op, case: Case, dtype: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return what rounding may do to the operation's formula, entry by entry."""
    m = Running(_roundoff(d, dtype), wide_format(dtype))
    with np.errstate(all="ignore"):
        return {k: np.asarray(y.radius()) * d.slack * op.slack for k, y in zip(_names(case), _results(case, m), strict=True)}


@cache
def _rounding(dtype: str, flushes: bool, accumulate: str | None) -> Roundoff:
    return Roundoff.of(dtype, flushes=flushes, accumulate=accumulate)


def _roundoff(d: Description, dtype: str) -> Roundoff:
    return _rounding(dtype, d.flushes, d.accumulates.get(dtype))


def _gather(
    found: dict[str, Gathered], answers: Mapping[str, Any], exact: Mapping[str, Exact], bounds: Mapping[str, Any], case: Case, op: Op, dtype: str
) -> None:
    f = Format.of(dtype)
    small = any(((x != 0) & (np.abs(x.astype(np.float64)) < f.tiny)).any() for x in case.values.values())
    smooth = not _on_kink(op, case)
    domain = not np.isnan(exact["value"].high).any()
    for what, answer in answers.items():
        if answer is None:
            continue
        got = np.asarray(as_float(answer), np.float64)
        if got.shape != exact[what].high.shape:
            got = np.full(exact[what].high.shape, np.nan)
        g = found.setdefault(what, Gathered())
        g.where.append((sum(x.size for x in g.got), got.shape, case.where))
        g.got.append(got.ravel())
        g.exact.append(exact[what])
        g.bounds.append(bounds[what].ravel())
        g.compared.append(np.full(got.size, what == "value" or (smooth and domain)))
        g.small.append(np.full(got.size, small))


def _on_kink(op: Op, case: Case) -> bool:
    if op.kinks is None:
        return False
    node = case.graph.node["y"]
    leaves = bind(case.graph, {k: x.astype(np.float64) for k, x in case.values.items()})
    with np.errstate(all="ignore"):
        margins = op.kinks(Floating("float64"), *(leaves[k] for k in node.inputs), **node.attributes)
    return any(bool((np.asarray(k) == 0).any()) for k in margins)


def _row(d: Description, dtype: str, op: Op, what: str, g: Gathered) -> Row:
    got, exact = np.concatenate(g.got), Exact.join(g.exact)
    found = errors(got, exact, dtype)
    numbers = exact.number()

    def example(k: int) -> Example:
        start, shape, where = next(w for w in reversed(g.where) if w[0] <= k)
        entry = [int(i) for i in np.unravel_index(k - start, shape)] if shape else []
        return Example((), float(got[k]), float(numbers[k]), {**where, "entry": entry})

    cancelled = (numbers == 0) & (got != 0)  # only the bound says how far from zero it may be
    apart = replace(found, ulps=np.where(cancelled, np.nan, found.ulps))
    figures = summary(
        apart, example, small_operands=np.concatenate(g.small), compared=np.concatenate(g.compared),
        scaled=_scaled(got, exact, found, np.concatenate(g.bounds)),
    )  # fmt: skip
    return Row(d.name, dtype, op.name, what, "searched, at least", **figures)


def _scaled(got: npt.NDArray[Any], exact: Exact, found: Errors, bound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    with np.errstate(all="ignore"):
        off = np.abs(np.ldexp((np.ldexp(got, exact.lift) - exact.high) - exact.low, -exact.lift))
        ratio = np.where(off == 0, 0.0, off / bound)
    return np.where(np.isfinite(found.ulps) & np.isfinite(bound), ratio, np.nan)
