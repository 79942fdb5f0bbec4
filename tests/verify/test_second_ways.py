"""The ways to second derivatives: what each is compared with."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import OracleGaveUp
from gradcheck.networks.network import networks
from gradcheck.verify.gradient_differences import sampled
from gradcheck.verify.second_ways import WAYS, asked


def question(name):
    """Return the question about a network."""
    return asked(networks[name].graph, networks[name].values(0))


def test_the_reference_is_the_certified_hessian():
    """Rows by leaf, with balls; times a direction, the product."""
    q = question("xor-2-2-1")
    graph, values = q.graph, q.values
    rows = np.concatenate([q.hessian.value[k] for k in q.hessian.value]).astype(float)
    assert np.allclose(rows, gradcheck.hessian(graph, values).matrix, rtol=1e-12, atol=1e-16)
    v = sampled(graph)
    found = q.times(v)
    assert found.digits > 45
    product = gradcheck.hvp(graph, values, v[1])
    assert all(np.allclose(found.value[k][:, 1].astype(float), product[k].ravel(), rtol=1e-11) for k in product)


@pytest.mark.parametrize("way", WAYS)
def test_found_and_expected_have_one_form(way):
    """What a way finds has the names and shapes of what it should find."""
    found, expected = WAYS[way](question("xor-2-2-1"))
    assert {k: x.shape for k, x in found.value.items()} == {k: x.shape for k, x in expected.value.items()}
    assert found.method


def test_derivatives_along_a_line():
    """Orders two to four, of which none is zero here."""
    found, expected = WAYS["line"](question("xor-2-2-1"))
    assert list(found.value) == ["order 2", "order 3", "order 4"]
    assert all(abs(float(x[0])) > 1e-6 for x in expected.value.values())


def test_what_is_not_finite_is_refused():
    """At a pole of the second derivative there is no reference."""
    graph = gradcheck.trace(lambda x: np.sum(x**1.5), {"x": np.ones(1)})
    with pytest.raises(OracleGaveUp):
        asked(graph, {"x": np.zeros(1)})
