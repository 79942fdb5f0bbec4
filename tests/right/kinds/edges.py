"""Edges of domains (roots and logarithms of little, probabilities, definite matrices) and kinks with any documented convention."""

import numpy as np
from scipy import linalg, special

from tests.right.kinds.case import BACKWARDS, BY_LOG, HALF, PERCENT, ROLLED, SIGN, TENTH, TWICE, Kind, scaled

KIND = Kind("edges")
RNG = np.random.default_rng(21)

# Edges of domains.
KIND.vjp("sqrt", np.sqrt, np.array([1e-8, 1e-4, 0.5]), lambda g, x: (g / (2 * np.sqrt(x)),), TWICE, ("1/(2x)", lambda g, x: (g / (2 * x),)), PERCENT)
KIND.vjp("log", np.log, np.array([1e-10, 1e-3, 2.0]), lambda g, x: (g / x,), SIGN, ("base 10", lambda g, x: (g / x / np.log(10),)), ("1/(x + 1e-3)", lambda g, x: (g / (x + 1e-3),)))
KIND.vjp("arccos", np.arccos, np.array([-0.9999, 0.2, 0.999]), lambda g, x: (-g / np.sqrt(1 - x * x),), SIGN, ("root is missing", lambda g, x: (-g / (1 - x * x),)), PERCENT, step=1e-5)
KIND.vjp("arctanh", np.arctanh, np.array([-0.999, 0.3, 0.99]), lambda g, x: (g / (1 - x * x),), ("1 + x^2", lambda g, x: (g / (1 + x * x),)), SIGN, PERCENT, step=1e-4)
KIND.vjp("logit", special.logit, np.array([1e-6, 0.4, 0.999]), lambda g, p: (g / (p * (1 - p)),), ("1/p", lambda g, p: (g / p,)), BY_LOG, PERCENT, step=1e-4)
KIND.vjp("power", lambda x, p: x**p, (np.array([1e-3, 0.5, 3.0]), 0.3), lambda g, x, p: (g * p * x ** (p - 1) if p else 0 * g, np.sum(g * special.xlogy(x**p, x))), ("p is missing", lambda g, x, p: (
    g * x ** (p - 1), np.sum(g * special.xlogy(x**p, x)))), ("log is missing", lambda g, x, p: (g * p * x ** (p - 1), np.sum(g * x**p))), BY_LOG)  # fmt: skip
KIND.grad("entropy", lambda p: -np.sum(special.xlogy(p, p)), np.array([1e-6, 0.2, 0.7]), lambda p: -1 - np.log(p), ("1 is missing", lambda p: -np.log(p)), SIGN, PERCENT)
KIND.grad("bernoulli", lambda p: -np.sum(SEEN * np.log(p) + (1 - SEEN) * np.log(1 - p)), np.array([0.02, 0.5, 0.97, 0.3]), lambda p: (p - SEEN) / (p * (1 - p)),
          ("by the logit", lambda p: p - SEEN), SIGN, PERCENT, step=0.01)  # fmt: skip
SEEN = np.array([0.0, 1.0, 1.0, 0.0])
KIND.grad("dirichlet", lambda a: np.sum(special.gammaln(a)) - special.gammaln(np.sum(a)) - np.sum((a - 1) * np.log(SHARES)), np.array([0.4, 1.5, 3.0]),
          lambda a: special.digamma(a) - special.digamma(np.sum(a)) - np.log(SHARES), ("digamma of the sum is missing", lambda a: special.digamma(a) - np.log(SHARES)), BY_LOG, ROLLED)  # fmt: skip
SHARES = np.array([0.2, 0.3, 0.5])
_ROOT = RNG.normal(size=(3, 3))
DEFINITE = _ROOT @ _ROOT.T + 0.5 * np.eye(3)


def symmetric(A):
    """Return the symmetric part."""
    return (A + np.swapaxes(A, -1, -2)) / 2


