"""The cost of verification is measured on what is really verified."""

from gradcheck.bench.clock import paired
from gradcheck.bench.whitebox import ways, whitebox


def test_what_is_measured_is_certified():
    """Every value, adjoint and gradient of the layers is compared: 4 a layer and 2 gradients, less what there is not."""
    verify, gradients = ways((64,) * 5, 32)
    found = verify()
    assert (found.verdict, found.evidence) == ("pass", "certified")
    assert found.checks == 2 * (4 + 3 + 2) + 2 * 4
    assert set(gradients) == {"plan", "sweep"}


def test_ratios_of_a_small_network():
    """A ratio with its quartiles, both times positive."""
    found = whitebox((8, 8, 8), 4, seconds=0.2)
    assert 0 < found.low <= found.median <= found.high
    assert found.runs >= 5


def test_a_computation_beside_itself():
    """The ratio is about 1."""
    assert 0.2 < paired(lambda: sum(range(20_000)), lambda: sum(range(20_000)), seconds=0.2).median < 5
