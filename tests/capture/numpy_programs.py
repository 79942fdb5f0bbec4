"""Random NumPy programs with views, writes in place, masks and arrays that are filled."""

import numpy as np


def program(seed):
    """Return a function of one array of shape (3, 4), the same at every call, and an argument."""
    steps = np.random.default_rng(seed).integers(0, 2**31, size=(int(np.random.default_rng(seed).integers(3, 12)), 4))

    def f(x):
        pool = [x, np.tanh(x)]
        for kind, a, b, c in steps:
            _step(pool, int(kind), pool[a % len(pool)], pool[b % len(pool)], int(c))
        return sum((np.sin(v) * (1 + k)).sum() for k, v in enumerate(pool))

    return f, np.random.default_rng(seed + 10**6).normal(size=(3, 4))


def _step(pool, kind, v, w, c):
    """Make an array of others, or change one: what does not fit is left out."""
    makers = (
        lambda: np.sin(v) * 0.5, lambda: v * np.tanh(w) if v.shape == w.shape else np.tanh(v), lambda: v[c % v.shape[0] :] if v.shape[0] > 1 else v + 0.1,
        lambda: v.T, lambda: v.reshape(-1), lambda: v.copy(), lambda: np.where(v > 0.1, v, 0.3 * v), lambda: v[::-1],
        lambda: np.concatenate([v.reshape(-1), w.reshape(-1)])[: 1 + c % 7], lambda: v.mean(axis=0) if v.ndim > 1 else np.cumsum(v) * 0.2,
        lambda: v - v.max(), lambda: np.sort(v, axis=-1), lambda: v[np.argsort(v.reshape(-1)[: v.shape[0]])] if v.ndim else v, lambda: filled(v, c),
        lambda: np.stack([v, v * 0.5]), lambda: np.outer(v.reshape(-1)[:3], w.reshape(-1)[:2]), lambda: np.clip(v, -0.7, 0.8),
        lambda: v.swapaxes(0, -1) if v.ndim > 1 else v,
    )  # fmt: skip
    writers = (
        lambda: v.__iadd__(0.1 * np.cos(v)), lambda: v.__setitem__(slice(0, 1), 0.3 * w.reshape(-1)[0]), lambda: v.__setitem__(v > 0.5, 0.2),
        lambda: v.__imul__(0.5), lambda: v.__setitem__(Ellipsis, np.tanh(v)), lambda: v.__setitem__(v < -0.5, -v[v < -0.5] * 0.3),
    )  # fmt: skip
    if kind % 3 and len(pool) < 8:
        pool.append(makers[kind // 3 % len(makers)]())
    elif v.ndim and v is not pool[0]:
        writers[kind // 3 % len(writers)]()


def filled(v, c):
    """Return zeros, filled by a loop with a branch."""
    y = np.zeros(v.size)
    for k in range(v.size):
        e = v.reshape(-1)[k]
        if k % 2 == c % 2:
            y[k] = np.sin(e)
        else:
            y[k] += 0.5 * e
    return y
