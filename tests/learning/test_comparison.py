"""Trainings with right and wrong gradients beside the reference's."""

import numpy as np
import pytest

import gradcheck
from gradcheck.errors import BadInput, TargetFailed, UnknownDtype
from gradcheck.learning import Adam, Descent, Momentum, compare

XOR = gradcheck.networks["xor-2-2-1"]


@pytest.mark.parametrize("rule", [Descent(rate=4.0), Momentum(rate=1.0, nesterov=True), Adam(rate=0.05)])
@pytest.mark.parametrize("target", ["reference", "torch", "autograd"])
def test_right_targets_pass(target, rule):
    """Rounding explains how far float32 training goes from training in 40 digits, by any rule."""
    pytest.importorskip(gradcheck.targets.registry_of_names.needs(target))
    found = compare(XOR, target=target, optimizer=rule, steps=12)
    assert found.verdict == "pass", found.message
    assert found.judged == (0, 1, 2, 4, 8)
    assert 0 < found.distances[-1] < 1e-4
    assert found.digits > 4


def test_a_float64_target_is_closer():
    """The distance is that of the format."""
    single, double = (compare(XOR, target="reference", optimizer=Descent(rate=4.0), dtype=d, steps=10) for d in ("float32", "float64"))
    assert double.verdict == "pass"
    assert double.distances[-1] < 1e-6 * single.distances[-1]


def test_a_rate_that_is_too_large_lets_rounding_separate_them():
    """At the rate 64 descent on XOR amplifies float32's rounding until nothing is common, and every gradient on the way is right."""
    found = compare(XOR, target="reference", optimizer=Descent(rate=64.0), steps=60)
    assert found.verdict == "pass"
    assert found.apart is not None
    assert 20 < found.apart < 60
    assert found.unexplained is None
    assert found.distances[1] < 1e-6


def test_a_published_mistake_is_named():
    """The pseudo-code with the activation's value in place of its derivative: wrong from the first gradient on, with the layer's name."""
    network = gradcheck.networks["sklearn-binary-logistic-1"]
    found = compare(network, target="gradcheck.faults.pseudocode:target", dtype="float64", steps=10)
    assert (found.verdict, found.fault, found.unexplained) == ("fail", 0, 1)
    assert found.apart is not None
    assert "f for f': the value of logistic" in found.diagnosis
    assert "a1" in found.message


def late(graph, values):
    """Return right gradients until the loss is small, then one entry with the wrong sign."""
    loss, g = gradcheck.backward(graph, values)
    if loss < 0.12507:
        g["w1"] = g["w1"] * np.array([[-1.0, 1.0], [1.0, 1.0]])
    return loss, g


def test_a_fault_that_shows_late_is_dated():
    """Between the places that are judged anyway, the step before the distance is unexplained is looked at."""
    found = compare(XOR, target=late, optimizer=Descent(rate=4.0), dtype="float64", steps=60)
    first = next(k for k, x in enumerate(found.losses) if x < 0.12507)
    assert found.verdict == "fail"
    assert first not in (0, 1, 2, 4, 8, 16, 32)
    assert found.fault == first
    assert found.unexplained == first + 1
    assert f"after {first} steps is wrong" in found.message


class Once:
    """Hands back a wrong gradient once, and the right one when asked again."""

    name, dtypes = "once", ("float64",)

    def __init__(self):
        self.calls = 0

    def run(self, graph, values):
        """Return loss and gradients."""
        self.calls += 1
        loss, g = gradcheck.backward(graph, values)
        return gradcheck.Run(loss, {k: x * (1.001 if self.calls == 4 else 1) for k, x in g.items()})


def test_a_distance_without_a_fault_is_inconclusive():
    """What is farther away than rounding explains, with gradients that are right when they are judged, is no pass and no fault."""
    found = compare(XOR, target=Once(), optimizer=Descent(rate=4.0), dtype="float64", steps=8)
    assert (found.verdict, found.fault, found.unexplained) == ("inconclusive", None, 4)
    assert "no gradient that was judged is wrong" in found.message


def test_mini_batches():
    """Both trainings draw the same batches."""
    found = compare(XOR, target="reference", optimizer=Descent(rate=1.0), batch=2, steps=8)
    assert found.verdict == "pass"
    assert found.losses == pytest.approx(found.reference_losses, rel=1e-4)


def test_large_networks_have_longdouble():
    """40 digits for up to 500 numbers, longdouble for more."""
    found = compare(gradcheck.networks["digits-64-32-10"], target="reference", optimizer=Adam(rate=0.01), steps=3)
    assert (found.reference, found.verdict) == ("longdouble", "pass")


def test_usage():
    """Formats, steps and graphs that do not fit are refused; a target that has no answer fails."""
    with pytest.raises(UnknownDtype, match="float8"):
        compare(XOR, target="reference", dtype="float8")
    with pytest.raises(BadInput, match="at least 1 step"):
        compare(XOR, target="reference", steps=0)
    with pytest.raises(BadInput, match="values for a graph"):
        compare(XOR.graph, target="reference")
    with pytest.raises(BadInput, match="parameters to move"):
        compare(gradcheck.trace(lambda x: np.sum(x), {"x": np.ones(2)}, inputs=["x"]), {"x": np.ones(2)}, target="reference")
    with pytest.raises(TargetFailed, match="gradient of"):
        compare(XOR, target=lambda graph, values: (0.0, {}), steps=2)
