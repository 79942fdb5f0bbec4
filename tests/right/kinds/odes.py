"""Derivatives of solutions of differential equations: forward sensitivities at several tolerances, discrete and continuous adjoints."""

import numpy as np
from scipy import integrate, linalg

from tests.right.kinds.case import BY_LOG, HALF, PERCENT, ROLLED, SIGN, TENTH, TRANSPOSED, Kind, dropped, scaled

KIND = Kind("odes")
RNG = np.random.default_rng(13)


# Lotka and Volterra by solve_ivp, with forward sensitivities of the same solver at the same tolerance.
def prey(t, y, p):
    """Return the rates."""
    return np.array([p[0] * y[0] - p[1] * y[0] * y[1], -p[2] * y[1] + p[3] * y[0] * y[1]])


def populations(p, method="RK45", rtol=1e-6):
    """Return both populations at t = 2."""
    if not np.max(np.abs(p)) < 4:
        raise ValueError("expected what is no catastrophe")
    return integrate.solve_ivp(prey, (0, 2), [1.0, 0.8], method=method, args=(p,), rtol=rtol, atol=rtol).y[:, -1]


def _sensitivity(p, method, rtol, sign=1.0, coupled=True):
    def both(t, z):
        y, S = z[:2], z[2:].reshape(2, 4)
        A = np.array([[p[0] - p[1] * y[1], -p[1] * y[0]], [p[3] * y[1], -p[2] + p[3] * y[0]]])
        E = np.array([[y[0], -y[0] * y[1], 0, 0], [0, 0, -y[1] * sign, y[0] * y[1]]])
        return np.r_[prey(t, y, p), ((A @ S if coupled else np.diag(np.diag(A)) @ S) + E).ravel()]

    return integrate.solve_ivp(both, (0, 2), np.r_[1.0, 0.8, np.zeros(8)], method=method, rtol=rtol, atol=rtol).y[2:, -1].reshape(2, 4)


RATES = np.array([1.1, 0.7, 0.9, 0.6])
for _method, _rtol in (("RK45", 1e-3), ("RK45", 1e-6), ("RK45", 1e-10), ("DOP853", 1e-6), ("LSODA", 1e-6), ("RK23", 1e-4), ("Radau", 1e-6)):
    KIND.jacobian(f"populations@{_method} {_rtol:g}", lambda p, m=_method, r=_rtol: populations(p, m, r), RATES + _rtol**0.1 / 9,
                  lambda p, m=_method, r=_rtol: _sensitivity(p, m, r), ("sign of a source", lambda p, m=_method, r=_rtol: _sensitivity(p, m, r, -1.0)),
                  ("no coupling", lambda p, m=_method, r=_rtol: _sensitivity(p, m, r, coupled=False)), PERCENT if _rtol < 1e-3 else TENTH,
                  rough=max(3 * _rtol, 3e-5), budget=300, reference=lambda p: populations(p, "DOP853", 1e-12))  # fmt: skip


# Growth with a closed form, computed by a solver.
def logistic(q, method="RK45", rtol=1e-6):
    """Return the population at t = 3 for (rate, capacity, start)."""
    if not (0 < q[0] < 5 and 0.1 < q[1] < 50 and 0 < q[2] < 50):
        raise ValueError("expected a population")
    return integrate.solve_ivp(lambda t, y: q[0] * y * (1 - y / q[1]), (0, 3), q[2:], method=method, rtol=rtol, atol=1e-9).y[0, -1]


def _logistic(q, late=3.0, start=True):
    r, k, s = q
    e = np.exp(-r * late)
    d = s + (k - s) * e
    return np.array([k * s * (k - s) * late * e / d**2, s * s * (1 - e) / d**2, k * k * e / d**2 if start else k / d])


for _method in ("RK45", "BDF"):
    KIND.grad(f"logistic@{_method}", lambda q, m=_method: np.asarray(logistic(q, m)), np.array([0.9, 5.0, 0.7]), _logistic, ("start in the denominator is missing", lambda q: _logistic(q, start=False)),
              BY_LOG, PERCENT, rough=1e-3, budget=300, reference=lambda q: np.asarray(logistic(q, "DOP853", 1e-12)))  # fmt: skip


