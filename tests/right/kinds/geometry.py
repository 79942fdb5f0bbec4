"""More that closes over data: finance, energies of atoms and springs, poses, images, matrices."""

import numpy as np
from scipy import special, stats
from scipy.spatial import distance

from tests.right.kinds.case import HALF, MEAN, PERCENT, ROLLED, SIGN, TRANSPOSED, Kind, entry, scaled

KIND = Kind("geometry")
RNG = np.random.default_rng(15)


# Finance.
def call(s, k, t, r, v):
    """Price a call after Black and Scholes."""
    if min(s, k, t, v) <= 0:
        raise ValueError("expected positive prices, time and volatility")
    d = (np.log(s / k) + (r + v * v / 2) * t) / (v * np.sqrt(t))
    return s * special.ndtr(d) - k * np.exp(-r * t) * special.ndtr(d - v * np.sqrt(t))


def _greeks(s, k, t, r, v, days=1.0):
    d = (np.log(s / k) + (r + v * v / 2) * t) / (v * np.sqrt(t))
    e = d - v * np.sqrt(t)
    vega = s * stats.norm.pdf(d) * np.sqrt(t)
    discounted = k * np.exp(-r * t) * special.ndtr(e)
    return special.ndtr(d), -discounted / k, (vega * v / (2 * t) + r * discounted) * days, t * discounted, vega


KIND.grad("call", call, (1.0, 1.1, 0.7, 0.03, 0.25), _greeks, ("theta's sign", lambda *a: _greeks(*a, days=-1.0)), scaled(4, 0.01), ("theta a day", lambda *a: _greeks(*a, days=1 / 365)))
FLOWS, YEARS = np.array([3.0, 3.0, 103.0]), np.array([1.0, 2.0, 3.0])
KIND.grad("bond", lambda y: np.sum(FLOWS * np.exp(-y * YEARS)), np.array(0.04), lambda y: -np.sum(FLOWS * YEARS * np.exp(-y * YEARS)), SIGN, PERCENT,
          ("years are missing", lambda y: -np.sum(FLOWS * np.exp(-y * YEARS))))  # fmt: skip
KIND.grad("curve", lambda z: np.sum(FLOWS * np.exp(-z * YEARS)), np.array([0.02, 0.03, 0.035]), lambda z: -FLOWS * YEARS * np.exp(-z * YEARS), ROLLED,
          ("in basis points", lambda z: -FLOWS * YEARS * np.exp(-z * YEARS) / 1e4), ("years are missing", lambda z: -FLOWS * np.exp(-z * YEARS)))  # fmt: skip
COV, MU = np.array([[0.04, 0.01, 0], [0.01, 0.09, 0.02], [0, 0.02, 0.16]]), np.array([0.05, 0.08, 0.11])
KIND.grad("sharpe", lambda w: MU @ w / np.sqrt(w @ COV @ w), np.array([0.5, 0.3, 0.2]), lambda w: MU / np.sqrt(w @ COV @ w) - (MU @ w) * (COV @ w) / (w @ COV @ w) ** 1.5,
          ("risk held", lambda w: MU / np.sqrt(w @ COV @ w)), ("power 1/2", lambda w: MU / np.sqrt(w @ COV @ w) - (MU @ w) * (COV @ w) / (w @ COV @ w) ** 0.5), PERCENT)  # fmt: skip
KIND.grad("risk_parity", lambda w: np.sum((w * (COV @ w) - w @ COV @ w / 3) ** 2) * 1e3, np.array([0.5, 0.3, 0.2]), lambda w: _parity(w), HALF,
          ("own weight only", lambda w: _parity(w, False)), ROLLED)  # fmt: skip


def _parity(w, whole=True):
    r = w * (COV @ w) - w @ COV @ w / 3  # the budget's own slope has the factor sum(r) = 0
    return 2e3 * (r * (COV @ w) + whole * (COV @ (w * r)))


# Energies.
ATOMS = np.array([[0.0, 0, 0], [1.2, 0.1, 0], [0.3, 1.1, 0.4], [1.0, 1.0, 1.2]])
PAIRS = np.triu_indices(4, 1)


def _separations(x):
    d = x[PAIRS[0]] - x[PAIRS[1]]
    return d, np.sqrt(np.sum(d * d, 1))


def _forces(x, slope, opposite=True):
    d, r = _separations(x)
    pull = (slope(r) / np.where(r == 0, 1, r))[:, None] * d  # of atoms in one place: none
    out = np.zeros_like(x)
    np.add.at(out, PAIRS[0], pull)
    if opposite:
        np.add.at(out, PAIRS[1], -pull)
    return out


