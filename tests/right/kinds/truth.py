"""Derivatives by differences that nothing of gradcheck has a part in: Ridders' extrapolation, entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Entries of an array that are verified: all of small ones, as many at random of large ones.
MOST = 24


def leaves(x: Any) -> list[Any]:
    """Return the arrays and floats of a structure that are differentiated, as float64."""
    if isinstance(x, tuple | list):
        return [v for a in x for v in leaves(a)]
    if isinstance(x, dict):
        return [v for a in x.values() for v in leaves(a)]
    if isinstance(x, str | int | np.integer | bool) or x is None or np.asarray(x).dtype.kind in "iubOU":
        return []
    return [np.asarray(x, np.float64)]


def put(x: Any, values: list[Any]) -> Any:
    """Return the structure with other leaves, which are taken from the front of the list."""
    if isinstance(x, tuple | list):
        return type(x)(put(a, values) for a in x)
    if isinstance(x, dict):
        return {k: put(a, values) for k, a in x.items()}
    if not leaves(x):
        return x
    v = values.pop(0)
    return float(v) if isinstance(x, float) and not isinstance(x, np.ndarray) else np.array(v)


def contracted(y: Any, g: Any) -> float:
    """Return <g, y> over any structure of outputs."""
    return float(sum(np.sum(a * b) for a, b in zip(leaves(y), leaves(g), strict=True)))


def ridders(along: Any, h: float) -> tuple[float, float]:
    """Return the slope of a function at 0 and an estimate of its error."""
    best, error, last = 0.0, np.inf, []
    for _ in range(9):
        row = [(along(h) - along(-h)) / (2 * h)]
        for k, before in enumerate(last, 1):
            row.append((row[-1] * 1.96**k - before) / (1.96**k - 1))
            e = max(abs(row[-1] - row[-2]), abs(row[-1] - before))
            if e < error:
                best, error = row[-1], e
        last, h = row, h / 1.4
    return best, error


def sides(along: Any, h: float) -> tuple[float, float]:
    """Return the slopes at 0 from the left and from the right, the smaller first."""
    right = (-3 * along(0) + 4 * along(h) - along(2 * h)) / (2 * h)
    left = (3 * along(0) - 4 * along(-h) + along(-2 * h)) / (2 * h)
    return min(left, right), max(left, right)


def chosen(size: int) -> Any:
    """Return the entries that are verified."""
    return range(size) if size <= MOST else np.random.default_rng(size).choice(size, MOST, replace=False)


def along_entry(case: Any, f: Any, g: Any, k: int, i: int) -> tuple[Any, float]:
    """Return <g, f> along one entry of one input, and the entry."""
    points = leaves(case.drawn())
    at = float(points[k].flat[i])

    def value(s: float) -> float:
        moved = [p.copy() for p in points]
        moved[k].flat[i] = at + s
        return contracted(f(*put(case.drawn(), moved)), g)

    return value, at


def sizes(gradients: list[Any]) -> list[float]:
    """Return the largest entry of each array; 1e-9 of all where it is rounding alone, and 1 where all is zero."""
    largest = [float(np.max(np.abs(v), initial=0.0)) for v in gradients]
    return [max(x, 1e-9 * max(largest)) or 1.0 for x in largest]


def difference(case: Any, mutant: str) -> float:
    """Return by how much a mutant is off, in any entry, relative to the largest of its array."""
    right, wrong = (claimed(case, *first_order(*case.subject(m)))[1] for m in ("", mutant))
    parts = zip(right, wrong, sizes(right), strict=True)
    return max(float(np.max(np.abs(a - b), initial=0.0)) / size for a, b, size in parts)


def complaints(case: Any) -> list[str]:
    """Return the entries in which a case's derivative is not the slope of its function."""
    f, derivative = first_order(*case.subject())
    g, gradients = claimed(case, f, derivative)
    out, scales = [], sizes(gradients)
    for k, v in enumerate(gradients):
        scale = scales[k]
        for i in chosen(v.size):
            value, at = along_entry(case, case.reference or f, g, k, int(i))
            got = float(v.flat[i])
            if case.kink:
                low, high = sides(value, 1e-6)
                error = max(low - got, got - high, 0.0)
            else:
                slope, spread = ridders(value, case.step * (abs(at) or 1.0))
                error = abs(got - slope)
                if spread > max(1e-4, case.rough) * scale:
                    out.append(f"{case.name}: differences at {k}[{i}] are uncertain by {spread / scale:.1e}")
            if not error <= case.rough * scale:
                out.append(f"{case.name}: {k}[{i}] is {got!r}, off by {error / scale:.1e}")
    return out


def first_order(f: Any, derivative: Any) -> tuple[Any, Any]:
    """Return what is the derivative of what: a Hessian or its product of the gradient, tangents of f in the place of its gradients."""
    if "hvp" in derivative:
        return derivative["grad"], {"vjp": lambda g, *x: derivative["hvp"](g if isinstance(g, tuple) else (g,), *x)}
    if "hessian" in derivative:
        return derivative["grad"], {"vjp": lambda g, x: (g @ derivative["hessian"](x),)}
    if "jvp" in derivative:
        return f, {"vjp": lambda g, *x: tuple(_by_tangents(derivative["jvp"], g, x, k) for k in range(len(x)))}
    return f, derivative


def _by_tangents(jvp: Any, g: Any, x: Any, k: int) -> Any:
    """Return <g, jvp> along each entry of an input, twice backwards: a jvp is linear."""
    out = np.zeros(x[k].shape)
    for i in range(out.size):
        ts = [np.zeros_like(a) for a in x]
        ts[k].flat[i] = -2.0
        out.flat[i] = np.sum(g * jvp(tuple(ts), *x)) / -2.0
    return out


def claimed(case: Any, f: Any, derivative: Any) -> tuple[Any, list[Any]]:
    """Return the cotangent and the gradients that a derivative claims at the case's inputs."""
    y = f(*case.drawn())
    if "grad" in derivative:
        v = derivative["grad"](*case.drawn())
        return 1.0, leaves(v)
    rng = np.random.default_rng(7)
    g = put_like(y, lambda a: rng.uniform(0.5, 1.5, np.shape(a)) * rng.choice([-1.0, 1.0], np.shape(a)))
    return g, leaves(derivative["vjp"](g, *case.drawn()))


def put_like(y: Any, draw: Any) -> Any:
    """Return something of the structure and the formats of y."""
    if isinstance(y, tuple | list):
        return type(y)(put_like(a, draw) for a in y)
    if isinstance(y, dict):
        return {k: put_like(a, draw) for k, a in y.items()}
    return np.asarray(draw(y), np.asarray(y).dtype)