# Consecutive reactions A -> B -> C by odeint, observed at several times.
TIMES = np.array([0.0, 0.5, 1.0, 2.0])


def reactions(k):
    """Return B at the times."""
    if not np.max(np.abs(k)) < 9:
        raise ValueError("expected rates")
    return integrate.odeint(lambda y, t: [-k[0] * y[0], k[0] * y[0] - k[1] * y[1]], [1.0, 0.0], TIMES)[1:, 1]


def _reactions(k, whole=True):
    def both(z, t):
        return [-k[0] * z[0], k[0] * z[0] - k[1] * z[1], -z[0] - k[0] * z[2], z[0] * whole + k[0] * z[2] - k[1] * z[3], -z[1] - k[1] * z[4]]

    return integrate.odeint(both, [1.0, 0, 0, 0, 0], TIMES)[1:, 3:]


KIND.jacobian("reactions", reactions, np.array([1.3, 0.6]), _reactions, ("a source is missing", lambda k: _reactions(k, False)), ("columns swapped", lambda k: _reactions(k)[:, ::-1]),
              PERCENT, rough=1e-5, budget=600)  # fmt: skip


# Runge and Kutta by hand: the discrete adjoint is exact, the continuous one approximates it.
def _field(y, mu):
    return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


def _pulled(u, y, mu):
    """Return the field's vjp."""
    return np.array([u[1] * (-2 * mu * y[0] * y[1] - 1), u[0] + u[1] * mu * (1 - y[0] ** 2)]), u[1] * (1 - y[0] ** 2) * y[1]


def van_der_pol(y, mu, n=20, h=0.1):
    """Integrate n steps."""
    if not (np.max(np.abs(y)) < 3 and abs(mu) < 1.5):
        raise ValueError("expected what the steps are fine enough for")
    for _ in range(n):
        a = _field(y, mu)
        b = _field(y + h / 2 * a, mu)
        c = _field(y + h / 2 * b, mu)
        y = y + h / 6 * (a + 2 * b + 2 * c + _field(y + h * c, mu))
    return y


def _discrete(g, y, mu, n=20, h=0.1, slip=""):
    path = [y]
    for _ in range(n):
        path.append(van_der_pol(path[-1], mu, 1, h))
    u, m = g, 0.0
    for x in path[-2::-1] if slip != "last states" else path[:0:-1]:
        a = _field(x, mu)
        b = _field(x + h / 2 * a, mu)
        c = _field(x + h / 2 * b, mu)
        vd, md = _pulled(h / 6 * u, x + h * c, mu)
        vc, mc = _pulled(h / 3 * u + h * vd, x + h / 2 * b, mu)
        vb, mb = _pulled(h / 3 * u + h / 2 * vc, x + h / 2 * a, mu)
        va, ma = _pulled(h / 6 * u + h / 2 * vb * (slip != "a stage"), x, mu)
        u, m = u + va + vb + vc + vd, m + ma + mb + mc + md
    return u, m


def _continuous(g, y, mu, n=20, h=0.1, sign=-1.0):
    end = van_der_pol(y, mu, n, h)

    def back(t, z):
        v, m = _pulled(z[2:4], z[:2], mu)
        return -np.r_[_field(z[:2], mu), sign * v, -m]

    z = integrate.solve_ivp(back, (0, n * h), np.r_[end, g, 0.0], rtol=1e-8, atol=1e-8).y[:, -1]
    return z[2:4], z[4]


START = (np.array([0.6, -0.4]), 0.9)
KIND.vjp("van_der_pol", van_der_pol, START, _discrete, ("a stage is left out", lambda g, y, mu: _discrete(g, y, mu, slip="a stage")),
         ("states after the steps", lambda g, y, mu: _discrete(g, y, mu, slip="last states")), PERCENT)  # fmt: skip
