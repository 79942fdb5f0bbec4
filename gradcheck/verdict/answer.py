"""Is the answer of a target well formed? What is not is a finding, and is not compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.errors import TargetFailed
from gradcheck.graph.graph import Graph
from gradcheck.targets.target import Run, as_float
from gradcheck.verdict.finding import Finding


def inspect_answer(graph: Graph, run: Run) -> tuple[Run, list[Finding]]:
    """Return the run without what cannot be compared, and a finding for each thing left out.

    Raises:
        TargetFailed: the answer is no `Run`, names values that the graph does not have, or holds
            something that is not numbers.
    """
    if not isinstance(run, Run) or not isinstance(run.gradients, Mapping):
        raise TargetFailed(f"expected a Run with a mapping of gradients; got {type(run).__name__}")
    for what, mapping in (("gradient", run.gradients), ("node value", run.node_values), ("adjoint", run.node_adjoints)):
        for name in mapping or {}:
            if name not in graph.shapes:
                raise TargetFailed(f"the target returned a {what} named {name!r}, which the graph does not have")
    found: list[Finding] = []
    gradients = {k: x for k in graph.differentiable if (x := _gradient(graph, k, run.gradients.get(k), found)) is not None}
    values = _fitting(graph, "value", run.node_values, found)
    adjoints = _fitting(graph, "adjoint", run.node_adjoints, found)
    loss = run.loss
    if loss is None or _numbers("loss", loss).size != 1:
        found.append(Finding("fault", f"loss: expected one number; got {_shown(loss)}", direction="value"))
        loss = None
    return replace(run, loss=loss, gradients=gradients, node_values=values, node_adjoints=adjoints), found


def _gradient(graph: Graph, name: str, x: Any, found: list[Finding]) -> Any:
    shape = graph.shapes[name]
    if x is None:
        if name not in graph.ancestors(graph.outputs):
            return np.zeros(shape)
        message = f"gradient of {name}: expected an array of shape {shape}; got none"
        found.append(Finding("fault", message, node=name, direction="gradient", diagnosis="zero: it is missing"))
        return None
    got = _numbers(f"gradient of {name}", x)
    if got.shape != shape:
        message = f"gradient of {name}: expected shape {shape}; got {got.shape}"
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
        return as_float(x)
    except (TypeError, ValueError) as error:
        raise TargetFailed(f"{what}: expected numbers; got {_shown(x)}") from error


def _shown(x: Any) -> str:
    return f"{type(x).__name__} {str(x)[:60]!r}" if x is not None else "None"
