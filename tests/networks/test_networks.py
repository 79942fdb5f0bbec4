"""The registry of networks: what holds for every network, and what the systems of backpropagation say of some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.engine.reverse import backward, seeds, sweep
from gradcheck.errors import UnknownName
from gradcheck.graph.evaluation import forward
from gradcheck.networks import networks
from gradcheck.networks.network import DTYPES
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference

every = pytest.mark.parametrize("network", networks.values(), ids=list(networks))

#: Networks and points at which no parameter has a gradient, and why that is right.
_FLAT = {"constant-loss", "dead-relus", "empty-batch", "relu-layers-all-zero", "norm-at-zero"}


def adjoints(name):
    """Return values and adjoints of a network in float64, by node."""
    network, m = networks[name], Floating("float64")
    y = forward(network.graph, network.values(), m)
    return y, sweep(network.graph, y, m, seeds(network.graph, m), [x.name for x in network.graph.leaves if x.type == "float"])


def test_it_ends_in_one_scalar_named_loss():
    """Every network has one output, a scalar named loss."""
    for network in networks.values():
        assert network.graph.outputs == ("loss",)
        assert network.graph.shapes["loss"] == ()
        assert network.graph.name == network.name


@pytest.mark.sweep("network", one_in=8)
@every
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_and_gradients_are_finite(network, dtype, seed):
    """The reference finds a finite loss and finite gradients, in every format that the network declares."""
    if dtype not in network.dtypes:
        pytest.skip(f"{network.name} makes no sense in {dtype}")
    run = Reference().run(network.graph, network.values(seed, dtype))
    assert np.isfinite(float(run.loss))
    assert set(run.gradients) == set(network.graph.parameters)
    assert all(np.all(np.isfinite(g.astype(float))) for g in run.gradients.values())


@pytest.mark.sweep(one_in=4)
@every
def test_some_gradient_is_not_zero(network):
    """A gradient of zero proves nothing, except where it is the point."""
    _, gradients = backward(network.graph, network.values())
    assert any(g.any() for g in gradients.values()) != (network.name in _FLAT)


def test_it_says_why_it_is_here():
    """Every network has a reason of one line, a group and a system."""
    for network in networks.values():
        assert 10 < len(network.reason) <= 120
        assert "\n" not in network.reason
        assert network.tags
        assert all(s.startswith("S") and 1 <= int(s[1:]) <= 15 for s in network.systems)
        assert network.name == network.name.lower()


def test_it_is_small_or_has_a_small_twin():
    """Slow oracles can take a network or its twin."""
    for network in networks.values():
        small = network if network.small else networks[network.twin]
        assert small.small
        assert small.graph.size <= 80


def test_smooth_means_far_from_kinks():
    """At the values of a smooth network nothing is nearer to a kink than 1e-3."""
    for network in networks.values():
        if not network.smooth:
            continue
        m = Floating("float64")
        y = forward(network.graph, network.values(), m)
        for node in network.graph.nodes:
            if registry[node.op].kinks:
                for k in registry[node.op].kinks(m, *(y[x] for x in node.inputs), **node.attributes):
                    assert np.all(np.abs(k) > 1e-3)


@pytest.mark.sweep(one_in=4)
@every
def test_values_depend_on_the_seed_only(network):
    """The same seed gives the same values; the shapes are those of the graph at any seed."""
    for name, x in network.values(3).items():
        np.testing.assert_array_equal(x, network.values(3)[name])
        assert x.shape == network.graph.shapes[name]


def test_every_system_of_a_network_is_shown():
    """There is a network for each of the systems that are networks."""
    shown = {s for network in networks.values() for s in network.systems}
    assert {"S1", "S2", "S5", "S6", "S7", "S8", "S9", "S12", "S13", "S14", "S15"} <= shown


def test_every_operation_is_in_a_network():
    """No operation is without a network, by hand or by chance."""
    missing = set(registry) - {node.op for network in networks.values() for node in network.graph.nodes}
    for k in range(400):
        missing -= {node.op for node in networks[f"random/0/{k}"].graph.nodes}
        if not missing:
            break
    assert not missing


def test_names_are_unique():
    """A second network of a name is refused."""
    with pytest.raises(ValueError, match="two networks named 'diamond'"):
        networks.add(replace(networks["diamond"]))


def test_patterns_choose_by_name_system_and_tag():
    """Patterns match names, systems and tags; one that matches nothing is an error with a hint."""
    assert [n.name for n in networks.matching("xor-2-2-1")] == ["xor-2-2-1"]
    assert {n.name for n in networks.matching("S7")} == {"bias-vector", "bias-as-weight"}
    assert len(networks.matching("kinks,extremes")) == sum(bool({"kinks", "extremes"} & set(n.tags)) for n in networks.values())
    with pytest.raises(UnknownName, match="lenet-1989"):
        networks.matching("lenet-1998")


# -- the systems of backpropagation -----------------------------------------------------------


def test_matrix_form_layer_by_layer():
    """S2: delta_L = f' o grad C; delta_(l-1) = f' o (W^T delta_l); the gradient is delta_l a_(l-1)^T."""
    y, adjoint = adjoints("layered-matrix-form")
    slope = {1: 1 - y["a1"] ** 2, 2: y["a2"] * (1 - y["a2"]), 3: 1 - y["a3"] ** 2}
    y["a0"] = y["x"]
    delta = slope[3] * (y["a3"] - y["t"])
    for layer in (3, 2, 1):
        np.testing.assert_allclose(adjoint[f"z{layer}"], delta, rtol=1e-12)
        np.testing.assert_allclose(adjoint[f"w{layer}"], delta @ y[f"a{layer - 1}"].T, rtol=1e-12, atol=1e-15)
        if layer > 1:
            delta = slope[layer - 1] * (y[f"w{layer}"].T @ delta)


@pytest.mark.parametrize("name", ["encoder-8-3-8", "xor-2-2-1", "nettalk-203-80-26"])
def test_row_form_layer_by_layer(name):
    """S2 with examples in rows: the same, transposed, and the bias gets the sum of its deltas."""
    y, adjoint = adjoints(name)
    delta = (y["a2"] - y["t"]) / len(y["t"]) * y["a2"] * (1 - y["a2"])
    for layer, below in ((2, "a1"), (1, "x")):
        np.testing.assert_allclose(adjoint[f"z{layer}"], delta, rtol=1e-11, atol=1e-18)
        np.testing.assert_allclose(adjoint[f"w{layer}"], y[below].T @ delta, rtol=1e-10, atol=1e-16)
        np.testing.assert_allclose(adjoint[f"b{layer}"], delta.sum(axis=0), rtol=1e-10, atol=1e-16)
        if layer == 2:
            delta = (delta @ y["w2"].T) * y["a1"] * (1 - y["a1"])


def test_one_output_neuron():
    """S6: dE/dw_i = o_i delta, delta = (o - t) o (1 - o)."""
    y, adjoint = adjoints("single-neuron")
    delta = (y["o"] - y["t"]) * y["o"] * (1 - y["o"])
    np.testing.assert_allclose(adjoint["net"], delta, rtol=1e-14)
    for i in (1, 2, 3):
        np.testing.assert_allclose(adjoint[f"w{i}"], y[f"o{i}"] * delta, rtol=1e-14)


def test_inner_neurons():
    """S6: delta_j = (sum over l of w_jl delta_l) o_j (1 - o_j) for an inner neuron."""
    y, adjoint = adjoints("single-neuron-inner")
    delta = {j: (y[f"o{j}"] - y[f"t{j}"]) * y[f"o{j}"] * (1 - y[f"o{j}"]) for j in (5, 6)}
    for j in (3, 4):
        delta[j] = sum(y[f"w{j}{k}"] * delta[k] for k in (5, 6)) * y[f"o{j}"] * (1 - y[f"o{j}"])
    for j, sources in ((3, (1, 2)), (4, (1, 2)), (5, (3, 4)), (6, (3, 4))):
        np.testing.assert_allclose(adjoint[f"net{j}"], delta[j], rtol=1e-13)
        for i in sources:
            np.testing.assert_allclose(adjoint[f"w{i}{j}"], y[f"o{i}"] * delta[j], rtol=1e-13)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("one", "other"), [("bias-vector", "bias-as-weight"), ("accumulated-examples", "accumulated-batch")])
def test_two_forms_have_one_gradient(one, other, seed):
    """S7: both forms of a bias; S13: examples one by one and as a batch."""
    values = networks[one].values(seed)
    loss, gradients = backward(networks[one].graph, values)
    extra = {"one": np.ones((4, 1))} if "one" in networks[other].graph.leaf else {}
    loss2, gradients2 = backward(networks[other].graph, {**values, **extra})
    np.testing.assert_allclose(loss, loss2, rtol=1e-14)
    for name, g in gradients.items():
        np.testing.assert_allclose(g, gradients2[name], rtol=1e-12, atol=1e-16)


def test_softmax_regression_has_the_delta_of_the_book():
    """S9: with softmax and cross entropy the adjoint of z is (p - t) / n."""
    y, adjoint = adjoints("softmax-regression")
    np.testing.assert_allclose(adjoint["z1"], (y["a1"] - y["t"]) / 8, rtol=1e-12, atol=1e-16)


def test_regularisation_spares_the_bias():
    """S13: the penalty adds alpha w / n to a weight's gradient, nothing to a bias's."""
    network = networks["l2-regularised"]
    _, with_penalty = backward(network.graph, network.values())
    y, adjoint = adjoints("l2-regularised")
    np.testing.assert_allclose(with_penalty["w2"], y["a1"].T @ adjoint["z2"] + 0.3 / 4 * y["w2"], rtol=1e-12)
    np.testing.assert_allclose(with_penalty["b2"], adjoint["z2"].sum(axis=0), rtol=1e-12)


def test_unused_parameters_have_gradient_zero():
    """S5: what the loss does not depend on has a gradient, and it is zero."""
    for name, unused in (("dead-head", ("w3", "b3")), ("unused-parameter", ("unused",))):
        _, gradients = backward(networks[name].graph, networks[name].values())
        assert not any(gradients[p].any() for p in unused)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("xor-2-2-1", 9),
        ("encoder-8-3-8", 8 * 3 + 3 + 3 * 8 + 8),
        ("nettalk-203-80-26", 203 * 80 + 80 + 80 * 26 + 26),
        ("alvinn-1217-29-46", 1217 * 29 + 29 + 29 * 46 + 46),
        ("td-gammon-198-40-1", 198 * 40 + 40 + 40 + 1),
        ("lenet-1989", 9760),
        ("digits-64-32-10", 64 * 32 + 32 + 32 * 10 + 10),
        ("sklearn-classes-relu-digits", 2410),
    ],
)
def test_ancestors_have_their_published_size(name, size):
    """S14: the number of parameters; LeNet's 9,760 are those that the paper of 1989 counts."""
    assert networks[name].graph.size == size


def test_lenet_has_the_published_units():
    """LeNet 1989 has 1,256 units: 256 pixels and layers of 768, 192, 30 and 10."""
    shapes = networks["lenet-1989"].graph.shapes
    assert [int(np.prod(shapes[k][1:])) for k in ("x", "a1", "a2", "a3", "a4")] == [256, 768, 192, 30, 10]


def test_the_deep_chains_are_deep():
    """S5: 200 layers and fifty uses are what they say."""
    assert sum(n.op == "tanh" for n in networks["deep-chain-200"].graph.nodes) == 200
    assert len(networks["fifty-uses"].graph.consumers("a")) == 50
