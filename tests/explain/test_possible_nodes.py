"""Which nodes can have made a change at all."""

import numpy as np
import pytest

from gradcheck import backward
from gradcheck.explain.hypothesis import suspects
from gradcheck.explain.possible_nodes import consistent
from gradcheck.graph.trace import trace
from tests.explain.test_scene import scene_of


def test_a_node_that_could_only_scale_is_excluded():
    """Behind the sum one number comes back: it can scale the gradient, and not turn it."""
    values = {"w": np.array([0.5, 1.5, -0.25])}
    graph = trace(lambda w: np.exp(np.sum(np.sin(w))), values)
    right = backward(graph, values)[1]["w"]
    turned = scene_of(graph, values, {"w": right * np.array([1.0, 2.0, 3.0])})
    scaled = scene_of(graph, values, {"w": right * 2})
    nodes = suspects(graph, ["w"])
    assert consistent(turned, nodes) == ("sin1", "sum1")
    assert consistent(scaled, nodes) == ("sin1", "sum1", "exp1")


def test_a_node_with_many_entries_cannot_be_excluded():
    """There are fewer directions than unknowns: it stays."""
    values = {"w": np.linspace(-1, 1, 200)}
    graph = trace(lambda w: np.exp(np.sum(np.sin(w))), values)
    got = {"w": backward(graph, values)[1]["w"] * np.linspace(1, 2, 200)}
    assert consistent(scene_of(graph, values, got), suspects(graph, ["w"])) == ("sin1", "sum1")


def test_what_is_not_finite_excludes_nothing():
    """NaN everywhere: no direction says anything."""
    values = {"w": np.array([0.5, 1.5])}
    graph = trace(lambda w: np.sum(np.sin(w)), values)
    assert consistent(scene_of(graph, values, {"w": np.full(2, np.nan)}), suspects(graph, ["w"])) == ("sin1", "sum1")


@pytest.mark.parametrize(("part", "left"), [(1e-7, ("sin1", "sum1", "exp1")), (3e-7, ("sin1", "sum1"))])
def test_what_linear_algebra_may_leave_over(part, left):
    """A change that a node cannot make excludes it where it is more of the whole than rounding leaves over, and not below."""
    values = {"w": np.array([0.5, 1.5, -0.25])}
    graph = trace(lambda w: np.exp(np.sum(np.sin(w))), values)
    got = {"w": backward(graph, values)[1]["w"] * (2 + part * np.array([1.0, 0.0, -1.0]))}
    assert consistent(scene_of(graph, values, got), suspects(graph, ["w"])) == left


@pytest.mark.parametrize(("columns", "excluded"), [(40, True), (56, False)])
def test_how_many_entries_a_node_may_have(columns, excluded):
    """A change inside of the columns is none that the node of their sums can make, which shows where it has fewer entries than directions."""
    values = {"w": np.linspace(-1, 1, 2 * columns).reshape(2, columns)}
    graph = trace(lambda w: np.sum(np.exp(np.sum(np.sin(w), axis=0))), values)
    got = {"w": backward(graph, values)[1]["w"] * np.array([[1.0], [2.0]])}
    assert ("exp1" not in consistent(scene_of(graph, values, got), suspects(graph, ["w"]))) is excluded
