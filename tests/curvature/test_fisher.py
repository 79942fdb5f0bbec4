"""Identities of Fisher matrices: against Gauss-Newton, sampled targets, and gradients of single examples."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.curvature import fisher, fisher_product, gauss_newton
from gradcheck.errors import BadInput
from gradcheck.networks.network import networks
from gradcheck.ops import registry as ops

MATCHED = [
    "xor-2-2-1", "encoder-8-3-8", "softmax-regression", "sklearn-binary-identity-1", "two-heads", "loss-squared-error", "loss-mean-squared-error",
    "loss-binary-cross-entropy", "loss-binary-cross-entropy-logits", "loss-cross-entropy", "loss-softmax-cross-entropy", "loss-cross-entropy-labels",
    "loss-kl-divergence", "rnn-bidirectional", "conv-average-pool-dense",
]  # fmt: skip


def sure(values):
    """Return values whose probabilities, as targets, add up to 1 exactly."""
    t = values.get("t")
    soft = t is not None and t.dtype == float and t.ndim == 2 and np.all(t >= 0) and np.allclose(t.sum(1), 1)
    halves = 0.5 ** np.arange(1, t.shape[1] + 1) if soft else None
    return values | {"t": np.tile([*halves[:-1], halves[-2]], (len(t), 1))} if soft else values


@pytest.mark.parametrize("name", MATCHED)
def test_matched_losses_have_the_gauss_newton_matrix(name):
    """Expected outer products of scores are the loss's Hessian by the prediction: to thirty-five digits."""
    network = networks[name]
    graph, values, m = network.graph, sure(network.values(0)), Multiprecision(50)
    v = {k: np.random.default_rng(0).normal(size=graph.shapes[k]) for k in graph.differentiable}
    found = fisher_product(graph, values, v, arithmetic=m)
    wanted = gradcheck.curvature.gauss_newton_product(graph, values, v, arithmetic=m)
    largest = max(abs(x) for y in wanted.values() for x in np.ravel(y))
    gap = max(abs(a - b) for k in found for a, b in zip(np.ravel(found[k]), np.ravel(wanted[k]), strict=True))
    assert gap <= largest * m.context.mpf(10) ** -35


@pytest.mark.parametrize("name", ["xor-2-2-1", "two-heads", "loss-cross-entropy-labels", "loss-huber", "sklearn-classes-tanh-2"])
def test_the_empirical_one_is_positive_semidefinite(name):
    """It is symmetric, and has no eigenvalue that is negative by more than rounding."""
    network = networks[name]
    graph, values = network.graph, network.values(0)
    matrix = fisher(graph, values, empirical=True).matrix
    assert np.allclose(matrix, matrix.T, atol=1e-15)
    values_of = np.linalg.eigvalsh(matrix)
    assert values_of.min() >= -len(matrix) * 2.0**-50 * values_of.max()


def example_loss(w, x, t):
    """Return the loss of a network of two layers."""
    return ops["softmax_cross_entropy"](np.tanh(x @ w["a"]) @ w["b"], t, reduction="mean")


def test_gradients_of_single_examples():
    """The empirical matrix is the mean of outer products of the gradients of one-example graphs; the true one, over outcomes."""
    rng = np.random.default_rng(0)
    n, classes = 5, 3
    values = {"a": rng.normal(size=(2, 4)), "b": rng.normal(size=(4, classes)), "x": rng.normal(size=(n, 2)), "t": np.eye(classes)[[0, 2, 1, 1, 0]]}
    program = lambda a, b, x, t: example_loss({"a": a, "b": b}, x, t)
    graph = gradcheck.trace(program, values, inputs=["x", "t"])
    one = gradcheck.trace(program, values | {"x": values["x"][:1], "t": values["t"][:1]}, inputs=["x", "t"])

    def gradient(k, target):
        _, found = gradcheck.backward(one, values | {"x": values["x"][k : k + 1], "t": target[None]})
        return np.concatenate([np.ravel(found["a"]), np.ravel(found["b"])])

    outer = [np.outer(g, g) for g in (gradient(k, values["t"][k]) for k in range(n))]
    assert np.allclose(fisher(graph, values, empirical=True).matrix, sum(outer) / n, atol=1e-14)
    logits = np.tanh(values["x"] @ values["a"]) @ values["b"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = [p[k, c] * np.outer(g, g) for k in range(n) for c in range(classes) for g in [gradient(k, np.eye(classes)[c])]]
    assert np.allclose(fisher(graph, values).matrix, sum(expected) / n, atol=1e-14)


def test_the_empirical_one_is_another():
    """It is not the true one, and depends on targets, which the true one does not."""
    network = networks["loss-softmax-cross-entropy"]
    graph, values = network.graph, network.values(0)
    true, empirical = fisher(graph, values).matrix, fisher(graph, values, empirical=True).matrix
    assert not np.allclose(true, empirical, rtol=0.1)
    other = values | {"t": np.roll(np.eye(values["t"].shape[1])[np.argmax(values["t"], 1)], 1, 1)}
    hard = values | {"t": np.eye(values["t"].shape[1])[np.argmax(values["t"], 1)]}
    assert np.array_equal(fisher(graph, other).matrix, fisher(graph, hard).matrix)
    assert not np.allclose(fisher(graph, other, empirical=True).matrix, fisher(graph, hard, empirical=True).matrix)


def test_penalties_are_no_observations():
    """Gauss-Newton has the penalty's Hessian, the Fisher matrix has not."""
    network = networks["accumulated-batch"]
    gap = gauss_newton(network.graph, network.values(0)).matrix - fisher(network.graph, network.values(0)).matrix
    diagonal = np.diag(np.diag(gap))
    assert np.allclose(gap, diagonal, atol=1e-15)
    assert np.max(diagonal) > 0


def test_refusals():
    """No distribution, and no loss at all; the empirical one needs no distribution."""
    network = networks["loss-huber"]
    with pytest.raises(BadInput, match="empirical=True"):
        fisher(network.graph, network.values(0))
    assert fisher(network.graph, network.values(0), empirical=True).matrix.any()
    with pytest.raises(BadInput, match="expected a loss"):
        fisher(networks["diamond"].graph, networks["diamond"].values(0))
