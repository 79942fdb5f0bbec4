"""One table of samples: what each comparison says of a right and of a wrong slope, of noise, kinks and domains that end."""

import numpy as np
import pytest

from gradcheck.probe.line import stencils as st
from gradcheck.probe.line.samples import Samples
from gradcheck.probe.subject.margin import MARGIN

WAYS = ("around", "at", "alone", "left", "right")


def table(f, slope, h=2.0**-6, x=0.7, own=1e-16, rounding=1e-16):
    """Return samples of a function of one number and of its doubted slope."""
    at = x + h * st.NODES
    return Samples(h, 0.0, f(at) - f(np.array(x)), slope(at), own, rounding)


@pytest.mark.parametrize("way", WAYS)
def test_a_right_slope_is_within_its_bar(way):
    """And the bar is not large, by all samples."""
    found = getattr(table(np.sin, np.cos), way)
    noise = 4 * 2.0**-53  # of NumPy's sin and cos, which is that of the processor's vector library: up to 4 ulp
    assert abs(found.value) <= MARGIN * found.bar(noise, noise)
    if way in ("around", "at", "alone"):
        assert found.bar(noise, noise) < 1e-12


@pytest.mark.parametrize("way", ["around", "alone", "left", "right"])
def test_a_factor_is_what_is_missing(way):
    """The value is the right slope less the doubted one."""
    found = getattr(table(np.sin, lambda x: 0.9 * np.cos(x)), way)
    assert found.value == pytest.approx(0.1 * np.cos(0.7), rel=1e-2)


def test_a_claim_that_is_wrong_at_the_point_alone():
    """The claims around say so without any difference of f; around it nothing is wrong."""
    slope = lambda x: np.where(x == 0.7, 0.0, np.cos(x))
    found = table(np.sin, slope)
    assert found.at.value == pytest.approx(np.cos(0.7))
    assert abs(found.around.value) < 1e-12


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6])
def test_noise_is_seen_where_the_derivative_is_regular(size):
    """The deviation of independent noise is found up to a factor of three."""
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(20):
        noise = size * rng.normal(size=st.N)
        noise -= noise[st.MIDDLE]
        seen.append(Samples(2.0**-6, 0.0, np.sin(0.7 + 2.0**-6 * st.NODES) - np.sin(0.7) + noise, np.cos(0.7 + 2.0**-6 * st.NODES), 0.0, 0.0).around.least)
    assert size / 3 < np.median(seen) < 3 * size


def test_a_kink_has_two_sharp_sides():
    """Neither of them knows of the other."""
    found = table(lambda x: np.abs(x - 0.7) + x, lambda x: np.sign(x - 0.7) + 1)
    assert found.right.value == pytest.approx(1.0, abs=1e-9)
    assert found.left.value == pytest.approx(-1.0, abs=1e-9)
    assert found.alone.truncation > 0.1


def test_an_end_of_the_domain():
    """One side is left."""
    with np.errstate(invalid="ignore"):
        found = table(lambda x: np.sqrt(x - 0.699), lambda x: 0.5 / np.sqrt(x - 0.699), h=2.0**-6)
    assert not found.left.known
    assert found.right.known
    assert not found.alone.known


def test_noise_of_the_doubted_slope():
    """It is found where the coefficients do not fall, and not where they do."""
    rng = np.random.default_rng(0)
    assert table(np.sin, np.cos).claim_noise < 1e-15
    noisy = [table(np.sin, lambda x: np.cos(x) + 1e-8 * rng.normal(size=x.shape)).claim_noise for _ in range(20)]
    assert 1e-9 < np.median([n for n in noisy if n]) < 1e-7


@pytest.mark.parametrize("power", [1, 2])
def test_kinks_fall_slower_than_what_is_smooth(power):
    """That is what the limit between truncation and noise stands on: in nearly all places of the table, where f has a kink or its slope has."""
    falls = [st.tail(st.COEFFICIENTS @ np.maximum(st.NODES - place, 0) ** power)[1] for place in np.linspace(-0.7, 0.7, 15)]
    assert np.mean(np.array(falls) >= st.GEOMETRIC) > 0.8
    assert st.tail(st.COEFFICIENTS @ np.sin(0.7 + st.NODES))[1] < st.GEOMETRIC


@pytest.mark.parametrize(("size", "is_noise"), [(4.0, False), (8.0, True)])
def test_what_the_slope_explains_is_no_noise(size, is_noise):
    """Where the slope has a tail of its own, f is irregular only by three times what that makes of it."""
    noise, tail = size * np.array([1.0, -1, 1, 1, 0, -1, 1, -1, 1]), (-1.0) ** np.arange(st.N) * (st.NODES != 0)
    assert (Samples(1.0, 0.0, st.NODES + noise, 1 + tail, 0.0, 0.0).noise > 0) is is_noise


@pytest.mark.parametrize(("pole", "falls"), [(1.8, True), (1.4, False)])
def test_what_is_smooth_has_no_pole_nearby(pole, falls):
    """Beyond 1.6 half widths from the middle; nearer ones take the coefficients down slower than what is smooth."""
    assert (st.tail(st.COEFFICIENTS @ (1 / (pole - st.NODES)))[1] < st.GEOMETRIC) is falls
