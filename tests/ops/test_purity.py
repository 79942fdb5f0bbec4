"""Rules touch numbers through their arithmetic only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gradcheck.ops

MODULES = sorted(Path(next(iter(gradcheck.ops.__path__))).glob("*.py"))
MAY_USE_NUMPY = {"geometry.py", "op.py", "parts.py"}

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: p.name)


def floats(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield float literals outside declarations of attribute defaults and of samples."""
    if isinstance(node, ast.keyword) and node.arg == "attributes":
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sample":
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from floats(child)


def imported(tree: ast.AST) -> set[str]:
    """Return the top-level names of all modules imported anywhere."""
    out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            out.add((node.module or "").split(".")[0])
    return out


@each_module
def test_no_float_literals(path: Path) -> None:
    """A float literal in a rule would round where the arithmetic is exact."""
    found = [f"line {n.lineno}: {n.value!r}" for n in floats(ast.parse(path.read_text()))]
    assert not found


@each_module
def test_no_foreign_numbers(path: Path) -> None:
    """Only shapes and the record of an operation may use NumPy; no rule uses another number library."""
    names = imported(ast.parse(path.read_text()))
    assert not names & {"scipy", "mpmath", "sympy", "torch", "jax", "flint", "ml_dtypes"}
    assert "numpy" not in names or path.name in MAY_USE_NUMPY
