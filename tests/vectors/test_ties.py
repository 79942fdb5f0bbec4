"""What the gradients of contenders add up to."""

import numpy as np
import pytest

import gradcheck
from gradcheck import ops
from gradcheck.graph.values import bind
from gradcheck.vectors.ties import MOVES, totals


def found(f, kinked, **values):
    """Return the sums of a traced function."""
    graph = gradcheck.trace(f, values)
    return list(totals(graph, bind(graph, values), kinked(graph), "float64"))


def maxima(graph):
    """Return the nodes that choose."""
    return [n.name for n in graph.nodes if n.op in ("max", "min", "maximum", "max_pool")]


def test_the_maximum_of_a_parameter():
    """Behind a factor 3 the entries share 3, exactly."""
    (total,) = found(lambda x: 3.0 * np.max(x), maxima, x=np.array([1.0, 2.0, 2.0]))
    assert (total.names, total.lower, total.upper) == (("x",), 3, 3)
    assert 0 < total.error < 1e-14


def test_a_maximum_that_is_the_loss():
    """Its incoming gradient is one."""
    (total,) = found(lambda x: np.max(x), maxima, x=np.array([2.0, 2.0]))
    assert (total.lower, total.upper) == (1, 1)


def test_contenders_of_several_parameters_that_were_moved():
    """What is sliced, stacked and reshaped arrives whole."""
    f = lambda x, s: 2.0 * np.sum(np.max(ops.stack(x[1:], s.reshape(2), axis=0), axis=0))
    (total,) = found(f, maxima, x=np.array([5.0, 1.0, 2.0]), s=np.array([[1.0, 0.0]]))
    assert set(total.names) == {"x", "s"}
    assert total.lower == total.upper == 4


def test_no_sum_where_a_parameter_is_used_elsewhere():
    """Then the entries add up to something else, which is not looked at."""
    assert not found(lambda x: np.max(x) + np.sum(x * x), maxima, x=np.ones(2))


def test_no_sum_behind_other_operations():
    """Entries that were computed are not parameters."""
    assert not found(lambda x: np.max(x * 2), maxima, x=np.ones(2))


def test_no_sum_without_a_tie():
    """Where nothing stands on a kink every entry is known by itself."""
    assert not found(lambda x: np.max(x), lambda graph: [], x=np.array([1.0, 2.0]))


@pytest.mark.parametrize("name", MOVES)
def test_moves_conserve(name):
    """What an operation that only moves hands on adds up to what came back to it, at every sample."""
    from gradcheck.arith.floating import Floating
    from gradcheck.networks.specimen import specimen

    op, m = ops.registry[name], Floating()
    for k, _ in enumerate(op.samples):
        graph, values = specimen(op, k)
        node = graph.node["y"]
        xs = [values.get(x, graph.leaf[x].value) for x in node.inputs]
        g = np.random.default_rng(k).integers(-8, 8, graph.shapes["y"]).astype(float)
        parts = op.vjp(m, g, op.value(m, *xs, **node.attributes), *xs, **node.attributes)
        assert sum(np.sum(p) for p in parts if p is not None) == np.sum(g)
