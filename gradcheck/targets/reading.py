"""What a target answers, read once: mappings and arrays of our own, whatever it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from gradcheck.errors import TargetFailed
from gradcheck.foreign import answer_of
from gradcheck.foreign.arrays import real_array_of, shown
from gradcheck.graph.graph import Edge
from gradcheck.targets.target import Run

Array = npt.NDArray[Any]


def plain_run(answer: Any) -> Run:
    """Return an answer in arrays that nobody else holds.

    Args:
        answer: of a target.

    Raises:
        TargetFailed: it is no `Run`, or holds something that is not numbers.

    >>> plain_run(Run(1, {"w": [1.0, 2.0]})).gradients
    {'w': array([1., 2.])}
    """
    if not isinstance(answer, Run):
        raise TargetFailed(f"expected a Run with a mapping of gradients; got {shown(answer)}")
    parts = answer_of(lambda: (answer.loss, answer.gradients, *(getattr(answer, k) for k in (*_BY_NAME, "edge_adjoints"))))
    loss, gradients, values, adjoints, plain, edges = parts
    return Run(
        None if loss is None else real_array_of(loss, "loss"),
        arrays_by_name("gradient", gradients),
        None if values is None else arrays_by_name("node value", values),
        None if adjoints is None else arrays_by_name("node adjoint", adjoints),
        None if edges is None else {_edge(k): real_array_of(x, "edge adjoint") for k, x in _items("edge adjoint", edges, "(name, Edge)")},
        None if plain is None else arrays_by_name("plain gradient", plain),
    )


_BY_NAME = ("node_values", "node_adjoints", "plain_gradients")


def arrays_by_name(what: str, mapping: Any) -> dict[str, Any]:
    """Return the arrays of a mapping that a target handed back; None stays None.

    Args:
        what: each of them is.
        mapping: from names.

    Raises:
        TargetFailed: it is no mapping from names to real numbers.
    """
    pairs = [(_name(what, k), x) for k, x in _items(what, mapping)]
    return {k: None if x is None else real_array_of(x, f"{what} of {k}") for k, x in pairs}


def _items(what: str, mapping: Any, keys: str = "names") -> list[tuple[Any, Any]]:
    if not answer_of(lambda: isinstance(mapping, Mapping)):
        raise TargetFailed(f"expected a mapping from {keys} to arrays for each {what}; got {shown(mapping)}")
    return answer_of(lambda: [(k, mapping[k]) for k in mapping], who=f"reading each {what}")


def _name(what: str, key: Any) -> str:
    if not isinstance(key, str):
        raise TargetFailed(f"expected names for each {what}; got {shown(key)}")
    return str.__str__(key)


def _edge(key: Any) -> tuple[str, Edge]:
    try:
        return answer_of(lambda: _name_and_edge(*key))
    except TargetFailed:
        raise TargetFailed(f"expected edge adjoints by (name, Edge); got {shown(key)}") from None


def _name_and_edge(name: Any, edge: Any) -> tuple[str, Edge]:
    return _name("edge adjoint", name), Edge(str.__str__(edge.consumer), int(edge.position))
