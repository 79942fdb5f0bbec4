"""Hostile functions for `check`, by name: f, inputs, what is given, and the verdicts or errors that are right."""

# ruff: noqa: B008 - what functions keep is the matter here

import functools

import numpy as np

from gradcheck.errors import BadInput, FunctionFailed, GradcheckError
from tests.foreign.raising import RAISES

X = np.array([0.3, -0.5, 0.8])


def sine(x):
    """Return a smooth function that does not run over other numbers."""
    return np.sin(np.asarray(x, np.float64))


def vjp(g, x):
    """Return its derivative."""
    return (g * np.cos(x),)


def twice(g, x):
    """Return a wrong one."""
    return (2 * g * np.cos(x),)


def _after(count, raises, f):
    """Return a function that raises from some call on."""
    calls = []

    def later(*given):
        calls.append(1)
        return f(*given) if len(calls) <= count else raises()

    return later


def _buffered(f, shape=(3,)):
    """Return a function with one array for all its answers."""
    buffer = np.zeros(shape)

    def into(*given):
        found = f(*given)
        np.copyto(buffer, found[0] if isinstance(found, tuple) else found)
        return (buffer,) if isinstance(found, tuple) else buffer

    return into


class Array:
    """What raises when it is made an array."""

    def __init__(self, raises):
        self.raises = raises

    def __array__(self, *_, **__):
        return self.raises()

    conjugate = None


class Layer:
    """A layer that keeps its output, sums and counts."""

    def __init__(self, wrong=False):
        self.out, self.sum, self.count, self.wrong = np.zeros(3), np.zeros(3), 0, wrong

    def forward(self, x):
        """Return the output, always the same array."""
        self.x, self.count = np.array(x), self.count + 1
        return np.sin(x, out=self.out)

    def backward(self, g, x):
        """Return the gradient."""
        self.sum += g
        return (g * np.cos(self.x) * (2 if self.wrong else 1),)


def _endless():
    found = [1.0]
    found.append(found)
    return found


def _loop():
    found = {}
    found["a"] = (1.0, found)
    return found


#: an error of ours
OURS = (GradcheckError,)
#: name -> f, inputs, options, the verdicts that are right (none where an error has to come), the errors that are
FUNCTIONS = {}


def _declare(name, f=sine, at=X, verdicts=(), errors=(FunctionFailed,), **given):
    FUNCTIONS[name] = (f, at, {"vjp": vjp, **given} if not {"grad", "jvp"} & set(given) or "vjp" in given else given, verdicts, errors)


for _name, _raises in RAISES.items():
    _declare(f"f raises {_name}", _after(0, _raises, sine), errors=OURS)
    _declare(f"f raises {_name} later", _after(4, _raises, sine), errors=OURS, verdicts=("inconclusive",))
    _declare(f"vjp raises {_name}", vjp=_after(0, _raises, vjp), errors=OURS)
    _declare(f"vjp raises {_name} later", vjp=_after(3, _raises, vjp), errors=OURS, verdicts=("fail", "inconclusive"))
    _declare(f"f answers with {_name}", lambda x, raises=_raises: Array(raises), errors=OURS)
    _declare(f"vjp answers with {_name}", vjp=lambda g, x, raises=_raises: (Array(raises),), errors=OURS)

RIGHT = ("pass",)
WRONG = ("fail",)
for _name, _vjp, _verdicts in (("right", vjp, RIGHT), ("wrong", twice, WRONG)):
    _declare(f"a buffer of f, {_name}", _buffered(sine), vjp=_vjp, verdicts=_verdicts)
    _declare(f"a buffer of vjp, {_name}", vjp=_buffered(_vjp), verdicts=_verdicts)
    _declare(f"both buffers, {_name}", _buffered(sine), vjp=_buffered(_vjp), verdicts=_verdicts)
    _declare(f"a buffer in a tuple, {_name}", lambda x, f=_buffered(sine): (f(x),), vjp=lambda g, x, v=_vjp: v(g[0] if isinstance(g, tuple) else g, x), verdicts=_verdicts)
    _declare(f"a layer, {_name}", (layer := Layer(_name == "wrong")).forward, vjp=layer.backward, verdicts=_verdicts)
    _declare(f"a partial function, {_name}", functools.partial(sine), vjp=functools.partial(_vjp), verdicts=_verdicts)
    _declare(f"a subclass of arrays, {_name}", lambda x: sine(x).view(type("A", (np.ndarray,), {})), vjp=_vjp, verdicts=_verdicts)
    _declare(f"objects for numbers, {_name}", vjp=lambda g, x, v=_vjp: (v(g, x)[0].tolist(),), verdicts=_verdicts)
    _declare(f"errors of floating point raised, {_name}", lambda x: np.seterr(all="raise") and sine(x), vjp=_vjp, verdicts=_verdicts)
    _declare(f"another folder and clock, {_name}", lambda x: setattr(__import__("time"), "perf_counter", None) or sine(x), vjp=_vjp, verdicts=_verdicts)

