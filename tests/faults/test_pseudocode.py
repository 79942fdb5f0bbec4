"""The published pseudo-code is caught, and what is wrong in it is said."""

import pytest

from gradcheck.faults.pseudocode import PseudoCode
from gradcheck.networks.network import networks
from gradcheck.validation.validate import validate


def judged(target, dtype="float64"):
    """Return the rows of the networks that the text can express."""
    return validate(target, "*", dtypes=[dtype]).rows


def faults(rows):
    """Return the faults found, each as (node, op, diagnosis)."""
    return [(f.node, f.op, f.diagnosis) for r in rows for f in r.findings if f.severity == "fault"]


def test_there_are_networks_for_it():
    """At least one network has a hidden layer of logistic units and a penalty, so that both mistakes show."""
    rows = judged(PseudoCode())
    assert rows
    assert {r.network for r in rows} <= set(networks)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_as_written(dtype):
    """The activation's value where its derivative belongs: named at the adjoint before the logistic function."""
    rows = judged(PseudoCode(), dtype)
    assert any(r.verdict == "fail" and r.evidence == "certified" for r in rows)
    named = [x for x in faults(rows) if x[1] == "logistic" and x[2].startswith("f for f'")]
    assert named


def test_both_corrected():
    """With both mistakes corrected everything it can express is certified."""
    rows = judged(PseudoCode(derivative=True, biases_exempt=True))
    assert {(r.verdict, r.evidence) for r in rows} == {("pass", "certified")}


def test_derivative_corrected():
    """Then the regularisation shows: a weight that should have it, a bias that should not."""
    rows = judged(PseudoCode(derivative=True))
    wrong = {node for node, _, _ in faults(rows)}
    assert any(n.startswith("w") for n in wrong)
    assert any(n.startswith("b") for n in wrong)
    assert not any(d.startswith("f for f'") for _, _, d in faults(rows))


def test_regularisation_corrected():
    """Then only the derivative is wrong: nothing is found at a parameter's own contribution."""
    found = faults(judged(PseudoCode(biases_exempt=True)))
    assert found
    assert {op for _, op, _ in found} == {"logistic"}
