"""The random networks."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.errors import UnknownName
from gradcheck.networks import networks
from gradcheck.networks.random import random_network, random_networks
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference


def test_a_name_gives_one_network():
    """The same name gives the same nodes and the same values."""
    one, two = random_network("random/3/4"), networks["random/3/4"]
    assert [(n.op, n.inputs) for n in one.graph.nodes] == [(n.op, n.inputs) for n in two.graph.nodes]
    for name, x in one.values(5).items():
        np.testing.assert_array_equal(x, two.values(5)[name])


def test_seeds_and_numbers_give_others():
    """Another seed or number gives another network."""
    graphs = [random_network(name).graph for name in ("random/0/0", "random/0/1", "random/1/0")]
    assert len({tuple(n.op for n in g.nodes) for g in graphs}) == 3


def test_all_operations_occur():
    """Among enough networks there is every operation."""
    missing = set(registry)
    for network in random_networks(600):
        missing -= {node.op for node in network.graph.nodes}
        if not missing:
            break
    assert not missing


@pytest.mark.sweep(one_in=5)
@pytest.mark.parametrize("k", range(60))
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_they_are_finite(k, dtype):
    """Loss and gradients are finite, at other values nearby too."""
    network = random_network(f"random/7/{k}")
    assert network.graph.nodes[-1].name == "loss"
    for seed in (0, 1):
        run = Reference().run(network.graph, network.values(seed, dtype))
        assert np.isfinite(float(run.loss))
        assert all(np.all(np.isfinite(g.astype(float))) for g in run.gradients.values())


@pytest.mark.parametrize("name", ["random/0", "random/a/0", "random/0/-1", "random/0/0/0"])
def test_other_names_are_refused(name):
    """A name that is not random/SEED/K is an error with a hint."""
    with pytest.raises(UnknownName):
        random_network(name)
