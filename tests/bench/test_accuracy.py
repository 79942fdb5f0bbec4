"""The search for the largest error of elementary functions."""

import numpy as np
import pytest

from gradcheck.bench.accuracy import Accuracy, as_table, inputs, measure, ulp_error
from gradcheck.errors import CannotExpress
from gradcheck.targets.reference import Reference
from gradcheck.targets.target import Run


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_measure(dtype):
    """Every function of the reference is found to be right within a few ulp, and not exact."""
    found = measure(Reference(), dtype, points=200)
    assert len(found) >= 14
    for a in found:
        assert (a.target, a.dtype) == ("reference", dtype)
        assert 0.3 < a.ulps < 20
        assert a.median <= a.ulps


def test_a_seed_decides_the_inputs():
    """The same seed measures the same; other formats get inputs that they hold."""
    assert measure(Reference(), "float32", points=50, seed=3) == measure(Reference(), "float32", points=50, seed=3)
    assert inputs("arctanh", "float32", 1000, 0).dtype == np.float32
    assert np.abs(inputs("arctanh", "float32", 1000, 0)).max() < 1
    assert inputs("log", "float64", 100, 0).min() > 0


@pytest.mark.parametrize(("dtype", "reach"), [("float64", 709.7), ("float32", 88.7), ("float16", 11.0)])
@pytest.mark.parametrize("function", ["exp", "expm1", "sinh", "cosh", "logistic", "softplus"])
def test_exponentials_are_searched_until_they_overflow(function, dtype, reach):
    """As far as the format goes, densely at its end and within 100, on both sides; no input is beyond."""
    x = inputs(function, dtype, 20_000, 0).astype(np.float64)
    for side in (x, -x):
        assert 0.99 * reach < side.max() <= reach + 0.1
        assert np.sum(side > 0.5 * reach) > 1_000
        assert np.sum((side > 0.05 * min(reach, 100)) & (side < min(reach, 100))) > 2_000
    assert np.isfinite(np.exp(x).astype(dtype)).all()


def test_an_error_far_out_shows():
    """A cosh by exp of x + log 1/2 loses most where that sum is rounded most, beyond 512; the search finds it there."""

    class Shifted(Reference):
        def run(self, graph, values):
            run, x = super().run(graph, values), np.asarray(values["x"])
            if graph.nodes[0].op != "cosh":
                return run
            return Run(run.loss, run.gradients, {"y": np.exp(x + np.log(0.5)) + np.exp(np.log(0.5) - x)})

    (found,) = [a for a in measure(Shifted(), "float64", points=4_000) if a.function == "cosh"]
    assert 400 < found.ulps < 520
    assert abs(found.worst) > 512
    assert found.median < 20


def test_a_wrong_function_shows():
    """A value that is 100 ulp off is found to be at least that."""

    class Off(Reference):
        def run(self, graph, values):
            run = super().run(graph, values)
            y = np.asarray(run.node_values["y"]) * (1 + 100 * 2.0**-23)
            return Run(run.loss, run.gradients, {"y": y.astype(np.float32)})

    assert all(a.ulps > 90 / 2 for a in measure(Off(), "float32", points=100))


def test_targets_without_answers():
    """Who cannot express a function, or hands back no node values, gives no row."""

    def choosy(graph, values):
        raise CannotExpress("never")

    assert measure(choosy, "float64", points=10) == []
    assert measure(lambda g, v: (0.0, {}), "float64", points=10) == []


def test_ulp_error():
    """In units in the last place of the exact value; nothing where that is subnormal."""
    exact = np.array([1.0, 4.0, 1e-42])
    got = exact + np.array([2.0**-23, 2.0**-21, 1.0])
    np.testing.assert_allclose(ulp_error(got, exact, "float32"), [1, 1, 0])


def test_table():
    """Rounded up to a tenth, by target, format and function."""
    assert as_table([Accuracy("t", "float32", "exp", 1.01, 0.0, 0.5, 10)]) == {"t": {"float32": {"exp": 1.1}}}