KIND.vjp("van_der_pol@continuous", van_der_pol, START, _continuous, ("the adjoint with the wrong sign", lambda g, y, mu: _continuous(g, y, mu, sign=1.0)), scaled(1, -1), TENTH, rough=1e-4, budget=300)
KIND.vjp("van_der_pol@fine steps", lambda y, mu: van_der_pol(y, mu, 80, 0.025), START, lambda g, y, mu: _continuous(g, y, mu, 80, 0.025), dropped(1), SIGN, PERCENT, rough=1e-5, budget=300)


# Euler's method, explicit and implicit.
def pendulum(q, n=30, h=0.05):
    """Return the angle after n implicit steps, each solved by Newton; q is (angle, speed, damping)."""
    x, v = q[0], q[1]
    for _ in range(n):
        z = x
        for _ in range(30):
            r = z - x - h * (v - h * np.sin(z)) / (1 + h * q[2])
            z = z - r / (1 + h * h * np.cos(z) / (1 + h * q[2]))
        v = (v - h * np.sin(z)) / (1 + h * q[2])
        x = z
    return x


def _pendulum(q, n=30, h=0.05, implicit=True, damped=True):
    x, v, S = q[0], q[1], np.eye(3)[:2]
    for _ in range(n):
        c = 1 + h * q[2]
        z = x
        for _ in range(30):
            z = z - (z - x - h * (v - h * np.sin(z)) / c) / (1 + h * h * np.cos(z) / c)
        w = (v - h * np.sin(z)) / c
        source = np.array([0, 0, -h * w / c]) * damped
        dz = (S[0] + h * (S[1] / c + source)) / (1 + h * h * np.cos(z) / c if implicit else 1.0)
        S = np.stack([dz, (S[1] - h * np.cos(z) * dz) / c + source])
        x, v = z, w
    return S[0]


KIND.grad("implicit_euler", pendulum, np.array([0.9, -0.3, 0.2]), _pendulum, ("as if explicit", lambda q: _pendulum(q, implicit=False)),
          ("damping's source is missing", lambda q: _pendulum(q, damped=False)), BY_LOG)  # fmt: skip

CASES_SEEN = np.array([0.02, 0.035, 0.06, 0.1])


