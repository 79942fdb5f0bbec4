"""Derivatives that move in stairs: entries that are small beside others carry the rounding of those."""

import math

import numpy as np
import pytest

import gradcheck


def softmax(z):
    """Return it along the last axis."""
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v):
    """Return attention; asking for the format of q keeps it from being traced."""
    return softmax(q @ k.T / q.dtype.type(np.sqrt(8))) @ v


def back(g, q, k, v, error=1.0):
    """Return its vjp, the gradient of q times a factor."""
    p, dp = softmax(q @ k.T / np.sqrt(8)), g @ v.T
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / np.sqrt(8)
    return ds @ k * error, ds.T @ q, p.T @ g


def given(seed):
    """Return confident queries and keys."""
    rng = np.random.default_rng(seed)
    return tuple(4 * rng.normal(size=(4, 8)) for _ in range(3))


@pytest.mark.parametrize("seed", range(6))
def test_attention_that_is_confident(seed, monkeypatch):
    """Where p is 1 but for 1e-8, p (dp - sum p dp) has half its digits left; dual numbers have the time that they take."""
    monkeypatch.setattr("gradcheck.probe.slope.dual_slope.MOST_SECONDS", math.inf)
    report = gradcheck.check(attention, given(seed), vjp=back, seed=seed)
    assert report.verdict == "pass", str(report)
    assert report.arithmetic.startswith("dual numbers")


@pytest.mark.sweep(one_in=3)
@pytest.mark.parametrize("seed", range(3))
def test_errors_of_large_entries_are_no_noise(seed):
    """A factor that rounding does not explain is seen, all over or in the smallest row; a small one is told, as tolerances may make it."""
    assert gradcheck.check(attention, given(seed), vjp=lambda g, q, k, v: back(g, q, k, v, 1 + 2e-3), seed=seed).verdict == "fail"
    for small in (1e-6, 1e-8):
        report = gradcheck.check(attention, given(seed), vjp=lambda g, q, k, v, small=small: back(g, q, k, v, 1 + small), seed=seed)
        assert any("a relative difference" in f.message or f.severity == "fault" for f in report.findings)
    rows = np.array([1.0, 1.0, 1.0, 1.1])[:, None]
    assert gradcheck.check(attention, given(seed), vjp=lambda g, q, k, v: back(g, q, k, v, rows), seed=seed).verdict == "fail"


def test_float32_inside_is_no_stair():
    """A derivative that is rounded to float32 in between moves in stairs in its large entries too."""

    def vjp(g, x):
        return (g * np.cos(x.astype(np.float32)).astype(np.float64),)

    assert gradcheck.check(np.sin, np.array([0.5, 1.0, 1.5707963]), vjp=vjp).verdict == "fail"


def test_softplus_by_its_output():
    """1 - exp(-y) is rounded as 1 is: beside an ordinary entry that is noise."""
    softplus = gradcheck.check(
        lambda x: np.log1p(np.exp(x)), np.array([-15.0, -8.0, 1.0]), vjp=lambda g, x: g * (1 - np.exp(-np.log1p(np.exp(x))))
    )
    assert softplus.verdict == "pass"
