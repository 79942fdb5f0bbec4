"""One target on one network in one format: it is run, its answer judged; whatever it does is its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from gradcheck.arith.running import Roundoff
from gradcheck.errors import CannotExpress, GradcheckError
from gradcheck.foreign import text_of
from gradcheck.foreign.gate import description_of
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, Values
from gradcheck.judge.explaining import Failing, explained
from gradcheck.judge.judge import Judgement, judge
from gradcheck.judge.second import Product, direction, judge_product
from gradcheck.networks.network import Network, networks
from gradcheck.result.finding import Finding, Row, Skipped
from gradcheck.targets.opening import product_of, run_of
from gradcheck.targets.registry import is_command, targets
from gradcheck.targets.target import Array, Description, leaf_arrays
from gradcheck.validation.known import excused
from gradcheck.validation.ulps import measured_ulps


def judged_case(d: Description, network: Network, dtype: str, mode: str | None, seed: int, *, enclose: bool) -> Row | Skipped:
    """Return the row of one case, or why there is none.

    Args:
        d: the target.
        network: what it is given.
        dtype: the format.
        mode: of second derivatives the way to them, "" for a target that has but one; None for gradients.
        seed: of the data.
        enclose: see `gradcheck.validate`.
    """
    name = d.label(mode)
    if dtype not in d.dtypes:
        return Skipped(name, network.name, dtype, f"the target has no {dtype}")
    if dtype not in network.dtypes:
        return Skipped(name, network.name, dtype, f"the network makes no sense in {dtype}")
    start = perf_counter()
    try:
        found = _judged(d, network, dtype, seed, enclose) if mode is None else _judged_second(d, network, dtype, mode, seed)
    except CannotExpress as reason:
        return Skipped(name, network.name, dtype, text_of(reason))
    except GradcheckError as error:
        found = Judgement("inconclusive", "none", text_of(error))
    except KeyboardInterrupt:  # of the user: the gate keeps those of others
        raise
    except BaseException as error:  # nothing that goes wrong, in code of our own too, stops the rest
        found = Judgement("inconclusive", "none", f"internal error of gradcheck: {description_of(error)}; please report it")
    row = Row(
        name, network.name, dtype, found.verdict, found.evidence, found.worst_ratio, found.node, found.op,
        found.message, found.resolution, found.checks, perf_counter() - start,
        findings=tuple(replace(f, snippet=_snippet(f, d, network, dtype, mode, seed)) for f in found.findings),
        error=found.evidence == "none", nodes=found.nodes, histogram=found.histogram, accuracy=found.accuracy,
    )  # fmt: skip
    return excused(row, d.known)


def _judged(d: Description, network: Network, dtype: str, seed: int, enclose: bool) -> Judgement:
    graph, values = network.graph, network.values(seed, dtype)
    lent, given = graph.copy(), _copies(values)
    run = run_of(d.target, lent, given)
    leaves, roundoff = leaf_arrays(graph, values), _roundoff(d, dtype)
    found = judge(graph, leaves, run, roundoff, dtype, slack=d.slack, seed=seed, enclose=enclose)
    if not (run.node_values or run.node_adjoints):
        found = explained(found, Failing(network, values, run.gradients, partial(_gradients, d), roundoff, dtype, d.slack, seed))
    return _with_mutations(found, values, given)


def _judged_second(d: Description, network: Network, dtype: str, mode: str, seed: int) -> Judgement:
    graph, values = network.graph, network.values(seed, dtype)
    given, along = _copies(values), direction(graph, dtype, seed)
    found = product_of(d.target, graph.copy(), given, _copies(along), mode)
    product = Product(graph, leaf_arrays(graph, values), along, _roundoff(d, dtype), dtype, d.slack, seed)
    return _with_mutations(judge_product(product, found), values, given)


def _copies(values: Values) -> Arrays:
    return {k: np.array(x) for k, x in values.items()}


def _roundoff(d: Description, dtype: str) -> Roundoff:
    return Roundoff.of(dtype, flushes=d.flushes, accumulate=d.accumulates.get(dtype), ulps=measured_ulps(d.name, dtype))


def _gradients(d: Description, graph: Graph, values: Arrays) -> Mapping[str, Any]:
    return run_of(d.target, graph.copy(), values).gradients


def _with_mutations(found: Judgement, before: Arrays, after: Mapping[str, Any]) -> Judgement:
    """A target must leave its inputs alone."""
    changed = [k for k, x in before.items() if not _same(x, after.get(k))]
    if not changed:
        return found
    finding = Finding("fault", f"the target changed its input {changed[0]!r} in place", node=changed[0], direction="value")
    return replace(found, verdict="fail", message=finding.message, node=changed[0], findings=(finding, *found.findings))


def _same(x: Array, y: Any) -> bool:
    """Answer whether what stands for an array is one of the same numbers still."""
    return type(y) is np.ndarray and y.dtype == x.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")


def _snippet(f: Finding, d: Description, network: Network, dtype: str, mode: str | None, seed: int) -> str:
    """Return code that shows the target's number again."""
    if f.severity != "fault":
        return ""
    part = {"value": "node_values", "adjoint": "node_adjoints"}.get(f.direction, "gradients")
    answer = f"run.{part}" if mode is None else "product"
    ours, theirs = network.name in networks, is_command(d.spec) or ":" in d.spec or d.spec in targets
    lines = ["import numpy as np, gradcheck", "from gradcheck.targets import Description"]
    lines += [f"network = gradcheck.networks[{network.name!r}]" if ours else f"# network: your {network.name!r}"]
    lines += [f"target = gradcheck.targets[{d.spec!r}]" if theirs else f"# target: your {d.spec!r}"]
    lines += [f"values = network.values({seed}, {dtype!r})"]
    if mode is None:
        lines += ["run = Description.of(target).target.run(network.graph, values)"]
    else:
        lines += [
            "from gradcheck.judge.second import direction",
            f"product = target.hvp(network.graph, values, direction(network.graph, {dtype!r}, {seed}){f', {mode!r}' if mode else ''})",
        ]
    lines += [f"print(np.asarray({answer}[{f.node!r}]){list(f.index) if f.index else ''})"]
    if not math.isnan(f.expected):  # a wrong shape has no number
        lines += [f"# expected {f.expected!r} +- {f.bound:.3g}"]
    return "\n".join(lines)
