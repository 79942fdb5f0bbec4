"""One-sided derivatives by entry, in 150 digits where f's code runs on them, else in float64 differences."""

import numpy as np

from tests.faults.real import Real, context, reals


def is_float(x):
    """Answer whether an input is differentiated."""
    return x.dtype == np.float64


def contract(g, y, z):
    """Return <g, y - z> over one or several outputs, contracted after the subtraction."""
    triples = zip(g, y, z, strict=True) if isinstance(y, tuple) else [(g, y, z)]
    total = Real(0)
    for a, b, c in triples:
        for u, v, w in zip(np.ravel(a), np.ravel(np.asarray(b)), np.ravel(np.asarray(c)), strict=True):
            total = total + Real(float(u)) * (v - w)
    return total


def exact_slopes(f, g, inputs):
    """Return by input the derivatives from the left and from the right of <g, f>, as floats.

    Raises:
        TypeError, AttributeError: if f's code does not run on objects.
    """
    points = [reals(x) for x in inputs]
    here = f(*points)
    return [_both(f, g, points, k, here) if is_float(x) else None for k, x in enumerate(inputs)]


def _both(f, g, points, k, here):
    shape = points[k].shape
    sides = np.empty((2, *shape))
    for entry in np.ndindex(shape):
        x = points[k][entry].v
        h = context.mpf(10) ** -40 * (min(abs(x), 1) if x else 1)
        low, high = (f(*_moved(points, k, entry, x + s * h)) for s in (-1, 1))
        sides[(0, *entry)] = float(contract(g, here, low).v / h)
        sides[(1, *entry)] = float(contract(g, high, here).v / h)
    return sides


def _moved(points, k, entry, v):
    copies = [p.copy(order="K") for p in points]
    copies[k][entry] = Real(v)
    return copies


def difference_slopes(f, g, inputs, h=1e-3):
    """Return by input the central differences of order 8 of <g, f> in float64, both sides the same."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    found = []
    for k, x in enumerate(inputs):
        if not is_float(x):
            found.append(None)
            continue
        slope = np.zeros((2, *x.shape))
        for entry in np.ndindex(x.shape):
            step = h * max(abs(float(x[entry])), 1e-1)
            total = 0.0
            for n, w in weights.items():
                total += w * _gap(f, g, inputs, k, entry, n * step)
            slope[(slice(None), *entry)] = total / step
        found.append(slope)
    return found


def _gap(f, g, inputs, k, entry, d):
    ends = []
    for s in (1, -1):
        xs = [x.copy(order="K") for x in inputs]
        xs[k][entry] += s * d
        ends.append(f(*xs))
    if isinstance(ends[0], tuple):
        return sum(float(np.sum(a * (p - q))) for a, p, q in zip(g, *ends, strict=True))
    return float(np.sum(g * (ends[0] - ends[1])))
