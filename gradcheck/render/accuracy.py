"""The accuracy report: JSON a row a line, Markdown, one HTML file. Reads results only."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradcheck.render.html import templates
from gradcheck.result.text import clean

Data = Mapping[str, Any]
Row = Mapping[str, Any]

#: digits with which numbers of a format can be read back
_DIGITS = {"float64": 17, "float32": 9, "float16": 5, "bfloat16": 4}
#: Rows among the worst that are listed.
MOST_WORST = 60


def as_json(data: Data) -> str:
    """Return the JSON document, a row a line."""
    parts = []
    for key, value in data.items():
        if isinstance(value, list):
            lines = ",\n".join(f"  {json.dumps(x, allow_nan=False)}" for x in value)
            parts.append(f"{json.dumps(key)}: [\n{lines}\n ]" if value else f"{json.dumps(key)}: []")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def number(x: Any, digits: int = 3) -> str:
    """Return an error, or what came out, for people.

    >>> number(0.4998), number(16777200.0), number("nan"), number(None)
    ('0.50', '1.68e+07', 'nan', '–')
    """
    if x is None:
        return "–"
    if isinstance(x, str):
        return clean(x)
    if x == 0:
        return "0"
    if 0.005 <= abs(x) < 1000:
        return f"{x:.2f}" if digits == 3 else f"{x:.{digits}g}"
    return f"{x:.{digits}g}"


def exactly(x: Any, dtype: str) -> str:
    """Return a number with as many digits as its format needs to be read back."""
    return x if isinstance(x, str) else f"{x:.{_DIGITS.get(dtype, 17)}g}"


def operation(r: Row) -> str:
    """Return the operation with the attributes that were given.

    >>> operation({"op": "elu", "attributes": {"alpha": 0.5}})
    'elu alpha=0.5'
    """
    return " ".join([r["op"], *(f"{k}={v}" for k, v in r.get("attributes", {}).items())])


def place(r: Row, which: str = "worst") -> str:
    """Return where the largest error is: the operands, or sample, seed, scale and entry."""
    e = r.get(which)
    if not e:
        return ""
    if e.get("sample"):
        s = e["sample"]
        return f"{s['network']} seed {s['seed']} scale {s['scale']:g} entry {tuple(s['entry'])}"
    return ", ".join(exactly(x, r["dtype"]) for x in e.get("at", ()))


def told(r: Row, which: str = "worst") -> str:
    """Return what came out there, and what is exact."""
    e = r.get(which)
    return f"{exactly(e['got'], r['dtype'])} for {exactly(e['exact'], 'float32')}" if e else ""


def worst(rows: Iterable[Row], count: int) -> list[Row]:
    """Return the rows with the largest errors.

    Where an operation mixes entries, which may cancel, what counts is the error over what rounding may do.
    """
    return sorted((r for r in rows if _size(r)), key=lambda r: -_size(r))[:count]


def _size(r: Row) -> float:
    x = r.get("scaled", 0.0) if _mixes(r) else r["ulps"]
    return x if isinstance(x, int | float) else 0.0 if x is None else math.inf



def grids(data: Data) -> list[dict[str, Any]]:
    """Return a table for each format and kind of operation: results down, targets across."""
    names = [t["name"] for t in data["targets"]]
    found: list[dict[str, Any]] = []
    for dtype in data["settings"]["dtypes"]:
        for kind, mixed in (("functions of entries", False), ("operations that mix entries", True)):
            rows = [r for r in data["rows"] if r["dtype"] == dtype and _mixes(r) is mixed]
            if rows:
                found.append({"dtype": dtype, "kind": kind, "mixed": mixed, **_grid(rows, names)})
    return found


def _mixes(r: Row) -> bool:
    return "scaled" in r or "sample" in (r.get("worst") or r.get("bad_example") or {})


def _grid(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    cells = {(operation(r), r["what"], r["target"]): r for r in rows}
    there = [n for n in names if any(r["target"] == n for r in rows)]
    lines, exact = [], []
    for op, what in dict.fromkeys((operation(r), r["what"]) for r in rows):
        line = [cells.get((op, what, n)) for n in there]
        if all(r is not None and r["ulps"] in (0, 0.0) and not r.get("bad") for r in line):
            exact.append(f"{op} ({what})")
        else:
            lines.append({"op": op, "what": what, "cells": line})
    return {"targets": there, "lines": lines, "exact": exact}


def kinks(data: Data) -> dict[str, Any]:
    """Return the table of conventions: points down, targets across."""
    cells = {(c["point"], c["target"]): c for c in data["conventions"]}
    names = list(dict.fromkeys(c["target"] for c in data["conventions"]))
    points = dict.fromkeys((c["point"], c["allowed"]) for c in data["conventions"])
    return {"targets": names, "lines": [{"point": p, "allowed": a, "cells": [cells.get((p, n)) for n in names]} for p, a in points]}


def derivative(c: Row | None) -> str:
    """Return the derivative that a target gives, marked where it is none.

    >>> derivative({"given": [0.5, 0.5], "status": "inside"})
    '0.5, 0.5'
    """
    if c is None or c["status"] == "no form":
        return ""
    text = ", ".join(x if isinstance(x, str) else f"{x:.4g}" for x in c["given"])
    return f"{text} ({c['status']})" if c["status"] in ("outside", "not finite") else text


def _context(data: Data) -> dict[str, Any]:
    rows = data["rows"]
    skipped: dict[tuple[str, str, str], list[str]] = {}
    for s in data["skipped"]:
        skipped.setdefault((s["target"], s["dtype"], clean(s["reason"])), []).append(s["op"])
    return {
        "data": data, "grid": grids(data), "kinks": kinks(data), "worst": worst(rows, MOST_WORST), "skipped": skipped,
        "bad": [r for r in rows if r.get("bad")], "odd": [c for c in data["conventions"] if c["status"] in ("outside", "not finite")],
        "number": number, "operation": operation, "place": place, "told": told, "derivative": derivative, "at_least": at_least,
    }  # fmt: skip


def at_least(r: Row) -> str:
    """Return the sign before an error that was searched."""
    return "" if r["how"] == "exhaustive" or not r["ulps"] else "≥ "


def markdown(data: Data) -> str:
    """Return the report as Markdown.

    Args:
        data: of `gradcheck accuracy --json`.
    """
    return templates().get_template("accuracy.md.j2").render(**_context(data))


def html(data: Data) -> str:
    """Return the report as one HTML file that needs nothing else."""
    return templates().get_template("accuracy.html.j2").render(**_context(data))
