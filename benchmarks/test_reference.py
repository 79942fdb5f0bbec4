"""What the reference costs: forward, gradient, certificate. Run by ``tox -e bench``."""

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.engine.reverse import backward, evaluate
from gradcheck.networks import networks
from gradcheck.validation.validate import validate

NETWORKS = ["xor-2-2-1", "digits-64-32-10", "deep-chain-200", "lenet-1989"]


@pytest.mark.parametrize("name", NETWORKS)
def test_forward(benchmark, name):
    """The value alone."""
    network = networks[name]
    values = network.values()
    assert np.isfinite(benchmark(evaluate, network.graph, values, Floating()))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient(benchmark, name):
    """Value and gradient by the reverse sweep."""
    network = networks[name]
    values = network.values()
    loss, _ = benchmark(backward, network.graph, values, Floating())
    assert np.isfinite(loss)


@pytest.mark.parametrize("name", ["xor-2-2-1", "deep-chain-200"])
def test_gradient_to_fifty_digits(benchmark, name):
    """The same sweep in multiprecision."""
    network = networks[name]
    values = network.values()
    loss, _ = benchmark(backward, network.graph, values, Multiprecision(50))
    assert loss.item() is not None


@pytest.mark.parametrize("name", NETWORKS)
def test_certificate(benchmark, name):
    """A whole verdict on the reference in float32."""
    matrix = benchmark(validate, "reference", networks[name], dtypes=["float32"])
    assert matrix.verdict == "pass"
