"""The cost of recorded runs is measured on what is really recorded and certified."""

import sys

import pytest

from gradcheck.bench import cost
from gradcheck.bench.recorded import cost as recorded
from gradcheck.bench.tables import TABLES
from gradcheck.errors import MissingDependency

SMALL = {"10^6": (64, 96, 1, 100)}


def test_what_is_measured_is_certified(monkeypatch):
    """A model of each format is certified, and every figure is there."""
    pytest.importorskip("torch")
    monkeypatch.setattr(recorded, "MODELS", SMALL)
    found = list(recorded.costs(("10^6",), (8,), runs=1))
    assert [c.dtype for c in found] == ["float32", "bfloat16"]
    for c in found:
        assert c.verdict == "pass"
        assert c.whole == c.record + c.certify > 0
        assert c.plain > 0
        assert c.parameters == 2 * 100 * 64 + 4 * 64 * 64 + 3 * 64 * 96 + 3 * 64
        assert c.arrays > 100
        assert c.memory is None or c.memory > 0


def test_without_torch(monkeypatch):
    """The table says why it is not there."""
    monkeypatch.setattr(recorded, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="gradcheck\\[torch\\]"):
        list(recorded.costs())

    class Here:
        def __call__(self, f, *arguments, limit=None):
            return f(*arguments)

    assert list(cost._table(Here(), "recorded", 0.01)[0]) == ["reason"]


def test_torch_is_imported_for_the_table_alone():
    """The command and its other tables do not load torch."""
    import subprocess

    code = "import sys; import gradcheck.cli.cost; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_the_table_is_listed():
    """`gradcheck cost --tables recorded` knows it."""
    assert "Recorded" in TABLES["recorded"].title
