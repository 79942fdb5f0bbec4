"""`check` explains the gradient of a NumPy function that can be traced."""

import numpy as np
import pytest

from gradcheck import check

RNG = np.random.default_rng(0)
INPUTS = (RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=2))


def loss(x, w, b):
    """Return a mean of squares behind tanh."""
    return np.mean(np.tanh(x @ w + b) ** 2)


def backprop(slope, summed=np.sum):
    """Return the gradient of `loss` with a derivative of tanh and a way to add up over the batch."""

    def vjp(g, x, w, b):
        y = np.tanh(x @ w + b)
        dz = g * 2 * y / y.size * slope(y)
        return dz @ w.T, x.T @ dz, summed(dz, axis=0)

    return vjp


def notes(report):
    """Return the notes of a report in words."""
    return [f.message for f in report.findings if f.severity == "note"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_wrong_slope(dtype):
    """The node of the traced code and what was taken for its derivative; the finding without a name has it as diagnosis."""
    report = check(loss, tuple(x.astype(dtype) for x in INPUTS), vjp=backprop(lambda y: 1 - y))
    text = "explained: node tanh1 (tanh) takes g*(1 - y) for g*(1 - y**2)"
    assert report.verdict == "fail"
    assert notes(report)[0].startswith(text)
    assert report.findings[0].diagnosis.startswith(text)


def test_a_name_stays():
    """A mistake that the check has a name for keeps it."""
    report = check(loss, INPUTS, vjp=backprop(lambda y: 1 - y * y, np.mean))
    assert report.findings[0].diagnosis.startswith("factor: ")
    assert "node add1 (add) takes the mean instead of its second sum" in notes(report)[0]


def test_gradients_and_narrow_losses():
    """`grad` is asked in the same way; what is added to make a loss is never blamed."""
    report = check(lambda x: np.sum(np.sin(x) ** 2), INPUTS[2], grad=lambda x: 2 * np.sin(x))
    assert "sin1 (sin)" in notes(report)[0]
    report = check(np.sin, INPUTS[2], vjp=lambda g, x: (-g * np.cos(x),))
    assert notes(report)[0].startswith("explained: node sin1 (sin)")


def test_no_known_mistake():
    """Nodes that cannot have made it are left out; where that leaves all, nothing is said."""
    report = check(loss, INPUTS, vjp=backprop(lambda y: (1 - y * y) * 1.3 + 0.1 * y))
    assert notes(report) == ["no single known mistake explains it; consistent with a fault in {add1, tanh1, square1, mean1}"]
    report = check(np.sin, INPUTS[2], vjp=lambda g, x: (g * np.exp(x) * 0.123,))
    assert report.verdict == "fail"
    assert not notes(report)


@pytest.mark.parametrize(
    ("f", "inputs", "vjp"),
    [
        (lambda x: np.sum(np.array([float(v) ** 2 for v in x])), INPUTS[2], lambda g, x: (g * x,)),
        (lambda d: np.sum(d["x"] ** 2), {"x": INPUTS[2]}, lambda g, d: ({"x": g * d["x"]},)),
    ],
)
def test_what_is_no_network(f, inputs, vjp):
    """Code that cannot be traced, arguments that are no arrays: the report is as it was."""
    report = check(f, inputs, vjp=vjp)
    assert report.verdict == "fail"
    assert not notes(report)


def test_a_right_derivative_pays_nothing(monkeypatch):
    """Nothing is traced where nothing failed."""
    monkeypatch.setattr("gradcheck.probe.traced_mistake.trace", None)
    assert check(loss, INPUTS, vjp=backprop(lambda y: 1 - y * y)).verdict == "pass"


def test_a_layer_that_keeps_its_output():
    """The derivative uses what the forward pass left: it is called after f, on numbers."""

    class Layer:
        def forward(self, x):
            self.y = np.tanh(x)
            return np.sin(self.y)

        def backward(self, g, x):
            return (g * np.cos(self.y) * (1 - self.y),)

    layer = Layer()
    report = check(layer.forward, INPUTS[0], vjp=layer.backward)
    assert notes(report)[0].startswith("explained: node tanh1 (tanh) takes g*(1 - y) for g*(1 - y**2)")
    assert report.findings[0].mistake.kind == "1 - f"


def test_several_outputs():
    """What is wrong before both of them is explained by both."""
    w = INPUTS[1]

    def f(x):
        h = np.tanh(x @ w)
        return h, np.sin(h)

    def vjp(g, x):
        h = np.tanh(x @ w)
        return (((g[0] + g[1] * np.cos(h)) * (1 - h)) @ w.T,)

    assert notes(check(f, INPUTS[0], vjp=vjp))[0].startswith("explained: node tanh1 (tanh) takes g*(1 - y) for g*(1 - y**2)")


def test_a_factor_of_what_vanishes_is_no_explanation():
    """What cancels behind a maximum may be multiplied by anything: a bound that holds everything explains nothing."""
    x = np.random.default_rng(0).normal(size=(3, 4, 5))

    def softmax(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    report = check(softmax, x, vjp=lambda g, x: ((y := softmax(x)) * (g - np.sum(g * y, axis=2, keepdims=True)),))
    assert not any("e+1" in note for note in notes(report))
    assert report.findings[0].diagnosis == "wrong axis: a sum is taken over axis 2 instead of 1"
