"""Gradients alone from a legitimate formula: they pass as those of the reference do, with a remark where they are worse."""

import dataclasses

import numpy as np
import pytest

from gradcheck.compare.statistics import by_textbook
from gradcheck.networks import networks
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference
from gradcheck.validation.validate import validate
from tests.judge.networks import MLP, gradients_only


def textbook_tanh():
    """Return the reference whose derivative of tanh is 1 - y^2, as in every framework."""
    rule = dataclasses.replace(registry["tanh"], vjp=lambda m, g, y, x: (g * (1 - y * y),))
    return Reference(dict(registry) | {"tanh": rule}, "textbook-tanh")


TAILS = ["saturated-tanh", "fan-in-concatenate-30", "unnormalised-inputs"]


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.deep)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_network(dtype, every):
    """A callable with 1 - y^2 has the verdicts of the reference on networks with a tanh (deep: all); what that loses is remarked."""
    tanhs = [name for name in networks if any(node.op == "tanh" for node in networks[name].graph.nodes) and name not in TAILS]
    tanhs = TAILS + tanhs[::every]
    textbook, reference = (validate(gradients_only(t), tanhs, dtypes=[dtype]) for t in (textbook_tanh(), Reference()))
    assert {r.network: r.verdict for r in textbook} == {r.network: r.verdict for r in reference}
    assert not [r for r in textbook if r.verdict == "fail"]
    remarked = {r.network: r for r in textbook for f in r.findings if f.severity == "accuracy"}
    assert not [f for r in reference for f in r.findings if f.severity == "accuracy"]
    wanted = set(TAILS) if dtype == "float64" else {"saturated-tanh"}
    assert set(remarked) == wanted
    for row in remarked.values():
        assert row.verdict == "pass"
        assert "1 - y^2" in next(f.message for f in row.findings if f.severity == "accuracy")


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("factor", [2.0, 1 + 1e-3, 1 + 1e-9])
@pytest.mark.parametrize("network", ["fan-in-concatenate-30", "unnormalised-inputs"])
def test_faults_beside_it_are_no_pass(network, factor):
    """The same target with gradients off by a factor fails, or is not passed at least."""

    def wrong(graph, values):
        run = textbook_tanh().run(graph, values)
        return run.loss, {k: x * factor for k, x in run.gradients.items()}

    (row,) = validate(wrong, network)
    assert row.verdict == ("fail" if factor > 1.0001 else row.verdict)
    assert row.verdict != "pass"


def test_formulas_are_taken_in_turn():
    """Every textbook formula of the operations in a graph stands in one set of rules at least."""
    sets = list(by_textbook(MLP.graph, registry))
    used = {n.op for n in MLP.graph.nodes if registry[n.op].textbook}
    assert len(sets) == max(len(registry[k].textbook) for k in used)
    for name in used:
        for book in registry[name].textbook:
            assert any(
                (book.vjp or registry[name].vjp) is s[name].vjp and (book.value or registry[name].value) is s[name].value
                for s in sets
            )
    assert np.all([set(s) == set(registry) for s in sets])
