"""NumPy code as people write it: in place, through views, by loops and branches, with arrays that are filled.

Each case is a function of one array and the array. Their derivatives are those of differences.
"""

import math

import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=5)
P = np.abs(X) + 0.5
M = rng.normal(size=(3, 4))
S = rng.uniform(-0.9, 0.9, 5)
C3 = rng.normal(size=(4, 3))


def fill(x):
    """Fill zeros one by one."""
    y = np.zeros(5)
    for i in range(5):
        y[i] = x[i] ** 2
    return y.sum()


def views(m):
    """Write through views of a copy."""
    a = m.copy()
    b = a[1:]
    c = b.T
    c[0, :] *= 3
    a[0] = a[2]
    r = a.reshape(-1)
    r[1] = 7.0
    return (a * np.arange(12.0).reshape(3, 4)).sum() + c.sum()


def loop(x):
    """Branch on every entry."""
    s = 0.0
    for v in x:
        if v > 0:
            s = s + math.exp(v)
            continue
        s = s - np.tanh(v)
    return s


def lst(x):
    """Make an array of numbers."""
    return np.array([x[0] * x[1], np.sin(x[2]), 3.0]).prod()


def fancy(m):
    """Pick entries by positions and by a mask."""
    return m[[0, 2], [1, 3]].sum() + (m[m > 0] ** 3).sum()


def inpl(x):
    """Change an array in place."""
    y = x * 2
    y += x
    y[1:] -= y[:-1]
    y /= 3
    return (y**2).sum()


def acc(x):
    """Fill what is empty by a recursion."""
    out = np.empty_like(x)
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = out[i - 1] * 0.5 + x[i]
    return out[-1]


def srt(x):
    """Sort in place."""
    y = x.copy()
    y.sort()
    return (y * np.arange(5)).sum()


def outf(x):
    """Write a result where it is told."""
    y = np.empty(5)
    np.multiply(x, x, out=y)
    return y.sum()


def zlf(x):
    """Fill the differences of neighbours."""
    g = np.zeros_like(x)
    g[1:-1] = (x[2:] - x[:-2]) / 2
    g[0] = x[1] - x[0]
    g[-1] = x[-1] - x[-2]
    return (g**2).sum()


def column(m):
    """Write a column of a copy."""
    a = m.copy()
    a[:, 0] = a[:, 1] * 2
    return a.sum()


