"""Layers with state in NumPy: forward saves, backward uses or consumes what it saved; as in the courses and books."""

import numpy as np

from tests.right.kinds.case import PERCENT, ROLLED, SIGN, SUMMED, TRANSPOSED, TWICE, Kind, scaled

KIND = Kind("layers")
RNG = np.random.default_rng(16)
X, W, B = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5)), RNG.normal(size=5)
IMAGES = RNG.normal(size=(2, 4, 4))


def single(layer):
    """Return (f, vjp) of a layer with one input."""
    return layer.forward, lambda g, x: (layer.backward(g),)


class Saved:
    """An activation that saves its output."""

    def __init__(self, forward, backward):
        self.of, self.slope = forward, backward

    def forward(self, x):
        """Save."""
        self.y = self.of(x)
        return self.y

    def backward(self, g):
        """Use."""
        return g * self.slope(self.y)


for _name, _of, _slope, _wrong in (
    ("tanh", np.tanh, lambda y: 1 - y * y, (lambda y: 1 - y, lambda y: y * y)),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), lambda y: y * (1 - y), (lambda y: y, lambda y: 1 - y)),
    ("exp", np.exp, lambda y: y, (lambda y: y * y, np.ones_like)),
    ("softplus", lambda x: np.logaddexp(0, x), lambda y: 1 - np.exp(-y), (lambda y: np.exp(-y), lambda y: 1 / (1 + np.exp(-y)))),
    ("algebraic", lambda x: x / np.sqrt(1 + x * x), lambda y: (1 - y * y) ** 1.5, (lambda y: (1 - y * y) ** 0.5, lambda y: 1 - y * y)),
):
    _slopes = {"": _slope, "one slip": _wrong[0], "another slip": _wrong[1]}
    KIND.layer(f"saved.{_name}", lambda slip, o=_of, s=_slopes: single(Saved(o, s[slip])), X, "one slip", "another slip", PERCENT)


class Masked:
    """ReLU with a saved mask, as in the book: the gradient is zeroed in place, in a copy."""

    def __init__(self, slip):
        self.slip = slip

    def forward(self, x):
        """Save the mask."""
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, g):
        """Use it."""
        out = g.copy()
        out[~self.mask if self.slip == "mask inverted" else self.mask] = 0.1 if self.slip == "leaks" else 0
        return out


KIND.layer("mask", lambda s: single(Masked(s)), X, "mask inverted", "leaks", TWICE)


class Affine:
    """A linear layer: x @ W + b, or its bias alone, or its transpose; gradients are kept as attributes, as in the book."""

    def __init__(self, slip):
        self.slip = slip

    def forward(self, x, W, b):
        """Save both factors."""
        self.x, self.W = x, W
        return x @ W + b

    def backward(self, g):
        """Return three gradients."""
        self.dW = self.x.T @ g / (len(g) if self.slip == "mean over the batch" else 1)
        self.db = g.mean(0) if self.slip == "mean in the bias" else g.sum(0)
        return g @ self.W.T, self.dW, self.db


def affine(slip):
    """Return (f, vjp)."""
    layer = Affine(slip)
    return layer.forward, lambda g, x, W, b: layer.backward(g)


def _of_input(layer):
    return lambda x: layer.forward(x, W, B), lambda g, x: (layer.backward(g)[0],)


KIND.layer("affine", affine, (X, W, B), "mean over the batch", "mean in the bias", scaled(1, -1))
KIND.layer("affine@a batch of one", affine, (X[:1], W, B), ROLLED, scaled(2, 2), scaled(0, 0))
KIND.layer("affine@input alone", lambda s: _of_input(Affine(s)), X, SIGN, ROLLED, PERCENT)


class Parameters:
    """A layer that owns its parameters: loading them is part of f, their gradients are added up and read."""

    def __init__(self, slip):
        self.slip, self.w, self.grads = slip, np.zeros((3, 5)), {"w": np.zeros((3, 5))}

    def f(self, w):
        """Load and run; a loss."""
        self.w[...] = w
        self.grads["w"][...] = 0
        self.h = np.tanh(X @ self.w)
        return self.h @ np.arange(1.0, 6.0)

    def vjp(self, g, w):
        """Add to the gradient and return a copy."""
        d = np.outer(g, np.arange(1.0, 6.0)) * (1 - self.h ** (1 if self.slip == "h for h^2" else 2))
        self.grads["w"] += (X[::-1] if self.slip == "batch reversed" else X).T @ d
        out = self.grads["w"].copy()
        self.grads["w"][...] = 0
        return (out,)


def parameters(slip):
    """Return (f, vjp)."""
    layer = Parameters(slip)
    return layer.f, layer.vjp


KIND.layer("own parameters", parameters, W, "h for h^2", "batch reversed", PERCENT)


