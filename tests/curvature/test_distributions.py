"""Distributions behind losses: covariances of scores are sums over all outcomes."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.curvature.distributions import bernoulli, categorical, gaussian, observations
from gradcheck.errors import BadInput
from gradcheck.ops import registry as ops

M = Floating("float64")
Z, U = np.random.default_rng(0).normal(size=(2, 3, 4))


def test_categorical_covariances_are_those_of_the_softmax():
    """Along each axis: diag(p) - p p^T times u; rows that do not count give zeros."""
    for axis in (0, 1):
        p = np.exp(Z) / np.exp(Z).sum(axis, keepdims=True)
        wanted = p * (U - (p * U).sum(axis, keepdims=True))
        assert np.allclose(categorical(M, Z, U, axis=axis, counted=None), wanted, atol=1e-15)
    some = np.array([True, False, True])
    assert np.array_equal(np.any(categorical(M, Z, U, axis=1, counted=some), 1), some)


def test_bernoulli_and_gaussian_covariances():
    """p (1 - p), right in the tails too; one over the variance."""
    p = 1 / (1 + np.exp(-Z))
    assert np.allclose(bernoulli(M, Z, U), p * (1 - p) * U, atol=1e-16)
    assert bernoulli(M, np.array([800.0]), np.ones(1))[0] == 0
    assert np.isclose(bernoulli(M, np.array([40.0]), np.ones(1))[0], np.exp(-40.0), rtol=1e-14)
    assert np.array_equal(gaussian(M, Z, U, halves=2), 2 * U)


def observed(program, values, inputs):
    """Return the observations of the first loss node of a program."""
    graph = gradcheck.trace(program, values, inputs=inputs)
    node = next(n for n in graph.nodes if "reduction" in n.attributes)
    return observations(graph, node, values)


@pytest.mark.parametrize(
    ("name", "attributes", "count", "axis"),
    [
        ("softmax_cross_entropy", {"reduction": "mean"}, 3, 0),
        ("softmax_cross_entropy", {"reduction": "mean", "axis": 0}, 4, 1),
        ("softmax_cross_entropy", {"reduction": "sum"}, 1, 0),
        ("mean_squared_error", {}, 12, 0),
        ("binary_cross_entropy_logits", {}, 12, 0),
        ("huber", {}, 12, 0),
    ],
)
def test_what_a_mean_divides_by(name, attributes, count, axis):
    """Rows of classes, entries of other losses; examples are along the first axis that holds no classes."""
    found = observed(lambda w, t: ops[name](w, t, **attributes), {"w": Z, "t": np.ones(Z.shape)}, ["t"])
    assert (found.count, found.axis, found.prediction) == (count, axis, "w")


def test_labels_that_are_ignored_do_not_count():
    """The mean is over the others."""
    values = {"w": Z, "t": np.array([0, -100, 2])}
    assert observed(lambda w, t: ops["cross_entropy_logits"](w, t), values, ["t"]).count == 2


def test_refusals():
    """A loss that is not reduced, a broadcast target, and softmax along another axis than its cross entropy."""
    values = {"w": Z, "t": np.ones(Z.shape)}
    with pytest.raises(BadInput, match="reduction='none'"):
        observed(lambda w, t: ops["huber"](w, t, reduction="none"), values, ["t"])
    with pytest.raises(BadInput, match="expected one shape"):
        observed(lambda w, t: ops["huber"](w, t), {"w": Z, "t": np.ones(4)}, ["t"])
    with pytest.raises(BadInput, match="axis of its softmax"):
        observed(lambda w, t: ops["cross_entropy"](ops["softmax"](w, axis=0), t, axis=1), values, ["t"])


def test_losses_without_a_distribution_have_no_covariance():
    """Huber's loss, and a cross entropy of probabilities of unknown origin."""
    values = {"w": np.abs(Z) + 1, "t": np.ones(Z.shape)}
    assert observed(lambda w, t: ops["huber"](w, t), values, ["t"]).covariance is None
    assert observed(lambda w, t: ops["cross_entropy"](w, t), values, ["t"]).covariance is None
    assert observed(lambda w, t: ops["cross_entropy"](ops["softmax"](w), t), values, ["t"]).covariance is not None
