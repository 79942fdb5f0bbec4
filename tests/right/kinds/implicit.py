"""Derivatives through solvers at their default tolerances: roots, optima, fits; the theorem that gives each."""

import numpy as np
from scipy import integrate, optimize, stats

from tests.right.kinds.case import PERCENT, SIGN, Kind, scaled

KIND = Kind("implicit")
RNG = np.random.default_rng(11)

# A root of a x + exp(b x) = 3, by every solver of SciPy.
SOLVERS = {
    "brentq": lambda h, s: optimize.brentq(h, 0, 3),
    "brentq xtol 1e-6": lambda h, s: optimize.brentq(h, 0, 3, xtol=1e-6),
    "ridder": lambda h, s: optimize.ridder(h, 0, 3),
    "toms748": lambda h, s: optimize.toms748(h, 0, 3),
    "bisect": lambda h, s: optimize.bisect(h, 0, 3),
    "secant": lambda h, s: optimize.newton(h, 0.5),
    "newton": lambda h, s: optimize.newton(h, 0.5, s),
    "root_scalar": lambda h, s: optimize.root_scalar(h, bracket=(0, 3)).root,
}


def _root(solve):
    return lambda p: np.asarray(solve(lambda x: p[0] * x + np.exp(p[1] * x) - 3, lambda x: p[0] + p[1] * np.exp(p[1] * x)))


def _root_slope(f, sign=-1.0, chain=True):
    def grad(p):
        x = float(f(p))
        return sign * np.array([x, (x if chain else 1.0) * np.exp(p[1] * x)]) / (p[0] + p[1] * np.exp(p[1] * x))

    return grad


EXACT_ROOT = _root(lambda h, s: optimize.brentq(h, 0, 3, xtol=1e-14, rtol=1e-14))
for _k, (_name, _solve) in enumerate(SOLVERS.items()):
    _f = _root(_solve)
    KIND.grad(f"root@{_name}", _f, np.array([1.3 - 0.1 * _k, 0.7 + 0.05 * _k]), _root_slope(_f), ("sign", _root_slope(_f, 1.0)),
              ("a factor x is missing", _root_slope(_f, chain=False)), PERCENT, rough=1e-5, reference=EXACT_ROOT)  # fmt: skip


# Kepler's equation: the eccentric anomaly of mean anomalies and an eccentricity.
def kepler(M, e):
    """Solve E - e sin E = M by Newton's method in arrays."""
    if not 0 <= e < 0.95:
        raise ValueError("expected an ellipse")
    return optimize.newton(lambda E: E - e * np.sin(E) - M, np.array(M), lambda E: 1 - e * np.cos(E))


def _kepler(g, M, e, power=1, sine=True):
    E = kepler(M, e)
    d = (1 - e * np.cos(E)) ** power
    return g / d, np.sum(g * (np.sin(E) if sine else E) / d)


KIND.vjp("kepler", kepler, (np.array([0.4, 1.3, 2.6]), 0.3), _kepler, ("by 1/d^2", lambda g, M, e: _kepler(g, M, e, 2)),
         ("E for sin E", lambda g, M, e: _kepler(g, M, e, sine=False)), scaled(1, -1))  # fmt: skip


# The volatility that a price implies, and its slope 1/vega.
def _price(s, k=1.1, t=0.8):
    d = np.log(1 / k) / (s * np.sqrt(t)) + s * np.sqrt(t) / 2
    return stats.norm.cdf(d) - k * stats.norm.cdf(d - s * np.sqrt(t)), np.sqrt(t) * stats.norm.pdf(d)


def volatility(price):
    """Invert Black and Scholes."""
    return np.asarray(optimize.brentq(lambda s: _price(s)[0] - price, 1e-3, 4))


KIND.grad("volatility", volatility, np.array(0.11), lambda p: 1 / _price(float(volatility(p)))[1], ("vega", lambda p: _price(float(volatility(p)))[1]),
          ("by log(price)", lambda p: p / _price(float(volatility(p)))[1]), PERCENT)  # fmt: skip


# A quantile of the beta distribution by bisection.
def quantile(p):
    """Invert a distribution function entry by entry."""
    return np.array([optimize.bisect(lambda x, q=q: stats.beta.cdf(x, 2, 3) - q, 0, 1) for q in p])


KIND.jacobian("quantile", quantile, np.array([0.2, 0.6, 0.9]), lambda p: np.diag(1 / stats.beta.pdf(quantile(p), 2, 3)),
              ("density", lambda p: np.diag(stats.beta.pdf(quantile(p), 2, 3))),
              ("density at p", lambda p: np.diag(1 / stats.beta.pdf(p, 2, 3))), PERCENT)  # fmt: skip


