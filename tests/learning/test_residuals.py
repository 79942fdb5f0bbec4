"""Residuals found in a loss: half their squared sum is the loss, and J^T r its gradient."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import NoResiduals
from gradcheck.learning.residuals import residuals

NAMES = (
    "xor-2-2-1", "l2-regularised", "adaline", "linear-neuron", "curve-fit-1-5-1", "one-weight", "loss-squared-error", "loss-half-squared-error",
    "loss-mean-squared-error", "accumulated-examples", "accumulated-batch", "single-neuron-inner", "layered-matrix-form", "amari-five-layer",
)  # fmt: skip


def both(graph, values):
    """Return loss and gradient by the residuals, and by the reverse sweep."""
    r = residuals(graph)
    loss, gradient = gradcheck.backward(graph, values)
    value, j = r.value(values), r.jacobian(values)
    assert j.shape == (r.count, graph.size)
    return (float(value @ value) / 2, j.T @ value), (float(loss), np.concatenate([np.ravel(gradient[k]) for k in graph.parameters]))


def agree(found, right):
    """Answer whether two losses and gradients are equal but for rounding of some hundred operations."""
    (loss, slope), (other, gradient) = found, right
    return abs(loss - other) <= 1e-13 * abs(other) and np.max(np.abs(slope - gradient)) <= 1e-13 * np.max(np.abs(gradient))


@pytest.mark.parametrize("name", NAMES)
def test_networks(name):
    """The networks with squared errors, averaged, regularised or added up one by one."""
    network = gradcheck.networks[name]
    assert agree(*both(network.graph, network.values(1)))


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, w: np.mean((x - w) ** 2),
        lambda x, w: np.sum(np.square(x * w)) / 3,
        lambda x, w: 0.5 * np.sum(np.square(x - w)) + 2 * np.mean(w * w),
        lambda x, w: np.sum(x * w) ** 2,
        lambda x, w: np.mean(gradcheck.ops.squared_error(x * w, x, reduction="none")) - (-1) * np.sum(w**2),
        lambda x, w: np.squeeze(gradcheck.ops.mean_squared_error(x * w, x, reduction="sum").reshape(1)),
    ],
)
def test_forms(loss):
    """Means, sums, squares of single numbers, factors and shapes of one number."""
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(2, 3)), "w": rng.normal(size=(2, 3))}
    assert agree(*both(gradcheck.trace(loss, values, inputs=["x"]), values))


def test_outputs_that_are_residuals():
    """Of a graph whose outputs are not one number the residuals are these, and the loss is half their squared sum."""
    values = {"w": np.array([1.0, 2.0])}
    r = residuals(gradcheck.trace(lambda w: (w * w, np.sum(w)), values))
    assert r.value(values).tolist() == [1, 4, 3]
    assert r.jacobian(values).tolist() == [[2, 0], [0, 4], [1, 1]]


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda w: np.sum(np.exp(w)), "got sum at"),
        (lambda w: np.sum(w**2) - 2 * np.mean(w**2), "positive factors"),
        (lambda w: np.sum(w), "got sum at"),
        (lambda w: np.sum(w**4), "got sum at"),
        (lambda w: np.sum(gradcheck.ops.mean_squared_error(w, 2 * w)), "got sum at"),
        (lambda w: np.exp(np.sum(w) ** 2), "got exp at"),
        (lambda w: np.sum(np.sum(w.reshape((3, 1)) ** 2, axis=1)), "got sum at"),
        (lambda w: np.sum(np.array([1.0, 2.0]) * np.sum(w**2)), "got sum at"),
        (lambda w: np.sum(w**2) * np.sum(w), "got mul at"),
        (lambda w: np.sum(w**2) + w[0] - w[0].reshape(()), "enters the loss as it is|got slice|got squeeze"),
    ],
)
def test_refused(loss, message):
    """What is no sum of squares is refused with the operation in the way."""
    graph = gradcheck.trace(loss, {"w": np.ones(3)})
    with pytest.raises(NoResiduals, match=message):
        residuals(graph)


def test_cross_entropy_is_refused():
    """Losses that are no squares have no residuals."""
    with pytest.raises(NoResiduals, match="give a graph whose outputs are the residuals"):
        residuals(gradcheck.networks["softmax-regression"].graph)


def test_no_parameters():
    """A graph of inputs has nothing to move."""
    with pytest.raises(NoResiduals, match="has none"):
        residuals(gradcheck.trace(lambda x: np.sum(x**2), {"x": np.ones(3)}, inputs=["x"]))


def test_a_factor_that_is_given():
    """What is no constant may be of any sign."""
    graph = gradcheck.trace(lambda x, w: x * np.sum(w**2), {"x": np.array(2.0), "w": np.ones(3)}, inputs=["x"])
    with pytest.raises(NoResiduals, match="got mul at"):
        residuals(graph)
