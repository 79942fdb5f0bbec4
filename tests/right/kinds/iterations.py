"""Derivatives through loops that end when little changes: fixed points, linear solvers, eigenvalues, scalings, quadrature."""

import numpy as np
from scipy import integrate, linalg, optimize, special
from scipy.sparse import linalg as krylov

from tests.right.kinds.case import BACKWARDS, BY_LOG, HALF, PERCENT, ROLLED, SIGN, TRANSPOSED, TWICE, Kind, dropped, entry, scaled

KIND = Kind("iterations")


def settled(x, rest, tol=1e-9):
    """Return x if what is left is small: an iteration that has not converged has not computed anything."""
    if not np.max(np.abs(rest)) <= tol * max(1.0, np.max(np.abs(x))):
        raise ArithmeticError("it does not settle")
    return x


RNG = np.random.default_rng(12)
W = 0.3 * RNG.normal(size=(4, 4))
B = RNG.normal(size=4)


# An equilibrium layer: x = tanh(W x + b), iterated until it moves by less than a tolerance.
def equilibrium(W, b, tol=1e-8):
    """Iterate."""
    x, last = np.zeros(len(b)), np.ones(len(b))
    for _ in range(500):
        if np.max(np.abs(x - last)) < tol:
            break
        last, x = x, np.tanh(W @ x + b)
    else:
        raise ArithmeticError("it does not settle")
    return x


def _equilibrium(g, W, b, tol=1e-8, steps=0):
    x = equilibrium(W, b, tol)
    d = 1 - x * x
    u = g
    for _ in range(steps):
        u = g + W.T @ (d * u)
    u = u if steps else np.linalg.solve(np.eye(len(b)) - (d[:, None] * W).T, g)
    return np.outer(d * u, x), d * u


for _tol in (1e-6, 1e-8, 1e-12):
    KIND.vjp(f"equilibrium@{_tol:g}", lambda W, b, t=_tol: equilibrium(W, b, t), (W, B), lambda g, W, b, t=_tol: _equilibrium(g, W, b, t), TRANSPOSED,
             ("one step of the adjoint", lambda g, W, b: _equilibrium(g, W, b, steps=1)), PERCENT, rough=1e-5, reference=lambda W, b: equilibrium(W, b, 1e-15))  # fmt: skip


# The friction factor of Colebrook and White.
def friction(reynolds, roughness):
    """Iterate 1/sqrt(f) = -2 log10(roughness / 3.7 + 2.51 / (Re sqrt f))."""
    s = 7.0
    for _ in range(12):
        last, s = s, -2 * np.log10(roughness / 3.7 + 2.51 * s / reynolds)
    if not s > 0:
        raise ValueError("expected a roughness below the radius")
    return 1 / settled(s, s - last) ** 2


def _friction(re, eps, base=2.302585092994046):
    s = 1 / np.sqrt(friction(re, eps))
    c = -2 / base / (eps / 3.7 + 2.51 * s / re)
    ds = np.array([-c * 2.51 * s / re**2, c / 3.7]) / (1 - c * 2.51 / re)
    return tuple(-2 / s**3 * ds)


KIND.grad("friction", friction, (5e4, 0.002), _friction, ("ln for log10", lambda r, e: _friction(r, e, 1.0)), scaled(0, -1), BY_LOG)


# Mean fields: the magnetisation in the field and the coupling.
def magnetisation(h, j):
    """Iterate m = tanh(h + j mean(m))."""
    m = np.zeros(len(h))
    for _ in range(200):
        last, m = m, np.tanh(h + j * np.mean(m))
    return settled(m, m - last)


def _magnetisation(g, h, j, closed=True):
    m = magnetisation(h, j)
    d = 1 - m * m
    u = g * d
    total = np.sum(u) / (1 - j * np.mean(d)) if closed else np.sum(u)
    return u + d * j * total / len(h), total * np.mean(m)


KIND.vjp("magnetisation", magnetisation, (np.array([0.3, -0.1, 0.8]), 0.7), _magnetisation, ("no feedback", lambda g, h, j: _magnetisation(g, h, j, False)), dropped(1), HALF)


