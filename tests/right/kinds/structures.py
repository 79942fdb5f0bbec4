"""Functions of several outputs, of dicts and lists, with integer arguments, labels and repeated indices."""

import numpy as np
from scipy import special

from tests.right.kinds.case import BACKWARDS, ROLLED, SIGN, SUMMED, TWICE, Kind, scaled

KIND = Kind("structures")
RNG = np.random.default_rng(22)
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))

# Several outputs.
KIND.vjp("polar", lambda r, a: (r * np.cos(a), r * np.sin(a)), (np.array([1.0, 2.0]), np.array([0.4, -1.1])),
         lambda g, r, a: (g[0] * np.cos(a) + g[1] * np.sin(a), r * (g[1] * np.cos(a) - g[0] * np.sin(a))),
         ("second output is missing", lambda g, r, a: (g[0] * np.cos(a), -r * g[0] * np.sin(a))), ("r is missing", lambda g, r, a: (
             g[0] * np.cos(a) + g[1] * np.sin(a), g[1] * np.cos(a) - g[0] * np.sin(a))), scaled(1, -1))  # fmt: skip
KIND.vjp("moments", lambda x: (np.mean(x), np.var(x)), RNG.normal(size=5), lambda g, x: (g[0] / len(x) + g[1] * 2 * (x - np.mean(x)) / len(x),), ("variance is missing", lambda g, x: (g[0] / len(x) + 0 * x,)),
         ("n - 1", lambda g, x: (g[0] / len(x) + g[1] * 2 * (x - np.mean(x)) / (len(x) - 1),)), ("mean held", lambda g, x: (g[0] / len(x) + g[1] * 2 * x / len(x),)))  # fmt: skip


def _factored(g, A):
    Q, R = np.linalg.qr(A)
    M = R @ g[1].T - g[0].T @ Q
    M = np.tril(M, -1) + np.tril(M, 0).T
    return (np.linalg.solve(R, (g[0] + Q @ M).T).T,)


KIND.vjp("qr", lambda A: tuple(np.linalg.qr(A)), RNG.normal(size=(4, 3)), lambda g, A: _factored((g[0], np.triu(g[1])), A), SIGN, ("R is missing", lambda g, A: _factored((g[0], 0 * g[1]), A)),
         ("Q is missing", lambda g, A: _factored((0 * g[0], np.triu(g[1])), A)))  # fmt: skip


def _eigh(g, A, both=True):
    w, V = np.linalg.eigh((A + A.T) / 2)
    F = (1 - np.eye(len(w))) / (w[None, :] - w[:, None] + np.eye(len(w)))
    signed = g[1] * 2 * V  # the second output is the square of the eigenvectors' entries, which has no sign to choose
    M = V @ (np.diag(g[0]) + both * F * (V.T @ signed)) @ V.T
    return ((M + M.T) / 2,)


KIND.vjp("eigh", lambda A: tuple(o if k == 0 else o**2 for k, o in enumerate(np.linalg.eigh((A + A.T) / 2))), np.diag([1.0, 2.0, 4.0]) + 0.2 * RNG.normal(size=(3, 3)), _eigh,
         ("vectors are missing", lambda g, A: _eigh(g, A, False)), TWICE, ("diagonal only", lambda g, A: (np.diag(np.diag(_eigh(g, A)[0])),)))  # fmt: skip
KIND.vjp("split", lambda x: (x[:2], np.tanh(x[2:])), RNG.normal(size=5), lambda g, x: (np.concatenate([g[0], g[1] * (1 - np.tanh(x[2:]) ** 2)]),), ROLLED, SIGN, ("linear", lambda g, x: (np.concatenate(g),)))

# Dicts and lists.
KIND.grad("model", lambda p: np.sum(np.tanh(X @ p["w"] + p["b"]) ** 2), {"w": W, "b": np.array([0.1, -0.2])}, lambda p: _model(p), scaled(0, 2), ("mean in the bias", lambda p: _model(p, np.mean)), SIGN)


def _model(p, total=np.sum):
    t = np.tanh(X @ p["w"] + p["b"])
    d = 2 * t * (1 - t * t)
    return {"w": X.T @ d, "b": total(d, axis=0)}


LAYERS = [RNG.normal(size=(3, 4)), RNG.normal(size=(4, 4)) * 0.5, RNG.normal(size=(4, 1))]


def deep(weights):
    """Run a stack of weights."""
    h = X
    for w in weights[:-1]:
        h = np.tanh(h @ w)
    return np.sum((h @ weights[-1]) ** 2)


def _deep(weights, slope=2, order=1):
    hs = [X]
    for w in weights[:-1]:
        hs.append(np.tanh(hs[-1] @ w))
    g, out = 2 * hs[-1] @ weights[-1], []
    for k in range(len(weights) - 1, -1, -1):
        out.append(hs[k].T @ g)
        g = (g @ weights[k].T) * (1 - hs[k] ** slope)
    return out[::-1]


KIND.grad("deep", deep, (LAYERS,), lambda w: (_deep(w),), ("1 - t", lambda w: (_deep(w, 1),)), scaled(1, -1), scaled(0, 1.05))
KIND.vjp("nested", lambda s: {"position": s["position"] + 0.1 * s["velocity"], "energy": 0.5 * np.sum(s["velocity"] ** 2)}, {"position": np.array([1.0, 2.0]), "velocity": np.array([0.3, -0.4])},
         lambda g, s: ({"position": g["position"], "velocity": 0.1 * g["position"] + g["energy"] * s["velocity"]},), scaled(0, 2),
         ("step is missing", lambda g, s: ({"position": g["position"], "velocity": g["position"] + g["energy"] * s["velocity"]},)), scaled(1, -1))  # fmt: skip

