"""Functions that close over data: likelihoods, residuals, kinetics, finance, energies; vectors of fixed length, floats, 0-d arrays."""

import numpy as np
from scipy import linalg, special, stats

from tests.right.kinds.case import (
    BACKWARDS,
    BY_LOG,
    HALF,
    MEAN,
    PERCENT,
    ROLLED,
    SIGN,
    TWICE,
    Kind,
    scaled,
)  # fmt: skip

KIND = Kind("data")
RNG = np.random.default_rng(14)
D = np.array([0.3, -1.2, 2.0, 0.9])
T = np.linspace(0.1, 2.5, 6)
Y = 2 * np.exp(-0.7 * T) + 0.1 * RNG.normal(size=6)
X = RNG.normal(size=(7, 3))
LABELS = np.array([0, 1, 1, 0, 1, 0, 1])
COUNTS = np.array([0, 2, 1, 5, 3, 1, 0])
TARGETS = RNG.normal(size=7)

# Textbook functions of fixed length.
KIND.grad("rosenbrock", lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, np.array([-1.2, 1.0]),
          lambda x: np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)]),
          ("200 for 400", lambda x: np.array([-200 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])),
          ("a term is missing", lambda x: np.array([-400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)])), BACKWARDS)  # fmt: skip
KIND.grad("himmelblau", lambda x, y: (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2, (1.5, -0.5),
          lambda x, y: (4 * x * (x * x + y - 11) + 2 * (x + y * y - 7), 2 * (x * x + y - 11) + 4 * y * (x + y * y - 7)),
          ("second term is missing", lambda x, y: (4 * x * (x * x + y - 11), 2 * (x * x + y - 11) + 4 * y * (x + y * y - 7))), scaled(1, -1), HALF)  # fmt: skip
KIND.grad("squares", lambda x: np.sum((x - D) ** 2), np.ones(4), lambda x: 2 * (x - D), HALF, ("plus for minus", lambda x: 2 * (x + D)), MEAN)

# Normal, and other, likelihoods.
KIND.grad("normal@floats", lambda m, s: np.sum(0.5 * ((D - m) / s) ** 2 + np.log(s)), (0.2, 1.5),
          lambda m, s: (-np.sum(D - m) / s**2, np.sum(-((D - m) ** 2) / s**3 + 1 / s)),
          ("n is missing", lambda m, s: (-np.sum(D - m) / s**2, np.sum(-((D - m) ** 2) / s**3) + 1 / s)), BY_LOG, scaled(0, -1))  # fmt: skip
KIND.grad("normal@vector", lambda q: np.sum(0.5 * ((D - q[0]) / q[1]) ** 2 + np.log(q[1])), np.array([0.2, 1.5]),
          lambda q: np.array([-np.sum(D - q[0]) / q[1] ** 2, np.sum(-((D - q[0]) ** 2) / q[1] ** 3 + 1 / q[1])]),
          ("by the variance", lambda q: np.array([-np.sum(D - q[0]) / q[1] ** 2, np.sum(-((D - q[0]) ** 2) / q[1] ** 3 + 1 / q[1]) / (2 * q[1])])), ROLLED, PERCENT)  # fmt: skip
KIND.grad("normal@0-d", lambda m, scale: np.sum(0.5 * (D - m) ** 2 * np.exp(-2 * scale) + scale), (np.array(0.2), np.array(0.4)),
          lambda m, scale: (-np.sum(D - m) * np.exp(-2 * scale), np.sum(1 - (D - m) ** 2 * np.exp(-2 * scale))),
          ("by sigma", lambda m, scale: (-np.sum(D - m) * np.exp(-2 * scale), np.sum(1 - (D - m) ** 2 * np.exp(-2 * scale)) / np.exp(scale))), scaled(0, 2), SIGN)  # fmt: skip


def _kernel(scale):
    return np.exp(-0.5 * ((T[:, None] - T) / scale) ** 2) + 0.1 * np.eye(6)


def gaussian_process(m, log_length):
    """Return minus the log likelihood of a mean and a log length scale."""
    L = np.linalg.cholesky(_kernel(np.exp(log_length)))
    a = linalg.cho_solve((L, True), Y - m)
    return 0.5 * (Y - m) @ a + np.sum(np.log(np.diag(L)))


def _process(m, log_length, half=0.5, trace=True, chain=True):
    scale = np.exp(log_length)
    K = _kernel(scale)
    a, dK = np.linalg.solve(K, Y - m), (K - 0.1 * np.eye(6)) * ((T[:, None] - T) ** 2) / scale ** (2 if chain else 3)
    return -np.sum(a), -half * a @ dK @ a + trace * half * np.trace(np.linalg.solve(K, dK))


KIND.grad("gaussian_process", gaussian_process, (np.array(0.3), np.array(-0.2)), _process, ("trace is missing", lambda m, scale: _process(m, scale, trace=False)),
          ("by the length", lambda m, scale: _process(m, scale, chain=False)), ("half is missing", lambda m, scale: _process(m, scale, 1.0)))  # fmt: skip


def _sigmoid(z):
    return special.expit(z)


KIND.grad("logistic_regression", lambda w, b: np.sum(np.logaddexp(0, X @ w + b) - LABELS * (X @ w + b)), (np.array([0.5, -0.3, 0.8]), 0.1),
          lambda w, b: (X.T @ (_sigmoid(X @ w + b) - LABELS), np.sum(_sigmoid(X @ w + b) - LABELS)),
          ("labels are missing", lambda w, b: (X.T @ _sigmoid(X @ w + b), np.sum(_sigmoid(X @ w + b) - LABELS))), ("mean for sum", lambda w, b: (
              X.T @ (_sigmoid(X @ w + b) - LABELS) / 7, np.mean(_sigmoid(X @ w + b) - LABELS))), scaled(1, -1))  # fmt: skip
KIND.grad("poisson", lambda w: np.sum(np.exp(X @ w) - COUNTS * (X @ w)), np.array([0.2, 0.1, -0.3]), lambda w: X.T @ (np.exp(X @ w) - COUNTS),
          ("rate for exp(rate)", lambda w: X.T @ (X @ w - COUNTS)), SIGN, PERCENT)  # fmt: skip
KIND.grad("negative_binomial", lambda r, p: -np.sum(special.gammaln(COUNTS + r) - special.gammaln(r) + r * np.log(p) + COUNTS * np.log1p(-p)), (1.7, 0.4),
          lambda r, p: (-np.sum(special.digamma(COUNTS + r) - special.digamma(r) + np.log(p)), -np.sum(r / p - COUNTS / (1 - p))),
          ("digamma(r) is missing", lambda r, p: (-np.sum(special.digamma(COUNTS + r) + np.log(p)), -np.sum(r / p - COUNTS / (1 - p)))), BY_LOG, scaled(1, -1))  # fmt: skip
KIND.grad("gamma", lambda q: -np.sum(stats.gamma.logpdf(np.abs(D), q[0], scale=q[1])), np.array([1.4, 0.9]),
          lambda q: np.array([np.sum(special.digamma(q[0]) + np.log(q[1]) - np.log(np.abs(D))), np.sum(q[0] / q[1] - np.abs(D) / q[1] ** 2)]),
          ("log scale is missing", lambda q: np.array([np.sum(special.digamma(q[0]) - np.log(np.abs(D))), np.sum(q[0] / q[1] - np.abs(D) / q[1] ** 2)])), ROLLED, PERCENT)  # fmt: skip
KIND.grad("student", lambda m, s: np.sum(2.5 * np.log1p(((D - m) / s) ** 2 / 4) + np.log(s)), (0.1, 0.8),
          lambda m, s: (np.sum(-5 * (D - m) / (4 * s * s + (D - m) ** 2)), np.sum(1 / s - 5 * (D - m) ** 2 / s / (4 * s * s + (D - m) ** 2))),
          BY_LOG, scaled(0, -1), ("1/s is missing", lambda m, s: (np.sum(-5 * (D - m) / (4 * s * s + (D - m) ** 2)), np.sum(-5 * (D - m) ** 2 / s / (4 * s * s + (D - m) ** 2)))))  # fmt: skip
KIND.grad("von_mises", lambda k, m: -np.sum(k * np.cos(D - m)) + 4 * (np.log(special.i0e(k)) + np.abs(k)), (1.3, 0.4),
          lambda k, m: (-np.sum(np.cos(D - m)) + 4 * special.i1e(k) / special.i0e(k), -np.sum(k * np.sin(D - m))),
          ("I1/I0 once", lambda k, m: (-np.sum(np.cos(D - m)) + special.i1e(k) / special.i0e(k), -np.sum(k * np.sin(D - m)))), scaled(1, -1), PERCENT)  # fmt: skip


def _mixture(w, m):
    """Return the logarithms of the parts, and of their sum."""
    z = np.log(w) - 0.5 * (D[:, None] - m) ** 2
    return z, special.logsumexp(z, 1, keepdims=True)


def _parts(w, m, each=True):
    z, total = _mixture(w, m)
    return -np.exp(-0.5 * (D[:, None] - m) ** 2 - total).sum(0), -((np.exp(z - total) if each else 1) * (D[:, None] - m)).sum(0)


KIND.grad("mixture", lambda w, m: -np.sum(_mixture(w, m)[1]), (np.array([0.3, 0.5, 0.2]), np.array([-1.0, 0.5, 1.5])), _parts,
          ("by log w", lambda w, m: (_parts(w, m)[0] * w, _parts(w, m)[1])), ("no responsibilities", lambda w, m: _parts(w, m, False)), scaled(1, -1))  # fmt: skip


def _positive(q, k):
    """Return the parameters if one of them is positive, as scales have to be."""
    if q[k] <= 0:
        raise ValueError("expected a positive scale")
    return q


# Residuals of models that are fitted: Jacobians and sums of squares.
for _name, _model, _jacobian, _start in (
    ("exponential", lambda q: q[0] * np.exp(-q[1] * T) - Y, lambda q: np.stack([np.exp(-q[1] * T), -q[0] * T * np.exp(-q[1] * T)], 1), [1.8, 0.6]),
    ("michaelis_menten", lambda q: q[0] * T / (q[1] + T) - Y, lambda q: np.stack([T / (q[1] + T), -q[0] * T / (q[1] + T) ** 2], 1), [1.5, 0.7]),
    ("hill", lambda q: T ** _positive(q, 0)[1] / (q[0] ** q[1] + T ** q[1]) - Y, lambda q: np.stack([
        -q[1] * (q[0] * T) ** q[1] / q[0] / (q[0] ** q[1] + T ** q[1]) ** 2, (q[0] * T) ** q[1] * np.log(T / q[0]) / (q[0] ** q[1] + T ** q[1]) ** 2], 1), [1.2, 2.0]),
    ("arrhenius", lambda q: q[0] * np.exp(-q[1] / (T + 1)) - Y, lambda q: np.stack([np.exp(-q[1] / (T + 1)), -q[0] * np.exp(-q[1] / (T + 1)) / (T + 1)], 1), [2.2, 1.1]),
    ("peak", lambda q: q[0] * np.exp(-(((T - q[1]) / _positive(q, 2)[2]) ** 2)) - Y, lambda q: np.exp(-(((T - q[1]) / q[2]) ** 2))[:, None] * np.stack([
        np.ones(6), 2 * q[0] * (T - q[1]) / q[2] ** 2, 2 * q[0] * (T - q[1]) ** 2 / q[2] ** 3], 1), [1.5, 1.0, 0.8]),
    ("sine", lambda q: q[0] * np.sin(q[1] * T + q[2]) - Y, lambda q: np.stack([
        np.sin(q[1] * T + q[2]), q[0] * T * np.cos(q[1] * T + q[2]), q[0] * np.cos(q[1] * T + q[2])], 1), [1.1, 2.0, 0.3]),
):  # fmt: skip
    _q = np.array(_start)
    KIND.jacobian(f"residuals.{_name}", _model, _q, _jacobian, ("columns rolled", lambda q, J=_jacobian: np.roll(J(q), 1, 1)),
                  ("last column's sign", lambda q, J=_jacobian: J(q) * np.r_[np.ones(len(q) - 1), -1]), PERCENT)  # fmt: skip
    KIND.grad(f"loss.{_name}", lambda q, r=_model: 0.5 * np.sum(r(q) ** 2), _q, lambda q, r=_model, J=_jacobian: J(q).T @ r(q), TWICE, ROLLED,
              ("residuals are missing", lambda q, J=_jacobian: J(q).sum(0)))  # fmt: skip
