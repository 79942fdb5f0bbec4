"""Identities of the generalised Gauss-Newton matrix."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.curvature import gauss_newton, split
from gradcheck.errors import BadInput, BadValues
from gradcheck.networks.network import networks
from gradcheck.ops import registry as ops

LINEAR = ["adaline", "linear-neuron", "softmax-regression"]


def small_with_losses():
    """Return the small smooth networks that have a loss."""
    found = []
    for network in networks.values():
        if network.small and network.smooth and network.name not in ("deep-chain-200", "long-sum-4096"):
            try:
                split(network.graph)
            except BadInput:
                continue
            found.append(network.name)
    return found


WITH_LOSS = small_with_losses()


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_model_has_its_hessian(name):
    """Second derivatives of the network are zero, so that nothing is left out; to forty digits."""
    network = networks[name]
    m = Multiprecision(50)
    found = gauss_newton(network.graph, network.values(0), arithmetic=m).matrix
    wanted = gradcheck.hessian(network.graph, network.values(0), arithmetic=m).matrix
    largest = max(abs(x) for x in wanted.ravel())
    assert largest > 0
    assert max(abs(x) for x in (found - wanted).ravel()) <= largest * m.context.mpf(10) ** -40


def test_a_network_that_is_not_linear_has_another():
    """The identity above is one of linear models: elsewhere the difference is large."""
    network = networks["xor-2-2-1"]
    found, hessian = (f(network.graph, network.values(0)).matrix for f in (gauss_newton, gradcheck.hessian))
    assert np.max(np.abs(found - hessian)) > 0.1 * np.max(np.abs(hessian))


@pytest.mark.parametrize("name", WITH_LOSS[::5])
def test_it_is_jacobian_hessian_jacobian(name):
    """J^T H J by three matrices: the Jacobian of the body, and the Hessian of the head."""
    network = networks[name]
    graph, values = network.graph, network.values(0)
    parts = split(graph)
    body = gradcheck.jacobian(parts.body, values, wrt=graph.differentiable)
    several = body if isinstance(body, tuple) else (body,)
    sizes = {k: int(np.prod(graph.shapes[k], dtype=int)) for k in graph.differentiable}
    rows = [np.concatenate([np.reshape(j[k], (-1, sizes[k])) for k in graph.differentiable], 1) for j in several]
    for k in parts.direct:
        rows.append(np.concatenate([np.eye(sizes[k]) if a == k else np.zeros((sizes[k], sizes[a])) for a in graph.differentiable], 1))
    jacobian = np.concatenate(rows, 0)
    outputs = gradcheck.evaluate(parts.body, values)
    given = dict(zip(parts.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True))
    leaves = [x for x in graph.leaves if x.name in graph.ancestors([n.name for n in parts.head.nodes])]
    nodes = parts.head.nodes
    used = {x for n in nodes for x in n.inputs} | {n.name for n in nodes}
    head = gradcheck.Graph(
        [x for x in leaves if x.name in used] + [gradcheck.Leaf(k, "input", graph.shapes[k]) for k in parts.outputs], nodes, graph.outputs
    )
    point = {k: values[k] for k in head.inputs + head.parameters if k in values} | given
    hessian = gradcheck.hessian(head, point, wrt=(*parts.outputs, *parts.direct)).matrix
    wanted = jacobian.T @ hessian @ jacobian
    assert np.max(np.abs(gauss_newton(graph, values).matrix - wanted)) <= 1e-12 * max(np.max(np.abs(wanted)), 1e-300)


@pytest.mark.sweep(one_in=4)
@pytest.mark.parametrize("name", WITH_LOSS)
def test_convex_losses_make_it_positive_semidefinite(name):
    """No eigenvalue is negative by more than rounding: all losses here are convex in the predictions."""
    network = networks[name]
    matrix = gauss_newton(network.graph, network.values(0)).matrix
    assert np.array_equal(np.isfinite(matrix), np.ones(matrix.shape, bool))
    values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert values.min() >= -len(matrix) * 2.0**-50 * np.abs(values).max()


def test_penalties_count_with_their_own_hessian():
    """What a penalty adds is its Hessian: the difference to the loss without it."""
    values = {"w": np.array([[0.3], [-0.2]]), "x": np.array([[1.0, 2.0], [0.5, -1.0]]), "t": np.ones((2, 1))}

    def loss(w, x, t):
        return ops["half_squared_error"](np.tanh(x @ w), t)

    plain = gradcheck.trace(loss, values, inputs=["x", "t"])
    fined = gradcheck.trace(lambda w, x, t: loss(w, x, t) + 3 * np.sum(w * w), values, inputs=["x", "t"])
    assert np.allclose(gauss_newton(fined, values).matrix - gauss_newton(plain, values).matrix, 6 * np.eye(2), atol=1e-15)


def test_cutting_elsewhere_gives_another_matrix():
    """Cut before the last activation, the curvature of that one counts: the Hessian of a network of one layer."""
    network = networks["bias-vector"]
    graph, values = network.graph, network.values(0)
    assert np.allclose(gauss_newton(graph, values, outputs=["z1"]).matrix, gradcheck.hessian(graph, values).matrix, atol=1e-14)
    assert not np.allclose(gauss_newton(graph, values).matrix, gradcheck.hessian(graph, values).matrix, atol=1e-3)


def test_a_loss_must_be_a_number():
    """An output of several entries has no curvature."""
    values = {"w": np.ones(2), "t": np.ones(2)}
    graph = gradcheck.trace(lambda w, t: ops["squared_error"](w * w, t, reduction="none"), values, inputs=["t"])
    with pytest.raises(BadValues, match="cotangent"):
        gauss_newton(graph, values)
