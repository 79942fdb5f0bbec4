"""The verdict on a Hessian times a direction: the certified enclosure, widened by what rounding may do.

Expected is the reverse sweep over dual numbers over balls. What rounding may do to it is bounded by the same sweep over running
errors, for the rules themselves and for the textbook formulas that operations list; a target computes second derivatives in an
order of its own, for which a slack is granted. Within that bound, stochastic sweeps say what is usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.floating import FORMATS
from gradcheck.arith.refinement import refined
from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.arith.slopes import SLOPES, TEXTBOOK_SLOPES, Slopes
from gradcheck.arith.stochastic import Stochastic
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.compare.statistics import MARGIN, SWEEPS, by_textbook, largest_deviation
from gradcheck.engine.reverse import seeds, sweep
from gradcheck.explain.second_mistake import mistake
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays
from gradcheck.judge.enclosed import in_longdouble
from gradcheck.judge.judge import WELL_BELOW, Judgement
from gradcheck.ops.op import Op, registry
from gradcheck.result.finding import Finding
from gradcheck.targets.target import as_float

Floats = npt.NDArray[Any]
Named = Mapping[str, Floats]

#: Factor on the running bound: another order of differentiating makes other intermediate results, about as many.
SLACK = 8.0
#: Bits to which the product is enclosed.
BITS = 96
#: Entries of leaves and nodes beyond which no enclosure is computed, and a wide format stands in.
MOST_ENTRIES = 60_000


@dataclass(frozen=True)
class Product:
    """A Hessian times a direction that a target was asked for.

    Args:
        graph: the network.
        leaves: its leaves in the target's format, constants included.
        along: the direction, in the same format, by the names of the parameters.
        roundoff: how the target rounds.
        dtype: its format.
        slack: factor on every bound.
        seed: of stochastic sweeps.
        ops: the operations.
    """

    graph: Graph
    leaves: Arrays
    along: Arrays
    roundoff: Roundoff
    dtype: str
    slack: float = 1.0
    seed: int = 0
    ops: Mapping[str, Op] = field(default_factory=lambda: registry)

    def over(self, m: Arithmetic, ops: Mapping[str, Op] | None = None, slopes: Slopes = SLOPES, graph: Graph | None = None) -> dict[str, Array]:
        """Return the product in an arithmetic, by name; with other rules, or another graph on the same leaves, where they are given."""
        graph, rules, dual = graph or self.graph, ops or self.ops, Taylor(m, slopes=slopes)
        lifted: dict[str, Any] = {k: dual.array(x) if graph.leaf[k].type == "float" else x for k, x in self.leaves.items()}
        lifted |= {k: Series(dual, m.array(self.leaves[k]), (m.array(t),)) for k, t in self.along.items()}
        y = propagate(graph, lifted, dual, ops=rules)
        adjoint = sweep(graph, y, dual, seeds(graph, dual), tuple(self.along), ops=rules)
        return {k: dual.coefficient(adjoint[k], 1) if k in adjoint else m.zeros(graph.shapes[k]) for k in self.along}

    @property
    def wide(self) -> str:
        """The format of verification."""
        return wide_format(self.dtype)

    def ways(self) -> Iterator[tuple[Mapping[str, Op], Slopes]]:
        """Yield the legitimate ways to compute it: tail-safe formulas, and those of textbooks."""
        yield self.ops, SLOPES
        yield self.ops, TEXTBOOK_SLOPES
        for rules in by_textbook(self.graph, self.ops):
            yield rules, TEXTBOOK_SLOPES


def direction(graph: Graph, dtype: str, seed: int = 0) -> Arrays:
    """Return the direction along which a target's Hessian is asked for: signed numbers between 1/2 and 3/2, in a format.

    Args:
        graph: the network.
        dtype: the format.
        seed: of the numbers.
    """
    rng = np.random.default_rng([seed, 2])
    shapes = {k: graph.shapes[k] for k in graph.differentiable}
    return {k: (rng.choice([-1.0, 1.0], s) * rng.uniform(0.5, 1.5, s)).astype(FORMATS[dtype]) for k, s in shapes.items()}


def judge_product(asked: Product, found: Mapping[str, Any]) -> Judgement:
    """Judge a Hessian times a direction.

    Args:
        asked: what the target was asked for.
        found: what it gave, by name.
    """
    if (malformed := _malformed(asked.graph, found)) is not None:
        return Judgement("fail", "rigorous", malformed.message, (malformed,), node=malformed.node)
    with np.errstate(all="ignore"):
        expected, known = _expected(asked)
        got = {k: as_float(found[k]) for k in expected}
        bound = _bounds(asked, expected)
        judged = {k: np.isfinite(bound[k]) & known[k] for k in expected}
        ratios = {k: np.where(judged[k], _ratio(got[k], expected[k], bound[k]), 0.0) for k in expected}
        worst = max((float(np.max(r, initial=0.0)) for r in ratios.values()), default=0.0)
        if worst > 1:
            finding = _finding(asked, got, expected, bound, ratios)
            return Judgement("fail", "rigorous", finding.message, (finding,), worst, finding.node, finding.op, checks=len(got))
        if not all(j.all() for j in judged.values()):
            return Judgement("inconclusive", "rigorous", "no finite bound (a kink, a pole or overflow within rounding)", (), worst, checks=len(got))
        return _usual(asked, got, expected, bound, worst)


def _malformed(graph: Graph, found: Mapping[str, Any]) -> Finding | None:
    for k in graph.differentiable:
        if k not in found or found[k] is None:
            return Finding("fault", f"Hessian times vector: nothing for {k}", node=k, direction="hvp")
        if np.shape(found[k]) != graph.shapes[k]:
            message = f"Hessian times vector: expected shape {graph.shapes[k]} for {k}; got {np.shape(found[k])}"
            return Finding("fault", message, node=k, direction="shape")
    return None


def _expected(asked: Product) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the exact product (longdouble), and where it is known."""
    if sum(math.prod(s) for s in asked.graph.shapes.values()) > MOST_ENTRIES:
        wide = {k: x.value for k, x in asked.over(Running(Roundoff.of("float64"), asked.wide)).items()}
        return wide, {k: np.isfinite(x) for k, x in wide.items()}
    found = refined(asked.over, BITS)
    with Ball().precision(2 * found.precision):
        return {k: in_longdouble(x) for k, x in found.balls.items()}, {k: _narrow(x) for k, x in found.balls.items()}


