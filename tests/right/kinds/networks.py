"""Networks with state in NumPy: lists of caches, recurrent cells, scalar engines, running lists."""

import numpy as np

from tests.right.kinds.case import PERCENT, ROLLED, SIGN, TWICE, Kind

KIND = Kind("networks")
RNG = np.random.default_rng(17)
X = RNG.normal(size=(4, 3))


class Recurrent:
    """A tanh cell over time: forward appends to a list that backward pops from."""

    def __init__(self, slip):
        self.slip, self.cache = slip, []

    def forward(self, x, W, U):
        """Run over the first axis; the list is reset."""
        self.cache = []
        h = np.zeros(len(U))
        for t in range(len(x)):
            before, h = h, np.tanh(W @ x[t] + U @ h)
            self.cache.append((x[t], before, h, W, U))
        return h

    def backward(self, g, steps):
        """Consume the list."""
        dx, dW, dU = np.zeros((steps, 3)), 0, 0
        for t in reversed(range(steps)):
            x, before, h, W, U = self.cache.pop(0 if self.slip == "order of the list" else -1)
            d = g * (1 - h * h)
            dx[t], dU = W.T @ d, dU + np.outer(d, h if self.slip == "state after for before" else before)
            dW = np.outer(d, x) + (0 if self.slip == "= for +=" else dW)
            g = U.T @ d
        return dx, dW, dU


def recurrent(slip):
    """Return (f, vjp)."""
    layer = Recurrent(slip)
    return layer.forward, lambda g, x, W, U: layer.backward(g, len(x))


KIND.layer("recurrent", recurrent, (X, 0.5 * RNG.normal(size=(3, 3)), 0.5 * RNG.normal(size=(3, 3))), "order of the list", "state after for before", "= for +=")


class Gated:
    """An LSTM's step that gives h and c; gates are saved in a dict."""

    def __init__(self, slip):
        self.slip = slip

    def forward(self, x, h, c, W):
        """Save gates."""
        z = W @ np.concatenate([x, h])
        n = len(h)
        i, f, o = (1 / (1 + np.exp(-z[k * n : (k + 1) * n])) for k in range(3))
        a = np.tanh(z[3 * n :])
        new = f * c + i * a
        self.saved = {"i": i, "f": f, "o": o, "a": a, "c": c, "new": new, "in": np.concatenate([x, h]), "W": W, "n": len(x)}
        return o * np.tanh(new), new

    def backward(self, gh, gc):
        """Use them."""
        s = self.saved
        t = np.tanh(s["new"])
        gc = gc * (self.slip != "cell's cotangent is missing") + gh * s["o"] * (1 - (t if self.slip == "t for t^2" else t * t))
        gates = [gc * s["a"] * s["i"] * (1 - s["i"]), gc * s["c"] * s["f"] * (1 - s["f"]), gh * t * s["o"] * (1 - s["o"]), gc * s["i"] * (1 - s["a"] ** 2)]
        if self.slip == "gates in another order":
            gates = [gates[0], gates[2], gates[1], gates[3]]
        z = np.concatenate(gates)
        d = s["W"].T @ z
        return d[: s["n"]], d[s["n"] :], gc * s["f"], np.outer(z, s["in"])


def gated(slip):
    """Return (f, vjp)."""
    layer = Gated(slip)
    return layer.forward, lambda g, x, h, c, W: layer.backward(*g)


KIND.layer("lstm", gated, (X[0], X[1, :2], X[2, :2], 0.6 * RNG.normal(size=(8, 5))), "cell's cotangent is missing", "t for t^2", "gates in another order")


class Perceptron:
    """Two layers whose caches stand in a list of the network; parameters in a dict."""

    def __init__(self, slip):
        self.slip, self.caches = slip, []

    def loss(self, p):
        """Return the loss over fixed data."""
        h = np.maximum(X @ p["W1"] + p["b1"], 0)
        z = h @ p["W2"] + p["b2"]
        e = np.exp(z - z.max(1, keepdims=True))
        self.caches = [(X, h, p), e / e.sum(1, keepdims=True)]
        return -np.mean(np.log(self.caches[1][np.arange(4), [0, 1, 1, 0]]))

    def vjp(self, g, p):
        """Return a dict of gradients."""
        (x, h, q), y = self.caches
        d = y.copy()
        d[np.arange(4), [0, 1, 1, 0]] -= 1
        d = d * g / (1 if self.slip == "not divided by the batch" else 4)
        u = (d @ q["W2"].T) * ((h > 0) if self.slip != "mask is missing" else 1)
        return ({"W1": x.T @ u, "b1": u.sum(0), "W2": h.T @ d, "b2": d.sum(0) * (2 if self.slip == "a bias twice" else 1)},)


def perceptron(slip):
    """Return (f, vjp)."""
    net = Perceptron(slip)
    return net.loss, net.vjp


KIND.layer("perceptron", perceptron, {"W1": RNG.normal(size=(3, 4)), "b1": RNG.normal(size=4), "W2": RNG.normal(size=(4, 2)), "b2": RNG.normal(size=2)},
           "not divided by the batch", "mask is missing", "a bias twice")  # fmt: skip


class Running:
    """A layer that keeps all it was ever given in a list, and uses the last."""

    def __init__(self, slip):
        self.slip, self.inputs = slip, []

    def forward(self, x):
        """Append."""
        self.inputs.append(x)
        return x**3 / 3

    def backward(self, g):
        """Use the last."""
        x = self.inputs[0 if self.slip == "the first for the last" else -1]
        return g * x ** (1 if self.slip == "power" else 2)


