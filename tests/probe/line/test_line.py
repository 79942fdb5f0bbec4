"""A line: which numbers tell what was seen, a kink, noise, and steps that the format can make, on either side of each."""

import numpy as np
import pytest

from gradcheck.probe.excuses.excuses import Case, rule
from gradcheck.probe.line import stencils as st
from gradcheck.probe.line.line import LADDER, SMALLEST, Line
from gradcheck.probe.line.look import exact_look
from gradcheck.probe.line.samples import Samples
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector


def line(f, slope, x, t=1.0):
    """Return the line through one number, without samples."""
    subject = numpy_subject(lambda x: f(np.asarray(x, float)), (np.array([x]),), vjp=lambda g, x: (g * slope(x),), grad=None, jvp=None)
    return Line(Instrument(subject, evaluated(subject)), Vector.of([np.ones(1)]), Vector.of([np.array([t])]))


@pytest.mark.parametrize(("noise", "verdict"), [(6e-3, "right"), (2.5e-2, "blind")])
def test_what_hides_the_first_digit_hides_the_slope(noise, verdict):
    """Six error bars are a tenth of the slope; in tables of a half, noise of a hundredth makes them so wide."""
    found = line(lambda x: x + noise * np.sin(1e9 * x + np.cos(1e8 * x)), np.ones_like, 1.3).descend()
    assert (rule(Case(found)).verdict, found.agrees) == (verdict, True), rule(Case(found))


@pytest.mark.parametrize(("power", "is_kink"), [(1.0, True), (1.1, True), (1.3, False)])
def test_slopes_that_fall_with_the_width_are_no_kink(power, is_kink):
    """Of |x|^p the slopes over a table 32 times narrower are 32^(p - 1) times smaller; they vanish in the end."""
    found = line(lambda x: np.abs(x) ** power, lambda x: 0 * x, 0.0)
    for h in LADDER[:2]:
        found.table(h)
    assert (found.kink() is not None) is is_kink


@pytest.mark.parametrize(("power", "is_noise"), [(1.8, True), (2.2, False)])
def test_what_falls_with_the_width_is_no_noise_of_the_claim(power, is_noise):
    """A slope with two derivatives falls by more than 32^2 in a table 32 times narrower, noise stays, and stairs fall by 32."""
    found = line(lambda x: x, np.ones_like, 1.3)
    for h in LADDER[:2]:
        psi = 1e-15 * (h / LADDER[0]) ** power * (-1.0) ** np.arange(st.N) * (1 + np.arange(st.N) / 8)
        found._tables[h, 0.0] = Samples(h, 0.0, h * st.NODES, psi, 0.0, 0.0)
    assert found.table(LADDER[0]).claim_noise > 1e-16
    assert (found.claim_noise == found.table(LADDER[0]).claim_noise) is is_noise


def test_half_formats_are_noise_and_what_is_coarser_is_not():
    """Rounding to 11 bits errs by 2^-11 of a number; by 2^-9 bfloat16 does, whose steps are what f is."""
    found = line(np.exp, np.exp, 1.3)
    found.table(LADDER[-1])
    assert 2.0**-11 <= found.most_noise / np.exp(1.3) < 2.0**-9


@pytest.mark.parametrize(("x", "least", "most"), [(1e-10, 1e-5, 1e-4), (1e-14, 0.04, 0.1)])
def test_a_division_by_an_input_leaves_a_digit(x, least, most):
    """(exp(x) - 1) / x errs by the rounding of 1 over x; where no digit would be left it is no noise."""
    assert least < line(np.exp, np.exp, x).most_rounding < most


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_narrowest_table_has_samples_where_they_belong(dtype):
    """To about a hundredth of the way, for the shortest steps that are drawn, half of an entry."""
    x = (1 + np.arange(1000) / 1009).astype(dtype)
    found = line(np.exp, np.exp, 1.3)
    found.instrument.subject.call_eps = float(np.finfo(dtype).eps)
    step = found.finest * st.NODES[st.MIDDLE + 1] * 0.5
    (moved,) = Vector.of([np.asarray(x, np.float64)]).beside([x], step)
    astray = np.max(np.abs((np.asarray(moved, np.float64) - x) / (step * x) - 1))
    assert 0.005 < astray < 0.02


@pytest.mark.parametrize(("height", "verdict", "text"), [(1.1 * 2.0**-17, "wrong", "steps"), (1.1 * 2.0**-19, "right", "")])
def test_steps_of_single_precision_are_rounding(height, verdict, text):
    """A staircase of outputs near 1: a slope through steps of a few digits is wrong, through those of float32 it is what is meant."""
    found = rule(Case(line(lambda x: 1 + height * np.floor(2.0**12 * x), lambda x: height * 2.0**12 + 0 * x, 1.3).descend()))
    assert found.verdict == verdict, found
    assert text in found.text


@pytest.mark.parametrize(("off", "is_wrong"), [(0.5, False), (2.0, True)])
def test_a_kink_is_right_beside_it_to_what_is_on_record(off, is_wrong):
    """A factor of the claims on both sides, of which each lies between them at the kink."""
    c = 1 + off * SMALLEST
    found = line(lambda x: np.abs(x) + 1e-30, lambda x: c * np.sign(x), 0.0).descend()
    assert (rule(Case(found)).verdict == "beside") is is_wrong, rule(Case(found))


@pytest.mark.parametrize(("distance", "is_wrong"), [(5e-10, False), (2e-9, True)])
def test_what_is_zero_by_half_of_the_digits(distance, is_wrong):
    """Next to a minimum the slope is a difference of numbers that are alike; 1.5e-8 of the slopes around is zero."""
    x = np.array([1 + distance])
    vjp = lambda g, z: (g * (2 * (z - 1) + 2e-14 * (z == x)),)
    subject = numpy_subject(lambda z: 100 + (z - 1) ** 2, (x,), vjp=vjp, grad=None, jvp=None)
    instrument, gs = Instrument(subject, evaluated(subject)), Vector.of([np.ones(1)])
    instrument.try_trace()
    assert exact_look(instrument, gs, gs, instrument.gradients(gs)).wrong is is_wrong


@pytest.mark.parametrize(("off", "is_off"), [(5e-13, False), (3e-12, True)])
def test_digits_that_a_derivative_may_lose(off, is_off):
    """A fifth of those of the format, and six error bars: 1e-12 in float64; the terms of a sum cancel, and its rounding is theirs."""
    x = np.array([1.3, -1.3])
    vjp = lambda g, z: (g * np.array([1 + off, 1.0]),)
    subject = numpy_subject(lambda z: np.sum(np.asarray(z, float)), (x,), vjp=vjp, grad=None, jvp=None)
    found = Line(Instrument(subject, evaluated(subject)), Vector.of([np.ones(())]), Vector.of([np.array([0.5, -0.5])])).descend()
    assert found.off("around") is is_off
