"""The tables of the cost report that are no growth of families: paired ratios on nets of fixed sizes, and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gradcheck.bench.certified import comparisons
from gradcheck.bench.clock import paired
from gradcheck.bench.differences import speedups
from gradcheck.bench.families import FAMILIES, size
from gradcheck.bench.model import model
from gradcheck.bench.plan import CASES, mlp, over_value, peak_bytes, point, timings
from gradcheck.bench.recorded.cost import costs
from gradcheck.bench.second import products, wholes
from gradcheck.bench.whitebox import BATCH, SIZES, whitebox
from gradcheck.engine.plan import compile as compiled

Record = dict[str, Any]

#: Layers, width and batch of the net whose values are computed again.
HUNDRED = ((64,) * 101, 512)

#: Seconds for a measurement from which on recorded runs of 10^7 parameters are measured, and of 10^8.
SHORT, LONG = 0.2, 2.0

#: The sizes of the families at which gradient and value are compared.
RATIO_SIZES = (1_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report.

    Args:
        title: of the section.
        doc: what it shows and how it was measured.
        rows: seconds for each measurement -> records of plain data, which have the same keys.
    """

    title: str
    doc: str
    rows: Callable[[float], list[Record]]


def _by_hand(seconds: float) -> list[Record]:
    return [
        {"net": t.case, "way": t.way, "microseconds": t.microseconds, "over hand": t.ratio, "low": t.low, "high": t.high}
        for t in timings(seconds=max(seconds, 0.05))
    ]


def _theory(seconds: float) -> list[Record]:
    """Return gradient over value, measured and counted, for the nets by hand and the families."""
    nets = [(name, mlp(*case), point(*case)) for name, case in CASES.items()]
    nets += [(f"{f.name}, {size(net[0]):,}", *net) for f in FAMILIES.values() for n in RATIO_SIZES for net in [f.network(n)]]
    found = []
    for name, graph, values in nets:
        plan, work = compiled(graph), model(graph, values)
        ratio = over_value(plan, values, seconds)
        found.append({
            "net": name, "gradient / value": ratio.median, "low": ratio.low, "high": ratio.high, "counted": work.ratio,
            "off by": ratio.median / work.ratio - 1, "bytes / value's": work.gradient.traffic / max(1, work.value.traffic),
        })  # fmt: skip
    return found


def _memory(seconds: float) -> list[Record]:
    """Return the plan's memory beside what has to be there, with and without computing values again."""
    found = []
    for name, case in {**CASES, "100 x 64, batch 512": HUNDRED}.items():
        graph, values = mlp(*case), point(*case)
        plan, again = compiled(graph), compiled(graph, recompute=True)
        parameters = sum(values[k].nbytes for k in graph.parameters)
        needed = plan.memory.activations + plan.memory.gradients + parameters
        ratio = paired(partial(again.value_and_grad, values), partial(plan.value_and_grad, values), seconds)
        found.append({
            "net": name, "peak": peak_bytes(plan, values) + parameters, "needed": needed,
            "peak / needed": (peak_bytes(plan, values) + parameters) / needed, "activations": plan.memory.activations,
            "activations recomputed": again.memory.activations,
            "activations left": again.memory.activations / max(1, plan.memory.activations), "time recomputed": ratio.median,
            "low": ratio.low, "high": ratio.high,
        })  # fmt: skip
    return found


def _whitebox(seconds: float) -> list[Record]:
    found = whitebox(seconds=max(10 * seconds, 0.5))
    return [{
        "net": f"17 layers of {SIZES[0]}, batch {BATCH}, float32", "seconds": found.seconds, "gradient": found.other, "verification / gradient": found.median,
        "low": found.low, "high": found.high,
    }]  # fmt: skip


def _downstream(seconds: float) -> list[Record]:
    return [
        {"net": name, "everything": r.seconds, "downstream": r.other, "everything / downstream": r.median, "low": r.low, "high": r.high}
        for name, r in speedups(seconds=max(10 * seconds, 0.5))
    ]


def _certified(seconds: float) -> list[Record]:
    return [
        {
            "net": c.net, "parameters": c.parameters, "bits": c.precision, "certified": c.naive.other,
            "naive / certified": c.naive.median, "low": c.naive.low, "high": c.naive.high,
            "downstream / certified": c.downstream.median, "low, downstream": c.downstream.low, "high, downstream": c.downstream.high,
            "differences": "by proportion" if c.sampled else "all",
        }
        for c in comparisons(seconds=max(10 * seconds, 0.5))
    ]  # fmt: skip


