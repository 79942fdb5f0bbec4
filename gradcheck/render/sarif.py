"""A result as SARIF 2.1.0 (OASIS), for code scanning."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from gradcheck.result.finding import Matrix, Row
from gradcheck.result.text import clean, file_and_line

_RULES = {
    "wrong-gradient": ("A gradient is wrong", "The derivative differs from the exact one by more than rounding explains."),
    "inconclusive-gradient": ("A gradient could not be judged", "The check came to no verdict, for the reason given."),
}


def sarif(matrix: Matrix) -> str:
    """Return the log: a result for each row that fails (error) or is inconclusive (note; suppressed where it is known), and whether it is of a whole run."""
    ids = list(_RULES)
    rules = [
        {"id": key, "shortDescription": {"text": short}, "fullDescription": {"text": full}, "defaultConfiguration": {"level": level}}
        for (key, (short, full)), level in zip(_RULES.items(), ("error", "note"), strict=True)
    ]
    driver: dict[str, Any] = {"name": "gradcheck", "rules": rules}
    if matrix.versions.get("gradcheck"):
        driver["version"] = clean(matrix.versions["gradcheck"], 40)
    results = [_result(r, ids) for r in matrix.rows if r.verdict != "pass"]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [run | _unfinished(matrix)],
    }
    return json.dumps(log, indent=1, allow_nan=False) + "\n"


def _unfinished(matrix: Matrix) -> dict[str, Any]:
    """Return what says that rows are missing."""
    if matrix.complete:
        return {}
    told = {"level": "error", "message": {"text": matrix.shortfall}}
    return {"invocations": [{"executionSuccessful": False, "toolExecutionNotifications": [told]}]}


def _result(row: Row, ids: list[str]) -> dict[str, Any]:
    fails = row.verdict == "fail"
    rule = ids[0 if fails else 1]
    name = clean(f"{row.target}/{row.network}/{row.dtype}".rstrip("/"), 400)
    found: dict[str, Any] = {
        "ruleId": rule, "ruleIndex": ids.index(rule), "level": "error" if fails else "note",
        "message": {"text": clean(f"{name}: {row.message}", 1000)},
        "locations": [_location(row, name)],
        "partialFingerprints": {"row/v1": hashlib.sha256(f"{row.target}/{row.network}/{row.dtype}".encode(errors="replace")).hexdigest()},
    }  # fmt: skip
    if row.known:
        found["suppressions"] = [{"kind": "external", "justification": clean(row.known, 400)}]
    return found


def _location(row: Row, name: str) -> dict[str, Any]:
    place: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name, "kind": "function"}]}
    file, line = file_and_line(row.location)
    if line:
        uri = quote(PurePath(file).as_posix(), errors="replace")
        artifact = {"uri": uri} if not PurePath(file).is_absolute() else {"uri": f"file://{uri}"}
        place["physicalLocation"] = {"artifactLocation": artifact, "region": {"startLine": line}}
    return place
