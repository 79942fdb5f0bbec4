"""Right functions with wrong derivatives and the kind of mistake that each is: frozen before what names them was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RNG = np.random.default_rng(1)
V, W = RNG.normal(size=5), RNG.uniform(0.5, 2.0, 5)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
S, P = RNG.normal(size=(4, 4)), RNG.uniform(0.5, 2.0, (4, 4))
C = RNG.normal(size=(2, 3, 4))
A = RNG.normal(size=(5, 5))
SLOTS = np.array([2, 0, 2, 1, 0])
U = np.array([0.3, -0.8, 1.7, -2.6])


@dataclass(frozen=True, slots=True)
class Case:
    """A wrong derivative and what it is.

    Args:
        name: unique.
        kind: of the mistake; "" where no name would be right.
        f: the function.
        inputs: a tuple is the argument list.
        given: the derivative: vjp, grad or hessian.
        told: what the sentence has to contain.
        traced: whether the mistake can only be seen in the graph of f.
    """

    name: str
    kind: str
    f: Callable[..., Any]
    inputs: Any
    given: dict[str, Callable[..., Any]]
    told: str = ""
    traced: bool = False


def vjp(name: str, kind: str, f: Any, inputs: Any, of: Any, told: str = "", *, traced: bool = False) -> Case:
    """Return a case of a vjp with one gradient, or several as a tuple."""
    return Case(name, kind, f, inputs, {"vjp": lambda *a: found if isinstance(found := of(*a), tuple) else (found,)}, told, traced)


def grad(name: str, kind: str, f: Any, inputs: Any, of: Any, told: str = "", *, traced: bool = False) -> Case:
    """Return a case of a gradient of a scalar function."""
    return Case(name, kind, f, inputs, {"grad": of}, told, traced)


def factor(name: str, c: float, told: str, f: Any = np.sin, x: Any = V, of: Any = lambda g, x: g * np.cos(x)) -> Case:
    """Return a case in which every entry is multiplied."""
    return vjp(name, "factor", f, x, lambda g, *xs: c * of(g, *xs), told)


def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) over its sum along an axis."""
    e = np.exp(x)
    return e / np.sum(e, axis=axis, keepdims=True)


def put(g: Any, x: Any, slots: Any, how: str) -> Any:
    """Return the gradient of x[slots] in which the last, or the first, of repeated indices is kept."""
    out = np.zeros_like(x)
    for k in range(len(slots)) if how == "last" else reversed(range(len(slots))):
        out[slots[k]] = g[k]
    return out


def p_of(x: Any, axis: int = -1) -> Any:
    """Return the softmax of numbers."""
    return softmax(np.asarray(x), axis)


def over(x: Any, axis: int, keepdims: bool = True) -> Any:
    """Return a sum along an axis."""
    return np.sum(x, axis=axis, keepdims=keepdims)


