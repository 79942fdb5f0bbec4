"""Products and matrices of the sandwich J^T C J: one by one, many at once, in any arithmetic."""

import numpy as np
import pytest

from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.curvature import fisher, fisher_product, gauss_newton, gauss_newton_product
from gradcheck.errors import BadShape, UnknownName
from gradcheck.networks.network import networks

PAIRS = [(gauss_newton, gauss_newton_product), (fisher, fisher_product)]


def flat(found, names):
    """Return arrays by name as one vector."""
    return np.concatenate([np.ravel(found[k]) for k in names])


@pytest.mark.parametrize(("whole", "product"), PAIRS)
@pytest.mark.parametrize("name", ["xor-2-2-1", "two-heads", "sklearn-classes-tanh-2", "dead-head", "conv-average-pool-dense"])
def test_products_are_the_matrix_times_a_vector(name, whole, product):
    """The matrix, found for many directions at once, times v is the product with v."""
    network = networks[name]
    graph, values = network.graph, network.values(0)
    v = {k: np.random.default_rng(0).normal(size=graph.shapes[k]) for k in graph.differentiable}
    matrix = whole(graph, values).matrix
    size = np.max(np.abs(matrix)) * len(matrix)
    assert np.max(np.abs(matrix @ flat(v, graph.differentiable) - flat(product(graph, values, v), graph.differentiable))) < 1e-14 * size


@pytest.mark.parametrize("whole", [gauss_newton, fisher])
def test_any_arithmetic(whole):
    """Thirty digits, one direction at a time, agree with float64 to its rounding."""
    network = networks["two-heads"]
    graph, values = network.graph, network.values(0)
    exact = whole(graph, values, arithmetic=Multiprecision(30)).matrix.astype(float)
    assert np.allclose(whole(graph, values).matrix, exact, rtol=1e-11, atol=1e-15)


def test_leaves_without_influence_have_zeros():
    """A parameter that no prediction depends on has rows and columns of zeros, and a product of zeros."""
    network = networks["dead-head"]
    graph, values = network.graph, network.values(0)
    still = sorted(set(graph.differentiable) - graph.ancestors(graph.outputs))
    assert still
    found = gauss_newton(graph, values)
    assert not any(found[a, b].any() for a in still for b in graph.differentiable)
    assert not any(gauss_newton_product(graph, values, {k: np.ones(graph.shapes[k])})[k].any() for k in still)


def test_wrong_directions_are_refused():
    """A direction of another shape, or of what is not differentiated."""
    network = networks["xor-2-2-1"]
    graph, values = network.graph, network.values(0)
    with pytest.raises(BadShape, match="direction of 'w1'"):
        gauss_newton_product(graph, values, {"w1": np.ones(7)})
    with pytest.raises(UnknownName, match="'x'"):
        gauss_newton_product(graph, values, {"x": np.ones(graph.shapes["x"])})
