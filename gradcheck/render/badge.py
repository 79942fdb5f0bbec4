"""A result as the JSON of an endpoint badge (https://shields.io/badges/endpoint-badge)."""

from __future__ import annotations

import json

from gradcheck.result.finding import Matrix

_COLOURS = {"pass": "brightgreen", "fail": "red", "inconclusive": "yellow"}


def badge(matrix: Matrix) -> str:
    """Return label, message and colour: how many of the rows are right."""
    right = sum(r.verdict == "pass" for r in matrix.rows)
    wrong = sum(r.verdict == "fail" for r in matrix.rows)
    message = f"{wrong} wrong" if wrong else f"{right} of {len(matrix.rows)} right" if matrix.rows else "nothing tested"
    message = ", ".join(filter(None, (message if wrong or matrix.complete else "", matrix.shortfall)))
    data = {"schemaVersion": 1, "label": "gradients", "message": message, "color": _COLOURS[matrix.verdict]}
    return json.dumps(data) + "\n"