for _name, _energy, _slope in (
    ("lennard_jones", lambda r: 4 * (r**-12 - r**-6), lambda r: -4 * (12 * r**-13 - 6 * r**-7)),
    ("morse", lambda r: (1 - np.exp(-1.5 * (r - 1))) ** 2, lambda r: 3 * (1 - np.exp(-1.5 * (r - 1))) * np.exp(-1.5 * (r - 1))),
    ("yukawa", lambda r: np.exp(-r) / r, lambda r: -np.exp(-r) * (1 / r + 1 / r**2)),
    ("springs", lambda r: 0.5 * (r - 1.1) ** 2, lambda r: r - 1.1),
):
    KIND.grad(f"energy.{_name}", lambda x, e=_energy: np.sum(e(_separations(x)[1])), ATOMS, lambda x, s=_slope: _forces(x, s), SIGN,
              ("third law is missing", lambda x, s=_slope: _forces(x, s, False)), ("1/r is missing", lambda x, s=_slope: _forces(x, lambda r: s(r) * r)))  # fmt: skip


def _arc(a, b, c):
    """Return the angle at b; a straight one has a kink, where the formula of its derivative is 0/0."""
    cos = np.dot(a - b, c - b) / np.linalg.norm(a - b) / np.linalg.norm(c - b)
    if not abs(cos) < 1 - 1e-9:
        raise ValueError("expected an angle that is not straight")
    return np.arccos(cos)


KIND.grad("angle", _arc, tuple(ATOMS[:3]), lambda a, b, c: _angle(a, b, c),
          ("middle atom is missing", lambda a, b, c: _angle(a, b, c, 0.0)), SIGN, scaled(2, 2))  # fmt: skip


def _angle(a, b, c, middle=1.0):
    u, v = a - b, c - b
    m, n = np.linalg.norm(u), np.linalg.norm(v)
    cos = u @ v / m / n
    s = -1 / np.sqrt(1 - cos * cos)
    du, dv = s * (v / m / n - cos * u / m**2), s * (u / m / n - cos * v / n**2)
    return du, -middle * (du + dv), dv


# Poses and cameras.
POINTS = RNG.normal(size=(5, 3)) + np.array([0, 0, 6.0])
SEEN = RNG.normal(size=(5, 2)) * 0.2


def projected(p):
    """Project points by a pinhole camera with (focal length, shift in x, y, z)."""
    q = POINTS + p[1:]
    return (p[0] * q[:, :2] / q[:, 2:] - SEEN).ravel()


def _projected(p, depth=1.0):
    q = POINTS + p[1:]
    J = np.zeros((5, 2, 4))
    J[:, :, 0] = q[:, :2] / q[:, 2:]
    J[:, 0, 1] = J[:, 1, 2] = p[0] / q[:, 2]
    J[:, :, 3] = -depth * p[0] * q[:, :2] / q[:, 2:] ** 2
    return J.reshape(10, 4)


KIND.jacobian("camera", projected, np.array([1.5, 0.1, -0.2, 0.3]), _projected, ("depth's sign", lambda p: _projected(p, -1.0)), ("depth is missing", lambda p: _projected(p, 0.0)), PERCENT)
KIND.vjp("rotation", lambda a: np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ POINTS[:, :2].T, np.array(0.6),
         lambda g, a: (np.sum(g * (np.array([[-np.sin(a), -np.cos(a)], [np.cos(a), -np.sin(a)]]) @ POINTS[:, :2].T)),), SIGN,
         ("transposed", lambda g, a: (np.sum(g * (np.array([[-np.sin(a), np.cos(a)], [-np.cos(a), -np.sin(a)]]) @ POINTS[:, :2].T)),)),
         ("in degrees", lambda g, a: (np.pi / 180 * np.sum(g * (np.array([[-np.sin(a), -np.cos(a)], [np.cos(a), -np.sin(a)]]) @ POINTS[:, :2].T)),)))  # fmt: skip
KIND.vjp("quaternion", lambda q: _rotated(q, POINTS), np.array([0.8, 0.2, -0.4, 0.3]), lambda g, q: (_pulled(g, q),), SIGN, ("scalar's sign", lambda g, q: (_pulled(g, q) * [-1, 1, 1, 1],)), ROLLED)


def _rotated(q, x):
    u = np.cross(q[1:], x)
    return x + 2 * q[0] * u + 2 * np.cross(q[1:], u)


def _pulled(g, q):
    v, u = q[1:], np.cross(q[1:], POINTS)
    dv = 2 * q[0] * np.cross(POINTS, g) + 2 * np.cross(u, g) + 2 * np.cross(POINTS, np.cross(g, v))
    return np.r_[2 * np.sum(g * u), dv.sum(0)]


