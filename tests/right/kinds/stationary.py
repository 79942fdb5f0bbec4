"""Points at which a right gradient vanishes, wholly or in part: minima, saddles, zero residuals, symmetric starts."""

import numpy as np

from tests.right.kinds.case import SIGN, TWICE, Kind, plus, scaled

KIND = Kind("stationary")
RNG = np.random.default_rng(18)
D = np.array([0.3, -1.2, 2.0])
T = np.linspace(0, 2, 5)

KIND.grad("square", lambda x: np.sum(x * x), np.zeros(3), lambda x: 2 * x, ("2x + 1", lambda x: 2 * x + 1), ("exp", lambda x: np.exp(x)), ("1", lambda x: np.ones_like(x)))
KIND.vjp("square@entries", lambda x: x * x, np.zeros(3), lambda g, x: (2 * g * x,), ("2 for 2x", lambda g, x: (2 * g,)), plus(0.1), ("2x + cos x", lambda g, x: (g * (2 * x + np.cos(x)),)))
KIND.grad("cosine", lambda x: np.sum(np.cos(x)), np.zeros(3), lambda x: -np.sin(x), ("cos", lambda x: np.cos(x)), ("-cos", lambda x: -np.cos(x)), plus(1))
KIND.grad("quartic", lambda x: np.sum(x**4), np.zeros(2), lambda x: 4 * x**3, ("4", lambda x: np.full_like(x, 4)), plus(0.01), ("x^0", lambda x: x**0))
KIND.grad("cosh", lambda x: np.sum(np.cosh(x)), np.array([0.0, 0.0, 1.0]), np.sinh, ("cosh", np.cosh), ("-sinh", lambda x: -np.sinh(x)), plus(1))
KIND.grad("squares@zero residual", lambda x: np.sum((x - D) ** 2), D, lambda x: 2 * (x - D), ("data are missing", lambda x: 2 * x), ("plus for minus", lambda x: 2 * (x + D)), plus(0.1))
KIND.grad("rosenbrock@minimum", lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, np.ones(2),
          lambda x: np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)]),
          ("x for 1 - x", lambda x: np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * x[0], 200 * (x[1] - x[0] ** 2)])),
          ("power 1", lambda x: np.array([-400 * x[0] * (x[1] - x[0]) - 2 * (2 - x[0]), 200 * (x[1] - x[0])])), plus(0.01))  # fmt: skip
KIND.grad("fit@zero residual", lambda q: np.sum((q[0] * np.exp(-q[1] * T) - 2 * np.exp(-0.7 * T)) ** 2), np.array([2.0, 0.7]), lambda q: _fit(q),
          ("residuals are missing", lambda q: 2 * np.stack([np.exp(-q[1] * T), -q[0] * T * np.exp(-q[1] * T)]).sum(1)),
          ("data are missing", lambda q: _fit(q, 0.0)), ("data twice", lambda q: _fit(q, 2.0)))  # fmt: skip


def _fit(q, share=1.0):
    e = np.exp(-q[1] * T)
    r = q[0] * e - share * 2 * np.exp(-0.7 * T)
    return 2 * np.array([np.sum(r * e), np.sum(-r * q[0] * T * e)])


KIND.grad("saddle", lambda x, y: x * x - y * y + x * y, (0.0, 0.0), lambda x, y: (2 * x + y, x - 2 * y), ("2x + 1", lambda x, y: (2 * x + 1, x - 2 * y)),
          ("y + 1", lambda x, y: (2 * x + y, x - 2 * y - 1)), ("cosines", lambda x, y: (np.cos(x), np.cos(y))))  # fmt: skip
KIND.grad("monkey saddle", lambda x: x[0] ** 3 - 3 * x[0] * x[1] ** 2, np.zeros(2), lambda x: np.array([3 * x[0] ** 2 - 3 * x[1] ** 2, -6 * x[0] * x[1]]), plus(1),
          ("3 for 3x^2", lambda x: np.array([3 - 3 * x[1] ** 2, -6 * x[0] * x[1]])), ("-6 for -6xy", lambda x: np.array([3 * x[0] ** 2 - 3 * x[1] ** 2, -6 + 0 * x[0]])))  # fmt: skip
A, X = RNG.normal(size=(2, 4)), RNG.normal(size=(3, 4))
KIND.vjp("low rank@zero", lambda A, B: X @ (B @ A).T, (A, np.zeros((5, 2))), lambda g, A, B: (B.T @ g.T @ X, g.T @ X @ A.T), scaled(1, 2),
         ("B taken for ones", lambda g, A, B: ((B + 1).T @ g.T @ X, g.T @ X @ A.T)), scaled(1, -1))  # fmt: skip
