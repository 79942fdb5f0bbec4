"""All kinds."""

from __future__ import annotations

import importlib

from tests.right.kinds.case import Case

KINDS = ("implicit", "iterations", "odes", "data", "geometry", "layers", "networks", "stationary", "narrow", "noisy", "edges", "structures", "underflow", "second")


def cases(kind: str = "") -> list[Case]:
    """Return the cases of one kind, or all."""
    return [c for k in ([kind] if kind else KINDS) for c in importlib.import_module(f"tests.right.kinds.{k}").KIND.cases]
