"""Dual numbers over balls: enclosures by values alone."""

import numpy as np
import pytest

from gradcheck.errors import OracleGaveUp
from gradcheck.graph.trace import trace
from gradcheck.networks.network import networks
from gradcheck.ops import abs as absolute
from gradcheck.oracles.ball import ball


def test_a_gradient_to_fifty_digits():
    """The derivative of exp at 1 is e."""
    graph = trace(lambda x: np.sum(np.exp(x)), {"x": np.ones(1)})
    found = ball(graph, {"x": np.ones(1)})
    assert found.digits > 50
    assert str(found.value["x"][0]).startswith("2.71828182845904523536028747135266249775724709369995")


def test_a_kink_gives_a_hull():
    """At zero the enclosure of abs' holds -1, 0 and 1."""
    graph = trace(lambda x: np.sum(absolute(x)), {"x": np.zeros(1)})
    found = ball(graph, {"x": np.zeros(1)}).balls["x"][0]
    assert all(found.contains(v) for v in (-1, 0, 1))


def test_an_infinite_derivative_is_no_answer():
    """Where the derivative is not finite the oracle says so."""
    graph = trace(lambda x: np.sum(np.sqrt(x)), {"x": np.zeros(1)})
    with pytest.raises(OracleGaveUp, match="not finite"):
        ball(graph, {"x": np.zeros(1)})


def test_too_large():
    """A network whose passes would take minutes is refused."""
    network = networks["nettalk-203-80-26"]
    with pytest.raises(OracleGaveUp, match="tangent entries"):
        ball(network.graph, network.values(0))


def test_leaves_without_influence():
    """What no output depends on has the derivative zero, exactly."""
    graph = trace(lambda x, w: np.sum(x), {"x": np.ones(2), "w": np.ones(2)})
    assert [float(v) for v in ball(graph, {"x": np.ones(2), "w": np.ones(2)}).value["w"]] == [0.0, 0.0]
