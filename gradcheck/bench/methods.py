"""The ways to a gradient that are measured: what is prepared once, and the call that is timed.

A method that takes one derivative at a time is called for as many entries, drawn at random, as fit into the time; what
the whole gradient takes is said by proportion, and reported as such.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arith.ball import Ball
from gradcheck.arith.complexes import Complexes
from gradcheck.arith.floating import Floating
from gradcheck.arith.taylor import Taylor
from gradcheck.bench.clock import Call, allocated, resident
from gradcheck.bench.model import Model
from gradcheck.bench.plan import peak_bytes
from gradcheck.certify.certification import certify
from gradcheck.engine.plan import compile as compiled
from gradcheck.engine.reverse import backward
from gradcheck.errors import CannotExpress, MissingDependency
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.oracles.ball import derivative
from gradcheck.oracles.differences import derivatives
from gradcheck.oracles.forward import matrix_by_matrix, matrix_work, pushed
from gradcheck.oracles.point import Point
from gradcheck.oracles.symbolic import symbolic
from gradcheck.targets.registry import targets

Entry = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Way:
    """A method made ready for one network.

    Args:
        call: what is timed.
        entries: how many derivatives a call computes, of all.
        operations: counted operations of the whole gradient (or value); None where nothing is counted.
        repeats: whether a second call does the same work; a first one fills caches where not.
        peak: what says how much memory the call takes, and
        exact: whether that is every byte, not what the process grew by.
    """

    call: Call
    entries: int
    operations: int | None = None
    repeats: bool = True
    peak: Callable[[Call], int | None] = allocated
    exact: bool = True


#: graph, values, its model, seconds -> a way
Prepare = Callable[[Graph, Values, Model, float], Way]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to a gradient.

    Args:
        name: in reports.
        doc: what it does.
        prepare: makes it ready; raises `CannotExpress` where it cannot be had, with the reason.
        gradient: False for the value alone.
    """

    name: str
    doc: str
    prepare: Prepare
    gradient: bool = True


# -- the reference ----------------------------------------------------------------------------------


