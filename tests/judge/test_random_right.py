"""Right gradients raise no alarm: random graphs over all operations."""

import pytest

from gradcheck.validation.validate import validate


@pytest.mark.parametrize("target", ["reference", "torch"])
def test_random_graphs_raise_no_alarm(target):
    """Forty random graphs in both formats: nothing fails."""
    if target != "reference":
        pytest.importorskip(target)
    matrix = validate(target, (), random=40, dtypes=["float64", "float32"], seed=3)
    assert len(matrix) == 80
    assert [r.message for r in matrix if r.verdict == "fail"] == []
    assert sum(r.evidence == "certified" for r in matrix) >= 76