# The yield of a bond by Newton's method: in its price and its cash flows.
YEARS = np.arange(1.0, 6.0)


def bond_yield(price, flows):
    """Solve sum c / (1 + y)^t = price."""
    return np.asarray(optimize.newton(lambda y: np.sum(flows / (1 + y) ** YEARS) - price, 0.05))


def _bond(price, flows, years=YEARS):
    y = float(bond_yield(price, flows))
    s = np.sum(-years * flows / (1 + y) ** (YEARS + 1))
    return 1 / s, -1 / (1 + y) ** YEARS / s


KIND.grad("bond_yield", bond_yield, (98.0, np.array([4.0, 4, 4, 4, 104])), _bond, ("years are missing", lambda p, c: _bond(p, c, 1.0)), scaled(1, -1), PERCENT)


# Systems by fsolve and root, two equations in two unknowns.
def _system(x, p):
    return [x[0] ** 2 + x[1] ** 2 - p[0], x[0] * x[1] - p[1]]


def _system_by(solve):
    def f(p):
        x = np.asarray(solve(lambda x: _system(x, p)))
        if not np.max(np.abs(_system(x, p))) < 1e-4 or abs(x[0] ** 2 - x[1] ** 2) < 0.1:
            raise ArithmeticError("no root was found")
        return x

    def jacobian(p):
        x, y = f(p)
        return np.linalg.inv(np.array([[2 * x, 2 * y], [y, x]]))

    return f, jacobian


for _name, _solve in {
    "fsolve": lambda h: optimize.fsolve(h, [2.0, 0.5]),
    "hybr": lambda h: optimize.root(h, [2.0, 0.5]).x,
    "lm": lambda h: optimize.root(h, [2.0, 0.5], method="lm").x,
    "least_squares": lambda h: optimize.least_squares(h, [2.0, 0.5]).x,
    "broyden1": lambda h: optimize.broyden1(h, [2.0, 0.5]),
}.items():
    _f, _jacobian = _system_by(_solve)
    KIND.jacobian(f"system@{_name}", _f, np.array([4.2, 0.9]), _jacobian, ("J for its inverse", lambda p, J=_jacobian: np.linalg.inv(J(p))),
                  ("transposed", lambda p, J=_jacobian: J(p).T), ("sign", lambda p, J=_jacobian: -J(p)), rough=1e-4, step=0.02,
                  reference=_system_by(lambda h: optimize.fsolve(h, [2.0, 0.5], xtol=1e-14))[0])  # fmt: skip


# What was fitted, as a function of the data: a exp(-k t) to y by least squares. At the optimum J'(r) = 0, so H dtheta = J' dy.
T = np.linspace(0, 3, 7)


def fitted(y, method="trf", tight=False):
    """Fit an exponential."""
    more = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15} if tight else {}
    found = optimize.least_squares(lambda q: q[0] * np.exp(-q[1] * T) - y, [1.0, 1.0], method=method, **more)
    if found.status <= 0 or not 0.1 < found.x[1] < 10:
        raise ArithmeticError("no fit was found")
    return found.x


def _fitted(y, method="trf", gauss=False):
    a, k = fitted(y, method)
    e = np.exp(-k * T)
    J, r = np.stack([e, -a * T * e], 1), a * e - y
    cross = -np.sum(r * T * e)
    H = J.T @ J + (0 if gauss else np.array([[0, cross], [cross, np.sum(r * a * T * T * e)]]))
    return np.linalg.solve(H, J.T)


DATA = 2 * np.exp(-0.8 * T) + np.array([0.3, -0.2, 0.25, -0.3, 0.2, 0.1, 0.3])
for _method in ("trf", "lm", "dogbox"):
    KIND.jacobian(f"fitted@{_method}", lambda y, m=_method: fitted(y, m), DATA, lambda y, m=_method: _fitted(y, m), ("Gauss-Newton for the Hessian", lambda y: _fitted(y, gauss=True)),
                  SIGN, PERCENT, rough=1e-4, reference=lambda y: fitted(y, tight=True))  # fmt: skip


# An argmin by BFGS and Newton-CG: of x'Ax/2 - b'x + sum log cosh x, in b.
_B = RNG.normal(size=(3, 3))
SPD = _B @ _B.T + np.eye(3)


def argmin(b, method="BFGS", **more):
    """Return where a strictly convex function is least."""
    of = lambda x: (x @ SPD @ x / 2 - b @ x + np.sum(np.log(np.cosh(x))), SPD @ x - b + np.tanh(x))
    x = optimize.minimize(of, np.zeros(3), jac=True, method=method, **more).x
    if not np.max(np.abs(of(x)[1])) < 1e-3 or np.max(np.abs(b)) > 100:
        raise ArithmeticError("no minimum was found")
    return x