KIND.grad("cholesky.log determinant", lambda A: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(symmetric(A))))), DEFINITE, lambda A: np.linalg.inv(symmetric(A)), HALF,
          ("diagonal only", lambda A: np.diag(np.diag(np.linalg.inv(A)))), ("the matrix", lambda A: symmetric(A)))  # fmt: skip
KIND.grad("cholesky.quadratic", lambda A, b: b @ linalg.cho_solve(linalg.cho_factor(symmetric(A)), b), (DEFINITE, RNG.normal(size=3)), lambda A, b: _quadratic(A, b), scaled(0, -1), scaled(1, 0.5),
          ("b b'", lambda A, b: (-np.outer(b, b), _quadratic(A, b)[1])))  # fmt: skip


def _quadratic(A, b):
    y = np.linalg.solve(symmetric(A), b)
    return -np.outer(y, y), 2 * y


KIND.vjp("cholesky", lambda A: np.linalg.cholesky(symmetric(A)), DEFINITE, lambda g, A: (_cholesky(g, A),), ("halves of the diagonal", lambda g, A: (_cholesky(g, A, 1.0),)), SIGN,
         ("lower triangle only", lambda g, A: (np.tril(_cholesky(g, A)),)))  # fmt: skip


def _cholesky(g, A, half=0.5):
    L = np.linalg.cholesky(symmetric(A))
    phi = np.tril(L.T @ np.tril(g))
    np.fill_diagonal(phi, half * np.diag(phi))
    back = np.linalg.inv(L)
    return symmetric(back.T @ phi @ back)


KIND.grad("gaussian@precision", lambda m, P: _normal(m, P)[0], (np.array([0.1, -0.2, 0.4]), DEFINITE), lambda m, P: _normal(m, P)[1:], ("inverse is missing", lambda m, P: (
    _normal(m, P)[1], _normal(m, P)[2] + np.linalg.inv(symmetric(P)) * 0.5)), scaled(0, -1), scaled(1, 2))  # fmt: skip


def _normal(m, P):
    d, S = np.array([1.0, 0.5, -0.3]) - m, symmetric(P)
    return 0.5 * d @ S @ d - np.sum(np.log(np.diag(np.linalg.cholesky(S)))), -S @ d, 0.5 * np.outer(d, d) - 0.5 * np.linalg.inv(S)


KIND.grad("barrier", lambda x: np.sum(x) - 0.1 * np.sum(np.log(x)), np.array([1e-3, 0.1, 2.0]), lambda x: 1 - 0.1 / x, SIGN, ("barrier's sign", lambda x: 1 + 0.1 / x), PERCENT)
KIND.grad("hypotenuse", lambda x: np.sqrt(np.sum(x * x)), np.array([3e-9, 4e-9]), lambda x: x / (np.sqrt(np.sum(x * x)) or 1.0), HALF, BACKWARDS, ("eps under the root", lambda x: x / np.sqrt(np.sum(x * x) + 1e-16)))

# Kinks: right is whatever lies between.
AT = np.array([0.0, 1.0, -1.0, 0.5])
for _share in (0.0, 0.5, 1.0):
    KIND.vjp(f"relu@{_share:g}", lambda x: np.maximum(x, 0), AT, lambda g, x, s=_share: (g * np.where(x == 0, s, x > 0),), ("mask inverted", lambda g, x: (g * (x < 0),)),
             ("beyond both sides", lambda g, x: (g * np.where(x == 0, 1.5, x > 0),)), SIGN, kink=True)  # fmt: skip
