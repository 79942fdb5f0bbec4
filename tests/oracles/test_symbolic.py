"""Closed forms: against formulas derived by hand, end to end and entry by entry."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import gradcheck.oracles.symbolic as module
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import BadValues, OracleGaveUp
from gradcheck.graph.trace import trace
from gradcheck.networks import networks
from gradcheck.ops import registry as ops
from gradcheck.oracles.point import Point
from gradcheck.oracles.symbolic import by_entries, symbolic


def test_single_neuron_is_the_closed_form() -> None:
    """For o = logistic(w1 x1 + w2 x2), E = (t - o)^2 / 2: dE/dw_i = (o - t) o (1 - o) x_i, to 50 digits."""
    x, w, t = (0.5, -1.25), (0.75, 0.3), 1.0
    graph = trace(
        lambda w: ops["half_squared_error"](ops["logistic"](np.sum(w * np.array(x))), np.array(t)), {"w": np.array(w)}
    )
    found = symbolic(graph, {"w": np.array(w)})
    with mpmath.workdps(80):
        o = 1 / (1 + mpmath.exp(-(mpmath.mpf(x[0]) * w[0] + mpmath.mpf(x[1]) * w[1])))
        for got, xi in zip(found.value["w"], x, strict=True):
            wanted = (o - t) * o * (1 - o) * xi
            assert abs(mpmath.mpf(got) - wanted) <= abs(wanted) * mpmath.mpf(10) ** -50
    assert found.method == "closed form"
    assert found.digits >= 50


def test_both_ways_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed form and the chain rule over entries give one gradient."""
    network = networks["single-neuron-inner"]
    closed = symbolic(network.graph, network.values())
    assert closed.method == "closed form"
    monkeypatch.setattr(module, "SMALL_ENTRIES", 0)
    chained = symbolic(network.graph, network.values())
    assert chained.method == "entry by entry"
    for k, x in closed.value.items():
        assert np.all(np.abs(x - chained.value[k]) <= closed.bound[k] + chained.bound[k])


def test_long_formula_is_not_differentiated_whole() -> None:
    """Seven nested units of one weight pass the number of operations: the entries get symbols."""

    def program(w: object) -> object:
        for _ in range(7):
            w = ops["mish"](ops["softplus"](w)) * w
        return np.sum(w)

    values = {"w": np.array([0.25])}
    assert symbolic(trace(program, values), values).method == "entry by entry"


def test_saturated_unit_keeps_its_digits() -> None:
    """At x = 100 the factor 1 - tanh(x)^2 = 5.5e-87 is lost in 80 digits; more are taken."""
    graph = trace(lambda w: np.sum(np.tanh(w)), {"w": np.array([100.0])})
    found = symbolic(graph, {"w": np.array([100.0])})
    with mpmath.workdps(200):
        wanted = mpmath.sech(100) ** 2
        assert abs(mpmath.mpf(found.value["w"][0]) / wanted - 1) < mpmath.mpf(10) ** -50
    assert found.precision >= 160


def test_branch_not_taken_is_not_evaluated() -> None:
    """At 0.5 the branch of elu for negative x does not matter, at -0.5 the other one does not."""
    graph = trace(lambda w: np.sum(ops["elu"](w, alpha=0.5)), {"w": np.array([0.5, -0.5])})
    found = symbolic(graph, {"w": np.array([0.5, -0.5])})
    assert float(found.value["w"][0]) == 1
    assert float(found.value["w"][1]) == pytest.approx(0.5 * np.exp(-0.5), rel=1e-15)


def test_gives_up_on_a_kink() -> None:
    """Exactly on a kink there is no derivative: the reason names the node."""
    network = networks["relu-at-zero"]
    with pytest.raises(OracleGaveUp, match=r"'y' \(relu\) stands on a kink"):
        symbolic(network.graph, network.values())


def test_gives_up_when_too_large() -> None:
    """A network with thousands of entries is refused with its size."""
    network = networks["long-sum-4096"]
    with pytest.raises(OracleGaveUp, match="8,193 entries"):
        symbolic(network.graph, network.values())


def test_gives_up_where_the_derivative_is_infinite() -> None:
    """The square root at 0 has an infinite slope."""
    graph = trace(lambda w: np.sum(np.sqrt(w)), {"w": np.array([0.0])})
    with pytest.raises(OracleGaveUp):
        symbolic(graph, {"w": np.array([0.0])})


def test_several_outputs_take_cotangents() -> None:
    """The gradient of <g, (w^2, 3 w)> is 2 w g_1 + 3 g_2, and a missing cotangent is refused."""
    values = {"w": np.array([2.0, -1.0])}
    graph = trace(lambda w: (w * w, 3 * w), values)
    found = symbolic(graph, values, cotangent=(np.array([1.0, 10.0]), np.array([100.0, 1000.0])))
    assert [float(v) for v in found.value["w"]] == [304, 2980]
    with pytest.raises(BadValues, match="cotangent"):
        symbolic(graph, values)


def test_inputs_are_differentiated_on_request() -> None:
    """With wrt the gradient of w x with respect to x is w."""
    values = {"w": np.array([2.0, 3.0]), "x": np.array([5.0, 7.0])}
    graph = trace(lambda w, x: np.sum(w * x), values, inputs=("x",))
    assert list(symbolic(graph, values).value) == ["w"]
    assert [float(v) for v in symbolic(graph, values, wrt=["x"]).value["x"]] == [2, 3]


def test_global_precision_is_left_alone() -> None:
    """The compiled formulas run in a context of their own; mpmath's is as it was."""
    before = mpmath.mp.dps
    network = networks["xor-2-2-1"]
    found = by_entries(Point(network.graph, network.values()), Multiprecision(70))
    assert mpmath.mp.dps == before
    assert all(v.context.dps == 70 for x in found.values() for v in np.ravel(x))
