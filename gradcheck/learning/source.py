"""Where a training run has its gradients from: a compiled plan, the reverse sweep in any arithmetic, or a target that is on trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.engine.plan import compile as compiled
from gradcheck.engine.reverse import seeds, sweep
from gradcheck.errors import BadInput, WrongAnswer
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Arrays, bind
from gradcheck.judge.answer import inspect_answer
from gradcheck.targets.opening import run_of
from gradcheck.targets.target import Target

#: data (inputs by name), parameters -> loss, gradients
Source: TypeAlias = Callable[[Arrays, Mapping[str, Array]], tuple[Array, Mapping[str, Array]]]


def source(graph: Graph, m: Arithmetic, target: Target | None = None) -> Source:
    """Return a function that gives loss and gradients: of a target, of a plan in floating point, of the sweep elsewhere.

    Args:
        graph: the network.
        m: the arithmetic of parameters and gradients.
        target: whose gradients are taken; our own unless given.

    Raises:
        BadInput: a target in an arithmetic that is no floating-point format.
    """
    if target is not None:
        if not isinstance(m, Floating):
            raise BadInput(f"expected a floating-point format for a target; got {m.name}")
        return _asked(graph, m, target)
    return _planned(graph, m) if isinstance(m, Floating) and m.storage.itemsize > 2 else _swept(graph, m)


def _planned(graph: Graph, m: Floating) -> Source:
    plan = compiled(graph, dtype=m.name)
    return lambda data, parameters: plan.value_and_grad({**data, **parameters})


def _swept(graph: Graph, m: Arithmetic) -> Source:
    """Return the reverse sweep; parameters may be pairs, such as values with error bounds."""
    still = {k: np.zeros(graph.shapes[k]) for k in graph.parameters}

    def found(data: Arrays, parameters: Mapping[str, Array]) -> tuple[Array, Mapping[str, Array]]:
        y = propagate(graph, {**lift(graph, {**data, **still}, m), **parameters}, m)
        adjoint = sweep(graph, y, m, seeds(graph, m), graph.parameters)
        return y[graph.outputs[0]], {k: adjoint[k] if k in adjoint else m.leave(m.zeros(graph.shapes[k])) for k in graph.parameters}

    return found


def _asked(graph: Graph, m: Floating, target: Target) -> Source:
    lent = graph.copy()

    def found(data: Arrays, parameters: Mapping[str, Array]) -> tuple[Array, Mapping[str, Array]]:
        given = {k: x for k, x in bind(graph, {**data, **parameters}, m.name).items() if graph.leaf[k].kind != "constant"}
        run, wrong = inspect_answer(graph, run_of(target, lent, given))
        if wrong:
            raise WrongAnswer(wrong[0].message, wrong[0].diagnosis)
        return m.array(run.loss), {k: m.array(x) for k, x in run.gradients.items()}

    return found
