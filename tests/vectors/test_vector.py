"""Vectors and sets of them."""

import numpy as np
import pytest

from gradcheck.errors import BadInput, UnknownName
from gradcheck.targets.reference import Reference
from tests.vectors.sets import shipped


def answer(vector):
    """Return the reference's loss and gradients."""
    run = Reference().run(vector.graph, vector.values)
    return run.loss, {k: np.array(x, np.float64) for k, x in run.gradients.items()}


@pytest.mark.parametrize("name", ["networks/xor-2-2-1/float64", "networks/relu-at-zero/float32", "faults/pytorch-1528-index/float64"])
def test_the_reference_passes(name):
    """Loss and every gradient, with what they are called."""
    vector = shipped()[name]
    found = vector.check(*answer(vector))
    assert all(c.ok for c in found)
    assert [c.name for c in found] == ["loss", *(f"gradient of {k}" for k in vector.gradients)]


def test_one_wrong_entry_fails():
    """A relative error of 1e-9 in one weight is seen in float64; a wrong loss, or none, as well."""
    vector = shipped()["networks/xor-2-2-1/float64"]
    loss, gradients = answer(vector)
    for name, x in gradients.items():
        bad = gradients | {name: x * (1 + 1e-9)}
        assert [c.name for c in vector.check(loss, bad) if not c.ok] == [f"gradient of {name}"]
    assert not vector.check(loss * (1 + 1e-9), gradients)[0].ok
    assert not vector.check(None, gradients)[0].ok
    assert vector.check(np.array([loss]), gradients)[0].ok


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_every_convention_at_a_kink_passes(slope):
    """The slope of relu at zero may be anything from 0 to 1, and nothing else."""
    vector = shipped()["networks/relu-at-zero/float64"]
    loss, gradients = answer(vector)
    at = vector.values["w"] == 0
    weights = np.array([1.0, 1.25, 1.5, 1.75])
    assert at.sum() == 2
    assert all(c.ok for c in vector.check(loss, {"w": np.where(at, slope * weights, gradients["w"])}))
    assert not all(c.ok for c in vector.check(loss, {"w": np.where(at, (slope - 1.1) * weights, gradients["w"])}))
    assert vector.kink == {"accepted": "hull", "nodes": ("y",)}


def test_shares_of_a_tie_add_up():
    """One of several equal maxima, or all a share of it; not every one the whole."""
    vector = shipped()["networks/max-ties/float64"]
    loss, _ = answer(vector)
    at = (vector.values["w"] == 1).astype(float)
    first = np.eye(4)[int(np.argmax(at))]
    assert all(c.ok for c in vector.check(loss, {"w": first}))
    assert all(c.ok for c in vector.check(loss, {"w": at / 3}))
    assert [c.name for c in vector.check(loss, {"w": at}) if not c.ok] == ["sum of the gradient of w"]
    assert not all(c.ok for c in vector.check(loss, {"w": 0 * at}))


def test_missing_gradients():
    """What is missing stands for zeros: right where nothing depends on the parameter."""
    vector = shipped()["networks/unused-parameter/float64"]
    loss, gradients = answer(vector)
    zero = [k for k, x in gradients.items() if not x.any()]
    assert zero
    assert all(c.ok for c in vector.check(loss, {k: x for k, x in gradients.items() if k not in zero}))
    assert not all(c.ok for c in vector.check(loss, {}))


def test_sets_are_sequences():
    """By number, by slice, by name."""
    found = shipped()
    assert found[0] is found[found[0].name]
    assert found[:3] == tuple(found)[:3]
    assert len(found) == len(list(found)) >= 400
    assert found[0] in found
    with pytest.raises(UnknownName, match="did you mean 'networks/xor-2-2-1/float64'"):
        found["networks/xor-2-2-1/float46"]


def test_matching():
    """By format, tag, source, fault and name."""
    found = shipped()
    assert {x.dtype for x in found.matching(dtypes=["float32"])} == {"float32"}
    assert all("kinks" in x.tags for x in found.matching(tags=["kinks"]))
    assert [x.name for x in found.matching(tags=["xor-2-2-1"], dtypes=["float64"])] == ["networks/xor-2-2-1/float64"]
    assert [x.name for x in found.matching(tags=["networks/adaline/float3?"])] == ["networks/adaline/float32"]
    assert len(found.matching()) == len(found)
    with pytest.raises(UnknownName, match="no tag of vectors named 'kink'; did you mean 'kinks'"):
        found.matching(tags=["kink"])


def test_gradients_of_what_is_not_there():
    """A name that the graph does not have is no answer."""
    vector = shipped()["networks/xor-2-2-1/float64"]
    loss, gradients = answer(vector)
    with pytest.raises(BadInput, match="got one named 'w9'"):
        vector.check(loss, {**gradients, "w9": 0.0})


def test_no_gradients_at_all():
    """An answer without names is told what was expected."""
    with pytest.raises(BadInput, match="expected gradients by name"):
        shipped()["networks/xor-2-2-1/float64"].check(None, None)
