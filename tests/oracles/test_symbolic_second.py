"""Second derivatives in closed form: end to end, entry by entry, and where they would swell."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import OracleGaveUp
from gradcheck.networks.network import networks
from gradcheck.oracles import formulas
from gradcheck.oracles import symbolic_second as module
from gradcheck.oracles.symbolic_second import symbolic_second

NAMES = ["single-neuron", "xor-2-2-1", "lstm", "attention-causal", "two-heads", "diamond", "loss-huber", "loss-norm", "empty-batch", "constant-loss"]


def matrix(found):
    """Return an estimate's rows as one matrix of float64."""
    return np.concatenate([found.value[k] for k in found.value]).astype(float)


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("name", NAMES)
def test_networks(name):
    """The engine's Hessian, to float64's rounding, and fifty digits of its own."""
    network = networks[name]
    found, wanted = symbolic_second(network.graph, network.values(0)), gradcheck.hessian(network.graph, network.values(0)).matrix
    assert matrix(found).shape == wanted.shape
    assert np.max(np.abs(matrix(found) - wanted), initial=0) <= 1e-13 * np.max(np.abs(wanted), initial=0)
    assert found.digits > 45


def test_both_ways_agree(monkeypatch):
    """A small network end to end, and the same entry by entry."""
    network = networks["single-neuron"]
    whole = symbolic_second(network.graph, network.values(0))
    monkeypatch.setattr(module, "SMALL_SIZE", 0)
    single = symbolic_second(network.graph, network.values(0))
    assert (whole.method, single.method) == ("closed form", "entry by entry")
    assert all(abs(a - b) < a.context.mpf(10) ** -50 for k in whole.value for a, b in zip(whole.value[k].ravel(), single.value[k].ravel(), strict=True))


def test_third_powers_by_hand():
    """d2/dx2 sum x^3 = 6 x."""
    graph = gradcheck.trace(lambda x: np.sum(x * x * x), {"x": np.ones(2)})
    assert np.array_equal(matrix(symbolic_second(graph, {"x": np.array([1.0, 2.0])})), np.diag([6.0, 12.0]))


def test_reasons(monkeypatch):
    """A swelling expression, a network that is too large, a kink."""
    network = networks["loss-softmax-cross-entropy"]
    formulas.bends.cache_clear()
    monkeypatch.setattr(formulas, "MOST_BENDS", 100)
    with pytest.raises(OracleGaveUp, match="expression swell"):
        symbolic_second(network.graph, network.values(0))
    with pytest.raises(OracleGaveUp, match="stands on a kink"):
        symbolic_second(networks["relu-at-zero"].graph, networks["relu-at-zero"].values(0))
    monkeypatch.setattr(module, "MOST_WORK", 10)
    with pytest.raises(OracleGaveUp, match="at most 10 in all"):
        symbolic_second(networks["xor-2-2-1"].graph, networks["xor-2-2-1"].values(0))
