"""The error over one or two parameters."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import BadInput
from gradcheck.learning import Descent, train
from gradcheck.learning.landscape import drawable, landscape


def test_the_cylinder():
    """Over both weights of the linear neuron the error is (w1 + w2)^2: constant along the line of minima."""
    network = gradcheck.networks["linear-neuron"]
    way = train(network, optimizer=Descent(rate=0.1), steps=5, keep=True)
    found = landscape(network.graph, network.values(), {"a": way})
    first, second = np.meshgrid(*found["axes"], indexing="ij")
    assert found["names"] == ["w1", "w2"]
    assert np.allclose(found["errors"], (first + second) ** 2, rtol=1e-14, atol=1e-16)
    assert len(found["ways"][0]["at"]) == len(found["ways"][0]["errors"]) == 6
    assert found["ways"][0]["at"][0] == [float(network.values()[k]) for k in ("w1", "w2")]


def test_entries_of_an_array():
    """Two entries of one parameter are two axes."""
    graph = gradcheck.trace(lambda w: np.sum(w * w), {"w": np.ones(2)})
    way = train(graph, {"w": np.ones(2)}, steps=1, keep=True)
    assert landscape(graph, {"w": np.ones(2)}, {"a": way})["names"] == ["w[0]", "w[1]"]


def test_refused():
    """Three parameters cannot be drawn, nor a way that was not kept."""
    graph = gradcheck.trace(lambda w: np.sum(w * w), {"w": np.ones(3)})
    assert not drawable(graph)
    with pytest.raises(BadInput, match="has 3"):
        landscape(graph, {"w": np.ones(3)}, {})
    network = gradcheck.networks["one-weight"]
    with pytest.raises(BadInput, match="keep=True"):
        landscape(network.graph, network.values(), {"a": train(network, steps=1)})


@pytest.mark.parametrize(("rate", "half"), [(0.0, 0.5), (1.0, 2.0)])
def test_what_is_drawn(rate, half):
    """The ranges that are given, else the ways and half as much around them, half a unit at least."""
    graph = gradcheck.trace(lambda w: np.sum(w * w), {"w": np.ones(1)})
    way = train(graph, {"w": np.ones(1)}, optimizer=Descent(rate=rate), steps=1, keep=True)
    (axis,) = landscape(graph, {"w": np.ones(1)}, {"a": way})["axes"]
    middle = 1.0 - rate
    assert (axis[0], axis[-1]) == (middle - half, middle + half)
    (axis,) = landscape(graph, {"w": np.ones(1)}, {"a": way}, [(-3.0, 4.0)])["axes"]
    assert (axis[0], axis[-1]) == (-3.0, 4.0)
