"""Small twins of networks."""

from math import prod

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.graph.shrink import SMALL, shrunk
from gradcheck.graph.trace import trace
from gradcheck.networks import networks


@pytest.mark.parametrize("name", ["alvinn-1217-29-46", "nettalk-203-80-26", "conv-max-pool-dense", "sklearn-classes-relu-digits", "long-sum-4096"])
def test_large_networks_become_small(name):
    """The same nodes on fewer entries, and a gradient that is finite."""
    network = networks[name]
    twin, values = shrunk(network.graph, network.values())
    assert [(n.name, n.op, n.inputs) for n in twin.nodes] == [(n.name, n.op, n.inputs) for n in network.graph.nodes]
    assert sum(map(prod, twin.shapes.values())) < sum(map(prod, network.graph.shapes.values())) / 4
    assert all(np.isfinite(g).all() for g in backward(twin, values)[1].values())


def test_sizes_that_differ_stay_different():
    """So what is transposed by mistake does not fit by accident; small sizes stay as they are."""
    values = {"x": np.ones((50, 40)), "w": np.ones((40, 30)), "b": np.ones(30), "v": np.ones((30, 2))}
    twin, _ = shrunk(trace(lambda x, w, b, v: np.sum((x @ w + b) @ v), values), values)
    assert twin.shapes["x"] == (SMALL + 3, SMALL + 2)
    assert twin.shapes["w"] == (SMALL + 2, SMALL + 1)
    assert twin.shapes["v"] == (SMALL + 1, 2)


def test_what_follows_from_a_change_of_shape():
    """A size that is a product of others is the product of theirs."""
    values = {"x": np.ones((20, 7, 9)), "w": np.ones((63, 5))}
    twin, _ = shrunk(trace(lambda x, w: np.sum(np.reshape(x, (20, 63)) @ w), values), values)
    rows, a, b = twin.shapes["x"]
    assert twin.shapes["w"] == (a * b, 5)
    assert rows < 20


def test_indices_stay_inside():
    """An index becomes 0 or 1."""
    values = {"w": np.ones((30, 40)), "i": np.array([0, 29, 17])}
    twin, small = shrunk(trace(lambda w, i: np.sum(np.sin(w[i])), values), values)
    assert set(small["i"].tolist()) <= {0, 1}
    assert np.isfinite(backward(twin, small)[1]["w"]).all()


def test_shapes_that_do_not_follow():
    """A slice to a place that no size stands for: there is no twin."""
    values = {"w": np.ones((30, 40))}
    assert shrunk(trace(lambda w: np.sum(w[:, :23]), values), values) is None