def _second(seconds: float) -> list[Record]:
    return [
        {
            "net": p.net, "hvp / gradient, compiled": p.plan.median, "low": p.plan.low, "high": p.plan.high,
            "by sweeps": p.sweep.median, "low, sweeps": p.sweep.low, "high, sweeps": p.sweep.high,
            "sweep's hvp / compiled gradient": p.mixed.median,
        }
        for p in products(seconds=max(seconds, 0.05))
    ]  # fmt: skip


def _hessian(seconds: float) -> list[Record]:
    return [
        {
            "way": w.way, "seconds": w.gradients.other, "differences of the gradient / it": w.gradients.median, "low": w.gradients.low,
            "high": w.gradients.high, "differences of the value / it": w.values.median, "low, value": w.values.low,
            "high, value": w.values.high,
        }
        for w in wholes(seconds=max(10 * seconds, 0.5))
    ]  # fmt: skip


def _recorded(seconds: float) -> list[Record]:
    """Return costs of recorded runs, of more sizes the more time there is."""
    models = ("10^6", "10^7", "10^8") if seconds >= LONG else ("10^6", "10^7") if seconds >= SHORT else ("10^6",)
    return [
        {
            "parameters": c.parameters, "tokens": c.tokens, "format": c.dtype, "forward and backward": c.plain, "record / it": c.record,
            "certify / it": c.certify, "both / it": c.whole, "memory / its": c.memory, "arrays": c.arrays, "verdict": c.verdict,
        }
        for c in costs(models)
    ]  # fmt: skip


TABLES: Mapping[str, Table] = {
    "hand": Table(
        "Beside code written by hand",
        "Microseconds of a gradient of a tanh perceptron in float64, and its time over that of NumPy code by hand: medians of paired, "
        "interleaved runs on one core, with quartiles. Loss returned, results not aliased.",
        _by_hand,
    ),
    "theory": Table(
        "Gradient over value, beside theory",
        "Time of the plan's gradient over that of its value, in paired runs, beside the ratio of counted operations "
        "(for layers 3 - F_first / F_total) and of counted bytes. Where a net is small, calls cost more than numbers.",
        _theory,
    ),
    "memory": Table(
        "Memory of the plan, and recomputation",
        "The most bytes during a gradient, parameters, buffers and results included, over saved activations, parameters and gradients; "
        "and what is left of the activations, at which time, when they are computed again.",
        _memory,
    ),
    "verification": Table(
        "Verification of a million float32 weights",
        "Seconds of the whole judgement of a float32 run (every node value, adjoint and gradient against the exact local operation) over "
        "those of one float64 reference gradient, by the faster of plan and sweep, in paired runs.",
        _whitebox,
    ),
    "recorded": Table(
        "Recorded and certified runs of torch",
        "A language model with random weights: seconds of forward and backward, and what `gradcheck.record` (which runs both) and `validate` take "
        "over them, medians of runs that take turns, in seconds that the process computed, with one thread; and the most memory of both, with "
        "parameters and gradients, over that of the plain run.",
        _recorded,
    ),
    "downstream": Table(
        "Differences in multiprecision",
        "mpmath's central differences over all parameters: seconds with everything computed again for each, over those with only the "
        "rows, columns and entries that a parameter moves, in paired runs.",
        _downstream,
    ),
    "certified": Table(
        "Certified gradients beside differences in multiprecision",
        "Seconds of the gradient certified to 128 bits, the precision loop included, and of mpmath's central differences good to "
        "as many digits (38, four values an entry) over it, in paired runs: everything computed again for each parameter, and only what it moves.",
        _certified,
    ),
    "second": Table(
        "Hessian times vector beside a gradient",
        "Time of a Hessian times a vector over that of a gradient, in paired runs: both compiled; both by sweeps; and the product by a "
        "sweep over the compiled gradient.",
        _second,
    ),
    "hessian": Table(
        "A whole Hessian beside differences in multiprecision",
        "Seconds of the Hessian of a 4-8-8-1 net (121 parameters), and of mpmath's central differences good to 38 digits over it, by "
        "proportion, in paired runs: two gradients for each column; four values for each of the 7,381 different entries.",
        _hessian,
    ),
}