def _narrow(balls: Array) -> Floats:
    narrow = [x.is_finite() and (x.rel_accuracy_bits() > BITS / 2 or float(x.abs_upper()) < 1e-300) for x in np.ravel(np.asarray(balls))]
    return np.array(narrow, bool).reshape(np.shape(balls))


def _bounds(asked: Product, expected: Named) -> dict[str, Floats]:
    """Return how far rounding may take each entry, by the rules or by any textbook formulas."""
    widest = {k: np.zeros(x.shape) for k, x in expected.items()}
    for rules, slopes in asked.ways():
        for k, x in asked.over(Running(asked.roundoff, asked.wide), rules, slopes).items():
            away = np.abs(x.value - expected[k]).astype(np.float64)
            widest[k] = np.maximum(widest[k], SLACK * asked.slack * (x.radius() + np.where(np.isfinite(away), away, np.inf)))
    own = float(np.finfo(np.longdouble).eps)
    return {k: x + np.abs(expected[k]).astype(np.float64) * own + asked.roundoff.eta for k, x in widest.items()}


def _ratio(got: Floats, expected: Floats, bound: Floats) -> Floats:
    error = np.abs(got - expected).astype(np.float64)
    error = np.where(np.isfinite(got), error, np.inf)
    return np.where(error == 0, 0.0, error / np.where(bound > 0, bound, 5e-324))


def _usual(asked: Product, got: Named, expected: Named, bound: Named, worst: float) -> Judgement:
    """Judge what is within the bound by how wide that is, else by what rounding usually does."""
    relative = _share(bound, expected)
    if relative <= WELL_BELOW:
        return Judgement("pass", "rigorous", "Hessian times vector within the running error bound", (), worst, resolution=relative, checks=len(got))
    allowed = _allowed(asked, expected)
    excess = max((float(np.max(np.abs(got[k] - x).astype(np.float64) / allowed[k], initial=0.0)) for k, x in expected.items()), default=0.0)
    if excess > 1:
        message = f"Hessian times vector: {excess * MARGIN:.3g} times what rounding did in {SWEEPS} sweeps, yet within the running bound"
        return Judgement("inconclusive", "statistical", message, (), worst, resolution=relative, checks=len(got))
    message = f"Hessian times vector within {MARGIN:g} times the largest deviation of {SWEEPS} stochastic sweeps"
    return Judgement("pass", "statistical", message, (), worst, resolution=_share(allowed, expected), checks=len(got))


def _share(bound: Named, expected: Named) -> float:
    """Return the largest bound of an array relative to its largest entry."""
    sizes = {k: float(np.max(np.abs(x), initial=0.0)) for k, x in expected.items()}
    return max((float(np.max(bound[k], initial=0.0)) / s for k, s in sizes.items() if s), default=0.0)


def _allowed(asked: Product, expected: Named) -> dict[str, Floats]:
    """Return what stochastic sweeps usually do to each entry, with the rules and with textbook formulas."""
    reach = {k: np.zeros(x.shape) for k, x in expected.items()}
    for rules, slopes in asked.ways():
        samples: dict[str, list[Floats]] = {k: [] for k in expected}
        for n in range(SWEEPS):
            m = Stochastic(asked.roundoff, asked.seed * SWEEPS + n, asked.wide)
            for k, x in asked.over(m, rules, slopes).items():
                samples[k].append(m.number(x))
        for k, x in expected.items():
            reach[k] = np.fmax(reach[k], MARGIN * largest_deviation(np.stack(samples[k]), x.astype(np.float64)))
    u, eta = asked.roundoff.u, asked.roundoff.eta
    return {k: r + 2 * u * np.abs(expected[k]).astype(np.float64) + eta for k, r in reach.items()}


def _finding(asked: Product, got: Named, expected: Named, bound: Named, ratios: Named) -> Finding:
    """Return the finding at the worst entry, with the mistake where one reproduces the target's numbers."""
    name = max(ratios, key=lambda k: float(np.max(ratios[k], initial=0.0)))
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratios[name])), ratios[name].shape))
    guilty = mistake(asked, lambda tried: all(np.all(_ratio(got[k], x, bound[k]) <= 1) for k, x in tried.items()))
    a, e, b, r = (float(x[name][index]) for x in (got, expected, bound, ratios))
    where = f"[{', '.join(map(str, index))}]" if index else ""
    message = f"Hessian times vector, entry {name}{where}: got {a:.17g}, expected {e:.17g}, {r:.3g} times the rounding bound"
    bits = round(-math.log2(asked.roundoff.u))
    return Finding(
        "fault", f"{message}; {guilty.text}" if guilty.text else message, node=name, op=guilty.op, direction="hvp", index=index, got=a,
        expected=e, bound=b, ratio=r, effective_bits=max(0.0, bits - math.log2(r)), declared_bits=bits,
        diagnosis=guilty.text,
    )  # fmt: skip
