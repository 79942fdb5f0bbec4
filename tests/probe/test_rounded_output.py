"""Derivatives that are written by f's rounded outputs: what they are off by is no fault, and nothing else hides behind it."""

import numpy as np
import pytest

import gradcheck
from gradcheck.graph.trace import trace
from gradcheck.probe.slope.rounded_output import reuse


def logistic(x):
    """Return the logistic function as everybody writes it."""
    return 1 / (1 + np.exp(-x))


def by_output(g, x):
    """Return its vjp by its output."""
    s = logistic(x)
    return g * s * (1 - s)


def softsign(x):
    """Return x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def softsign_by_output(g, x):
    """Return its vjp by its output."""
    return g * (1 - np.abs(softsign(x))) ** 2


@pytest.mark.parametrize("x", [[3.0], [8.0], [-8.0], [15.0, 0.3], [20.0, -20.0], [28.0, 0.0, -30.0]])
@pytest.mark.parametrize("seed", range(3))
def test_the_logistic_function_by_its_output(x, seed):
    """At 20 one minus s has 8 digits left: another point has that derivative exactly, and the same rounded output."""
    assert gradcheck.check(logistic, np.array(x), vjp=by_output, seed=seed).verdict == "pass"
    summed = gradcheck.check(lambda x: np.sum(logistic(x)), np.array(x), vjp=by_output, seed=seed)
    assert summed.verdict == "pass"


@pytest.mark.parametrize("x", [[3.0, -1e3], [1e6, 0.5], [-1e7, 1e3]])
def test_softsign_by_its_output(x):
    """The derivative (1 - |y|)^2 loses as many digits as 1 - |y|."""
    assert gradcheck.check(softsign, np.array(x), vjp=softsign_by_output).verdict == "pass"


@pytest.mark.parametrize(("x", "error"), [(0.5, 1e-12), (8.0, 1e-11), (15.0, 1e-8), (-8.0, 1e-12), (-20.0, 1e-12)])
def test_what_rounding_does_not_explain_fails(x, error):
    """A factor beyond that is seen, and where the output says all there is no allowance at all."""
    report = gradcheck.check(logistic, np.array([x, 1.0]), vjp=lambda g, x: by_output(g, x) * (1 + error * (np.abs(x) != 1)))
    assert report.verdict == "fail"
    assert report.findings[0].index in {(0,), ()}


def test_a_digit_of_the_entry_is_never_allowed():
    """Beyond 5 % of an entry rounding explains nothing: s (1 - s) is 0 where s is 1."""
    assert gradcheck.check(logistic, np.array([40.0, 1.0]), vjp=by_output).verdict == "fail"


def test_the_amount():
    """The second derivative times how far an input moves before its output leaves its rounding."""
    x = {"x": np.array([-20.0, 0.0, 20.0])}
    ((found,),) = reuse(trace(logistic, x), x)
    u, e = 2.0**-53, np.exp(-20.0)
    assert found[0, 0] < 16 * u * e
    assert found[1, 1] == 0
    assert u < found[2, 2] < 8 * u
    assert not np.any(found[~np.eye(3, dtype=bool)])


def test_extrema_are_no_tails():
    """Next to an extremum the output says nothing of the input: no allowance, however little the slope is."""
    x = {"x": np.array([1e-3, 1e-6, 1e-9])}
    assert not any(np.any(a) for a in reuse(trace(lambda x: 1 + x * x, x), x)[0])
    assert not any(np.any(a) for a in reuse(trace(lambda x: np.cos(x), x), x)[0])
    report = gradcheck.check(lambda x: 1 + x * x, x["x"], vjp=lambda g, x: g * 2 * x * (1 + 1e-12))
    assert report.verdict == "fail"


def test_flat_and_linear_functions():
    """No second derivative, or no slope to move along: nothing is allowed."""
    x = {"x": np.array([1.0, 2.0]), "y": np.array(3.0)}
    assert not any(np.any(a) for found in reuse(trace(lambda x, y: (3 * x, np.sum(x) * y), x), x) for a in found)
    assert not any(np.any(a) for found in reuse(trace(lambda x, y: np.sum(0 * x) + y, x), x) for a in found)


def test_shapes_and_more_entries_than_a_batch():
    """A number for each entry of an input and of an output; batches are put together in order."""
    x = {"x": np.linspace(5, 15, 150).reshape(50, 3), "b": np.zeros((1, 3))}
    graph = trace(lambda x, b: (logistic(x + b), np.sum(logistic(b))), x)
    found = reuse(graph, x)
    assert [[a.shape for a in of] for of in found] == [[(150, 50, 3), (150,)], [(3, 50, 3), (3,)]]
    one = {"x": x["x"][49, 2]}
    assert found[0][0][149, 49, 2] == pytest.approx(reuse(trace(logistic, one), one)[0][0][0], rel=0.2)


def test_outputs_that_share_inputs():
    """Each output is allowed its own: in a softmax the entry next to 1 is, whatever the small ones say."""

    def softmax(x):
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    def hessian(x):
        s = softmax(x)
        return np.diag(s) - np.outer(s, s)

    report = gradcheck.check(lambda x: np.log(np.sum(np.exp(x))), np.array([30.0, 2.0, 0.0]), grad=softmax, hessian=hessian, order=2)
    assert report.verdict == "pass"