# Linear systems by Krylov methods at their default tolerance of 1e-5, the adjoint by the same.
M = np.diag(np.linspace(2, 3, 8)) + 0.2 * RNG.normal(size=(8, 8))
SYMMETRIC = (M + M.T) / 2


def _solved(solver, A, b):
    x, status = solver(A, b)
    if status:
        raise ArithmeticError("it does not converge")
    return x


for _name, _A in {"cg": SYMMETRIC, "gmres": M, "bicgstab": M, "minres": SYMMETRIC}.items():
    _solver = getattr(krylov, _name)
    _f = lambda d, b, s=_solver, A=_A: _solved(s, A + np.diag(d), b)

    def _adjoint(g, d, b, s=_solver, A=_A, flip=True, sign=-1):
        u = _solved(s, (A.T if flip else A) + np.diag(d), g)
        return sign * u * _solved(s, A + np.diag(d), b), u

    KIND.vjp(f"krylov@{_name}", _f, (np.linspace(0.1, 0.6, 8), RNG.normal(size=8)), _adjoint, ("sign of the matrix", lambda g, d, b, a=_adjoint: a(g, d, b, sign=1)),
             scaled(1, 2), ("transposed twice", lambda g, d, b, a=_adjoint: a(g, d, b, flip=False)) if _A is M else PERCENT, rough=3e-4,
             reference=lambda d, b, A=_A: np.linalg.solve(A + np.diag(d), b))  # fmt: skip


def jacobi(A, b):
    """Iterate Jacobi's method until the residual is below 1e-9."""
    x, d = np.zeros(len(b)), np.diag(A)
    for _ in range(500):
        if np.max(np.abs(b - A @ x)) <= 1e-9 * np.max(np.abs(b)):
            break
        x = x + (b - A @ x) / d
    return settled(x, (b - A @ x) / (np.max(np.abs(b)) or 1.0))


def _jacobi(g, A, b, sign=-1.0):
    u = jacobi(A.T, g)
    return sign * np.outer(u, jacobi(A, b)), u


DOMINANT = 4 * np.eye(4) + 0.5 * RNG.normal(size=(4, 4))
KIND.vjp("jacobi", jacobi, (DOMINANT, B), _jacobi, TRANSPOSED, ("sign of the matrix", lambda g, A, b: _jacobi(g, A, b, 1.0)), PERCENT)


# Eigenvalues by iteration.
def largest(A, steps=400):
    """Iterate the power method on the symmetric part."""
    S, v = (A + A.T) / 2, np.ones(len(A))
    for _ in range(steps):
        v = S @ v
        v = v / np.linalg.norm(v)
    return settled(v @ S @ v, S @ v - (v @ S @ v) * v), v


GAP = np.diag([5.0, 2.0, 1.0, 0.5]) + 0.2 * RNG.normal(size=(4, 4))
KIND.grad("power_iteration", lambda A: largest(A)[0], GAP, lambda A: np.outer(largest(A)[1], largest(A)[1]), TWICE,
          ("diagonal only", lambda A: np.diag(largest(A)[1] ** 2)), ("v for v v'", lambda A: np.broadcast_to(largest(A)[1], A.shape)))  # fmt: skip


def spectral_norm(A, steps=300):
    """Iterate for the largest singular value."""
    v = np.ones(A.shape[1])
    for _ in range(steps):
        v = A.T @ (A @ v)
        v = v / np.linalg.norm(v)
    s = np.linalg.norm(A @ v)
    settled(s * s, A.T @ (A @ v) - s * s * v)
    return s, A @ v / s, v


KIND.grad("spectral_norm", lambda A: spectral_norm(A)[0], GAP[:, :3], lambda A: np.outer(*spectral_norm(A)[1:]), SIGN, ("A / norm", lambda A: A / spectral_norm(A)[0]), entry(1.05))