# Integers among the arguments.
IDS = np.array([0, 2, 2, 1, 2])


def _gathered(g, table, ids, add=True):
    out = np.zeros_like(table)
    if add:
        np.add.at(out, ids, g)
    else:
        out[ids] = g
    return out, None


KIND.vjp("gather", lambda table, ids: table[ids], (X, IDS), _gathered, ("= for +=", lambda g, t, ids: _gathered(g, t, ids, False)), TWICE, SUMMED)
KIND.vjp("segments", lambda x, ids: np.bincount(ids, x, minlength=3), (RNG.normal(size=5), IDS), lambda g, x, ids: (g[ids], None), ROLLED, ("mean", lambda g, x, ids: (g[ids] / np.bincount(ids, minlength=3)[ids], None)), SIGN)
KIND.vjp("scatter", lambda base, x: _scattered(base, x), (np.ones(4), RNG.normal(size=3)), lambda g, b, x: (g * [0, 1, 0, 1], g[[0, 2, 0]] * [0, 1, 1]), ("overwritten counts", lambda g, b, x: (
    g * [0, 1, 0, 1], g[[0, 2, 0]])), ("base counts", lambda g, b, x: (g, g[[0, 2, 0]] * [0, 1, 1])), scaled(1, -1))  # fmt: skip


def _scattered(base, x):
    out = base.copy()
    for place, v in zip([0, 2, 0], x, strict=True):
        out[place] = v
    return out


def _nll(z, t):
    return np.mean(special.logsumexp(z, 1) - z[np.arange(len(z)), t])


def _labelled(z, t):
    return (special.softmax(z, 1) - np.eye(z.shape[1])[t]) / len(z)


KIND.grad("labels", _nll, (X, np.array([0, 2, 1, 1])), lambda z, t: (_labelled(z, t), None), ("batch not divided by", lambda z, t: (_labelled(z, t) * len(z), None)),
          ("labels are missing", lambda z, t: (special.softmax(z, 1) / len(z), None)), ("softmax over the batch", lambda z, t: ((special.softmax(z, 0) - np.eye(3)[t]) / len(z), None)))  # fmt: skip
KIND.vjp("polynomial", lambda x, n: x**n, (RNG.normal(size=4), 3), lambda g, x, n: (g * n * x ** (n - 1) if n else 0 * g, None), ("n is missing", lambda g, x, n: (g * x ** (n - 1), None)), ("power n", lambda g, x, n: (g * n * x**n, None)), SIGN)
KIND.vjp("masked mean", lambda x, m: np.sum(x * m, 1) / np.sum(m, 1), (X, np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]], bool)), lambda g, x, m: (g[:, None] * m / np.sum(m, 1)[:, None], None),
         ("all divided by", lambda g, x, m: (g[:, None] * m / 3, None)), ("mask is missing", lambda g, x, m: (g[:, None] / np.sum(m, 1)[:, None] + 0 * x, None)), SIGN)  # fmt: skip
KIND.vjp("sorted", np.sort, RNG.normal(size=5), lambda g, x: (g[np.argsort(np.argsort(x))],), ("order for rank", lambda g, x: (g[np.argsort(x)],)), BACKWARDS, ("unsorted", lambda g, x: (g,)))
KIND.vjp("broadcast", lambda x, b, s: (x + b) * s, (X, np.array([0.1, 0.2, -0.3]), np.array([[1.0], [2.0], [0.5], [-1.0]])),
         lambda g, x, b, s: (g * s, np.sum(g * s, 0), np.sum(g * (x + b), 1, keepdims=True)), ("mean in the bias", lambda g, x, b, s: (
             g * s, np.mean(g * s, 0), np.sum(g * (x + b), 1, keepdims=True))), ("scale is missing", lambda g, x, b, s: (g, np.sum(g, 0), np.sum(g * (x + b), 1, keepdims=True))), scaled(2, -1))  # fmt: skip
KIND.vjp("einsum", lambda a, b: np.einsum("ijk,jl->ikl", a, b), (RNG.normal(size=(2, 3, 4)), W), lambda g, a, b: (np.einsum("ikl,jl->ijk", g, b), np.einsum("ijk,ikl->jl", a, g)),
         scaled(0, 2), ("batch reversed", lambda g, a, b: (np.einsum("ikl,jl->ijk", g, b), np.einsum("ijk,ikl->jl", a[::-1], g))), scaled(1, -1))  # fmt: skip
KIND.vjp("complex", lambda re, im: np.abs(np.fft.fft(re + 1j * im)) ** 2, (RNG.normal(size=4), RNG.normal(size=4)), lambda g, re, im: _power(g, re, im), ("n is missing", lambda g, re, im: tuple(v / 4 for v in _power(g, re, im))),
         ("conjugate", lambda g, re, im: _power(g, re, -im)), scaled(1, -1))  # fmt: skip


def _power(g, re, im):
    back = np.fft.ifft(2 * g * np.fft.fft(re + 1j * im)) * len(re)
    return back.real, back.imag