CASES = (
    # -- factors: plain numbers, sizes, constants
    vjp("sign", "sign", np.sin, V, lambda g, x: -g * np.cos(x)),
    grad("sign of a score", "sign", lambda x: np.sum(np.log(x) - x), W, lambda x: 1 - 1 / x),
    factor("twice", 2, "2 times"),
    factor("a half", 0.5, "1/2 times"),
    factor("three halves", 1.5, "3/2 times"),
    factor("a thousand", 1000, "1000 times"),
    factor("degrees", 180 / np.pi, "180/pi"),
    factor("radians", np.pi / 180, "pi/180"),
    factor("degrees, negative", -180 / np.pi, "-180/pi"),
    factor("root of two", np.sqrt(2), "sqrt(2)"),
    factor("root of a half", np.sqrt(0.5), "1/sqrt(2)"),
    factor("pi", np.pi, "pi"),
    factor("two pi", 2 * np.pi, "2 pi"),
    factor("hertz", 1 / (2 * np.pi), "1/(2 pi)"),
    factor("calories", 4.184, "4.184"),
    factor("joules", 1 / 4.184, "1/4.184"),
    factor("bits", np.log(2), "ln 2", lambda x: np.log(x) / np.log(2.0), W, lambda g, x: g / x / np.log(2)),
    factor("nats", 1 / np.log(2), "1/ln 2", np.log, W, lambda g, x: g / x),
    factor("decades", np.log(10), "ln 10", lambda x: np.log(x) / np.log(10.0), W, lambda g, x: g / x / np.log(10)),
    factor("neper", 1 / np.log(10), "1/ln 10", np.log, W, lambda g, x: g / x),
    vjp("mean as sum", "factor", lambda x: np.mean(x**2), X, lambda g, x: 2 * g * x, "12 is the size"),
    vjp("divided by the batch", "factor", lambda x, w: x @ w, (X, Y), lambda g, x, w: (g @ w.T, x.T @ g / 3), "1/3 times"),
    vjp("divided by the size", "factor", lambda x: np.sum(np.sin(x)), V, lambda g, x: g * np.cos(x) / 5, "1/5 times"),
    # -- another parameter
    grad("by the logarithm", "by logarithm", lambda x: np.sum(x**3 + np.exp(x)), W, lambda x: x * (3 * x**2 + np.exp(x))),
    vjp("by the logarithm, of entries", "by logarithm", lambda x: x**3 + np.exp(x), W, lambda g, x: g * x * (3 * x**2 + np.exp(x))),
    grad("by the logarithm, of a likelihood", "by logarithm", lambda a, b: np.sum(a * np.log(b) - np.sin(b) * a), (W, V**2 + 1),
         lambda a, b: (np.log(b) - np.sin(b), b * (a / b - np.cos(b) * a))),
    grad("by the exponential", "by exponential", lambda x: np.sum(x**3 + np.cos(x)), W, lambda x: (3 * x**2 - np.sin(x)) / x),
    vjp("by the exponential, of entries", "by exponential", np.cos, W, lambda g, x: -g * np.sin(x) / x),
    # -- diagonal of the Jacobian
    vjp("softmax: p (1 - p)", "diagonal only", softmax, V, lambda g, x: g * p_of(x) * (1 - p_of(x))),
    vjp("softmax of rows: p (1 - p)", "diagonal only", softmax, X, lambda g, x: g * p_of(x) * (1 - p_of(x))),
    vjp("log-softmax: 1 - p", "diagonal only", lambda x: x - np.log(over(np.exp(x), -1)), V, lambda g, x: g * (1 - p_of(x))),
    vjp("unit vector", "diagonal only", lambda x: x / np.sqrt(np.sum(x * x)), V,
        lambda g, x: g * (1 / np.sqrt(x @ x) - x * x / (x @ x) ** 1.5)),
    vjp("matrix: its diagonal", "diagonal only", lambda x: A @ np.sin(x), V, lambda g, x: g * np.diag(A) * np.cos(x)),
    # -- an epsilon
    vjp("logarithm with an epsilon", "epsilon", lambda x: np.log(x + 1e-7), W, lambda g, x: g / x, traced=True),
    grad("loss with an epsilon", "epsilon", lambda x: -np.sum(V**2 * np.log(x + 1e-6)), W, lambda x: -(V**2) / x, traced=True),
    vjp("root with an epsilon", "epsilon", lambda x: np.sqrt(x * x + 1e-5), W, lambda g, x: g * np.sign(x), traced=True),
    vjp("epsilon outside of the root", "epsilon", lambda x: x / np.sqrt(np.sum(x * x) + 1e-3), V,
        lambda g, x: g / (n := np.sqrt(x @ x) + 1e-3) - x * (g @ x) / (np.sqrt(x @ x) * n**2), traced=True),
    vjp("epsilon inside of the root", "epsilon", lambda x: x / (np.sqrt(np.sum(x * x)) + 1e-3), V,
        lambda g, x: g / (n := np.sqrt(x @ x + 1e-3)) - x * (g @ x) / n**3, traced=True),
    # -- the wrong axis
    vjp("softmax over the first axis", "wrong axis", lambda x: softmax(x, 0), S, lambda g, x: (p := p_of(x, 0)) * (g - over(g * p, 1))),
    vjp("softmax over the middle axis", "wrong axis", lambda x: softmax(x, 1), C, lambda g, x: (p := p_of(x, 1)) * (g - over(g * p, 2))),
    vjp("log-softmax over the first axis", "wrong axis", lambda x: x - np.log(over(np.exp(x), 0)), S,
        lambda g, x: g - p_of(x, 0) * over(g, 1)),
    vjp("centred over the first axis", "wrong axis", lambda x: x - np.mean(x, axis=0), S, lambda g, x: g - np.mean(g, axis=1, keepdims=True)),
    vjp("bias summed over the wrong axis", "wrong axis", lambda x, b: np.sin(x) + b, (S, S[0]), lambda g, x, b: (g * np.cos(x), g.sum(1))),
    vjp("rows of unit length", "wrong axis", lambda x: x / np.sqrt(over(x * x, 1)), S,
        lambda g, x: (g - (y := x / (n := np.sqrt(over(x * x, 1)))) * over(g * y, 0)) / n),
    # -- repeated indices
    vjp("repeated indices, last", "= for +=", lambda x, i: x[i], (X, SLOTS), lambda g, x, i: (put(g, x, i, "last"), None), "last"),
    vjp("repeated indices, first", "= for +=", lambda x, i: x[i], (X, SLOTS), lambda g, x, i: (put(g, x, i, "first"), None), "first"),
    vjp("repeated indices of a vector", "= for +=", lambda x, i: np.sin(x)[i], (V, SLOTS),
        lambda g, x, i: (put(g, x, i, "last") * np.cos(x), None), "last"),
    # -- places
    vjp("transpose", "transpose", lambda x: x**3, S, lambda g, x: (3 * g * x**2).T),
    vjp("order of axes", "transpose", lambda x: x**2, RNG.normal(size=(3, 3, 3)), lambda g, x: (2 * g * x).transpose(1, 2, 0)),
    vjp("rolled", "roll", np.sin, V, lambda g, x: np.roll(g * np.cos(x), 1)),
    vjp("backwards", "flip", np.sin, V, lambda g, x: (g * np.cos(x))[::-1]),
    vjp("permuted", "permutation", np.sin, V, lambda g, x: (g * np.cos(x))[[2, 0, 4, 1, 3]]),
    vjp("exchanged", "swapped inputs", lambda x, y: x * y**2, (X, X + 3), lambda g, x, y: (2 * g * x * y, g * y**2)),
    vjp("broadcast, last slice", "missing broadcast sum", lambda x, b: x * b, (X, X[0] + 3), lambda g, x, b: (g * b, (g * x)[-1]), "last"),
    vjp("shape of the result", "missing broadcast sum", lambda x, b: x * b, (X, X[0] + 3), lambda g, x, b: (g * b, g * x)),
    # -- the cotangent, the mask, the slope
    vjp("missing", "zero", np.sin, V, lambda g, x: 0 * g),
    vjp("None", "zero", np.sin, V, lambda g, x: (None,)),
    vjp("passed through", "passed through", np.sin, V, lambda g, x: g),
    vjp("cotangent ignored", "cotangent ignored", lambda x: np.sum(x**3), X, lambda g, x: 3 * x * x),
    vjp("cotangent twice", "cotangent used twice", lambda x: np.sum(x**3), X, lambda g, x: 3 * g * g * x * x),
    vjp("mask inverted", "mask inverted", lambda x: np.maximum(x, 0), U, lambda g, x: g * (x < 0)),
    vjp("value for slope", "f for f'", np.sin, V, lambda g, x: g * np.sin(x)),
    vjp("1 - y", "1 - f", np.tanh, V, lambda g, x: g * (1 - np.tanh(x))),
    vjp("at its output", "at output", lambda x: x**3, W, lambda g, x: 3 * g * x**6),
    vjp("an input that does not matter", "not ignored", lambda x, y: x * x, (X, X + 1), lambda g, x, y: (2 * g * x, g)),
    # -- terms
    vjp("one output lost", "term missing", lambda x: (x**2, np.sin(x)), X, lambda g, x: 2 * g[0] * x, "output 1"),
    vjp("term of a sum", "term missing", lambda x: np.sum(x**3 + np.sin(x)), X, lambda g, x: 3 * g * x * x, "cos of input 0"),
    vjp("term of a product", "term missing", lambda x: x @ x.T, X[:, :3], lambda g, x: g @ x, "g.T @ input 0"),
    grad("regularisation missing", "term missing", lambda w: np.sum(np.sin(w)) + 0.05 * w @ w, V, np.cos, "0.1 times"),
    grad("regularisation too many", "term too many", lambda w: np.sum(np.sin(w)), V, lambda w: np.cos(w) + 0.1 * w, "0.1 times"),
    # -- named at any size
    grad("a small sign among large numbers", "sign", lambda x, y: np.sum(1e6 * x**2) + 1e-4 * np.sum(np.sin(y)), (V, W),
         lambda x, y: (2e6 * x, -1e-4 * np.cos(y))),
    # -- nothing of this has a name
    vjp("noise", "", np.sin, X, lambda g, x: g * np.cos(x) + 0.1 * np.cos(7 * x + 3)),
    vjp("another slope", "", np.sin, X, lambda g, x: g * np.cos(x) ** 3 * 1.1),
    vjp("one entry", "factor", np.sin, X, lambda g, x: g * np.cos(x) * (1 + 0.3 * (x == x.flat[5]))),
    vjp("factor that is the cotangent", "cotangent used twice", np.sin, X, lambda g, x: g * np.cos(x) * g[0, 0]),
)  # fmt: skip

#: H and what it should be: a Hessian is told by its own entries.
HESSIANS = (
    Case("one entry of a Hessian", "", lambda x: x[0] ** 3 * x[2] ** 2 + x[1] ** 4, np.array([1.3, -0.7, 1.8]),
         {"grad": lambda x: np.array([3 * x[0] ** 2 * x[2] ** 2, 4 * x[1] ** 3, 2 * x[0] ** 3 * x[2]]),
          "hessian": lambda x: np.array([[6 * x[0] * x[2] ** 2, 0, 0], [0, 12 * x[1] ** 2, 0], [0, 0, 2 * x[0] ** 3]])}, "H[0, 2]"),
    Case("the diagonal of a Hessian", "", lambda x: x[0] ** 3 + x[1] ** 4, np.array([1.3, -0.7]),
         {"grad": lambda x: np.array([3 * x[0] ** 2, 4 * x[1] ** 3]), "hessian": lambda x: np.diag([6 * x[0], 6 * x[1] ** 2])}, "H[1, 1]"),
)  # fmt: skip
