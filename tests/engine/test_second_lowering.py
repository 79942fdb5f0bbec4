"""Compiled products of the Hessian and a vector: those of the sweep, for every operation and network."""

import threading

import numpy as np
import pytest

import gradcheck
from gradcheck.bench.plan import mlp, point
from gradcheck.errors import BadShape, BadValues, PlanInUse, UnknownName
from gradcheck.networks.network import networks
from gradcheck.networks.specimen import specimen
from gradcheck.ops import registry

SMALL = [n.name for n in networks.values() if n.small and n.name != "long-sum-4096"]


def same(graph, values, **options):
    """Assert that a plan's product is that of the sweep, to a small multiple of its rounding."""
    v = {k: np.random.default_rng(0).normal(size=graph.shapes[k]) for k in graph.differentiable}
    cotangent = options.pop("cotangent", None)
    wanted = gradcheck.hvp(graph, values, v, cotangent=cotangent)
    found = gradcheck.compile(graph, **options).hvp(values, v, cotangent=cotangent)
    largest = max((np.max(np.abs(x), initial=0) for x in wanted.values()), default=0)
    for k, x in wanted.items():
        assert found[k].shape == x.shape
        assert np.max(np.abs(found[k] - x), initial=0) <= 2.0**-40 * max(largest, 1e-300)


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", registry)
def test_operations(name):
    """Every sample of every operation, freed buffers filled with NaN."""
    for number in range(len(registry[name].samples)):
        same(*specimen(registry[name], number), debug=True)


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", SMALL[::4])
def test_networks(name):
    """Networks with every form of sharing, strict and not."""
    network = networks[name]
    same(network.graph, network.values(0), strict=True)
    same(network.graph, network.values(0), debug=True)


@pytest.mark.deep
@pytest.mark.parametrize("name", SMALL)
def test_every_network(name):
    """All of them."""
    same(networks[name].graph, networks[name].values(1), debug=True)


def test_cotangents_and_several_outputs():
    """A plan for given cotangents takes them beside the direction."""
    graph = gradcheck.trace(lambda x: (np.sin(x), x * x * x), {"x": np.ones(3)})
    same(graph, {"x": np.array([0.1, 0.2, 0.3])}, cotangent=(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -1.0])))
    with pytest.raises(BadValues, match="expected a cotangent"):
        gradcheck.compile(graph).hvp({"x": np.ones(3)}, {"x": np.ones(3)})


def test_results_are_the_callers():
    """A second call does not change what a first one gave; what is not named does not move; a copy has buffers of its own."""
    network = networks["xor-2-2-1"]
    graph, values = network.graph, network.values(0)
    plan = gradcheck.compile(graph)
    first = plan.hvp(values, {"w1": np.ones(graph.shapes["w1"])})
    kept = {k: x.copy() for k, x in first.items()}
    plan.hvp(values, {"w2": np.ones(graph.shapes["w2"])})
    assert all(np.array_equal(first[k], kept[k]) for k in kept)
    again = plan.copy().hvp(values, {"w1": np.ones(graph.shapes["w1"])})
    assert all(np.array_equal(again[k], kept[k]) for k in kept)


def test_half_precision_is_called():
    """float16 has no kernels: rules are called as they are, over dual numbers."""
    graph = gradcheck.trace(lambda x: np.sum(x * x * x), {"x": np.ones(2)})
    found = gradcheck.compile(graph, dtype="float16").hvp({"x": np.array([1.0, 2.0])}, {"x": np.array([1.0, 0.5])})
    assert found["x"].dtype == np.float16
    assert found["x"].tolist() == [6.0, 6.0]


def test_refusals():
    """A direction of another shape, of what is not differentiated, and a plan that is in use."""
    network = networks["xor-2-2-1"]
    plan = gradcheck.compile(network.graph)
    with pytest.raises(BadShape, match="direction of 'w1'"):
        plan.hvp(network.values(0), {"w1": np.ones(3)})
    with pytest.raises(UnknownName, match="'x'"):
        plan.hvp(network.values(0), {"x": np.ones(network.graph.shapes["x"])})
    plan._lock = threading.Lock()
    with plan._lock, pytest.raises(PlanInUse):
        plan.hvp(network.values(0), {})


def test_products_of_matrices_are_counted():
    """Three in the first layer and eight in each further one, where a gradient takes two and three."""
    plan = gradcheck.compile(mlp((5, 7, 6, 4), 3))
    plan.hvp(point((5, 7, 6, 4), 3), {})
    matrices = [sum(s.form == "product" and min(len(x.shape) for x in s.operands) == 2 for s in p.steps) for p in (plan._program, plan._second.program)]
    assert matrices == [2 + 3 + 3, 3 + 8 + 8]


def test_nothing_is_computed_that_the_product_does_not_need():
    """For a quadratic the product takes no value of the loss: no more steps than the gradient."""
    graph = gradcheck.trace(lambda x: np.sum(x * x), {"x": np.ones(4)})
    plan = gradcheck.compile(graph)
    assert np.array_equal(plan.hvp({"x": np.ones(4)}, {"x": np.arange(4.0)})["x"], 2 * np.arange(4.0))
    assert len(plan._second.program.steps) <= len(plan._program.steps)