class Consuming:
    """Softmax with loss over time, whose backward changes its cache: dx = y; dx[i, t] -= 1."""

    LABELS = np.array([0, 2, 1, 2])

    def __init__(self, slip):
        self.slip = slip

    def forward(self, x):
        """Save probabilities."""
        e = np.exp(x - x.max(1, keepdims=True))
        self.y = e / e.sum(1, keepdims=True)
        return -np.mean(np.log(self.y[np.arange(4), self.LABELS]))

    def backward(self, g):
        """Consume them."""
        dx = self.y
        dx[np.arange(4), self.LABELS] -= {"no label": 0, "label twice": 2}.get(self.slip, 1)
        return dx * g / (1 if self.slip == "batch not divided by" else 4)


KIND.layer("softmax with loss", lambda s: single(Consuming(s)), X, "no label", "label twice", "batch not divided by")


class Pooled:
    """Average pooling, flattening, and an embedding: backward writes into zeros like what was saved."""

    def __init__(self, slip):
        self.slip = slip

    def forward(self, x):
        """Save the input itself."""
        self.x = x
        return x.reshape(len(x), 2, 2, 2, 2).mean((2, 4))

    def backward(self, g):
        """Spread."""
        dx = np.zeros_like(self.x)
        for i in range(2):
            for j in range(2):
                dx[:, i::2, j::2] += (g.swapaxes(1, 2) if self.slip == "axes swapped" else g) / (2 if self.slip == "half the window" else 4)
        return dx


KIND.layer("average pooling", lambda s: single(Pooled(s)), IMAGES, "axes swapped", "half the window", SIGN)


class Largest(Pooled):
    """Max pooling with saved places."""

    def forward(self, x):
        """Save where."""
        self.x = x
        windows = x.reshape(len(x), 2, 2, 2, 2).swapaxes(2, 3).reshape(len(x), 2, 2, 4)
        self.at = windows.argmax(-1)
        return windows.max(-1)

    def backward(self, g):
        """Put back."""
        out = np.zeros((*g.shape, 4))
        np.put_along_axis(out, (3 - self.at if self.slip == "other corner" else self.at)[..., None], g[..., None], -1)
        if self.slip == "shared":
            out[...] = g[..., None] / 4
        return out.reshape(*g.shape, 2, 2).swapaxes(2, 3).reshape(self.x.shape)


KIND.layer("max pooling", lambda s: single(Largest(s)), IMAGES, "other corner", "shared", TWICE)


class Flattened(Pooled):
    """Flattening: linear, keeps the shape alone."""

    def forward(self, x):
        """Save the shape."""
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, g):
        """Restore it."""
        return g[:, ::-1].reshape(self.shape) if self.slip == "order reversed" else g.reshape(self.shape)


KIND.layer("flatten", lambda s: single(Flattened(s)), IMAGES, "order reversed", TRANSPOSED, SIGN)


class Embedded:
    """Rows of a table, one of them twice."""

    IDS = np.array([2, 0, 2, 1])

    def __init__(self, slip):
        self.slip = slip

    def forward(self, table):
        """Save the table."""
        self.table = table
        return table[self.IDS]

    def backward(self, g):
        """Add up rows."""
        out = np.zeros_like(self.table)
        if self.slip == "= for +=":
            out[self.IDS] = g
        else:
            np.add.at(out, self.IDS + (self.slip == "off by one"), g)
        return out


KIND.layer("embedding", lambda s: single(Embedded(s)), RNG.normal(size=(4, 3)), "= for +=", "off by one", SUMMED)


class Dropout:
    """Dropout with a mask that is drawn once and saved."""

    def __init__(self, slip):
        self.slip, self.mask = slip, None

    def forward(self, x):
        """Draw at first."""
        if self.mask is None or self.mask.shape != x.shape:
            self.mask = np.random.default_rng(3).random(x.shape) > 0.4
        return x * self.mask / 0.6

    def backward(self, g):
        """Use the mask."""
        if self.slip == "mask is missing":
            return g / 0.6
        return g * self.mask / (1 if self.slip == "scale is missing" else 0.6)


KIND.layer("dropout", lambda s: single(Dropout(s)), X, "mask is missing", "scale is missing", ROLLED)


class Normalised:
    """Batch normalisation that keeps running statistics, which a training pass does not use."""

    def __init__(self, slip):
        self.slip, self.mean, self.variance = slip, 0.0, 1.0

    def forward(self, x, gamma, beta):
        """Save the normalised input."""
        m, v = x.mean(0), x.var(0)
        self.mean, self.variance = 0.9 * self.mean + 0.1 * m, 0.9 * self.variance + 0.1 * v
        self.std, self.gamma = np.sqrt(v + 1e-5), gamma
        self.z = (x - m) / self.std
        return gamma * self.z + beta

    def backward(self, g):
        """Return three gradients."""
        d, z = g * self.gamma, self.z
        inner = 0 if self.slip == "variance held" else z * (d * z).mean(0)
        outer = 0 if self.slip == "mean held" else d.mean(0)
        return (d - outer - inner) / self.std, (g * z).sum(0), g.sum(0)


def normalised(slip):
    """Return (f, vjp)."""
    layer = Normalised(slip)
    return layer.forward, lambda g, x, gamma, beta: layer.backward(g)


KIND.layer("batch norm", normalised, (RNG.normal(size=(6, 3)), np.array([1.1, 0.8, -0.5]), RNG.normal(size=3)), "variance held", "mean held", scaled(1, 0))
