"""Is the answer of a target well formed? What is not is a finding, and is not compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.errors import TargetFailed
from gradcheck.graph.graph import Edge, Graph
from gradcheck.targets.target import Run, as_given
from gradcheck.verdict.finding import Finding


def inspect_answer(graph: Graph, run: Run) -> tuple[Run, list[Finding]]:
    """Return the run without what cannot be compared, and a finding for each thing left out.

    Raises:
        TargetFailed: the answer is no `Run`, names values that the graph does not have, or holds
            something that is not numbers.
    """
    if not isinstance(run, Run):
        raise TargetFailed(f"expected a Run with a mapping of gradients; got {type(run).__name__}")
    _refuse_unknown(graph, "gradient", run.gradients)
    for what in ("node_values", "node_adjoints", "plain_gradients"):
        if getattr(run, what) is not None:
            _refuse_unknown(graph, what.replace("_", " ")[:-1], getattr(run, what))
    found: list[Finding] = []
    gradients = _gradients(graph, run.gradients, found)
    plain = None if run.plain_gradients is None else _gradients(graph, run.plain_gradients, found, "plain program: ")
    values = _fitting(graph, "value", run.node_values, found)
    adjoints = _fitting(graph, "adjoint", run.node_adjoints, found)
    edges = _edges(graph, run.edge_adjoints, found)
    loss = run.loss
    if loss is None or _numbers("loss", loss).size != 1:
        message = f"loss: expected one number; got {_shown(loss)}"
        found.append(Finding("fault", message, node=graph.outputs[0], direction="value"))
        loss = None
    elif values is not None and graph.outputs[0] in values:
        values[graph.outputs[0]] = _numbers("loss", loss).reshape(graph.shapes[graph.outputs[0]])  # the loss is what is relied on
    if set(plain or gradients) != set(gradients):
        plain = None
    made = replace(run, loss=loss, gradients=gradients, plain_gradients=plain)
    return replace(made, node_values=values, node_adjoints=adjoints, edge_adjoints=edges), found


def _refuse_unknown(graph: Graph, what: str, mapping: Any) -> None:
    if not isinstance(mapping, Mapping):
        raise TargetFailed(f"expected a mapping from names to arrays for each {what}; got {type(mapping).__name__}")
    for name in mapping:
        if name not in graph.shapes:
            known = ", ".join(graph.differentiable)
            raise TargetFailed(f"expected names that the graph has (parameters: {known}); got a {what} named {name!r}")


def _gradients(graph: Graph, given: Mapping[str, Any], found: list[Finding], prefix: str = "") -> dict[str, Any]:
    made = {k: _gradient(graph, k, given.get(k), found, prefix) for k in graph.differentiable}
    return {k: x for k, x in made.items() if x is not None}


def _edges(graph: Graph, given: Any, found: list[Finding]) -> dict[tuple[str, Edge], Any] | None:
    """Return the contributions by edge that fit the value which they belong to."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise TargetFailed(f"expected a mapping from (name, Edge) for edge adjoints; got {type(given).__name__}")
    out: dict[tuple[str, Edge], Any] = {}
    for key, x in given.items():
        if not (isinstance(key, tuple) and len(key) == 2 and key[1] in graph.consumers(key[0])):
            raise TargetFailed(f"expected edge adjoints by (name, Edge) of an edge in the graph; got {key!r}")
        got = _numbers(f"adjoint of {key[0]} through {key[1].consumer}", x).shape
        if got == graph.shapes[key[0]]:
            out[key] = x
        else:
            name, edge = key[0], f"{key[1].consumer}[{key[1].position}]"
            message = f"adjoint of {name} through {edge}: expected shape {graph.shapes[name]}; got {got}"
            found.append(Finding("fault", message, node=name, edge=edge, direction="adjoint"))
    return out


def _gradient(graph: Graph, name: str, x: Any, found: list[Finding], prefix: str) -> Any:
    shape = graph.shapes[name]
    if x is None:
        if name not in graph.ancestors(graph.outputs):
            return np.zeros(shape)
        message = f"{prefix}gradient of {name}: expected an array of shape {shape}; got none"
        found.append(Finding("fault", message, node=name, direction="gradient", diagnosis="zero: it is missing"))
        return None
    got = _numbers(f"{prefix}gradient of {name}", x)
    if got.shape != shape:
        message = f"{prefix}gradient of {name}: expected shape {shape}; got {got.shape}"
        consumers = tuple(f"{e.consumer}[{e.position}]" for e in graph.consumers(name))
        found.append(
            Finding("fault", message, node=name, direction="gradient", op=_op(graph, name), candidates=consumers,
                    diagnosis=_shape_mistake(got.shape, shape, graph, name))
        )  # fmt: skip
        return None
    return x


def _op(graph: Graph, name: str) -> str:
    uses = graph.consumers(name)
    return graph.node[uses[0].consumer].op if uses else ""


def _shape_mistake(got: tuple[int, ...], shape: tuple[int, ...], graph: Graph, name: str) -> str:
    if got == shape[::-1]:
        return "transpose: it has the shape of the transpose"
    if any(got == graph.shapes[e.consumer] for e in graph.consumers(name)):
        return "missing sum over a broadcast axis: it has the shape of the result"
    return ""


def _fitting(graph: Graph, what: str, mapping: Any, found: list[Finding]) -> dict[str, Any] | None:
    if mapping is None:
        return None
    out = {}
    for name, x in mapping.items():
        got = _numbers(f"{what} of {name}", x).shape
        if got == graph.shapes[name]:
            out[name] = x
        else:
            message = f"{what} of {name}: expected shape {graph.shapes[name]}; got {got}"
            found.append(Finding("fault", message, node=name, direction=what))
    return out


def _numbers(what: str, x: Any) -> Any:
    try:
        kind = np.asarray(x).dtype.kind
        if kind == "O":  # a None among numbers would become NaN
            return np.vectorize(float, otypes=[np.float64])(np.asarray(x))
        if kind in "cSUMm":
            raise TypeError
        return as_given(x)
    except (TypeError, ValueError) as error:
        raise TargetFailed(f"{what}: expected real numbers; got {_shown(x)}") from error


def _shown(x: Any) -> str:
    return f"{type(x).__name__} {' '.join(str(x).split())[:60]!r}" if x is not None else "None"
