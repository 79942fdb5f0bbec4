"""The speedup is measured on two computations of the same digits."""

import pytest

from gradcheck.bench.differences import NETS, speedups


@pytest.mark.deep
def test_a_small_net():
    """One pair of times after the other, and the first net has 121 parameters."""
    ((name, found),) = speedups(["4-8-8-1, batch 1"], seconds=0.1)
    assert name in NETS
    assert found.runs >= 5
    assert found.median > 1
