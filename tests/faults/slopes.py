"""One-sided derivatives by entry, in 400 digits where f's code runs on them, else differences in float64."""

import numpy as np

from tests.faults.real import Real, context, reals

_WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)


def is_float(x):
    """Answer whether an input is differentiated."""
    return x.dtype == np.float64


def contract(g, y, z):
    """Return <g, y - z> over one or several outputs, contracted after the subtraction; what is NaN in both does not count."""
    triples = zip(g, y, z, strict=True) if isinstance(y, tuple) else [(g, y, z)]
    total = Real(0)
    for a, b, c in triples:
        for u, v, w in zip(np.ravel(a), np.ravel(np.asarray(b)), np.ravel(np.asarray(c)), strict=True):
            if not (v != v and w != w):
                total = total + Real(float(u)) * (v - w)
    return total


class Exact:
    """One-sided derivatives in 400 digits.

    Raises:
        TypeError: if f's code does not run on objects.
    """

    def __init__(self, f, g, inputs):
        self.f, self.g = f, g
        self.points = [reals(x) for x in inputs]
        self.here = f(*self.points)

    def sides(self, k, entry):
        """Return the derivatives from the left and from the right by one entry of input k."""
        x = self.points[k][entry].v
        h = context.mpf(10) ** -40 * (min(abs(x), 1) if x else 1)
        low, high = (self.f(*_moved(self.points, k, entry, Real(x + s * h))) for s in (-1, 1))
        return float(contract(self.g, self.here, low).v / h), float(contract(self.g, high, self.here).v / h)


class Differences:
    """Central differences of order 8 in float64, the same for both sides."""

    def __init__(self, f, g, inputs, step):
        self.f, self.g, self.points, self.step = f, g, inputs, step

    def sides(self, k, entry):
        """Return the derivative by one entry of input k, twice."""
        slope = sum(w * self._gap(k, entry, n * self.step) for n, w in enumerate(_WEIGHTS, 1)) / self.step
        return slope, slope

    def _gap(self, k, entry, d):
        x = self.points[k][entry]
        high, low = (self.f(*_moved(self.points, k, entry, x + s * d)) for s in (1, -1))
        return float(np.sum(self.g * (high - low)))


def _moved(points, k, entry, v):
    copies = [p.copy(order="K") for p in points]
    copies[k][entry] = v
    return copies