MASKED, FIELDS = np.ma.array(X, mask=[0, 1, 0]), np.zeros(3, [("a", float), ("b", float)])
BAD = (BadInput,)
_declare("masked inputs", at=MASKED, errors=BAD)
_declare("masked inputs of which none is", at=np.ma.array(X), errors=BAD)
_declare("masked inputs inside", at={"a": [MASKED]}, errors=BAD)
_declare("structured inputs", at=FIELDS, errors=BAD)
_declare("masked outputs", lambda x: np.ma.array(sine(x), mask=True), errors=BAD)
_declare("structured outputs", lambda x: FIELDS, errors=BAD)
_declare("masked gradients", vjp=lambda g, x: (np.ma.array(g, mask=True),), errors=BAD)
_declare("structured gradients", vjp=lambda g, x: (FIELDS,), errors=BAD)
_declare("a list in itself", at=_endless(), errors=BAD)
_declare("a dict in itself", at=_loop(), errors=BAD)
_declare("an output in itself", lambda x: _endless())
_declare("nothing", lambda x: None)
_declare("text", lambda x: "abc")
_declare("a class", lambda x: np.ndarray, errors=OURS)
_declare("integers", lambda x: np.array([1, 2]), errors=BAD)
_declare("truths", lambda x: np.array([True, False]), errors=BAD)
_declare("dates", lambda x: np.zeros(3, "M8[s]"), errors=OURS)
_declare("text in an array", lambda x: np.array(["a"]), errors=OURS)
_declare("objects", lambda x: np.array([None, 1], object), errors=OURS)
_declare("huge objects", lambda x: np.array([10**400], object), errors=OURS)
_declare("an empty output", lambda x: np.zeros(0), verdicts=("inconclusive", "fail"), errors=OURS)
_declare("shapes that change", lambda x, n=iter(range(1, 10**6)): np.zeros(next(n)), verdicts=("inconclusive", "fail"), errors=OURS)
_declare("types that change", lambda x, n=iter(range(10**6)): sine(x).astype(("f8", "f4")[next(n) % 2]), verdicts=("pass", "inconclusive"), errors=OURS)
_declare("vjp gives nothing", vjp=lambda g, x: None, verdicts=("fail", "inconclusive"), errors=OURS)
_declare("vjp gives a number", vjp=lambda g, x: 3.0, verdicts=WRONG, errors=OURS)
_declare("vjp gives text", vjp=lambda g, x: ("abc",), verdicts=WRONG, errors=OURS)
_declare("vjp gives two", vjp=lambda g, x: (g, g), errors=OURS)
_declare("vjp gives a function", vjp=lambda g, x: (np.sin,), verdicts=WRONG, errors=OURS)
_declare("vjp gives complex numbers", vjp=lambda g, x: (g * np.cos(x) * (1 + 1j),), verdicts=WRONG, errors=OURS)
_declare("vjp is None", vjp=None, errors=BAD)
_declare("vjp is a number", vjp=3, errors=OURS)
_declare("f is a number", 3, errors=OURS)
_declare("jvp raises", jvp=_after(0, RAISES["an exit with 0"], sine), errors=OURS)
_declare("grad raises", lambda x: np.sum(sine(x)), grad=_after(0, RAISES["an exit with 0"], sine), errors=OURS)
_declare("hvp raises", lambda x: np.sum(sine(x)), grad=np.cos, hvp=_after(0, RAISES["an exit with 0"], sine), errors=OURS)
_declare("hessian raises", lambda x: np.sum(sine(x)), grad=np.cos, hessian=_after(2, RAISES["an own BaseException"], sine), errors=OURS)
_declare("inputs changed", lambda x: x.fill(0) or sine(x), verdicts=("fail", "inconclusive"), errors=OURS)
_declare("inputs resized", lambda x: setattr(x, "shape", (3, 1)) or sine(x).ravel(), verdicts=("fail", "inconclusive", "pass"), errors=OURS)
