"""Is the answer of a target well formed? What is not is a finding, and is not compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.errors import TargetFailed
from gradcheck.foreign import text_of
from gradcheck.foreign.arrays import SHOWN
from gradcheck.graph.graph import Edge, Graph
from gradcheck.mistakes.mistake import Mistake
from gradcheck.result.finding import Finding
from gradcheck.targets.reading import plain_run
from gradcheck.targets.target import Run


def inspect_answer(graph: Graph, run: Run) -> tuple[Run, list[Finding]]:
    """Return the run without what cannot be compared, and a finding for each thing left out.

    Raises:
        TargetFailed: the answer is no `Run`, names values that the graph does not have, or holds
            something that is not numbers.
    """
    run = plain_run(run)
    for what in ("gradients", "node_values", "node_adjoints", "plain_gradients"):
        _refuse_unknown(graph, what.replace("_", " ")[:-1], getattr(run, what) or {})
    found: list[Finding] = []
    gradients = _gradients(graph, run.gradients, found)
    plain = None if run.plain_gradients is None else _gradients(graph, run.plain_gradients, found, "plain program: ")
    values = _fitting(graph, "value", run.node_values, found)
    adjoints = _fitting(graph, "adjoint", run.node_adjoints, found)
    edges = _edges(graph, run.edge_adjoints, found)
    loss = run.loss
    if loss is None or loss.size != 1:
        message = f"loss: expected one number; got {None if loss is None else f'an array of shape {loss.shape}'}"
        found.append(Finding("fault", message, node=graph.outputs[0], direction="value"))
        loss = None
    elif values is not None and graph.outputs[0] in values:
        values[graph.outputs[0]] = loss.reshape(graph.shapes[graph.outputs[0]])  # the loss is what is relied on
    if set(plain or gradients) != set(gradients):
        plain = None
    made = replace(run, loss=loss, gradients=gradients, plain_gradients=plain)
    return replace(made, node_values=values, node_adjoints=adjoints, edge_adjoints=edges), found


def _refuse_unknown(graph: Graph, what: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in graph.shapes:
            known = ", ".join(graph.differentiable)
            raise TargetFailed(f"expected names that the graph has (parameters: {known}); got a {what} named {text_of(name, repr, SHOWN)}")


def _gradients(graph: Graph, given: Mapping[str, Any], found: list[Finding], prefix: str = "") -> dict[str, Any]:
    made = {k: _gradient(graph, k, given.get(k), found, prefix) for k in graph.differentiable}
    return {k: x for k, x in made.items() if x is not None}


def _edges(graph: Graph, given: Mapping[tuple[str, Edge], Any] | None, found: list[Finding]) -> dict[tuple[str, Edge], Any] | None:
    """Return the contributions by edge that fit the value which they belong to."""
    if given is None:
        return None
    out: dict[tuple[str, Edge], Any] = {}
    for (name, edge), x in given.items():
        if edge not in graph.consumers(name):
            raise TargetFailed(f"expected edge adjoints by (name, Edge) of an edge in the graph; got {text_of((name, edge), repr, SHOWN)}")
        if x.shape == graph.shapes[name]:
            out[name, edge] = x
        else:
            place = f"{edge.consumer}[{edge.position}]"
            message = f"adjoint of {name} through {place}: expected shape {graph.shapes[name]}; got {x.shape}"
            found.append(Finding("fault", message, node=name, edge=place, direction="adjoint"))
    return out


def _gradient(graph: Graph, name: str, x: Any, found: list[Finding], prefix: str) -> Any:
    shape = graph.shapes[name]
    if x is None:
        if name not in graph.ancestors(graph.outputs):
            return np.zeros(shape)
        message = f"{prefix}gradient of {name}: expected an array of shape {shape}; got none"
        found.append(Finding("fault", message, node=name, direction="gradient", mistake=Mistake("zero", detail="it is missing")))
        return None
    if x.shape != shape:
        message = f"{prefix}gradient of {name}: expected shape {shape}; got {x.shape}"
        consumers = tuple(f"{e.consumer}[{e.position}]" for e in graph.consumers(name))
        found.append(
            Finding("fault", message, node=name, direction="gradient", op=_op(graph, name), candidates=consumers,
                    mistake=_shape_mistake(x.shape, shape, graph, name))
        )  # fmt: skip
        return None
    return x


def _op(graph: Graph, name: str) -> str:
    uses = graph.consumers(name)
    return graph.node[uses[0].consumer].op if uses else ""


def _shape_mistake(got: tuple[int, ...], shape: tuple[int, ...], graph: Graph, name: str) -> Mistake | None:
    if got == shape[::-1]:
        return Mistake("transpose", detail="it has the shape of the transpose")
    if any(got == graph.shapes[e.consumer] for e in graph.consumers(name)):
        return Mistake("missing broadcast sum", detail="it has the shape of the result")
    return None


def _fitting(graph: Graph, what: str, mapping: Mapping[str, Any] | None, found: list[Finding]) -> dict[str, Any] | None:
    if mapping is None:
        return None
    out = {}
    for name, x in mapping.items():
        if x is not None and x.shape == graph.shapes[name]:
            out[name] = x
        else:
            message = f"{what} of {name}: expected shape {graph.shapes[name]}; got {'none' if x is None else x.shape}"
            found.append(Finding("fault", message, node=name, direction=what))
    return out
