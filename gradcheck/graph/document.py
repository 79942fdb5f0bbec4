"""Graphs as JSON documents, format ``gradcheck-graph/1``. Reading one never executes anything.

A document is an object with ``schema``, ``name``, ``leaves``, ``nodes`` and ``outputs``:

- a leaf has ``name``, ``kind`` (parameter, input, constant), ``type`` (float, int, bool), ``shape`` and, if it is a
  constant, ``value``: its entries in C order as one flat list; floats in the shortest form that reads back exactly;
- a node has ``name``, ``op``, ``inputs`` (names) and ``attributes``;
- ``outputs`` are names.

Operations and attributes are those that ``gradcheck list ops`` prints.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from gradcheck.errors import BadDocument, BadGraph
from gradcheck.files.json import parsed
from gradcheck.files.limits import MOST_AXES, refused
from gradcheck.graph.graph import Graph, Leaf, Node

SCHEMA = "gradcheck-graph/1"
#: A document whose values have more entries together is refused: its gradient alone would take 4 GB.
MOST_ENTRIES = 2**28

_DTYPES = {"float": np.float64, "int": np.intp, "bool": np.bool_}
_PYTHON = {"float": (int, float), "int": (int,), "bool": (bool,)}


def dumps(graph: Graph) -> str:
    """Return the document of a graph.

    Raises:
        BadGraph: a constant or attribute that is not finite; JSON has no number for it.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(x * 0.1), {"x": np.ones(2)})
    >>> [node.op for node in loads(dumps(graph)).nodes]
    ['mul', 'sum']
    """
    return json.dumps(document(graph), indent=1)


def document(graph: Graph) -> dict[str, Any]:
    """Return the document of a graph as plain data, which JSON can hold.

    Raises:
        BadGraph: see `dumps`.
    """
    made: dict[str, Any] = {
        "schema": SCHEMA,
        "name": graph.name,
        "leaves": [_leaf(x) for x in graph.leaves],
        "nodes": [
            {"name": n.name, "op": n.op, "inputs": list(n.inputs), "attributes": dict(n.attributes)} for n in graph.nodes
        ],
        "outputs": list(graph.outputs),
    }
    try:
        json.dumps([n["attributes"] for n in made["nodes"]], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadGraph(f"expected attributes that are finite numbers, text or lists of such; {error}") from error
    return made


def _leaf(x: Leaf) -> dict[str, Any]:
    out: dict[str, Any] = {"name": x.name, "kind": x.kind, "type": x.type, "shape": [int(n) for n in x.shape]}
    if x.value is not None:
        if not np.isfinite(x.value).all():
            raise BadGraph(f"constant {x.name!r}: expected finite numbers; got NaN or infinity")
        out["value"] = x.value.reshape(-1).tolist()
    return out


def loads(text: str | bytes) -> Graph:
    """Return the graph of a document.

    Raises:
        BadDocument: text that is not JSON, or not a document of this format; the message says where.
        BadGraph: a document whose graph breaks a rule (an unknown operation, a cycle, a bad shape).
    """
    if not isinstance(text, str | bytes):
        raise BadDocument(f"expected text; got {type(text).__name__}")
    document = parsed(text, "document", "a graph")
    if _get(document, "schema", str, "document") != SCHEMA:
        raise BadDocument(f"expected schema {SCHEMA!r}; got {document['schema']!r:.80}")
    leaves = [_read_leaf(x, f"leaves[{i}]") for i, x in enumerate(_get(document, "leaves", list, "document"))]
    nodes = [_read_node(x, f"nodes[{i}]") for i, x in enumerate(_get(document, "nodes", list, "document"))]
    outputs = _names(_get(document, "outputs", list, "document"), "outputs")
    unknown = set(document) - {"schema", "name", "leaves", "nodes", "outputs"}
    if unknown:
        raise BadDocument(f"document: unknown field {sorted(unknown)[0]!r}")
    with refused("document: expected a graph"):
        graph = Graph(leaves, nodes, outputs, name=_get(document, "name", str, "document"))
    if (entries := sum(map(math.prod, graph.shapes.values()))) > MOST_ENTRIES:
        raise BadDocument(f"document: expected at most {MOST_ENTRIES} entries in all values together; got {entries}")
    return graph


def _get(x: Any, key: str, kind: type, where: str) -> Any:
    if not isinstance(x, dict) or key not in x:
        raise BadDocument(f"{where}: expected a field {key!r}; got {sorted(x) if isinstance(x, dict) else type(x).__name__}")
    if not isinstance(x[key], kind):
        raise BadDocument(f"{where}.{key}: expected {kind.__name__}; got {type(x[key]).__name__}")
    return x[key]


def _names(x: list[Any], where: str) -> tuple[str, ...]:
    for name in x:
        if not isinstance(name, str):
            raise BadDocument(f"{where}: expected names; got {type(name).__name__}")
    return tuple(x)


def _read_leaf(x: Any, where: str) -> Leaf:
    name, kind, type_ = (_get(x, k, str, where) for k in ("name", "kind", "type"))
    if kind not in ("parameter", "input", "constant") or type_ not in _DTYPES:
        raise BadDocument(f"{where}: expected a known kind and type; got kind={kind!r}, type={type_!r}")
    shape = tuple(_get(x, "shape", list, where))
    if any(type(n) is not int or n < 0 for n in shape) or len(shape) > MOST_AXES or not _is_small(list(shape)):
        raise BadDocument(f"{where}.shape: expected non-negative integers, at most {MOST_ENTRIES} entries; got {shape[:8]}")
    if set(x) - {"name", "kind", "type", "shape", "value"} or ("value" in x) != (kind == "constant"):
        raise BadDocument(f"{where}: expected name, kind, type, shape, and value for a constant only; got {sorted(x)}")
    return Leaf(name, kind, shape, type_, _value(x, shape, type_, where))


def _value(x: dict[str, Any], shape: tuple[int, ...], type_: str, where: str) -> Any:
    if "value" not in x:
        return None
    flat = _get(x, "value", list, where)
    if len(flat) != math.prod(shape):
        raise BadDocument(f"{where}.value: expected {math.prod(shape)} entries; got {len(flat)}")
    if any(type(v) not in _PYTHON[type_] for v in flat):
        raise BadDocument(f"{where}.value: expected entries of type {type_}")
    try:
        return np.array(flat, dtype=_DTYPES[type_]).reshape(shape)
    except OverflowError:
        raise BadDocument(f"{where}.value: expected integers of 64 bits") from None


def _read_node(x: Any, where: str) -> Node:
    name, op = _get(x, "name", str, where), _get(x, "op", str, where)
    inputs = _names(_get(x, "inputs", list, where), f"{where}.inputs")
    attributes = _get(x, "attributes", dict, where)
    for key, v in attributes.items():
        if not _is_attribute(v, 3):
            raise BadDocument(f"{where}.attributes.{key}: expected a number, text, null or a list of such")
        if key in ("shape", "repeats") and not _is_small(v):
            raise BadDocument(f"{where}.attributes.{key}: expected at most {MOST_ENTRIES} entries; got {v}")
    return Node(name, op, inputs, attributes)


def _is_small(v: Any) -> bool:
    sizes = v if isinstance(v, list) else [v]
    return all(isinstance(n, int) for n in sizes) and abs(math.prod(n for n in sizes if n)) <= MOST_ENTRIES


def _is_attribute(v: Any, depth: int) -> bool:
    if isinstance(v, list):
        return depth > 0 and all(_is_attribute(e, depth - 1) for e in v)
    return v is None or isinstance(v, bool | int | float | str)
