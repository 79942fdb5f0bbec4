"""Results read back from files: every field looked at, nothing executed, what is damaged refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar

from gradcheck.errors import BadDocument
from gradcheck.files import json
from gradcheck.files.limits import bounded
from gradcheck.mistakes.mistake import KINDS, Mistake
from gradcheck.result.finding import SCHEMA, Finding, GradientAccuracy, Matrix, NodeRatio, Row, Skipped

T = TypeVar("T")

_VERDICTS = ("pass", "fail", "inconclusive")
_SEVERITIES = ("fault", "accuracy", "note")


def read(path: Path) -> Matrix:
    """Return the result in a file that `Matrix.to_dict` describes.

    Raises:
        BadDocument: if it is none, or damaged.
    """
    return from_dict(json.read(path, "a result"), str(path))


def from_dict(data: Any, where: str = "result") -> Matrix:
    """Return the result of plain data.

    Args:
        data: as `Matrix.to_dict` gives it.
        where: for messages.

    Raises:
        BadDocument: if it is none.
    """
    bounded(data, where)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        got = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise BadDocument(f"{where}: expected schema {SCHEMA!r}; got {got!r:.80}")
    rows = [row_of(r, f"{where}, row {k}") for k, r in enumerate(_list(data, "rows", where), 1)]
    skipped = [_made(Skipped, s, f"{where}, skipped {k}") for k, s in enumerate(_list(data, "skipped", where), 1)]
    versions, asked = (_texts(data, key, where) for key in ("versions", "asked"))
    seed, seconds = data.get("seed", 0), data.get("seconds", 0.0)
    if type(seed) is not int or type(seconds) not in (int, float):
        raise BadDocument(f"{where}: expected a seed and seconds; got {seed!r:.40} and {seconds!r:.40}")
    expected = data.get("expected")
    if expected is not None and (type(expected) is not int or expected < 0):
        raise BadDocument(f"{where}: expected how many rows are expected, a count; got {expected!r:.40}")
    complete = data.get("complete", True) is True and (expected is None or len(rows) + len(skipped) >= expected)
    return Matrix(tuple(rows), tuple(skipped), seed, versions, float(seconds), complete, expected, asked)


def _texts(data: Mapping[str, Any], key: str, where: str) -> dict[str, str]:
    found = data.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise BadDocument(f"{where}: expected {key}, texts by name; got {found!r:.80}")
    return found


def _list(data: Mapping[str, Any], key: str, where: str) -> list[Any]:
    found = data.get(key)
    if not isinstance(found, list):
        raise BadDocument(f"{where}: expected {key}, a list; got {type(found).__name__}")
    return found


def row_of(data: Any, where: str = "row") -> Row:
    """Return the row of plain data; raise `BadDocument` if it is none."""
    if not isinstance(data, dict):
        raise BadDocument(f"{where}: expected an object; got {type(data).__name__}")
    findings = tuple(_made(Finding, f, f"{where}, finding {k}") for k, f in enumerate(_list({"findings": [], **data}, "findings", where), 1))
    nodes = tuple(_made(NodeRatio, n, f"{where}, node {k}") for k, n in enumerate(_list({"nodes": [], **data}, "nodes", where), 1))
    accuracy = tuple(
        _made(GradientAccuracy, a, f"{where}, accuracy {k}") for k, a in enumerate(_list({"accuracy": [], **data}, "accuracy", where), 1)
    )
    plain = {k: v for k, v in data.items() if k not in ("findings", "nodes", "accuracy")}
    row = _made(Row, plain, where, findings=findings, nodes=nodes, accuracy=accuracy)
    if row.verdict not in _VERDICTS:
        raise BadDocument(f"{where}: expected a verdict out of {', '.join(_VERDICTS)}; got {row.verdict!r:.40}")
    if min(row.histogram, default=0) < 0:
        raise BadDocument(f"{where}: expected a histogram of counts; got {min(row.histogram)}")
    return row


def _made(kind: type[T], data: Any, where: str, **given: Any) -> T:
    """Return a record of plain data: fields of the declared kinds; fields of later versions are left out."""
    if not isinstance(data, dict):
        raise BadDocument(f"{where}: expected an object; got {type(data).__name__}")
    found = dict(given)
    for f in fields(kind):  # type: ignore[arg-type]  # every kind here is a dataclass
        if f.name in found:
            continue
        if f.name in data:
            found[f.name] = _value(f, data[f.name], where)
        elif f.default is MISSING:
            raise BadDocument(f"{where}: expected {f.name}")
    return kind(**found)


def _value(f: Field[Any], x: Any, where: str) -> Any:
    """Return the value of a field, whose type is told by its annotation."""
    kind = str(f.type)
    if kind == "Mistake | None":
        return _mistake(x, where)
    number = isinstance(x, int | float) and not isinstance(x, bool)
    if "float" in kind:
        if x is None:
            return None if "None" in kind else math.nan
        if x in ("inf", "-inf"):
            return float(x)
        good, x = number, float(x) if number else x
    elif kind == "int":
        good = isinstance(x, int) and not isinstance(x, bool)
    elif kind == "bool":
        good = isinstance(x, bool)
    elif kind.startswith("tuple"):
        inner = int if "int" in kind else str
        good = isinstance(x, list) and all(type(i) is inner for i in x)
        x = tuple(x) if good else x
    elif kind in ("Severity", "Kind"):
        good = x in (_SEVERITIES if kind == "Severity" else KINDS)
    else:
        good = isinstance(x, str)
    if not good:
        raise BadDocument(f"{where}: {f.name}: expected {kind}; got {x!r:.80}")
    return x


def _mistake(x: Any, where: str) -> Mistake | None:
    """Return a mistake; None where there is none, or of a kind that later versions have: its words are in the diagnosis."""
    later = isinstance(x, dict) and isinstance(x.get("kind"), str) and x["kind"] not in KINDS
    return None if x is None or later else _made(Mistake, x, where)
