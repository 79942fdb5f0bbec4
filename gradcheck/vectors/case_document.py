"""The document of one case: a graph, and its vectors; read with every field, type and size looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import FORMATS
from gradcheck.arith.rounding import BINARY
from gradcheck.errors import BadInput, BadVectors
from gradcheck.graph.document import loads
from gradcheck.graph.graph import Graph, Leaf
from gradcheck.graph.values import Arrays
from gradcheck.vectors.canonical import Literal, dumps
from gradcheck.vectors.expected import Expected
from gradcheck.vectors.parsed import Json, as_float, only, take
from gradcheck.vectors.vector import SCHEMA, Vector

#: Entries of all arrays of a graph together; a case with more is refused.
MOST_ENTRIES = 2**22
_CASE = {"schema", "name", "about", "source", "tags", "fault", "graph", "vectors"}
_VECTOR = {"dtype", "values", "formulas", "gradients", "loss", "sums", "subnormal", "kink"}
_COLUMNS = ("rounded", "lower", "upper", "allowed")
_FAULT = ("name", "class", "title", "operation", "reference")


def read_case(document: Json, where: str, checksum: str) -> Iterator[Vector]:
    """Yield the vectors of a case.

    Args:
        document: with every array in its place.
        where: for messages.
        checksum: of the file.

    Raises:
        BadVectors: a field that is missing, unknown, of a wrong type, or with another number of entries than the graph has.
    """
    only(document, _CASE, where)
    if (schema := take(document, "schema", str, where)) != SCHEMA:
        raise BadVectors(f"{where}: expected schema {SCHEMA!r}; got {schema[:60]!r}")
    graph = _graph(document, where)
    told: dict[str, Any] = {k: take(document, k, str, where) for k in ("name", "about", "source")}
    told |= {"tags": _names(document, "tags", where), "fault": _fault(document, where), "graph": graph, "checksum": checksum}
    for k, x in enumerate(take(document, "vectors", list, where)):
        here = f"{where}: vectors[{k}]"
        if not isinstance(x, dict):
            raise BadVectors(f"{here}: expected an object; got {type(x).__name__}")
        only(x, _VECTOR, here)
        yield Vector(**told | _vector(x, graph, told["name"], here))


def _graph(document: Json, where: str) -> Graph:
    text = dumps(take(document, "graph", dict, where))
    try:
        graph = loads(text)
    except BadInput as error:  # a document or graph that breaks a rule, an operation that does not exist
        raise BadVectors(f"{where}.graph: {error}") from error
    if len(graph.outputs) != 1 or graph.shapes[graph.outputs[0]] != () or graph.outputs[0] in graph.leaf:
        raise BadVectors(f"{where}.graph: expected one output, a computed scalar; got {', '.join(graph.outputs)[:80]}")
    if sum(math.prod(s) for s in graph.shapes.values()) > MOST_ENTRIES:
        raise BadVectors(f"{where}.graph: expected at most {MOST_ENTRIES} entries in all arrays")
    return graph


def _names(x: Json, key: str, where: str) -> tuple[str, ...]:
    found = take(x, key, list, where)
    if any(type(v) is not str for v in found):
        raise BadVectors(f"{where}.{key}: expected a list of names")
    return tuple(found)


def _fault(document: Json, where: str) -> Mapping[str, str] | None:
    found: Json | None = take(document, "fault", (dict, type(None)), where)
    if found is not None:
        only(found, set(_FAULT), f"{where}.fault")
        return {k: take(found, k, str, f"{where}.fault") for k in _FAULT}
    return None


def _vector(x: Json, graph: Graph, name: str, where: str) -> Json:
    dtype, formulas = (take(x, k, str, where) for k in ("dtype", "formulas"))
    if dtype not in BINARY or formulas not in ("any", "accurate"):
        raise BadVectors(f"{where}: expected a dtype out of {', '.join(BINARY)} and formulas any or accurate; got {dtype[:40]!r}, {formulas[:40]!r}")
    gradients = take(x, "gradients", dict, where)
    if set(gradients) != set(graph.differentiable):
        raise BadVectors(f"{where}.gradients: expected those of {', '.join(graph.differentiable)}; got {', '.join(sorted(gradients))[:200]}")
    loss = {k: [v] for k, v in take(x, "loss", dict, where).items()}
    return {
        "name": f"{name}/{dtype}", "dtype": dtype, "formulas": formulas, "values": _values(x, graph, dtype, where),
        "loss": _expected(loss, (), dtype, f"{where}.loss"),
        "gradients": {k: _expected(gradients[k], graph.shapes[k], dtype, f"{where}.gradients.{k}") for k in graph.differentiable},
        "sums": dict(_sum(s, graph, dtype, f"{where}.sums") for s in take(x, "sums", list, where)),
        "subnormal": take(x, "subnormal", bool, where), "kink": _kink(x, graph, where),
    }  # fmt: skip


def _values(x: Json, graph: Graph, dtype: str, where: str) -> Arrays:
    given, wanted = take(x, "values", dict, where), [leaf for leaf in graph.leaves if leaf.kind != "constant"]
    if set(given) != {leaf.name for leaf in wanted}:
        raise BadVectors(f"{where}.values: expected those of {', '.join(leaf.name for leaf in wanted)}; got {', '.join(sorted(given))[:200]}")
    return {leaf.name: _value(given[leaf.name], leaf, dtype, f"{where}.values.{leaf.name}") for leaf in wanted}


def _value(given: Any, leaf: Leaf, dtype: str, where: str) -> npt.NDArray[Any]:
    entries = _entries(given, leaf.shape, where)
    if leaf.type != "float":
        kind = bool if leaf.type == "bool" else int
        if any(type(v) is not kind for v in entries) or (kind is int and any(abs(v) >= 2**63 for v in entries)):
            raise BadVectors(f"{where}: expected {leaf.type} entries")
        return np.array(entries, np.bool_ if kind is bool else np.intp).reshape(leaf.shape)
    exact = np.array([as_float(v, where) for v in entries], np.float64).reshape(leaf.shape)
    if not _in_format(exact, dtype).all():
        raise BadVectors(f"{where}: expected numbers that {dtype} has exactly; got others")
    return exact.astype(FORMATS[dtype])


def _in_format(x: npt.NDArray[np.float64], dtype: str) -> npt.NDArray[np.bool_]:
    """Return which numbers a format has exactly."""
    with np.errstate(over="ignore"):
        return np.asarray(x.astype(FORMATS[dtype]).astype(np.float64) == x)


def _entries(given: Any, shape: tuple[int, ...], where: str) -> list[Any]:
    if not isinstance(given, list) or len(given) != math.prod(shape):
        got = f"{len(given)}" if isinstance(given, list) else type(given).__name__
        raise BadVectors(f"{where}: expected a flat list of {math.prod(shape)} entries for the shape {shape}; got {got}")
    return given


def _expected(x: Any, shape: tuple[int, ...], dtype: str, where: str) -> Expected:
    if not isinstance(x, dict) or set(x) != set(_COLUMNS):
        raise BadVectors(f"{where}: expected the fields {', '.join(_COLUMNS)}; got {', '.join(sorted(x))[:200] if isinstance(x, dict) else type(x).__name__}")
    columns = [_entries(x[k], shape, f"{where}.{k}") for k in _COLUMNS]
    rows = [_row(row, where) for row in zip(*columns, strict=True)]
    rounded, allowed = (np.array([math.nan if r is None else r[k] for r in rows], np.float64).reshape(shape) for k in (0, 2))
    if (odd := rounded[~(_in_format(rounded, dtype) | np.isnan(rounded))]).size:
        raise BadVectors(f"{where}.rounded: expected numbers that {dtype} has exactly; got {float(odd[0])!r}")
    return Expected(shape, rounded, [None if r is None else r[1] for r in rows], allowed)


def _row(row: tuple[Any, ...], where: str) -> tuple[float, tuple[str, str], float] | None:
    if all(v is None for v in row):
        return None
    nearest, error = as_float(row[0], f"{where}.rounded"), as_float(row[3], f"{where}.allowed")
    low, high = (_end(v, where) for v in row[1:3])
    if Decimal(low) > Decimal(high) or error < 0:  # exact, and quicker than fractions: there may be a million
        raise BadVectors(f"{where}: expected lower <= upper and allowed >= 0; got {low}, {high}, {error!r}")
    return nearest, (low, high), error


def _end(x: Any, where: str) -> str:
    if type(x) not in (int, Literal):
        raise BadVectors(f"{where}: expected numbers for lower and upper; got {type(x).__name__}")
    return str(x)


def _sum(x: Any, graph: Graph, dtype: str, where: str) -> tuple[tuple[str, ...], Expected]:
    if not isinstance(x, dict):
        raise BadVectors(f"{where}: expected objects; got {type(x).__name__}")
    names = _names(x, "of", where)
    if not names or not set(names) <= set(graph.differentiable):
        raise BadVectors(f"{where}.of: expected names of parameters; got {', '.join(names)[:200]}")
    columns = {k: [v] for k, v in x.items() if k != "of"}
    return names, _expected(columns, (), dtype, where)


def _kink(x: Json, graph: Graph, where: str) -> Mapping[str, Any] | None:
    found: Json | None = take(x, "kink", (dict, type(None)), where)
    if found is None:
        return None
    only(found, {"accepted", "nodes"}, f"{where}.kink")
    nodes = _names(found, "nodes", f"{where}.kink")
    if take(found, "accepted", str, f"{where}.kink") != "hull" or not set(nodes) <= set(graph.node):
        raise BadVectors(f"{where}.kink: expected accepted 'hull' and names of nodes; got {found['accepted'][:40]!r}, {', '.join(nodes)[:200]}")
    return {"accepted": "hull", "nodes": nodes}
