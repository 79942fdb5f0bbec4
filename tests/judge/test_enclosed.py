"""Gradients alone against certified enclosures: proof of a fault, ulps beside conditions, hulls at kinks."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck
from gradcheck.arith.floating import Floating
from gradcheck.judge.enclosed import enclosures, undecided
from gradcheck.networks.network import Network, networks
from gradcheck.render.html import html
from gradcheck.result.stored import from_dict
from gradcheck.targets.target import dtype_of


def bare(graph, values):
    """Return the reference's loss and gradients, and nothing else."""
    return gradcheck.backward(graph, values, Floating(dtype_of(values)))


def slightly_wrong(graph, values):
    """Return gradients of which one entry is wrong by a few hundred ulp."""
    loss, gradients = bare(graph, values)
    name = next(iter(gradients))
    x = gradients[name].copy()
    x.flat[0] *= 1 + 1e-12
    return loss, gradients | {name: x}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_gradient_beside_its_enclosure(dtype):
    """The evidence is rigorous in wide formats; errors are a few ulp, and the condition explains them."""
    row = gradcheck.validate(bare, "xor-2-2-1", dtypes=[dtype]).rows[0]
    assert row.verdict == "pass"
    assert {a.name for a in row.accuracy} == set(networks["xor-2-2-1"].graph.differentiable)
    for a in row.accuracy:
        assert a.proved
        assert float(a.lower) <= float(a.upper)
        assert a.ulps <= 8 * max(a.condition, 1)
        assert 0 <= a.nearest_entries <= a.entries
        assert a.ulps <= a.largest


def test_a_wrong_entry_is_proved_wrong():
    """An entry outside of its enclosure by more than rounding is a fault with rigorous evidence and the exact number."""
    network = Network.of(lambda w: np.sum(np.exp(w)), {"w": np.array([1.0, 2.0])})
    row = gradcheck.validate(slightly_wrong, network).rows[0]
    assert (row.verdict, row.evidence) == ("fail", "rigorous")
    assert row.findings[0].expected == math.e
    assert row.accuracy[0].index == (0,)
    assert row.accuracy[0].ulps == pytest.approx(1e-12 * math.e / 2**-51, rel=0.01)
    assert float(row.accuracy[0].lower) == pytest.approx(math.e, rel=1e-15)


def test_what_cancels_has_an_infinite_condition():
    """A bias before batch normalisation has the gradient zero: whatever rounding leaves of it is explained."""
    row = gradcheck.validate(bare, "batch-norm-mlp").rows[0]
    bias = next(a for a in row.accuracy if a.name == "b1")
    assert bias.nearest == 0.0
    assert bias.condition == math.inf
    assert row.verdict == "pass"


def test_at_a_kink_the_hull_decides():
    """Our convention is inside the hull, which is no proof; a slope outside of it is a fault."""
    network = Network.of(lambda w: np.sum(gradcheck.ops.relu(w)), {"w": np.array([0.0, 1.0])})
    row = gradcheck.validate(bare, network).rows[0]
    assert row.verdict == "inconclusive"
    assert "hull" in row.message
    assert row.accuracy[0].ulps == 0
    wrong = gradcheck.validate(lambda graph, values: (1.0, {"w": np.array([-2.0, 1.0])}), network).rows[0]
    assert wrong.verdict == "fail"


def test_enclosures_on_request():
    """Rows that values and adjoints certify are held against enclosures when that is asked for."""
    assert gradcheck.validate("reference", "xor-2-2-1").rows[0].accuracy == ()
    row = gradcheck.validate("reference", "xor-2-2-1", enclose=True).rows[0]
    assert row.evidence == "certified"
    assert row.accuracy


def test_no_enclosure_of_what_is_large_or_infinite():
    """Where it would take seconds, or inputs are not finite, the sweep in a wide format is all there is."""
    graph = gradcheck.trace(lambda x: np.sum(x), {"x": np.ones(70_000)})
    assert enclosures(graph, {"x": np.ones(70_000)}, gradcheck.ops.registry) is None
    small = gradcheck.trace(lambda x: np.sum(x), {"x": np.ones(2)})
    assert enclosures(small, {"x": np.array([np.inf, 1.0])}, gradcheck.ops.registry) is None


def test_reports():
    """HTML shows the ends and the nearest number; JSON is read back as it was."""
    matrix = gradcheck.validate(bare, ["xor-2-2-1", "batch-norm-mlp"])
    page = html(matrix)
    a = max(matrix.rows[0].accuracy, key=lambda a: a.ulps / max(a.condition, 1))
    assert a.lower in page
    assert a.upper in page
    assert 'id="enclosed"' in page
    assert from_dict(json.loads(json.dumps(matrix.to_dict()))).rows[0].accuracy == matrix.rows[0].accuracy


@pytest.mark.parametrize(
    ("middle", "exponent", "hull"), [(1.0, -5, True), (1.0, -12, False), (0.0, -1075, False), (0.0, -1073, True), (0.0, 0, True)]
)
def test_what_is_a_hull(middle, exponent, hull):
    """A ball of some bits is a number; one of fewer than a byte, if it is no more than underflow leaves, holds all slopes of a kink."""
    from flint import arb

    balls = np.array([arb(middle) + arb(0, 1) * arb(2) ** exponent], dtype=object)
    assert bool(undecided({"w": SimpleNamespace(balls=balls)})) is hull