def epidemic(p, lead=False):
    """Return the misfit of an SIR model by Euler's method to counts; or with its forward sensitivity."""
    s, i, ds, di, loss, slope = 0.99, 0.01, np.zeros(2), np.zeros(2), 0.0, np.zeros(2)
    for k in range(40):
        new, dnew = 0.25 * p[0] * s * i, 0.25 * (np.array([s * i, 0]) + p[0] * (ds * i + s * di))
        gone, dgone = 0.25 * p[1] * i, 0.25 * (np.array([0, i]) + p[1] * di)
        s, i, ds, di = s - new, i + new - gone, ds - dnew * (not lead), di + dnew - dgone
        if k % 10 == 9:
            loss, slope = loss + (i - CASES_SEEN[k // 10]) ** 2, slope + 2 * (i - CASES_SEEN[k // 10]) * di
    return loss, slope


KIND.grad("epidemic", lambda p: epidemic(p)[0], np.array([1.2, 0.5]), lambda p: epidemic(p)[1], HALF, ("susceptibles held", lambda p: epidemic(p, True)[1]), ROLLED)


# Heat: explicit steps in the conductivities, Crank and Nicolson in the start; the adjoint runs backwards.
def heat(u, k, n=15, r=0.2):
    """Diffuse with a conductivity between neighbours; return all after n steps."""
    for _ in range(n):
        flux = r * k * np.diff(u)
        u = u + np.r_[flux, 0] - np.r_[0, flux]
    return u


def _heat(g, u, k, n=15, r=0.2, stale=False):
    path = [u]
    for _ in range(n):
        path.append(heat(path[-1], k, 1, r))
    dk = np.zeros(len(k))
    for x in path[-2::-1]:
        d = -np.diff(g)
        dk += r * d * np.diff(path[0] if stale else x)
        g = g + np.r_[-r * k * d, 0] + np.r_[0, r * k * d]
    return g, dk


BUMP = np.exp(-((np.linspace(-1, 1, 9) / 0.4) ** 2))
KIND.vjp("heat", heat, (BUMP, RNG.uniform(0.5, 1.5, 8)), _heat, ("first state throughout", lambda g, u, k: _heat(g, u, k, stale=True)), scaled(1, -1), scaled(0, 1.01))


def crank(u, kappa, n=10):
    """Take Crank and Nicolson's steps with solve_banded."""
    c = kappa * 0.5
    ab = np.stack([np.r_[0, -c * np.ones(len(u) - 1)], (1 + 2 * c) * np.ones(len(u)), np.r_[-c * np.ones(len(u) - 1), 0]])
    for _ in range(n):
        u = linalg.solve_banded((1, 1), ab, u + c * (np.r_[u[1:], 0] - 2 * u + np.r_[0, u[:-1]]))
    return u


def _crank(g, u, kappa, n=10, both=True):
    path = [u]
    for _ in range(n):
        path.append(crank(path[-1], kappa, 1))
    c = kappa * 0.5
    L = np.eye(len(u), k=1) + np.eye(len(u), k=-1) - 2 * np.eye(len(u))
    total = 0.0
    for before, after in zip(path[-2::-1], path[:0:-1], strict=True):
        a = np.linalg.solve(np.eye(len(u)) - c * L, g)
        total += 0.5 * a @ L @ (before + after * both)
        g = a + c * L @ a
    return g, total


KIND.vjp("crank_nicolson", crank, (BUMP, 0.6), _crank, ("explicit half only", lambda g, u, k: _crank(g, u, k, both=False)), scaled(1, 2), scaled(0, -1))


# A neural field by Euler's method: one matrix at every step.
def flow(y, W, n=8, h=0.15):
    """Integrate y' = tanh(W y)."""
    for _ in range(n):
        y = y + h * np.tanh(W @ y)
    return y


def _flow(g, y, W, n=8, h=0.15, assign=False):
    path = [y]
    for _ in range(n - 1):
        path.append(flow(path[-1], W, 1, h))
    dW = np.zeros_like(W)
    for x in reversed(path):
        d = h * g * (1 - np.tanh(W @ x) ** 2)
        dW = np.outer(d, x) + (0 if assign else dW)
        g = g + W.T @ d
    return g, dW


KIND.vjp("neural_flow", flow, (RNG.normal(size=3), 0.6 * RNG.normal(size=(3, 3))), _flow, ("= for +=", lambda g, y, W: _flow(g, y, W, assign=True)), TRANSPOSED, scaled(1, 2))


# A chain of springs by Verlet's method: the distance travelled in the stiffnesses.
def chain(k, n=12, h=0.1):
    """Return the positions after n steps; the first mass is displaced."""
    x = last = np.r_[1.0, np.zeros(len(k) - 1)]
    for _ in range(n):
        pull = -k * x + 0.5 * (np.roll(x, 1) - x) ** 3
        x, last = 2 * x - last + h * h * pull, x
    return x


def _chain(k, n=12, h=0.1, cubic=True):
    x = last = np.r_[1.0, np.zeros(len(k) - 1)]
    S = R = np.zeros((len(k), len(k)))
    for _ in range(n):
        pull = -k * x + 0.5 * (np.roll(x, 1) - x) ** 3
        dpull = -np.diag(x) - k[:, None] * S + cubic * (1.5 * (np.roll(x, 1) - x) ** 2)[:, None] * (np.roll(S, 1, 0) - S)
        S, R, x, last = 2 * S - R + h * h * dpull, S, 2 * x - last + h * h * pull, x
    return S


KIND.jacobian("verlet", chain, np.array([2.0, 1.5, 3.0]), _chain, ("springs between are left out", lambda k: _chain(k, cubic=False)), ("transposed", lambda k: _chain(k).T), PERCENT)
