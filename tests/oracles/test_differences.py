"""Central differences in multiprecision: right digits at every scale, and reasons where there are none."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from gradcheck.errors import OracleGaveUp
from gradcheck.graph.trace import trace
from gradcheck.networks import networks
from gradcheck.ops import registry as ops
from gradcheck.oracles.differences import differences


def relative(got: object, wanted: object) -> float:
    """Return the relative error as a float."""
    with mpmath.workdps(120):
        return float(abs(mpmath.mpf(got) / mpmath.mpf(wanted) - 1))


def test_cube_at_a_tiny_point() -> None:
    """x^3 at 1e-30: 3e-60 to 50 digits, where mpmath's own diff is off by a factor 4e21."""
    x = 1e-30
    graph = trace(lambda w: np.sum(w * w * w), {"w": np.array([x])})
    found = differences(graph, {"w": np.array([x])})
    with mpmath.workdps(120):
        wanted = 3 * mpmath.mpf(x) ** 2
    assert relative(found.value["w"][0], wanted) < 1e-50
    assert found.digits >= 50


def test_cube_at_zero() -> None:
    """x^3 at 0: the derivative is 0, and the bound says how near."""
    graph = trace(lambda w: np.sum(w * w * w), {"w": np.array([0.0])})
    found = differences(graph, {"w": np.array([0.0])})
    assert abs(found.value["w"][0]) <= found.bound["w"][0] < 1e-100


@pytest.mark.parametrize("slope", [0.0, 1.0, 1e-30, -3e200])
def test_linear_functions_are_exact(slope: float) -> None:
    """The difference of a linear function has no error that shows."""
    graph = trace(lambda w: np.sum(slope * w), {"w": np.array([7.0])})
    found = differences(graph, {"w": np.array([7.0])})
    assert float(found.value["w"][0]) == slope


@pytest.mark.parametrize("x", [1e-8, 0.3, 1e6, 1e30])
def test_sine_at_every_scale(x: float) -> None:
    """The step follows the point: cos(x) to 50 digits from 1e-8 to 1e30."""
    graph = trace(lambda w: np.sum(np.sin(w)), {"w": np.array([x])})
    found = differences(graph, {"w": np.array([x])})
    with mpmath.workdps(200):
        wanted = mpmath.cos(mpmath.mpf(x))
    assert relative(found.value["w"][0], wanted) < 1e-50


def test_saturated_unit_takes_more_digits() -> None:
    """logistic'(700) = 1e-304 drowns in 130 digits; the entry is taken again with 970."""
    graph = trace(lambda w: np.sum(ops["logistic"](w)), {"w": np.array([700.0, 0.5])})
    found = differences(graph, {"w": np.array([700.0, 0.5])})
    with mpmath.workdps(700):
        wanted = mpmath.exp(-700) / (1 + mpmath.exp(-700)) ** 2
    assert relative(found.value["w"][0], wanted) < 1e-50
    assert found.precision == 970


def test_single_neuron_is_the_closed_form() -> None:
    """dE/dw_i = (o - t) o (1 - o) x_i for a logistic neuron under half the squared error."""
    x, w, t = (0.5, -1.25), (0.75, 0.3), 1.0
    values = {"w": np.array(w)}
    graph = trace(lambda w: ops["half_squared_error"](ops["logistic"](np.sum(w * np.array(x))), np.array(t)), values)
    found = differences(graph, values)
    with mpmath.workdps(120):
        o = 1 / (1 + mpmath.exp(-(mpmath.mpf(x[0]) * w[0] + mpmath.mpf(x[1]) * w[1])))
        wanted = [(o - t) * o * (1 - o) * xi for xi in x]
    assert max(relative(a, b) for a, b in zip(found.value["w"], wanted, strict=True)) < 1e-50


def test_only_what_lies_downstream_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moving the last bias computes the first layer once, not once a difference."""
    calls: list[int] = []
    tanh = ops["tanh"]
    from dataclasses import replace

    def counted(m: object, x: object, **a: object) -> object:
        calls.append(1)
        return tanh.value(m, x, **a)

    values = {"w": np.ones(3), "b": np.array(0.5)}
    graph = trace(lambda w, b: np.sum(np.tanh(w)) + b, values)
    differences(graph, values, wrt=["b"], ops=dict(ops) | {"tanh": replace(tanh, value=counted)})
    assert len(calls) == 1


def test_gives_up_on_a_kink() -> None:
    """On a kink the differences of both sides would be averaged."""
    network = networks["abs-at-zero"]
    with pytest.raises(OracleGaveUp, match="kink"):
        differences(network.graph, network.values())


@pytest.mark.parametrize("near", [1e-40, -1e-40])
def test_gives_up_where_the_step_crosses_a_kink(near: float) -> None:
    """A kink nearer than the step is noticed by its margin."""
    graph = trace(lambda w: np.sum(ops["relu"](w)), {"w": np.array([near])})
    with pytest.raises(OracleGaveUp, match="within the step"):
        differences(graph, {"w": np.array([near])})


def test_gives_up_where_the_winner_changes() -> None:
    """Two entries of a maximum nearer to each other than the step: margins are positive on both sides."""
    values = {"w": np.array([1e-40, 0.0])}
    graph = trace(lambda w: ops["max"](w), values)
    with pytest.raises(OracleGaveUp, match="within the step"):
        differences(graph, values)


def test_works_near_a_kink() -> None:
    """At 1e-8 from a kink the step is far smaller."""
    graph = trace(lambda w: np.sum(ops["relu"](w)), {"w": np.array([1e-8, -1e-8])})
    found = differences(graph, {"w": np.array([1e-8, -1e-8])})
    assert [float(v) for v in found.value["w"]] == [1, 0]


def test_gives_up_when_too_large() -> None:
    """A network for which minutes would be needed is refused with the number."""
    values = {"w": np.ones((64, 64))}
    graph = trace(lambda w: np.sum(np.tanh(w)), values)
    with pytest.raises(OracleGaveUp, match="values must be computed"):
        differences(graph, values)
