"""Differences of the certified gradient: exact where they are, honest about the rest."""

import numpy as np
import pytest

import gradcheck
from gradcheck.networks.network import networks
from gradcheck.verify import gradient_differences as module
from gradcheck.verify.gradient_differences import directions, gradient_differences, sampled, units


def test_quadratics_are_exact():
    """The gradient is linear: balls hold its slope, and fifty digits are known."""
    graph = gradcheck.trace(lambda x: np.sum(x * x) + x[0] * x[1], {"x": np.ones(2)})
    found = gradient_differences(graph, {"x": np.array([0.3, 1e10])}, units(graph))
    assert np.array_equal(found.value["x"].astype(float), [[2, 1], [1, 2]])
    assert found.digits > 45
    assert all(b.contains(v) for b, v in zip(found.balls["x"].ravel(), (2, 1, 1, 2), strict=True))


@pytest.mark.parametrize("name", ["xor-2-2-1", "log-near-zero", "huge-inputs-tiny-weights", "exploding-recurrence", "unused-parameter"])
def test_scales(name):
    """Whatever the size of values, the step is taken small enough: forty digits, and the truth lies within the stated error."""
    network = networks[name]
    found = gradient_differences(network.graph, network.values(0), units(network.graph))
    wanted = gradcheck.certify.certify_hessian(network.graph, network.values(0), bits=400).matrix
    rows = np.concatenate([found.balls[k] for k in found.balls])
    assert found.digits > 40
    assert all(a.overlaps(b) for a, b in zip(rows.ravel(), wanted.balls.ravel(), strict=True))


def test_directions(monkeypatch):
    """Unit vectors where they are few, random directions where they are many; shapes are those of the leaves."""
    graph = networks["xor-2-2-1"].graph
    assert len(directions(graph)) == graph.size
    assert sum(x.sum() for v in directions(graph) for x in v.values()) == graph.size
    monkeypatch.setattr(module, "MOST_DIRECTIONS", 3)
    assert len(directions(graph)) == module.SAMPLES
    assert all(x.shape == graph.shapes[k] for v in sampled(graph) for k, x in v.items())
    found = gradient_differences(graph, networks["xor-2-2-1"].values(0), directions(graph))
    product = gradcheck.hvp(graph, networks["xor-2-2-1"].values(0), directions(graph)[0])
    assert np.allclose(found.value["w1"][:, 0].astype(float), product["w1"].ravel(), rtol=1e-12)
