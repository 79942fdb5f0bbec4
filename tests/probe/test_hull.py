"""At a kink every entry has to lie in the certified hull of all derivatives, if f was traced; else in that of the claims around."""

import numpy as np
import pytest

import gradcheck
from gradcheck.probe.excuses.hull import _between, place_in_hull
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector

X = np.array([0.0, 1.0, -2.0])


def relu(x):
    """The sum of the positive parts."""
    return np.sum(np.maximum(x, 0))


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, 1 + 1e-14, 1 + 3e-8])
def test_inside(slope):
    """Every element of the generalised derivative is right, to 2^-24 of the width of what encloses them."""
    assert gradcheck.check(relu, X, grad=lambda x: np.where(x == 0, slope, (x > 0) * 1.0)).verdict == "pass"


@pytest.mark.parametrize("slope", [1.001, 1 + 1.2e-7, -1.2e-7, -0.5, 1.5])
def test_outside(slope):
    """A number outside is wrong, however near; the interval is told."""
    report = gradcheck.check(relu, X, grad=lambda x: np.where(x == 0, slope, (x > 0) * 1.0))
    assert report.verdict == "fail"
    assert (report.findings[0].node, report.findings[0].index) == ("0", (0,))
    assert "every generalised derivative lies between" in report.findings[0].message


@pytest.mark.parametrize(("shares", "verdict"), [((0.5, 0.5), "pass"), ((1.0, 0.0), "pass"), ((1.001, -0.001), "fail")])
def test_ties(shares, verdict):
    """Equal numbers share what the largest gets; none gets more than all of it."""
    given = lambda x: np.where(x[0] == x[1], shares, (x == np.max(x)) * 1.0)
    assert gradcheck.check(lambda x: np.max(x), np.array([1.0, 1.0]), grad=given).verdict == verdict


def test_a_declared_accuracy_counts():
    """Where 1 % is declared, 1.001 is 1."""
    report = gradcheck.check(relu, X, grad=lambda x: np.where(x == 0, 1.001, (x > 0) * 1.0), accuracy=0.01)
    assert report.verdict == "pass"


def claim_at(slope, off=0.0, f=lambda x: np.sum(np.abs(x))):
    """Return where a claim lies among those around (1, 1), and whether they are of several branches."""
    subject = numpy_subject(f, (np.ones(2),), vjp=lambda g, x: (slope(x),), grad=None, jvp=None)
    instrument, ones = Instrument(subject, evaluated(subject)), Vector.of([np.ones(2)])
    return place_in_hull(instrument, Vector.of([np.ones(())]), ones, instrument.gradients(Vector.of([np.ones(())])).plus([np.array([off, 0.0])]))


@pytest.mark.parametrize(("spread", "several"), [(0.03, False), (0.1, True)])
def test_claims_around_that_differ_by_a_twentieth_are_of_branches(spread, several):
    """On either side of a kink; what is smooth is no branch."""
    assert claim_at(lambda x: 1 - spread * (x > 1))[1] is several


@pytest.mark.parametrize(("bend", "several"), [(2.0**-11.7, False), (2.0**-13.7, True)])
def test_how_near_the_claims_around_are(bend, several):
    """A smooth derivative that bends within some thousandths of its scale hardly changes between them."""
    assert claim_at(lambda x: 1 + np.tanh((x - 1) / bend))[1] is several


@pytest.mark.parametrize(("off", "place"), [(5e-4, "inside"), (2e-3, "beside")])
def test_a_claim_of_one_side(off, place):
    """It is one of those around, to a thousandth of the largest."""
    assert claim_at(lambda x: 1 - 0.5 * (x > 1), off)[0] == place


@pytest.mark.parametrize(("sides", "own", "place"), [(2, 1.0005, "inside"), (2, 1.002, "beside"), (2, 1.6, "beside"), (2, 2.2, "outside"),
                                                     (6, 2.2, "outside"), (7, 2.2, "beside"), (7, 3.5, "beside"), (7, 5.5, "outside")])  # fmt: skip
def test_how_far_beside_the_others_a_claim_may_lie(sides, own, place):
    """By less than their spread; by some of it where so many sides meet that few of them are met."""
    assert _between(np.linspace(0, 1, sides)[:, None], np.array([own]), 1.0) == place
