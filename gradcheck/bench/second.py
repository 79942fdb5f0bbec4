"""What second derivatives take: Hessian times vector beside a gradient, and a whole Hessian beside mpmath's differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.bench.certified import BITS, DIGITS, scaled
from gradcheck.bench.clock import Call, Ratio, paired
from gradcheck.bench.plan import CASES, mlp, point
from gradcheck.certify.second import certify_hessian
from gradcheck.engine.plan import compile as compiled
from gradcheck.engine.reverse import backward
from gradcheck.engine.second import hessian, hvp
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values

#: The net whose whole Hessian is computed: 121 parameters.
NET: tuple[tuple[int, ...], int] = ((4, 8, 8, 1), 1)

#: Columns, and entries, of the Hessian that differences are taken in; all of them are said by proportion.
COLUMNS, ENTRIES = 6, 20

Place = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Product:
    """Hessian times vector beside the gradient of one net.

    Args:
        net: of `gradcheck.bench.plan.CASES`.
        plan: compiled product over compiled gradient.
        sweep: the sweep over dual numbers over the sweep.
        mixed: that sweep over the compiled gradient.
    """

    net: str
    plan: Ratio
    sweep: Ratio
    mixed: Ratio


@dataclass(frozen=True, slots=True)
class Whole:
    """One way to a whole Hessian beside mpmath's differences that are good to `DIGITS` digits.

    Args:
        way: how it was computed.
        gradients: central differences of the gradient over it.
        values: central differences of the value over it.
    """

    way: str
    gradients: Ratio
    values: Ratio


def products(cases: Mapping[str, tuple[tuple[int, ...], int]] = CASES, *, seconds: float = 2.0) -> Iterator[Product]:
    """Yield the ratios of each net, measured in paired runs.

    Args:
        cases: name -> sizes of layers, and the batch.
        seconds: for each ratio, about.
    """
    for name, case in cases.items():
        graph, values = mlp(*case), point(*case)
        rng = np.random.default_rng(1)
        v = {k: rng.normal(size=graph.shapes[k]) for k in graph.differentiable}
        plan = compiled(graph)
        gradient, sweep = partial(plan.value_and_grad, values), partial(hvp, graph, values, v)
        yield Product(
            name, paired(partial(plan.hvp, values, v), gradient, seconds), paired(sweep, partial(backward, graph, values), seconds),
            paired(sweep, gradient, seconds),
        )  # fmt: skip


def wholes(net: tuple[tuple[int, ...], int] = NET, *, seconds: float = 5.0) -> Iterator[Whole]:
    """Yield each way to the Hessian of a net beside differences in multiprecision.

    Args:
        net: sizes of layers, and the batch.
        seconds: for each ratio, about; at least five pairs.
    """
    graph, values = mlp(*net), point(*net)
    size = sum(math.prod(graph.shapes[k]) for k in graph.differentiable)
    ways: dict[str, Call] = {
        "sweeps in float64, many directions at once": partial(hessian, graph, values),
        f"sweeps in multiprecision, {DIGITS} digits": partial(hessian, graph, values, arithmetic=Multiprecision(DIGITS)),
        f"certified to {BITS} bits": partial(certify_hessian, graph, values, bits=BITS),
    }
    columns, pairs = size / COLUMNS, size * (size + 1) / 2 / ENTRIES
    for way, call in ways.items():
        by_gradients = scaled(paired(_of_gradients(graph, values), call, seconds), columns)
        yield Whole(way, by_gradients, scaled(paired(_of_values(graph, values), call, seconds), pairs))


def _places(graph: Graph, count: int, seed: int) -> list[Place]:
    """Return entries of the parameters, drawn at random."""
    every = [(k, i) for k in graph.differentiable for i in np.ndindex(*graph.shapes[k])]
    return [every[j] for j in np.random.default_rng(seed).integers(len(every), size=count)]


def _of_gradients(graph: Graph, values: Values) -> Callable[[], Any]:
    """Return a call that takes central differences of the gradient in `COLUMNS` entries, in as many digits as that needs."""
    m = Multiprecision(DIGITS + DIGITS // 2 + 10)
    h, chosen = m.context.mpf(10) ** (-DIGITS // 2), _places(graph, COLUMNS, 0)
    leaves = lift(graph, values, m)

    def call() -> Any:
        found = []
        for place in chosen:
            up, down = (backward(graph, _moved(leaves, graph, [(place, s * h)]), m)[1] for s in (1, -1))
            found.append({k: (up[k] - down[k]) / (2 * h) for k in up})
        return found

    return call


def _of_values(graph: Graph, values: Values) -> Callable[[], Any]:
    """Return a call that takes differences of four values in `ENTRIES` pairs of entries."""
    m = Multiprecision(2 * DIGITS + 10)
    h = m.context.mpf(10) ** (-DIGITS // 2)
    chosen = list(zip(_places(graph, ENTRIES, 0), _places(graph, ENTRIES, 1), strict=True))
    leaves = lift(graph, values, m)

    def at(a: Place, b: Place, s: int, t: int) -> Any:
        return propagate(graph, lift(graph, _moved(leaves, graph, [(a, s * h), (b, t * h)]), m), m)[graph.outputs[0]]

    def call() -> Any:
        return [sum(s * t * at(a, b, s, t) for s, t in product((1, -1), repeat=2)) / (4 * h * h) for a, b in chosen]

    return call


def _moved(leaves: Mapping[str, npt.NDArray[Any]], graph: Graph, moves: list[tuple[Place, Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the values that have to be given, some entries moved."""
    out = {k: np.array(x) for k, x in leaves.items() if graph.leaf[k].kind != "constant"}
    for (name, index), h in moves:
        out[name][index] = out[name][index] + h
    return out
