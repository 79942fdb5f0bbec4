"""The verification of a float32 network of a million weights beside its gradient. Run by ``tox -e bench``."""

import pytest

from gradcheck.bench.whitebox import ways, whitebox

VERIFY, GRADIENTS = ways()


def test_verification(benchmark):
    """Every value and adjoint of 17 layers, batch 64, judged."""
    assert benchmark(VERIFY).evidence == "certified"


@pytest.mark.parametrize("way", GRADIENTS)
def test_float64_gradient(benchmark, way):
    """The reference gradient of the same network."""
    assert benchmark(GRADIENTS[way]) is not None


def test_ratio():
    """A verification takes at most 3.2 gradients, in the median of pairs."""
    assert whitebox().ratio <= 3.2