def lowest(d, e):
    """Return the ground state's energy of a chain by inverse iteration."""
    S = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
    v = np.ones(len(d))
    for _ in range(200):
        v = np.linalg.solve(S + 5 * np.eye(len(d)), v)
        v = v / np.linalg.norm(v)
    return settled(v @ S @ v, S @ v - (v @ S @ v) * v), v


def _lowest(d, e, twice=2.0):
    v = lowest(d, e)[1]
    return v * v, twice * v[1:] * v[:-1]


KIND.grad("inverse_iteration", lambda d, e: lowest(d, e)[0], (np.array([-2.0, 1, 2, 3]), np.array([0.5, -0.4, 0.3])), _lowest,
          ("off-diagonal once", lambda d, e: _lowest(d, e, 1.0)), BACKWARDS, dropped(1))  # fmt: skip


def matrix_root(A):
    """Iterate Denman and Beavers for the root of a matrix."""
    Y, Z = A, np.eye(len(A))
    for _ in range(25):
        Y, Z = (Y + np.linalg.inv(Z)) / 2, (Z + np.linalg.inv(Y)) / 2
    return settled(Y, Y @ Y - A)


ROOTED = np.eye(3) + 0.3 * RNG.normal(size=(3, 3))
KIND.vjp("matrix_root", matrix_root, ROOTED, lambda g, A: (linalg.solve_sylvester(matrix_root(A).T, matrix_root(A).T, g),), TRANSPOSED,
         ("entry by entry", lambda g, A: (g / (2 * matrix_root(A)),)), ("not transposed", lambda g, A: (linalg.solve_sylvester(matrix_root(A), matrix_root(A), g),)))  # fmt: skip


def babylonian(x):
    """Iterate for square roots until they stand still."""
    y = x / 2 + 0.5
    for _ in range(200):
        if np.max(np.abs(y * y - x) / x) < 1e-9:
            break
        y = (y + x / y) / 2
    return settled(y, y - x / y)


KIND.vjp("babylonian", babylonian, np.array([0.7, 2.0, 5.0]), lambda g, x: (g / (2 * babylonian(x)),), TWICE, ("1/(2x)", lambda g, x: (g / (2 * x),)), ROLLED)


def lambert(x):
    """Iterate Halley for w exp(w) = x."""
    w = np.log1p(x)
    for _ in range(8):
        e = np.exp(w)
        r = w * e - x
        w = w - r / (e * (w + 1) - (w + 2) * r / (2 * w + 2))
    return np.where(x > -0.3, w, np.nan)


KIND.vjp("lambert", lambert, np.array([0.5, 1.5, 4.0]), lambda g, x: (g / (x + np.exp(lambert(x))),), ("1 + w is missing", lambda g, x: (g / x,)),
         ("exp(w) is missing", lambda g, x: (g / (1 + lambert(x)),)), PERCENT)  # fmt: skip


# Entropic transport: the dual value of Sinkhorn's scaling has the plan for its gradient in the costs.
P, Q, EPS = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.25, 0.25, 0.1]), 0.3


def sinkhorn(C, tol):
    """Scale until the marginals are within a tolerance; return the value and the plan."""
    K, v = np.exp(-C / EPS), np.ones(len(Q))
    for _ in range(2000):
        u = P / (K @ v)
        v = Q / (K.T @ u)
        plan = u[:, None] * K * v
        if np.max(np.abs(plan.sum(1) - P)) < tol:
            break
    settled(1.0, plan.sum(1) - P, 2 * tol)
    return EPS * (P @ np.log(u) + Q @ np.log(v)), plan


COSTS = RNG.uniform(size=(3, 4))
for _tol in (1e-5, 1e-9):
    KIND.grad(f"sinkhorn@{_tol:g}", lambda C, t=_tol: sinkhorn(C, t)[0], COSTS, lambda C, t=_tol: sinkhorn(C, t)[1], SIGN, ("by the temperature", lambda C: sinkhorn(C, 1e-9)[1] / EPS),
              ("independent", lambda C: np.outer(P, Q)), rough=1e-3, reference=lambda C: sinkhorn(C, 1e-14)[0])  # fmt: skip


