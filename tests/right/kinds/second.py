"""Second derivatives and forward mode by hand: Hessians, their products, and tangents, beside the first derivative."""

import numpy as np

from tests.right.kinds.case import Case, Kind

KIND = Kind("second")
RNG = np.random.default_rng(19)
X, Y = RNG.normal(size=(12, 3)), np.sign(RNG.normal(size=12))
A = RNG.normal(size=(4, 4))
P = RNG.normal(size=3)


def _declare(name, f, inputs, right, key, *mutants):
    """Declare a case whose mutants have another function at one key."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    KIND.cases.append(Case(name, "second", f, inputs, right, tuple((label, right | {key: wrong}) for label, wrong in mutants)))


def _sigmoid(z):
    return 0.5 + 0.5 * np.tanh(z / 2)


def _weights(w):
    s = _sigmoid(-Y * (X @ w))
    return s * (1 - s)


logistic = lambda w: np.sum(np.logaddexp(0.0, -Y * (X @ w)))
logistic_grad = lambda w: X.T @ (-Y * _sigmoid(-Y * (X @ w)))
_declare("logistic regression@hessian", logistic, P, {"grad": logistic_grad, "hessian": lambda w: X.T * _weights(w) @ X}, "hessian",
         ("Gauss-Newton without 1 - s", lambda w: X.T * _sigmoid(-Y * (X @ w)) @ X), ("mean", lambda w: X.T * _weights(w) @ X / len(X)),
         ("diagonal only", lambda w: np.diag(np.diag(X.T * _weights(w) @ X))))  # fmt: skip
_declare("logistic regression@product", logistic, P, {"grad": logistic_grad, "hvp": lambda v, w: X.T @ (_weights(w) * (X @ v[0]))}, "hvp",
         ("sign", lambda v, w: -X.T @ (_weights(w) * (X @ v[0]))), ("labels once more", lambda v, w: X.T @ (Y * _weights(w) * (X @ v[0]))),
         ("v for X v", lambda v, w: X.T @ _weights(w) * v[0]))  # fmt: skip
rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
rosenbrock_grad = lambda x: np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])


def _rosenbrock(x, first=1200.0, mixed=-400.0, other=-400.0):
    return np.array([[first * x[0] ** 2 - 400 * x[1] + 2, mixed * x[0]], [other * x[0], 200.0]])


_declare("curvature of rosenbrock", rosenbrock, np.array([-1.2, 1.0]), {"grad": rosenbrock_grad, "hessian": _rosenbrock}, "hessian",
         ("800 for 1200", lambda x: _rosenbrock(x, 800.0)), ("mixed sign", lambda x: _rosenbrock(x, 1200.0, 400.0, 400.0)),
         ("not symmetric", lambda x: _rosenbrock(x, 1200.0, -400.0, -200.0)))  # fmt: skip
_declare("curvature of rosenbrock@minimum", rosenbrock, np.ones(2), {"grad": rosenbrock_grad, "hessian": _rosenbrock}, "hessian",
         ("800 for 1200", lambda x: _rosenbrock(x, 800.0)), ("identity", lambda x: np.eye(2)), ("half", lambda x: _rosenbrock(x) / 2))  # fmt: skip
form = lambda x: 0.5 * x @ A @ x
_declare("quadratic form of any matrix", form, RNG.normal(size=4), {"grad": lambda x: (A + A.T) @ x / 2, "hessian": lambda x: (A + A.T) / 2}, "hessian",
         ("A alone", lambda x: A), ("no half", lambda x: A + A.T), ("transpose alone", lambda x: A.T))  # fmt: skip


def _softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


logsumexp = lambda x: np.log(np.sum(np.exp(x - x.max()))) + x.max()
_declare("log-sum-exp", logsumexp, RNG.normal(size=5), {"grad": _softmax, "hvp": lambda v, x: _softmax(x) * (v[0] - _softmax(x) @ v[0])}, "hvp",
         ("mean for the weighted mean", lambda v, x: _softmax(x) * (v[0] - np.mean(v[0]))), ("diagonal only", lambda v, x: _softmax(x) * v[0]),
         ("p (1 - p)", lambda v, x: _softmax(x) * (1 - _softmax(x)) * v[0]))  # fmt: skip


def _bilinear(v, x, y, sign=1.0, own=2.0):
    return own * v[0] + sign * 3 * v[1], sign * 3 * v[0] - np.sin(y) * v[1]


_declare("two inputs", lambda x, y: np.sum(x * x) + 3 * x @ y + np.sum(np.sin(y)), (RNG.normal(size=2), RNG.normal(size=2)),
         {"grad": lambda x, y: (2 * x + 3 * y, 3 * x + np.cos(y)), "hvp": _bilinear}, "hvp", ("mixed sign", lambda v, x, y: _bilinear(v, x, y, -1.0)),
         ("1 for 2", lambda v, x, y: _bilinear(v, x, y, 1.0, 1.0)), ("blocks only", lambda v, x, y: _bilinear(v, x, y, 0.0)))  # fmt: skip
_declare("Poisson regression", lambda w: np.sum(np.exp(X @ w) - np.abs(Y) * (X @ w)), P / 4,
         {"grad": lambda w: X.T @ (np.exp(X @ w) - np.abs(Y)), "hessian": lambda w: X.T * np.exp(X @ w) @ X}, "hessian",
         ("labels too", lambda w: X.T * (np.exp(X @ w) - np.abs(Y)) @ X), ("X^T X", lambda w: X.T @ X), ("square", lambda w: X.T * np.exp(2 * X @ w) @ X))  # fmt: skip
tanh = {"vjp": lambda g, x: (g * (1 - np.tanh(x) ** 2),), "jvp": lambda t, x: t[0] * (1 - np.tanh(x) ** 2)}
_declare("tangents of tanh", np.tanh, RNG.normal(size=5), tanh, "jvp", ("sign", lambda t, x: -tanh["jvp"](t, x)), ("sum", lambda t, x: np.full(5, np.sum(tanh["jvp"](t, x)))),
         ("not linear", lambda t, x: tanh["jvp"](t, x) * np.abs(t[0])))  # fmt: skip
product = {"vjp": lambda g, a, b: (g @ b.T, a.T @ g), "jvp": lambda t, a, b: t[0] @ b + a @ t[1]}
_declare("tangents of a product", np.matmul, (RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))), product, "jvp", ("first only", lambda t, a, b: t[0] @ b),
         ("exchanged", lambda t, a, b: b @ t[0] + t[1] @ a), ("second twice", lambda t, a, b: t[0] @ b + 2 * a @ t[1]))  # fmt: skip


def _inverse_tangent(t, a, sign=-1.0):
    b = np.linalg.inv(a)
    return sign * b @ t[0] @ b


_declare("tangents of an inverse", np.linalg.inv, A + 4 * np.eye(4), {"vjp": lambda g, a: (-np.linalg.inv(a).T @ g @ np.linalg.inv(a).T,), "jvp": _inverse_tangent}, "jvp",
         ("sign", lambda t, a: _inverse_tangent(t, a, 1.0)), ("inverse once", lambda t, a: -np.linalg.inv(a) @ t[0]), ("transposed", lambda t, a: _inverse_tangent(t, a).T))  # fmt: skip
