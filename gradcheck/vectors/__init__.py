"""Test vectors for engines in every language: graphs, values, and what a right engine hands back, exactly.

``gradcheck.vectors.load()`` reads the set that ships with gradcheck, ``gradcheck.vectors.export(folder)`` writes one, and
``gradcheck.vectors.verify(target)`` holds an engine against one; `docs/vectors.md` has the format for engines that are not in Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck.vectors.reading import load as load
    from gradcheck.vectors.vector import Vector as Vector
    from gradcheck.vectors.vector import Vectors as Vectors
    from gradcheck.vectors.verification import verify as verify
    from gradcheck.vectors.writing import export as export

_PUBLIC = {"export": "writing", "load": "reading", "verify": "verification", "Vector": "vector", "Vectors": "vector"}

__all__ = [*sorted(_PUBLIC)]  # noqa: PLE0604 - names of strings


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"gradcheck.vectors.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'gradcheck.vectors' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
