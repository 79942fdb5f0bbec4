"""The verification of a float32 network of a million weights beside its gradient. Run by ``tox -e bench``."""

import pytest

from gradcheck.bench.whitebox import ways

VERIFY, GRADIENTS = ways()


def test_verification(benchmark):
    """Every value and adjoint of 17 layers, batch 64, judged."""
    assert benchmark(VERIFY).evidence == "certified"


@pytest.mark.parametrize("way", GRADIENTS)
def test_float64_gradient(benchmark, way):
    """The reference gradient of the same network."""
    assert benchmark(GRADIENTS[way]) is not None
