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
