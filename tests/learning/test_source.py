"""Gradients of a training run: plan, sweep and target give the same."""

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running
from gradcheck.errors import BadInput, TargetFailed
from gradcheck.learning.source import source
from gradcheck.targets.target import Plain

XOR = gradcheck.networks["xor-2-2-1"]
VALUES = XOR.values()
DATA = {k: VALUES[k] for k in XOR.graph.inputs}


def asked(m, target=None):
    """Return loss and gradients in an arithmetic."""
    return source(XOR.graph, m, target)(DATA, {k: m.array(VALUES[k]) for k in XOR.graph.parameters})


def test_they_agree():
    """In float64 by plan and target, in float16 and 30 digits by the sweep."""
    right = gradcheck.backward(XOR.graph, VALUES, Multiprecision(30))[1]
    for m, target, room in (
        (Floating("float64"), None, 1e-15), (Floating("float64"), gradcheck.targets["reference"], 1e-15), (Multiprecision(30), None, 1e-28),
        (Floating("float16"), None, 2e-3),
    ):  # fmt: skip
        _, found = asked(m, target)
        for k, x in right.items():
            assert np.max(np.abs(np.asarray(x - Multiprecision(30).array(found[k]), float))) <= room


def test_pairs():
    """Parameters may be values with their error bounds: the gradient has a bound that holds float32's."""
    m = Running(Roundoff.of("float32"))
    given = {k: m.array(VALUES[k].astype(np.float32)) for k in XOR.graph.parameters}
    _, bounded = source(XOR.graph, m)(DATA, given)
    _, found = source(XOR.graph, Floating("float32"))(DATA, {k: VALUES[k].astype(np.float32) for k in XOR.graph.parameters})
    for k, x in found.items():
        assert np.all(np.abs(x - bounded[k].value) <= 2 * bounded[k].radius())  # the plan's 1 - y^2 is a textbook form


def test_bad_answers():
    """A target without some gradient, or asked for digits, is refused."""
    with pytest.raises(TargetFailed, match="gradient of w1"):
        asked(Floating("float64"), Plain(lambda graph, values: (0.0, {})))
    with pytest.raises(BadInput, match="floating-point format"):
        asked(Multiprecision(30), gradcheck.targets["reference"])