def _value(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    plan = compiled(graph)
    return Way(lambda: plan.value(values), model.entries, model.value.operations)


def _plan(graph: Graph, values: Values, model: Model, seconds: float, *, recompute: bool = False) -> Way:
    plan = compiled(graph, recompute=recompute)
    operations = None if recompute else model.gradient.operations
    return Way(lambda: plan.value_and_grad(values), model.entries, operations, peak=lambda _: peak_bytes(plan, values))


def _sweep(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    return Way(lambda: backward(graph, values), model.entries, model.gradient.operations)


# -- one derivative at a time -----------------------------------------------------------------------


def entries(graph: Graph, count: int, seed: int = 0) -> list[Entry]:
    """Return `count` entries of all parameters, evenly spread over them, drawn within each step: leaves by their sizes."""
    names = list(graph.differentiable)
    sizes = np.array([math.prod(graph.shapes[k]) for k in names])
    total = int(sizes.sum())
    places = (np.arange(count) + np.random.default_rng(seed).uniform(size=count)) / count * total
    return [_entry(graph, names, sizes, min(int(k), total - 1)) for k in places]


def _entry(graph: Graph, names: list[str], sizes: Any, k: int) -> Entry:
    leaf = int(np.searchsorted(np.cumsum(sizes), k, side="right"))
    shape = graph.shapes[names[leaf]]
    return names[leaf], tuple(int(i) for i in np.unravel_index(k - int(sizes[:leaf].sum()), shape))


def _sampled(graph: Graph, model: Model, seconds: float, one: Callable[[str, tuple[int, ...]], Any], operations: int | None) -> Way:
    """Return a way that takes the derivatives in as many entries as fit into the time, at most all, at least one a large leaf.

    What an entry takes depends on how much lies downstream of its leaf.
    """
    (first,) = entries(graph, 1)
    one(*first)
    start = time.perf_counter()
    one(*first)
    each = max(time.perf_counter() - start, 1e-9)
    large = sum(math.prod(graph.shapes[k]) > model.entries / 100 for k in graph.differentiable)
    count = int(min(model.entries, max(large, seconds / 4 / each)))
    chosen = entries(graph, count)

    def call() -> Any:
        return [one(*entry) for entry in chosen]

    return Way(call, count, operations)


def _unit(graph: Graph, name: str, index: tuple[int, ...]) -> Any:
    t = np.zeros(graph.shapes[name])
    t[index] = 1
    return t


def _forward_entries(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    m, point = Floating("float64"), Point(graph, values)
    y = point.forward(m)

    def one(name: str, index: tuple[int, ...]) -> Any:
        return point.contract(m, pushed(point, m, y, name, _unit(graph, name, index)))

    return _sampled(graph, model, seconds, one, model.forward_mode.operations)


#: Multiplications of Jacobians beyond which they are not multiplied: minutes, and gigabytes.
MOST_PRODUCTS = 3 * 10**9


def _forward_matrices(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    point = Point(graph, values)
    work = matrix_work(point)
    if work > MOST_PRODUCTS:
        raise CannotExpress(f"{work:.1e} multiplications of Jacobians; at most {MOST_PRODUCTS:.0e}")
    return Way(lambda: matrix_by_matrix(point, Floating("float64")), model.entries, 2 * work)


def _central(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    plan, moved = compiled(graph), {k: np.array(x) for k, x in values.items()}

    def one(name: str, index: tuple[int, ...]) -> float:
        array, x = moved[name], float(moved[name][index])
        h = np.finfo(float).eps ** (1 / 3) * max(abs(x), 1.0)
        found = []
        for place in (x + h, x - h):
            array[index] = place
            found.append(float(np.sum(plan.value(moved))))
        array[index] = x
        return (found[0] - found[1]) / (2 * h)

    return _sampled(graph, model, seconds, one, model.differences.operations)


def _complex(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    m = Complexes()
    leaves = lift(graph, values, m)

    def one(name: str, index: tuple[int, ...]) -> Any:
        y = propagate(graph, leaves | {name: m.along(values[name], _unit(graph, name, index))}, m)
        return sum(float(m.slope(y[k])) for k in graph.outputs)

    return _sampled(graph, model, seconds, one, model.value.operations * model.entries)


def _mpmath(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    slope = derivatives(Point(graph, values))
    return _sampled(graph, model, seconds, slope, None)


#: Entries of parameters beyond which no certified gradient is timed: seconds.
MOST_BALLS = 200_000


def _balls(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    if model.entries > MOST_BALLS:
        raise CannotExpress(f"{model.entries:,} entries in balls; at most {MOST_BALLS:,}")
    return Way(lambda: certify(graph, values, bits=128), model.entries)


def _balls_by_value(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    m, question = Ball(), Point(graph, values)
    dual = Taylor(m)

    def one(name: str, index: tuple[int, ...]) -> Any:
        with m.precision(148):
            return derivative(question, dual, question.forward(m), name, index)

    return _sampled(graph, model, seconds, one, None)


def _symbolic(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
    from sympy.core.cache import clear_cache

    def call() -> Any:
        clear_cache()
        return symbolic(graph, values)

    return Way(call, model.entries, repeats=False)


METHODS: Mapping[str, Method] = {
    m.name: m
    for m in (
        Method("value", "the loss alone, by the plan", _value, gradient=False),
        Method("reverse", "reverse mode: the plan", _plan),
        Method("reverse sweep", "reverse mode: the reference sweep, not compiled", _sweep),
        Method("reverse recomputed", "reverse mode: the plan, which keeps few values and computes the others again", partial(_plan, recompute=True)),
        Method("forward by entries", "forward mode in float64, one pass an entry, only through what depends on it", _forward_entries),
        Method("forward by matrices", "forward mode in float64: every local Jacobian as a matrix, multiplied from the input side", _forward_matrices),
        Method("differences", "central differences in float64, two values an entry, by the plan", _central),
        Method("complex step", "one complex value an entry", _complex),
        Method("mpmath differences", "central differences of 130 digits with one Richardson step, only what depends on an entry", _mpmath),
        Method("balls", "the certified gradient to 128 bits: the reverse sweep in balls, with its precision loop", _balls),
        Method("balls by values", "enclosures of 148 bits by dual numbers over balls, one pass an entry", _balls_by_value),
        Method("symbolic", "SymPy's derivatives, evaluated to 50 digits and verified by more", _symbolic),
    )
}


def of_target(name: str) -> Method:
    """Return the method of a target: its `gradient`, which does nothing else, or its `run`.

    Args:
        name: of a built-in target, "module:attribute", or a program.
    """

    def prepare(graph: Graph, values: Values, model: Model, seconds: float) -> Way:
        try:
            target = targets[name]
        except MissingDependency as error:
            raise CannotExpress(str(error)) from error
        own = getattr(target, "gradient", None)
        call = own(graph, values) if own is not None else partial(target.run, graph, values)
        in_python = name in ("autograd", "sklearn", "reference")
        return Way(call, model.entries, peak=allocated if in_python else resident, exact=in_python)

    return Method(name, f"the target {name}", prepare)
