"""The table of excuses: each has a function that needs it, and a wrong derivative that it must not excuse."""

import numpy as np
import pytest

from gradcheck.probe.excuses.excuses import EXCUSES, Case, rule
from gradcheck.probe.line.line import Line
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector

interpolate = pytest.importorskip("scipy.interpolate")


def ruling(f, vjp, x, t, accuracy=None):
    """Return what the line through x along t comes to."""
    subject = numpy_subject(lambda x: f(np.asarray(x, float)), (np.asarray(x, float),), vjp=vjp, grad=None, jvp=None)
    base = evaluated(subject)
    with np.errstate(all="ignore"):
        return rule(Case(Line(Instrument(subject, base), Vector.of(np.ones(y.shape) for y in base), Vector.of([t])).descend(), accuracy))


#: sin, as a table of twenty numbers has it.
TABLE = interpolate.CubicSpline(np.linspace(0, 4, 20), np.sin(np.linspace(0, 4, 20)))
ZERO, TIE, ONE = [0.0, 1.0], [1.0, 1.0, 1.0], [1.3, 0.7]
STEPS = np.array([0.7, -0.6])
#: excuse -> (f, right vjp, wrong vjp, point, direction, accuracy)
NEEDS = {
    "accuracy": (np.sin, lambda g, x: (1.001 * g * np.cos(x),), lambda g, x: (1.05 * g * np.cos(x),), ONE, STEPS, 1e-2),
    "kink": (np.abs, lambda g, x: (g * np.where(x == 0, 0.3, np.sign(x)),), lambda g, x: (g * np.where(x == 0, 5.0, np.sign(x)),), ZERO, STEPS, None),
    "hull": (np.median, lambda g, x: (g * (np.arange(3) == np.argsort(x, kind="stable")[1]),),
             lambda g, x: (2 * g * (np.arange(3) == np.argsort(x, kind="stable")[1]),), TIE, np.array([0.5, -0.8, 0.9]), None),
    "resolution": (lambda x: np.tanh(200 * (x - 1.3)), lambda g, x: (200 * g / np.cosh(200 * (x - 1.3)) ** 2,),
                   lambda g, x: (220 * g / np.cosh(200 * (x - 1.3)) ** 2,), ONE, STEPS, None),
    "stair": (lambda x: np.floor(10 * x), lambda g, x: (0 * g,), lambda g, x: (1000 * g,), ONE, STEPS, None),
    "noise": (lambda x: np.sin(x / 1e-5), lambda g, x: (g * np.cos(x / 1e-5) / 1e-5,), lambda g, x: (1.1 * g * np.cos(x / 1e-5) / 1e-5,), ONE, STEPS, None),
    "truncation": (TABLE, lambda g, x: (g * np.cos(x),), lambda g, x: (1.02 * g * np.cos(x),), ONE, STEPS, None),
    "jump": (lambda x: np.sin(x) + (x >= 1.3), lambda g, x: (g * np.cos(x),), lambda g, x: (g * np.cos(x) * (1.5 if x[0] < 10 else 1),), ONE, STEPS, None),
}  # fmt: skip


def test_every_excuse_is_tried():
    """The table and these cases have the same names."""
    assert sorted(NEEDS) == sorted(e.name for e in EXCUSES)


@pytest.mark.parametrize("name", NEEDS)
def test_who_needs_it(name):
    """A right derivative that the excuse acquits, or leaves undecided, and no other one."""
    f, right, _, x, t, accuracy = NEEDS[name]
    found = ruling(f, right, x, t, accuracy)
    assert found.verdict not in ("wrong", "beside"), found
    assert found.excuse == name, found


@pytest.mark.parametrize("name", sorted(set(NEEDS) - {"jump"}))
def test_whom_it_must_not_excuse(name):
    """A wrong derivative of the same function."""
    f, _, wrong, x, t, accuracy = NEEDS[name]
    assert ruling(f, wrong, x, t, accuracy).verdict in ("wrong", "beside"), ruling(f, wrong, x, t, accuracy)


def test_a_jump_elsewhere_excuses_nothing():
    """Off the jump a wrong derivative is wrong."""
    f, _, wrong, _, t, _ = NEEDS["jump"]
    assert ruling(f, wrong, [1.9, 0.7], 0.1 * t).verdict == "wrong"


def test_what_rounding_levels_is_no_stair():
    """A gradient that is missing is missing, where f changes little."""
    assert ruling(lambda x: 1e8 + x, lambda g, x: (0 * g,), ONE, STEPS).verdict == "wrong"


@pytest.mark.parametrize(("height", "excuse"), [(2e-11, "noise"), (4e-11, "stair")])
def test_how_high_the_step_of_a_stair_is(height, excuse):
    """65,536 roundings of the outputs, here of two numbers near 1: what is lower is noise."""
    assert ruling(lambda x: 1 + height * np.floor(10 * x), lambda g, x: (0 * g,), ONE, STEPS).excuse == excuse