def _argmin(b, curved=True, method="BFGS"):
    return np.linalg.inv(SPD + np.diag(1 / np.cosh(argmin(b, method)) ** 2) * curved)


for _method in ("BFGS", "CG", "L-BFGS-B"):
    KIND.jacobian(f"argmin@{_method}", lambda b, m=_method: argmin(b, m), np.array([0.5, -1.2, 0.8]), lambda b, m=_method: _argmin(b, method=m),
                  ("curvature of log cosh is missing", lambda b: _argmin(b, curved=False)), ("the Hessian itself", lambda b: np.linalg.inv(_argmin(b))), PERCENT,
                  rough=1e-4, reference=lambda b: argmin(b, options={"gtol": 1e-12}))  # fmt: skip


# The value of an optimum (envelope theorem): only the explicit dependence counts.
def _cost(x, p):
    return (x[0] - p[0]) ** 2 + p[1] * x[1] ** 2 + np.exp(0.3 * x[0] * x[1]) + x[1]


def _best(p, method, **more):
    found = optimize.minimize(_cost, [0.5, -0.5], args=(p,), method=method, **more)
    if not np.max(np.abs(found.x)) < 30 or p[1] < 0.2:
        raise ArithmeticError("no minimum was found")
    return found


def _envelope(p, method, half=2.0):
    x = _best(p, method).x
    return np.array([-half * (x[0] - p[0]), x[1] ** 2])


for _method in ("Nelder-Mead", "BFGS", "Powell"):
    KIND.grad(f"value@{_method}", lambda p, m=_method: np.asarray(_best(p, m).fun), np.array([1.2, 0.8]), lambda p, m=_method: _envelope(p, m), SIGN,
              ("factor 2 is missing", lambda p, m=_method: _envelope(p, m, 1.0)), ("rolled", lambda p, m=_method: _envelope(p, m)[::-1]), rough=1e-3,
              reference=lambda p: np.asarray(_best(p, "BFGS", options={"gtol": 1e-10}).fun))  # fmt: skip


def bounded_value(p):
    """The least value of a quadratic in a box; one bound is active."""
    return np.asarray(_in_box(p).fun)


def _in_box(p):
    if not np.max(np.abs(p)) < 30:
        raise ArithmeticError("far out")
    return optimize.minimize(lambda x: (x - p) @ SPD @ (x - p), np.zeros(3), bounds=[(-1, 1)] * 3)


def _bounded(p, factor=2.0):
    x = _in_box(p).x
    return -factor * SPD @ (x - p)


KIND.grad("bounded_value", bounded_value, np.array([1.6, -0.3, 0.4]), _bounded, SIGN, ("factor 2 is missing", lambda p: _bounded(p, 1.0)), PERCENT, rough=1e-4)


def _least(p, method, more):
    x = optimize.minimize_scalar(lambda x: p[1] * (x * np.log(abs(x)) - x) - p[0] * x, method=method, **more).x
    if not 0.1 < x < 8:
        raise ArithmeticError("not between the bounds")
    return np.asarray(x)


for _name in ("bounded", "brent", "golden"):
    _more = {"bounds": (0.05, 9)} if _name == "bounded" else {"bracket": (0.5, 2.0)}
    _f = lambda p, m=_name, k=_more: _least(p, m, k)
    KIND.grad(f"minimize_scalar@{_name}", _f, np.array([0.7, 1.4]), lambda p, f=_f: f(p) * np.array([1 / p[1], -p[0] / p[1] ** 2]),
              ("chain factor is missing", lambda p: np.array([1 / p[1], -p[0] / p[1] ** 2])), ("sign of one", lambda p, f=_f: f(p) * np.array([1 / p[1], p[0] / p[1] ** 2])),
              PERCENT, rough=1e-3, reference=lambda p: np.exp(p[0] / p[1]))  # fmt: skip


# The time at which something falls to the ground, by an event.
def _ground(t, y):
    return y[0]


_ground.terminal, _ground.direction = True, -1


def landing(h, v):
    """Return when a thrown stone lands."""
    if not (0.1 < h < 90 and -9 < v < 30):
        raise ValueError("expected a throw")
    return integrate.solve_ivp(lambda t, y: [y[1], -9.81], (0, 9), [h, v], events=_ground, rtol=1e-6).t_events[0][0]


KIND.grad("landing", landing, (2.0, 3.0), lambda h, v: (1 / np.sqrt(v * v + 19.62 * h), (1 + v / np.sqrt(v * v + 19.62 * h)) / 9.81),
          ("1 is missing", lambda h, v: (1 / np.sqrt(v * v + 19.62 * h), v / np.sqrt(v * v + 19.62 * h) / 9.81)), SIGN, PERCENT, rough=1e-5, budget=300)  # fmt: skip
