"""What a survey learns: the noise of f, and whether a difference adds up."""

from types import SimpleNamespace

import numpy as np
import pytest
from ml_dtypes import bfloat16

from gradcheck.probe.line import stencils as st
from gradcheck.probe.line.line import LADDER, Line
from gradcheck.probe.line.survey import _lasts, is_factor, is_narrow, survey, wavers
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.numpy import numpy_subject
from gradcheck.probe.subject.subject import evaluated
from gradcheck.probe.subject.vector import Vector


def surveyed(f, slope):
    """Return a line that was surveyed."""
    subject = numpy_subject(lambda x: f(np.asarray(x, float)), (np.array([1.3]),), vjp=lambda g, x: (g * slope(x),), grad=None, jvp=None)
    base = evaluated(subject)
    line = Line(Instrument(subject, base), Vector.of([np.ones(1)]), Vector.of([np.array([0.7])])).descend()
    survey(line)
    return line


@pytest.mark.parametrize(("slope", "expected"), [(lambda x: 1.0001 * np.exp(x), True), (lambda x: np.exp(x) * (1 + 1e-4 * x), False), (np.exp, False)])
def test_a_factor_is_the_same_in_all_panels(slope, expected):
    """A difference that grows with x is none, nor is no difference."""
    assert is_factor(surveyed(np.exp, slope)) is expected


@pytest.mark.parametrize(("size", "expected"), [(1e-6, True), (0.0, False)])
def test_what_wavers_has_both_signs(size, expected):
    """Waves on f that the slope does not know of."""
    assert wavers(surveyed(lambda x: np.exp(x) + size * np.sin(20 * x), np.exp)) is expected
    assert not wavers(surveyed(np.exp, lambda x: 1.01 * np.exp(x)))


@pytest.mark.parametrize("size", [1e-10, 1e-7])
def test_noise_is_learned_and_kinks_are_not(size):
    """Up to a factor of ten; what falls with the width is no noise."""
    noisy = surveyed(lambda x: np.exp(x) + size * np.sin(1e9 * x + np.cos(1e8 * x)), np.exp)
    assert size / 10 < noisy.noise < 10 * size
    assert surveyed(lambda x: np.exp(x) + 1e-3 * np.abs(x - 1.4), np.exp).noise < 1e-12


def test_outputs_of_a_narrow_format():
    """All of them, here and far away."""
    assert is_narrow(surveyed(lambda x: x.astype(bfloat16).astype(float), np.ones_like))
    assert not is_narrow(surveyed(np.exp, np.exp))


@pytest.mark.parametrize(("factors", "expected"), [((0.1, 0.1), False), ((0.1, 0.1, 0.1), True), ((0.1, 0.1, 0.094), True), ((0.1, 0.1, 0.085), False)])
def test_how_many_panels_show_one_factor(factors, expected):
    """Three of them; a fixed part of the change of f in each, to a tenth of it."""
    panels = [SimpleNamespace(h=LADDER[0], phi=st.NODES, mismatch=c * st.NODES) for c in factors]
    assert is_factor(SimpleNamespace(everywhere=panels, off=lambda way, table: True)) is expected


@pytest.mark.parametrize(("kind", "lasts"), [(lambda x: 1e-9 * np.sin(1e9 * x), True), (lambda x: 1e-3 * np.abs(x - 1.3), False)])
def test_what_is_noise_is_there_in_narrower_tables(kind, lasts):
    """Noise stays what it is; a kink that the slope does not know falls with the width."""
    found = surveyed(lambda x: np.exp(x) + kind(x), np.exp)
    assert _lasts(found, found.table(LADDER[0])) is lasts
    assert _lasts(found, found.table(LADDER[3])) is lasts


def test_no_table_is_narrower_than_the_format_allows():
    """What is irregular there counts as noise."""
    found = surveyed(lambda x: np.exp(x) + 1e-3 * np.abs(x - 1.3), np.exp)
    table, taken = found.table(4 * found.finest), len(found.everywhere)
    assert _lasts(found, table)
    assert len(found.everywhere) == taken


@pytest.mark.parametrize(("fallen", "lasts"), [(5.0, True), (float(np.max(np.diff(st.NODES)) / 2) ** -2, False)])
def test_a_kink_falls_with_the_width_twice(fallen, lasts):
    """By 27 over two of the widest gaps; noise that is estimated from nine samples differs by less."""
    made = lambda least: SimpleNamespace(h=0.1, center=0.0, mismatch=st.NODES, around=SimpleNamespace(least=least))
    assert _lasts(SimpleNamespace(finest=0.0, table=lambda h, c: made(1.0)), made(fallen)) is lasts
