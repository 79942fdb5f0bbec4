"""Levenberg-Marquardt: what it solves, and how many iterations that takes."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.errors import BadInput, NoResiduals
from gradcheck.graph.evaluation import forward
from gradcheck.learning import Marquardt, Stop, train
from gradcheck.learning.figures import CURVE_GOAL, XOR_GOAL, against_descent


def test_xor_in_a_fifth_of_the_iterations_of_descent():
    """From each start at which both solve XOR it takes at least 5 times fewer iterations than descent at its best rate."""
    found = against_descent(gradcheck.networks["xor-2-2-1"], XOR_GOAL, rates=(8.0, 16.0, 32.0), seeds=range(1, 6), most=1000)
    assert all(n is not None for n in found["marquardt"] + found["descent"])
    assert found["least_ratio"] >= 5


def test_a_curve_in_a_fifth_of_the_iterations_of_descent():
    """The same for a sine fitted by five tanh units."""
    found = against_descent(gradcheck.networks["curve-fit-1-5-1"], CURVE_GOAL, rates=(0.5,), seeds=(1, 4), most=4000)
    assert all(n is not None for n in found["marquardt"] + found["descent"])
    assert found["least_ratio"] >= 5


def test_solved_xor_is_solved():
    """At the loss that counts as solved every output is within 0.1 of its target."""
    network = gradcheck.networks["xor-2-2-1"]
    values = network.values(1)
    learned = train(network, values, optimizer=Marquardt(), stop=Stop(loss=XOR_GOAL)).parameters
    y = forward(network.graph, {**values, **learned}, Floating("float64"))["a2"]
    assert np.max(np.abs(y - values["t"])) <= 0.1


def test_linear_least_squares():
    """Of linear residuals it finds the solution that NumPy finds."""
    rng = np.random.default_rng(0)
    values = {"a": rng.normal(size=(8, 3)), "t": rng.normal(size=8), "w": np.zeros(3)}
    graph = gradcheck.trace(lambda a, t, w: a @ w - t, values, inputs=["a", "t"])
    found = train(graph, values, optimizer=Marquardt(), steps=100)
    assert found.reason == "no step changes the parameters any more"
    assert found.parameters["w"] == pytest.approx(np.linalg.lstsq(values["a"], values["t"], rcond=None)[0], rel=1e-9)


def test_rosenbrock():
    """Two residuals in a curved valley: the minimum of 0 at (1, 1), through steps that are refused and damping that grows."""
    graph = gradcheck.trace(lambda x, y: (10 * (y - x * x), 1 - x), {"x": np.array(0.0), "y": np.array(0.0)})
    found = train(graph, {"x": np.array(-1.2), "y": np.array(1.0)}, optimizer=Marquardt(tau=1e-3), steps=200)
    assert float(found.parameters["x"]) == pytest.approx(1, abs=1e-9)
    assert float(found.parameters["y"]) == pytest.approx(1, abs=1e-9)
    damping = [n["damping"] for n in found.notes]
    refused = [k for k in range(1, found.steps + 1) if found.losses[k] == found.losses[k - 1]]
    assert refused
    assert all(damping[k] > damping[k - 1] for k in refused)


@pytest.mark.parametrize("name", ["xor-2-2-1", "l2-regularised", "curve-fit-1-5-1"])
def test_the_loss_never_grows(name):
    """A step that would raise the loss is refused; a good one lowers the damping."""
    found = train(gradcheck.networks[name], optimizer=Marquardt(), steps=60)
    assert all(b <= a for a, b in zip(found.losses, found.losses[1:], strict=False))
    damping = [n["damping"] for n in found.notes]
    assert min(damping) < damping[0]


def test_a_minimum_is_left_alone():
    """Where the residuals are 0 it ends at once."""
    values = {"w": np.zeros(2)}
    found = train(gradcheck.trace(lambda w: w * 3, values), values, optimizer=Marquardt())
    assert found.steps == 0
    assert found.loss == 0


def test_usage():
    """It takes no batches and no losses without residuals."""
    with pytest.raises(BadInput, match="all examples"):
        train(gradcheck.networks["xor-2-2-1"], optimizer=Marquardt(), batch=2)
    with pytest.raises(NoResiduals):
        train(gradcheck.networks["softmax-regression"], optimizer=Marquardt())


def test_damping_follows_what_a_step_gained():
    """After a step the damping is that of Nielsen (1999): a third where the loss fell as promised, more where it fell by less than half of that."""
    graph = gradcheck.trace(lambda x, y: (10 * (y - x * x), 1 - x), {"x": np.array(0.0), "y": np.array(0.0)})
    found = train(graph, {"x": np.array(-1.2), "y": np.array(1.0)}, optimizer=Marquardt(tau=1e-3), steps=40, keep=True)
    seen = []
    for k in range(found.steps):
        (x, y), (p, q) = ((float(found.path[n]["x"]), float(found.path[n]["y"])) for n in (k, k + 1))
        mu, after = found.notes[k]["damping"], found.notes[k + 1]["damping"]
        j, r, h = np.array([[-20 * x, 10.0], [-1.0, 0.0]]), np.array([10 * (y - x * x), 1 - x]), np.array([p - x, q - y])
        if h.any() and found.losses[k + 1] > 1e-12:
            gain = (found.losses[k] - found.losses[k + 1]) / (h @ (mu * h - j.T @ r) / 2)
            assert after / mu == pytest.approx(max(1 / 3, 1 - (2 * gain - 1) ** 3), rel=1e-6)
            seen.append(after / mu)
    assert min(seen) == pytest.approx(1 / 3)
    assert any(1 < x < 2 for x in seen)
    assert any(0.4 < x < 1 for x in seen)


def test_it_ends_where_a_step_is_nothing():
    """Steps below a millionth of a millionth of the parameters are no steps, and longer ones are made."""
    values = {"w": np.ones(2)}
    for offset, steps in ((2e-12, True), (5e-13, False)):
        graph = gradcheck.trace(lambda w, offset=offset: w - (1 + offset), values)
        assert (train(graph, values, optimizer=Marquardt(tau=1e-6), steps=3).steps > 0) is steps
