"""The examples in all docstrings run."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMES = sorted(".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in (ROOT / "gradcheck").rglob("*.py") if p.stem != "__main__")


def _text(name):
    """Return the text of a module."""
    path = ROOT / name.replace(".", "/")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


#: modules that need an extra -> its library
EXTRAS = {
    "gradcheck.strategies": "hypothesis", "gradcheck.capture.record": "torch", "gradcheck.targets.torch": "torch", "gradcheck.targets.torch_ops": "torch", "gradcheck.targets.jax": "jax",
    "gradcheck.targets.autograd": "autograd", "gradcheck.targets.sklearn": "sklearn", "gradcheck.learning.torch": "torch", "gradcheck.probe.subject.torch": "torch", "gradcheck.probe.subject.hooks": "torch", "gradcheck.probe.subject.jax": "jax",
    **{f"gradcheck.bench.checkers.{name}": name for name in ("torch", "jax", "autograd", "scipy")},
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in NAMES if ">>>" in _text(n)])
def test_examples(name):
    """Each example prints what its docstring shows."""
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert not found.failed


def test_there_are_examples():
    """The entry points have one."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ("gradcheck.engine.reverse", "gradcheck.graph.graph", "gradcheck.graph.trace", "gradcheck.graph.document", "gradcheck.validation.validate", "gradcheck.arith.running"):
        assert any(t.examples for t in finder.find(importlib.import_module(name)))