def _late(slip):
    layer = Running(slip)  # it has run once elsewhere, so that what is stale is wrong at once
    layer.forward(X[::-1] + 1)
    return layer.forward, lambda g, x: (layer.backward(g),)


KIND.layer("running list", _late, X, "the first for the last", "power", PERCENT)


class Stack:
    """Modules in a list: linear, tanh, linear; backward runs over them in reverse."""

    def __init__(self, slip):
        self.slip = slip
        self.A, self.C = np.random.default_rng(5).normal(size=(3, 6)), np.random.default_rng(6).normal(size=(6, 2))

    def forward(self, x):
        """Save in each."""
        self.saved = [x]
        self.saved.append(np.tanh(x @ self.A))
        return self.saved[1] @ self.C

    def backward(self, g):
        """Go back."""
        h = self.saved.pop()
        d = g @ self.C.T
        if self.slip == "activation skipped":
            return d @ self.A.T
        return (d * (1 - h * h)) @ self.A.T + (g.sum() if self.slip == "a residual that is not there" else 0)


def _stack(slip):
    net = Stack(slip)
    return net.forward, lambda g, x: (net.backward(g),)


KIND.layer("stack", _stack, X, "activation skipped", "a residual that is not there", SIGN)


class Convolution:
    """Valid correlation in one dimension: patches are saved, parameters are inputs."""

    def __init__(self, slip):
        self.slip = slip

    def forward(self, x, k):
        """Save patches."""
        self.patches, self.k, self.n = np.lib.stride_tricks.sliding_window_view(x, len(k)).copy(), k, len(x)
        return self.patches @ k

    def backward(self, g):
        """Scatter back."""
        dx = np.zeros(self.n)
        for i, v in enumerate(g):
            dx[i : i + len(self.k)] += v * (self.k[::-1] if self.slip == "kernel flipped" else self.k)
        return dx, self.patches.T @ (g[::-1] if self.slip == "cotangent flipped" else g)


def _convolution(slip):
    layer = Convolution(slip)
    return layer.forward, lambda g, x, k: layer.backward(g)


KIND.layer("convolution", _convolution, (RNG.normal(size=8), np.array([0.5, -1.0, 2.0])), "kernel flipped", "cotangent flipped", TWICE)


class Value:
    """A scalar that remembers what it came from."""

    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents

    def __add__(self, other):
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def tanh(self):
        """Return it."""
        t = np.tanh(self.data)
        return Value(t, ((self, 1 - t * t),))

    def backward(self, assign=False):
        """Walk back."""
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for p, _ in v.parents:
                    visit(p)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for p, slope in v.parents:
                p.grad = v.grad * slope + (0.0 if assign else p.grad)


PROGRAMS = {
    "reused": lambda v: (v[0] * v[1] + v[0] * v[0]) * v[2] + v[0],
    "neuron": lambda v: (v[0] * v[1] + v[2] * v[3] + v[0] * v[3]).tanh() * v[1],
    "diamond": lambda v: (v[0].tanh() + v[1]) * (v[0].tanh() * v[1]) + v[0] * v[1],
}


def _scalars(program, slip):
    state = {}

    def f(x):
        state["leaves"] = [Value(float(a)) for a in np.ravel(x)]
        state["root"] = program(state["leaves"])
        return np.asarray(state["root"].data)

    def vjp(g, x):
        state["root"].backward(slip == "= for +=")
        return (np.array([g * v.grad for v in state["leaves"]], float).reshape(np.shape(x)),)

    return f, vjp


for _name, _program in PROGRAMS.items():
    KIND.layer(f"scalar engine.{_name}", lambda s, p=_program: _scalars(p, s), np.array([0.6, -0.8, 1.3, 0.4])[: 2 if _name == "diamond" else 3 if _name == "reused" else 4],
               "= for +=", ROLLED, PERCENT)  # fmt: skip


class Attention:
    """Softmax attention whose weights are saved."""

    def __init__(self, slip):
        self.slip = slip

    def forward(self, q, k, v):
        """Save."""
        s = q @ k.T / np.sqrt(q.shape[1])
        e = np.exp(s - s.max(1, keepdims=True))
        self.saved = q, k, v, e / e.sum(1, keepdims=True)
        return self.saved[3] @ v

    def backward(self, g):
        """Use."""
        q, k, v, p = self.saved
        d = g @ v.T
        s = p * (d - np.sum(d * p, 0 if self.slip == "sum over the wrong axis" else 1, keepdims=True))
        s = s / (1 if self.slip == "scale is missing" else np.sqrt(q.shape[1]))
        return s @ k, s.T @ q, (p if self.slip == "not transposed" else p.T) @ g


def attention(slip):
    """Return (f, vjp)."""
    layer = Attention(slip)
    return layer.forward, lambda g, q, k, v: layer.backward(g)


def _shared(slip):
    layer = Attention(slip)
    return lambda x: layer.forward(x, x, x), lambda g, x: (sum(layer.backward(g)),)


KIND.layer("attention", attention, tuple(RNG.normal(size=(4, 3)) for _ in range(3)), "sum over the wrong axis", "scale is missing", "not transposed")
KIND.layer("attention@shared", lambda s: _shared(s), X, "sum over the wrong axis", "scale is missing", "not transposed")
