"""Functions that can be traced: every entry against the certified gradient; others by other means, and the report says what prevented it."""

import numpy as np
import pytest

import gradcheck
from gradcheck.probe.slope.dual_slope import _alike as dual_alike
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.slope.traced import RECORDED, TRACED, Traced, recorded, traced
from gradcheck.probe.slope.traced import _alike as graph_alike
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector

X = np.array([0.5, -1.0, 2.0])


def subject(f, *inputs):
    """Return the subject of a function with a vjp that is not called."""
    return numpy_subject(f, inputs, vjp=lambda g, *xs: None, grad=None, jvp=None)


def right(g, x):
    """Return the vjp of tanh."""
    return (g * (1 - np.tanh(x) ** 2),)


def test_a_right_derivative_is_compared_entry_by_entry():
    """The report names the certified gradient, and resolves a few roundings in every entry."""
    report = gradcheck.check(np.tanh, X, vjp=right)
    assert (report.verdict, report.arithmetic) == ("pass", TRACED)
    assert report.resolution < 1e-12
    assert report.evaluations < 20


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("entry", [0, 1, 2])
def test_one_entry_off(entry):
    """A single entry that is wrong by 1e-11 is found, among a thousand too."""

    def wrong(g, x):
        v = right(g, x)[0]
        v.flat[entry] *= 1 + 1e-11
        return (v,)

    report = gradcheck.check(np.tanh, X, vjp=wrong)
    assert report.verdict == "fail"
    assert report.findings[0].index == (entry,)
    assert gradcheck.check(np.tanh, np.linspace(-2, 2, 1000), vjp=wrong).verdict == "fail"


def test_structures_and_several_outputs():
    """Nested inputs, constants beside them, and a tuple of outputs are traced as they are called."""

    def f(params, k):
        return np.sum(params["w"] ** 2) * k, params["w"] * 3

    found = gradcheck.check(f, ({"w": X}, 2), vjp=lambda g, p, k: ({"w": 4 * g[0] * p["w"] + 3 * g[1]}, None))
    assert (found.verdict, found.arithmetic) == ("pass", TRACED)


def branching(x):
    """Return code that asks a value for its truth."""
    return x * 2 if x.sum() > 0 else x


def test_branches_are_recorded_as_they_were_taken():
    """Away from the edge of a branch; on it differences look at both sides."""
    s = subject(branching, X)
    assert traced(s, evaluated(s)) is None
    assert isinstance(recorded(s, evaluated(s)), Traced)
    s = subject(branching, np.array([1.0, -1.0, 0.0]))
    assert "another branch" in recorded(s, evaluated(s))


def filled(x):
    """Return code that fills zeros."""
    y = np.zeros(3)
    y[x > 0] = np.sqrt(x[x > 0])
    return y


def test_arrays_that_are_filled_are_recorded():
    """NumPy's makers are recorded in the code of the function, wherever it was wrapped."""
    vjp = lambda g, x: (g * np.where(x > 0, 0.5 / np.sqrt(np.abs(x)), 0.0),)
    assert gradcheck.check(filled, X, vjp=vjp).arithmetic == RECORDED
    assert gradcheck.check(filled, X, vjp=lambda g, x: (1.001 * vjp(g, x)[0],)).verdict == "fail"


def hidden(x):
    """Return code that leaves NumPy."""
    return np.frombuffer(x.tobytes()) ** 2


def root(x):
    """Return the square root, by steps that end where it is near enough."""
    y = x
    while np.max(np.abs(y * y - x)) > 1e-9:
        y = (y + x / y) / 2
    return y


@pytest.mark.parametrize(
    ("f", "slope", "reason"),
    [
        (hidden, lambda g, x: (2 * g * x,), f"no attribute 'tobytes' [{__file__.rpartition('/')[2]}:92]"),
        (root, lambda g, x: (g / (2 * np.sqrt(x)),), "ends by its numbers"),
    ],
    ids=["leaves NumPy", "a loop"],
)
def test_a_report_says_what_prevented_a_recording(f, slope, reason):
    """Code that a graph has no form for, or whose loop ends by its numbers, is checked by differences; one line says why, and where."""
    x = np.abs(X)
    s = subject(f, x)
    assert reason in recorded(s, evaluated(s))
    report = gradcheck.check(f, x, vjp=slope)
    assert report.verdict == "pass"
    assert reason in str(report)
    assert "traced graph" not in str(report)


def test_kinks_are_left_to_differences():
    """At a kink there is no certified gradient, but a hull: both sides are looked at."""
    s = subject(lambda x: np.maximum(x, 0), np.array([0.0, 1.0]))
    base = evaluated(s)
    found, ones = traced(s, base), [np.ones(2)]
    assert found.gradients(ones) is None
    ((low, high),) = found.hulls(ones)
    assert np.allclose(low, [0, 1], atol=1e-8)
    assert np.allclose(high, [1, 1], atol=1e-8)
    instrument = Instrument(s, base)
    instrument.try_better(Vector.of([np.ones(2)]))
    assert instrument.traced is None
    assert instrument.kinked is not None


def test_a_graph_that_gives_other_numbers_does_not_count():
    """A function that gives tracers something else than arrays is not judged by the graph."""

    def two_faced(x):
        return x * 3 if isinstance(x, np.ndarray) else x * 2

    s = subject(two_faced, X)
    assert traced(s, evaluated(s)) is None
    assert gradcheck.check(two_faced, X, vjp=lambda g, x: (3 * g,)).verdict == "pass"


def test_large_inputs_are_left():
    """Where balls would take longer than the check, nothing is traced."""
    s = subject(np.tanh, np.zeros(10_000))
    assert traced(s, evaluated(s)) is None


CANCELLING = {
    "a shift": (lambda x: np.sum(((x + 1e8) - 1e8) ** 2), lambda x: 2 * ((x + 1e8) - 1e8), 1.0),
    "a tangent line": (lambda x: np.sum((x + 273.15) ** 4 - 4 * 273.15**3 * x), lambda x: 4 * (x + 273.15) ** 3 - 4 * 273.15**3, 1e-3),
    "1 - y^2": (lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2, 6.0),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_right_gradients_may_lose_digits(name):
    """What rounding may do to the graph's gradient, by every legitimate formula, is no mistake; more than that is."""
    f, grad, scale = CANCELLING[name]
    assert gradcheck.check(f, scale * X, grad=grad).verdict == "pass"
    assert gradcheck.check(f, scale * X, grad=lambda x: grad(x) + 1e-3 * scale).verdict == "fail"


@pytest.mark.parametrize(("off", "told"), [(2e-14, False), (8e-14, True)])
def test_how_many_roundings_a_right_derivative_may_make(off, told):
    """A chain of 64 of them, and six error bars: 4.3e-14 in float64."""
    report = gradcheck.check(lambda x: x**3, np.array([1.3]), vjp=lambda g, x: (3 * (1 + off) * g * x**2,))
    assert bool(report.findings) is told


@pytest.mark.parametrize(("off", "same"), [(0.5e-9, True), (3e-9, False)])
def test_how_well_a_graph_reproduces_f(off, same):
    """To 1e-9 of the largest output, whoever computes it: the graph, or dual numbers."""
    y = np.array([1.0, 1e-3])
    assert graph_alike(np.add(y, [off, 0.0]), y) is same
    assert dual_alike(np.add(y, [0.0, off]), y) is same
