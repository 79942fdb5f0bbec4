"""The figures of the report show what they are there for."""

import json

import pytest

from gradcheck.learning import figures


def test_the_linear_neuron():
    """The way ends on the line of minima, has not moved along it, and is on the parabola and on the cylinder."""
    found = figures.linear_neuron()
    assert found["off_the_line"] < 1e-14
    assert found["along_the_line"] == pytest.approx(1.0, abs=1e-13)
    assert found["parabola"]["ways"][0]["at"][0] == [2.0]
    for drawn in (found["parabola"], found["cylinder"]):
        for at, error in zip(drawn["ways"][0]["at"], drawn["ways"][0]["errors"], strict=True):
            assert error == pytest.approx(sum(at) ** 2, abs=1e-15)


def test_minima():
    """A way into the global minimum, one into a local one, one that stays on the plateau with a gradient that is not 0."""
    best, local, plateau = figures.minima()["ends"]
    assert best["loss"] < local["loss"] < plateau["loss"]
    assert abs(plateau["end"] - plateau["start"]) < 0.05
    assert 0 < plateau["slope"] < 1e-3
    assert local["slope"] < 1e-12


def test_gradients_vanish_and_explode():
    """By depth: logistic units and small weights lose the gradient, large weights without saturation blow it up."""
    sizes = figures.by_depth(depth=12, seeds=3)["sizes"]
    assert all(s[-1] == 1 for s in sizes.values())
    assert sizes["logistic, gain 1"][0] < 1e-6
    assert sizes["tanh, gain 1/2"][0] < 1e-2
    assert 0.1 < sizes["linear, gain 1"][0] < 10
    assert sizes["linear, gain 3/2"][0] > 20


@pytest.mark.deep
def test_the_report():
    """All of it, on plain data: what the issue asks for is in it."""
    pytest.importorskip("sklearn")
    pytest.importorskip("torch")
    data = json.loads(json.dumps(figures.report(), allow_nan=False))
    assert data["missing"] == {}
    assert min(data["xor"]["least_ratio"], data["curve"]["least_ratio"]) >= 5
    assert min(r["accuracy"] for r in data["digits"]) > 0.95
    assert {s["verdict"] for s in data["separations"]} == {"pass"}
    assert {r["verdict"] for r in data["steps"]} == {"pass"}
