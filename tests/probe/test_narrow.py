"""Narrow formats: what rounding and underflow make of a right gradient in float32 and float16 is no fault."""

import numpy as np
import pytest

import gradcheck
from gradcheck.probe.subject.subject import reproduces

F32, F16 = np.float32, np.float16


def softmax(z):
    """Return it along the last axis."""
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def back(g, z):
    """Return its textbook vjp."""
    y = softmax(z)
    return y * (g - (g * y).sum(-1, keepdims=True))


RIGHT = {
    "exp that underflows": (np.exp, np.array([-200, 1], F32), {"vjp": lambda g, x: (g * np.exp(x),)}),
    "exp that underflows, half": (np.exp, np.array([-20, 1], F16), {"vjp": lambda g, x: (g * np.exp(x),)}),
    "a power": (lambda x: (x**4).sum(), np.array([1e-20, 1], F32), {"grad": lambda x: 4 * x**3}),
    "a bell": (lambda x: np.exp(-x * x).sum(), np.array([12, 1], F32), {"grad": lambda x: -2 * x * np.exp(-x * x)}),
    "a variance far from 0": (np.var, np.array([1000.3, 998.8, 1000.8, 1000.1], F32), {"grad": lambda x: 2 * (x - x.mean()) / 4}),
    "softmax": (softmax, np.array([[8, 1, 0], [3, -4, 2]], F32), {"vjp": back}),
    "logistic by its output": (lambda x: 1 / (1 + np.exp(-x)), np.array([6, -6, 9], F32),
                               {"vjp": lambda g, x: g / (1 + np.exp(-x)) * (1 - 1 / (1 + np.exp(-x)))}),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name):
    """The error bar is that of the format in which the gradient is computed."""
    f, x, given = RIGHT[name]
    for seed in range(3):
        report = gradcheck.check(f, x, seed=seed, **given)
        assert report.verdict == "pass", str(report)


def test_a_dense_layer_and_softmax():
    """Logits are rounded inside f: what that does to a gradient is in its bar."""

    def vjp(g, x, w):
        d = back(g, x @ w)
        return d @ w.T, x.T @ d

    rng = np.random.default_rng(5)
    x, w = (2 * rng.normal(size=(3, 8))).astype(F32), rng.normal(size=(8, 5)).astype(F32)
    assert gradcheck.check(lambda x, w: softmax(x @ w), (x, w), vjp=vjp, seed=5).verdict == "pass"


@pytest.mark.parametrize("name", RIGHT)
def test_a_factor_is_seen_all_the_same(name):
    """An error of 2 % in the first entry that is not tiny."""
    f, x, given = RIGHT[name]
    ((kind, right),) = given.items()

    def wrong(*args):
        found = right(*args)
        v = np.array(found[0] if isinstance(found, tuple) else found)
        k = int(np.argmax(np.abs(v)))
        v.flat[k] *= v.dtype.type(1.02)
        return (v,) if isinstance(found, tuple) else v

    assert gradcheck.check(f, x, **{kind: wrong}).verdict == "fail"


@pytest.mark.parametrize(("units", "same"), [(2000, True), (8000, False)])
def test_how_far_float64_is_from_a_format_of_its_own(units, same):
    """Four thousand spacings of float32 are four digits that are left: the same function, with some cancellation in it."""
    eps, y = 2.0**-23, np.array([1.0, 1e-3])
    assert reproduces(lambda xs, wide: [y + wide * units * eps * np.array([0.0, 1.0])], [y], eps) is same