KIND.vjp("abs", np.abs, AT, lambda g, x: (g * np.sign(x),), SIGN, HALF, ("1", lambda g, x: (g,)), kink=True)
KIND.vjp("abs@right", np.abs, AT, lambda g, x: (g * np.where(x >= 0, 1.0, -1.0),), SIGN, ("2 at 0", lambda g, x: (g * np.where(x == 0, 2.0, np.sign(x)),)), TENTH, kink=True)
KIND.grad("largest@first", np.max, np.array([1.0, 3.0, 3.0, 2.0]), lambda x: np.eye(len(x))[np.argmax(x)], ("both", lambda x: (x == x.max()) * 1.0), BACKWARDS, SIGN, kink=True)
KIND.grad("largest@shared", np.max, np.array([1.0, 3.0, 3.0, 2.0]), lambda x: (x == x.max()) / np.sum(x == x.max()), ("both", lambda x: (x == x.max()) * 1.0), SIGN, ("second largest", lambda x: (x == 2) * 1.0), kink=True)
KIND.vjp("leaky", lambda x: np.where(x > 0, x, 0.1 * x), AT, lambda g, x: (g * np.where(x > 0, 1, 0.1),), ("relu's", lambda g, x: (g * (x > 0),)), ("1 below", lambda g, x: (g * np.where(x > 0, 0.1, 1),)), TWICE, kink=True)
KIND.vjp("huber", lambda r: np.where(np.abs(r) <= 1, r * r / 2, np.abs(r) - 0.5), np.array([1.0, -1.0, 0.3, 2.0]), lambda g, r: (g * np.clip(r, -1, 1),), ("r", lambda g, r: (g * r,)), TWICE,
         ("sign", lambda g, r: (g * np.sign(r),)), rough=1e-5, kink=True)  # fmt: skip
KIND.grad("hinge", lambda w: np.sum(np.maximum(0, 1 - SIDES * (ROWS @ w))), np.array([1.0, 0.0]), lambda w: -(SIDES * (SIDES * (ROWS @ w) < 1)) @ ROWS, SIGN,
          ("all", lambda w: -SIDES @ ROWS), ("sides are missing", lambda w: -1.0 * (SIDES * (ROWS @ w) < 1) @ ROWS), kink=True)  # fmt: skip
ROWS, SIDES = np.array([[1.0, 0.5], [0.3, -1.0], [-2.0, 0.7], [-0.4, 0.2]]), np.array([1, 1, -1, -1])
KIND.vjp("clip", lambda x: np.clip(x, -1, 1), AT, lambda g, x: (g * (np.abs(x) < 1),), TWICE, SIGN, ("outside", lambda g, x: (g * (np.abs(x) > 0.7),)), kink=True)
KIND.vjp("minimum", np.minimum, (np.array([1.0, 2.0, 0.0]), np.array([1.0, 0.5, 3.0])), lambda g, x, y: (g * np.where(x == y, 0.5, x < y), g * np.where(x == y, 0.5, y < x)), SIGN,
         ("sides swapped", lambda g, x, y: (g * (y < x), g * (x < y))), TWICE, kink=True)  # fmt: skip
KIND.grad("lasso", lambda w: 0.5 * np.sum((ROWS @ w - 1) ** 2) + 0.3 * np.sum(np.abs(w)), np.array([0.7, 0.0]), lambda w: ROWS.T @ (ROWS @ w - 1) + 0.3 * np.sign(w),
          ("penalty is missing", lambda w: ROWS.T @ (ROWS @ w - 1)), SIGN, TENTH, kink=True, rough=1e-5)  # fmt: skip
KIND.grad("pinball", lambda q: np.sum(np.maximum(0.9 * (SEEN4 - q), -0.1 * (SEEN4 - q))), np.array([0.3, 0.8, 2.0]), lambda q: np.where(q < SEEN4, -0.9, 0.1), SIGN,
          ("levels swapped", lambda q: np.where(q < SEEN4, -0.1, 0.9)), ("median", lambda q: np.where(q < SEEN4, -0.5, 0.5)), kink=True)  # fmt: skip
SEEN4 = np.array([0.3, 1.0, -0.5])
KIND.grad("distances", lambda x: np.sum(np.linalg.norm(x - CENTRES, axis=1)), np.array([[0.0, 0.0], [1.0, 2.0]]), lambda x: _unit(x - CENTRES), SIGN, HALF, ("not normalised", lambda x: x - CENTRES), kink=True, rough=1e-5)
CENTRES = np.array([[0.0, 0.0], [0.5, 0.7]])


def _unit(d):
    r = np.linalg.norm(d, axis=1, keepdims=True)
    return d / np.where(r == 0, 1, r)
