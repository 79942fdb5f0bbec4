"""Custom autograd Functions: the region between their boundary is judged as one."""

import pytest

torch = pytest.importorskip("torch")

import gradcheck  # noqa: E402
from tests.capture.functions import PAIRS  # noqa: E402


def row_of(name, *, right, dtype=torch.float32):
    """Return the row of a Function with something before and behind it."""
    pair = PAIRS[name]
    custom = pair.function(right=right)
    g = torch.Generator().manual_seed(3)
    xs = [torch.randn(s, generator=g).to(dtype).requires_grad_() for s in pair.shapes]
    references = {} if pair.reference is None else {"Custom": pair.reference}
    recording = gradcheck.record(lambda *xs: torch.sin(custom.apply(*(x * 1.5 for x in xs))), *xs, references=references)
    assert not recording.coverage.opaque
    return recording.validate()


@pytest.mark.parametrize("name", PAIRS)
def test_right_functions_pass(name):
    """A right backward is within rounding, in float64 and float32, whatever it recomputes."""
    assert [row_of(name, right=True, dtype=d).verdict for d in (torch.float64, torch.float32)] == ["pass", "pass"]


@pytest.mark.parametrize("name", PAIRS)
def test_wrong_functions_fail(name):
    """A wrong one fails, and its place is told."""
    row = row_of(name, right=False)
    assert row.verdict == "fail"
    assert "functions.py" in row.location or "test_functions.py" in row.location


@pytest.mark.parametrize("name", PAIRS)
def test_right_functions_pass_in_bfloat16(name):
    """Nor is a right one rejected where the format is narrow."""
    assert row_of(name, right=True, dtype=torch.bfloat16).verdict == "pass"