#: name -> function, argument
CASES = {
    "fill": (fill, X),
    "views": (views, M),
    "loop": (loop, X),
    "lst": (lst, X),
    "fancy": (fancy, M),
    "inpl": (inpl, X),
    "acc": (acc, X),
    "arcsin": (lambda x: np.arcsin(x).sum(), S),
    "arctan2": (lambda x: np.arctan2(x, x[::-1]).sum(), X),
    "sort": (lambda x: (np.sort(x) * np.arange(5)).sum(), X),
    "median": (lambda x: np.median(x), X),
    "pct": (lambda m: np.percentile(m, 30, axis=1).sum(), M),
    "diff": (lambda x: (np.diff(x) ** 2).sum(), X),
    "conv": (lambda x: (np.convolve(x, [1.0, 2, 3]) ** 2).sum(), X),
    "convs": (lambda x: (np.convolve(x, x[:3], "same") ** 2).sum(), X),
    "corr": (lambda x: (np.correlate(x, x[:2], "valid") ** 2).sum(), X),
    "interp": (lambda x: np.interp(x, [-2.0, 0, 1, 3], [0.0, 1, 4, 2]).sum(), X),
    "tensordot": (lambda m: (np.tensordot(m, m, axes=([0], [0])) ** 2).sum(), M),
    "cross": (lambda m: (np.cross(m, m[::-1]) ** 2).sum(), C3),
    "cov": (lambda m: (np.cov(m) ** 2).sum(), M),
    "kron": (lambda m: (np.kron(m, m[:2]) * 1.5).sum(), M),
    "trace": (lambda m: np.trace(m), M),
    "diag": (lambda x: (np.diag(x) @ np.ones(5)).sum(), X),
    "diag2": (lambda m: np.diag(m).sum(), M),
    "tril": (lambda m: (np.tril(m) ** 2).sum(), M),
    "hstack": (lambda x: (np.hstack([x, x**2]) * np.arange(10)).sum(), X),
    "vstack": (lambda x: (np.vstack([x, x**2]) * np.arange(10).reshape(2, 5)).sum(), X),
    "colst": (lambda x: (np.column_stack([x, x**2]) @ np.array([1.0, 2])).sum(), X),
    "roll": (lambda x: (np.roll(x, 2) * np.arange(5)).sum(), X),
    "repeat": (lambda x: (np.repeat(x, 2) * np.arange(10)).sum(), X),
    "std": (lambda m: m.std(axis=1).sum(), M),
    "var": (lambda m: np.var(m, ddof=1), M),
    "mean": (lambda m: m.mean(0).prod(), M),
    "trap": (lambda x: np.trapezoid(x**2, np.arange(5.0)), X),
    "polyval": (lambda x: np.polyval(x, 1.3), X),
    "logaddexp": (lambda x: np.logaddexp(x, x[::-1]).sum(), X),
    "mod": (lambda x: (np.mod(x, 0.7) ** 2).sum(), X),
    "norm": (lambda m: np.linalg.norm(m), M),
    "where": (lambda x: np.where(x > 0, x**2, -x).sum(), X),
    "clip": (lambda x: np.clip(x, -0.5, 0.5).sum(), X),
    "cumsum": (lambda x: (np.cumsum(x) ** 2).sum(), X),
    "power": (lambda x: (x**2.5).sum(), P),
    "hyp": (lambda x: np.hypot(x, x[::-1]).sum(), X),
    "outer": (lambda x: (np.outer(x, x) ** 2).sum(), X),
    "matm": (lambda m: (m @ m.T).sum(), M),
    "ein": (lambda m: np.einsum("ij,kj->ik", m, m).max(), M),
    "item": (lambda x: x[0].item() * x[1], X),
    "flat": (lambda m: (m.flatten()[::2] ** 2).sum(), M),
    "swap": (lambda m: (m.swapaxes(0, 1)[1] ** 3).sum(), M),
    "split": (lambda x: sum((p**2).sum() for p in np.array_split(x, 2)), X),
    "delete": (lambda x: (np.delete(x, 1) ** 2).sum(), X),
    "append": (lambda x: (np.append(x, x[0]) ** 2).sum(), X),
    "cbrt": (lambda x: np.cbrt(x).sum(), X),
    "log2": (lambda x: np.log2(x).sum(), P),
    "asinh": (lambda x: np.arcsinh(x).sum(), X),
    "acosh": (lambda x: np.arccosh(1 + x).sum(), P),
    "sinc": (lambda x: np.sinc(x).sum(), X),
    "maxm": (lambda m: np.maximum.reduce(m, axis=0).sum(), M),
    "addo": (lambda x: (np.add.outer(x, x) ** 3).sum(), X),
    "sortin": (lambda x: srt(x), X),
    "full": (lambda x: (np.full(3, x[0]) * x[1]).sum(), X),
    "arr2": (lambda x: (np.array([[x[0], x[1]], [x[1], x[2]]]) @ np.array([1.0, 2.0])).prod(), X),
    "quant": (lambda m: np.quantile(m, [0.2, 0.7]).sum(), M),
    "broadcast": (lambda x: (np.broadcast_to(x, (2, 5)) ** 2).sum(), X),
    "mesh": (lambda x: sum((g**2).sum() for g in np.meshgrid(x, x)), X),
    "ptp": (lambda x: np.ptp(x), X),
    "avg": (lambda x: np.average(x, weights=x**2), X),
    "mathf": (lambda x: math.sqrt(x[0] ** 2 + 1) * math.atan2(x[1], x[2]), X),
    "take": (lambda m: m.take([0, 1], axis=1).sum(), M),
    "sumneg": (lambda x: np.sum(np.abs(x[1:] - x[:-1])), X),
    "inplT": (column, M),
    "logical": (lambda x: (x * (x > 0)).sum() if np.all(np.isfinite(x)) else 0.0, X),
    "astype": (lambda x: (x.astype(np.float64) * 2).sum(), X),
    "dott": (lambda m: m.dot(m.T).trace(), M),
    "out": (lambda x: outf(x), X),
    "zl": (lambda x: zlf(x), X),
}