# Water filling: the value of an optimum whose multiplier is a root.
def filled(noise, power=2.0):
    """Return the best sum of log(1 + p / noise) with sum(p) = power."""
    level = optimize.brentq(lambda m: np.sum(np.maximum(m - noise, 0)) - power, 0, 20)
    return np.sum(np.log1p(np.maximum(level - noise, 0) / noise)), np.maximum(level - noise, 0)


KIND.grad("water_filling", lambda n: filled(n)[0], np.array([0.4, 0.9, 1.2, 9.0]), lambda n: -filled(n)[1] / (n * (n + filled(n)[1])), SIGN,
          ("1/(n + p)", lambda n: -1 / (n + filled(n)[1])), PERCENT)  # fmt: skip


# Quadrature at the tolerances of quad.
def damped(p):
    """Integrate exp(-a x^2) cos(b x) from 0 to 2."""
    if not np.max(np.abs(p)) < 20:
        raise ValueError("expected what quad can integrate")
    return np.asarray(integrate.quad(lambda x: np.exp(-p[0] * x * x) * np.cos(p[1] * x), 0, 2)[0])


def _damped(p, k=2):
    return np.array([
        -integrate.quad(lambda x: x**k * np.exp(-p[0] * x * x) * np.cos(p[1] * x), 0, 2)[0],
        -integrate.quad(lambda x: x * np.exp(-p[0] * x * x) * np.sin(p[1] * x), 0, 2)[0],
    ])  # fmt: skip


KIND.grad("quad", damped, np.array([0.8, 1.5]), _damped, ("x for x^2", lambda p: _damped(p, 1)), SIGN, PERCENT)


def moment(a, b):
    """Integrate x^(a - 1) exp(-x / b) to infinity."""
    if not (0.5 < a < 8 and 0.05 < b < 8):
        raise ValueError("expected what quad can integrate")
    return integrate.quad(lambda x: x ** (a - 1) * np.exp(-x / b), 0, np.inf)[0]


KIND.grad("quad@infinite", moment, (2.4, 0.7),
          lambda a, b: (special.gamma(a) * b**a * (special.digamma(a) + np.log(b)), a * special.gamma(a) * b ** (a - 1)), ("log b is missing", lambda a, b: (
              special.gamma(a) * b**a * special.digamma(a), a * special.gamma(a) * b ** (a - 1))), scaled(1, -1), PERCENT, rough=1e-5)  # fmt: skip
KIND.grad("quad@limit", lambda t: np.asarray(integrate.quad(lambda x: np.sin(x * x) + x, 0, float(t))[0] if abs(t) < 8 else np.nan), np.array(1.4), lambda t: np.sin(t * t) + t,
          ("derivative of the integrand", lambda t: 2 * t * np.cos(t * t) + 1), HALF, PERCENT)  # fmt: skip
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
KIND.grad("legendre", lambda p: WEIGHTS @ np.exp(p[0] * NODES + p[1] * NODES**2 + p[2] * NODES**3), np.array([0.5, -0.8, 0.3]),
          lambda p: np.stack([NODES, NODES**2, NODES**3]) @ (WEIGHTS * np.exp(p[0] * NODES + p[1] * NODES**2 + p[2] * NODES**3)),
          ("weights are missing", lambda p: np.stack([NODES, NODES**2, NODES**3]) @ np.exp(p[0] * NODES + p[1] * NODES**2 + p[2] * NODES**3)), BACKWARDS, PERCENT)  # fmt: skip
TABLE = np.array([0.0, 0.4, 1.0, 1.7, 2.0])
KIND.grad("trapezoid", lambda y: np.trapezoid(y**2, TABLE), np.array([0.3, 1.1, -0.4, 0.8, 2.0]),
          lambda y: y * np.r_[np.diff(TABLE)[0], TABLE[2:] - TABLE[:-2], np.diff(TABLE)[-1]], TWICE,
          ("ends as inner ones", lambda y: y * np.r_[0.8, TABLE[2:] - TABLE[:-2], 0.6]), ROLLED)  # fmt: skip
