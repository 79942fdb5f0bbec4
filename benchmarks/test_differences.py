"""Gradients by differences in multiprecision, naive and by what lies downstream. Run by ``tox -e bench``."""

import pytest

from gradcheck.bench.differences import NETS, speedups
from gradcheck.bench.plan import mlp, point
from gradcheck.oracles.differences import differences
from gradcheck.oracles.downstream import Downstream, Everything


@pytest.mark.parametrize("nearby", [Everything, Downstream])
def test_all_parameters_of_a_small_perceptron(benchmark, nearby):
    """121 parameters of 4-8-8-1 to fifty digits."""
    sizes, batch = NETS["4-8-8-1, batch 1"]
    graph, values = mlp(sizes, batch), point(sizes, batch)
    assert benchmark.pedantic(differences, (graph, values), {"nearby": nearby}, rounds=5).digits > 50


@pytest.mark.parametrize("net", ["4-8-8-1, batch 1", "4-8-8-1, batch 4"])
def test_ratio(net):
    """Twice as fast as everything again, in the median of pairs; the half is for machines with other work."""
    ((_, found),) = speedups([net])
    assert found.ratio > 1.5