LINKS = np.array([1.0, 0.8, 0.5])
KIND.jacobian("arm", lambda a: np.array([LINKS @ np.cos(np.cumsum(a)), LINKS @ np.sin(np.cumsum(a))]), np.array([0.3, 0.5, -0.4]), lambda a: _arm(a),
              ("own link only", lambda a: np.stack([-LINKS * np.sin(np.cumsum(a)), LINKS * np.cos(np.cumsum(a))])), ("rows swapped", lambda a: _arm(a)[::-1]), PERCENT)  # fmt: skip


def _arm(a):
    s, c = LINKS * np.sin(np.cumsum(a)), LINKS * np.cos(np.cumsum(a))
    return np.stack([-np.cumsum(s[::-1])[::-1], np.cumsum(c[::-1])[::-1]])


# Learning: metrics, embeddings, kernels, images.
TARGET = RNG.normal(size=(6, 2))
KIND.grad("stress", lambda z: np.sum((distance.pdist(z) - distance.pdist(TARGET)) ** 2), RNG.normal(size=(6, 2)), lambda z: _stress(z), HALF,
          ("one side", lambda z: _stress(z, False)), SIGN)  # fmt: skip


def _stress(z, both=True):
    i, j = np.triu_indices(6, 1)
    r = distance.pdist(z)
    f = (2 * (r - distance.pdist(TARGET)) / np.where(r == 0, 1, r))[:, None] * (z[i] - z[j])
    out = np.zeros_like(z)
    np.add.at(out, i, f)
    np.add.at(out, j, -f * both)
    return out


DESIGN, OBSERVED = RNG.normal(size=(8, 4)), RNG.normal(size=8)
KIND.grad("ridge", lambda w: 0.5 * np.sum((DESIGN @ w - OBSERVED) ** 2) + 0.05 * w @ w, RNG.normal(size=4), lambda w: DESIGN.T @ (DESIGN @ w - OBSERVED) + 0.1 * w,
          ("penalty once", lambda w: DESIGN.T @ (DESIGN @ w - OBSERVED) + 0.05 * w), ("penalty is missing", lambda w: DESIGN.T @ (DESIGN @ w - OBSERVED)), MEAN)  # fmt: skip
RATINGS = RNG.normal(size=(4, 5)) * (RNG.uniform(size=(4, 5)) < 0.6)
KNOWN = RATINGS != 0
KIND.grad("factors", lambda u, v: np.sum((KNOWN * (u @ v.T - RATINGS)) ** 2), (RNG.normal(size=(4, 2)), RNG.normal(size=(5, 2))),
          lambda u, v: (2 * (KNOWN * (u @ v.T - RATINGS)) @ v, 2 * (KNOWN * (u @ v.T - RATINGS)).T @ u),
          ("mask is missing", lambda u, v: (2 * (u @ v.T - RATINGS) @ v, 2 * (u @ v.T - RATINGS).T @ u)), scaled(1, -1), ROLLED)  # fmt: skip
IMAGE = RNG.normal(size=(5, 6))


def _variation(x, eps=0.01):
    a, b = np.diff(x, axis=0)[:, :-1], np.diff(x, axis=1)[:-1]
    return a, b, np.sqrt(a * a + b * b + eps)


def _denoised(x, whole=True):
    a, b, r = _variation(x)
    out = 2 * (x - IMAGE)
    out[1:, :-1] += a / r
    out[:-1, 1:] += b / r
    out[:-1, :-1] -= (a + b * whole) / r
    return out


KIND.grad("total_variation", lambda x: np.sum((x - IMAGE) ** 2) + np.sum(_variation(x)[2]), RNG.normal(size=(5, 6)), lambda x: _denoised(x),
          ("one difference is missing", lambda x: _denoised(x, False)), entry(1.01), ("data only", lambda x: 2 * (x - IMAGE)))  # fmt: skip
KIND.grad("log_determinant", lambda A: np.linalg.slogdet(A)[1], np.eye(3) + 0.4 * RNG.normal(size=(3, 3)), lambda A: np.linalg.inv(A).T, TRANSPOSED, SIGN,
          ("adjugate", lambda A: np.linalg.det(A) * np.linalg.inv(A).T))  # fmt: skip
KIND.vjp("least_norm", lambda A: np.linalg.pinv(A) @ np.ones(3), RNG.normal(size=(3, 5)), lambda g, A: (_least(g, A),), ("as if square", lambda g, A: (_least(g, A, False),)), SIGN, PERCENT)


def _least(g, A, whole=True):
    P, b = np.linalg.pinv(A), np.ones(3)
    y = P.T @ P @ b
    return -np.outer(P.T @ g, P @ b) + whole * np.outer(y, g - P @ (A @ g))