KIND.vjp("low rank@one side", lambda B: X @ (B @ A).T, np.zeros((5, 2)), lambda g, B: (g.T @ X @ A.T,), SIGN, TWICE, ("first rank only", lambda g, B: (g.T @ X @ A.T * [1, 0],)))
W = RNG.normal(size=(4, 3))


def standardised(x, b):
    """A bias before a batch norm: it has no effect."""
    z = x @ W + b
    return (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)


def _standardised(g, x, b, whole=True):
    z = x @ W + b
    s = np.sqrt(z.var(0) + 1e-5)
    y = (z - z.mean(0)) / s
    d = (g - whole * g.mean(0) - y * (g * y).mean(0)) / s
    return d @ W.T, d.sum(0)


BATCH = RNG.normal(size=(6, 4))
KIND.vjp("bias before batch norm", standardised, (BATCH, RNG.normal(size=3)), _standardised, ("mean held", lambda g, x, b: _standardised(g, x, b, False)),
         ("sum of cotangents", lambda g, x, b: (_standardised(g, x, b)[0], g.sum(0))), scaled(0, 2))  # fmt: skip
KIND.vjp("shift before softmax", lambda x, s: _softmax(x + s), (np.array([0.2, -0.5, 1.1]), np.array(0.3)), lambda g, x, s: _shift(g, x + s), scaled(0, 0.5),
         ("sum of cotangents", lambda g, x, s: (_shift(g, x + s)[0], np.sum(g))), ("diagonal only", lambda g, x, s: (g * _softmax(x + s) * (1 - _softmax(x + s)), np.array(0.0))))  # fmt: skip


def _softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def _shift(g, z):
    p = _softmax(z)
    return p * (g - np.sum(g * p)), np.array(0.0)


KIND.grad("unused", lambda x: np.sum(x[:2] ** 3), np.array([1.0, -0.5, 2.0]), lambda x: np.r_[3 * x[:2] ** 2, 0 * x[2:]], ("as if used", lambda x: 3 * x**2), SIGN, ("2 for 3", lambda x: np.r_[2 * x[:2] ** 2, 0 * x[2:]]))
KIND.grad("rayleigh@eigenvector", lambda x: x @ np.diag([3.0, 2.0, 1.0]) @ x / (x @ x), np.array([0.0, 1.0, 0.0]), lambda x: _rayleigh(x),
          ("quotient rule is missing", lambda x: _rayleigh(x, 0.0)), plus(0.1), ("sign in the rule", lambda x: _rayleigh(x, -1.0)))  # fmt: skip


def _rayleigh(x, rule=1.0):
    S = np.diag([3.0, 2.0, 1.0])
    return 2 * (S @ x - rule * (x @ S @ x / (x @ x)) * x) / (x @ x)


KIND.grad("cross entropy@its own", lambda z: -np.sum(_softmax(D) * np.log(_softmax(z))), D, lambda z: _softmax(z) - _softmax(D), ("targets are missing", lambda z: _softmax(z)),
          ("sum", lambda z: _softmax(z) + _softmax(D)), plus(0.1))  # fmt: skip
KIND.grad("divergence@equal", lambda p: np.sum(p * np.log(p / Q) - p + Q), np.array([0.2, 0.3, 0.5]), lambda p: np.log(p / Q), ("1 + log", lambda p: 1 + np.log(p / Q)),
          ("log p", np.log), ("-p/q", lambda p: -p / Q))  # fmt: skip
Q = np.array([0.2, 0.3, 0.5])
KIND.grad("network@zeros", lambda V, w: np.tanh(BATCH @ V) @ w @ np.arange(6.0), (np.zeros((4, 2)), np.zeros(2)), lambda V, w: _zeros(V, w), plus(1),
          ("w taken for 1", lambda V, w: _zeros(V, w + 1)), ("V taken for 1", lambda V, w: _zeros(V + 1, w)))  # fmt: skip


def _zeros(V, w):
    c, h = np.arange(6.0), np.tanh(BATCH @ V)
    return BATCH.T @ (c[:, None] * w * (1 - h * h)), c @ h


KIND.grad("dihedral@planar", lambda z: 1 + np.cos(2 * np.arctan2(z, 1.0)), np.array(0.0), lambda z: -2 * np.sin(2 * np.arctan2(z, 1.0)) / (1 + z * z),
          ("cosine", lambda z: -2 * np.cos(2 * np.arctan2(z, 1.0)) / (1 + z * z)), plus(1), ("phase", lambda z: -2 * np.sin(2 * np.arctan2(z, 1.0) + 1) / (1 + z * z)))  # fmt: skip
KIND.grad("huber@zero", lambda r: np.sum(np.where(np.abs(r) < 1, r * r / 2, np.abs(r) - 0.5)), np.zeros(4), lambda r: np.clip(r, -1, 1), ("1", np.ones_like), plus(-0.5),
          ("cosine", np.cos))  # fmt: skip
