"""Which mistake was made of a gradient? Only a pattern that reproduces the numbers is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
#: How often a missing term may stand in the right gradient.
COUNTS = (1.0, 2.0, 3.0, 0.5)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a wrong gradient is compared with.

    Args:
        g: the cotangent, where f has one output.
        y: that output.
        inputs: names and values of all inputs.
    """

    g: Floats | None = None
    y: Floats | None = None
    inputs: tuple[tuple[str, Floats], ...] = ()

    @property
    def sizes(self) -> set[int]:
        """The sizes of axes and of whole arrays: factors that come from a mean or a missing one."""
        arrays = [x for _, x in self.inputs] + ([self.y] if self.y is not None else [])
        return {n for a in arrays for n in (*a.shape, a.size) if n > 1}


def name_mistake(got: Floats, expected: Floats, bar: Floats, scene: Scene | None = None) -> str:
    """Return the mistake that turns the expected gradient into the one that came, or "".

    Args:
        got: the doubted gradient of one input.
        expected: the right one.
        bar: its error bar.
        scene: cotangent, output and inputs.
    """
    scene = scene or Scene()
    if np.all(np.abs(expected) <= 16 * bar):
        return "not ignored: f does not change with it here, and it gets a gradient"
    wrong = np.abs(got - expected) > 16 * bar
    for name, candidate in (*_patterns(expected, scene), *_moved(expected)):
        shown = name.startswith("zero") or bool(np.any(candidate[wrong] != 0)) if candidate.shape == got.shape else False
        if shown and _explains(got, expected, candidate, bar):
            return name
    return _permuted(got, expected, bar) or _factor(got, expected, bar, scene) or _term(got, expected, bar, scene)


def _explains(got: Floats, expected: Floats, candidate: Floats, bar: Floats) -> bool:
    difference = float(np.max(np.abs(got - expected), initial=0.0))
    left = np.abs(got - candidate)
    return bool(np.all(left <= 16 * bar + 1e-4 * difference)) and float(np.max(left, initial=0.0)) <= difference / 10


def _patterns(expected: Floats, scene: Scene) -> Iterator[tuple[str, Floats]]:
    g, y = scene.g, scene.y
    yield "zero: the gradient is missing", np.zeros_like(expected)
    yield "sign: it is the negative of the right one", -expected
    if g is None or (g.shape != expected.shape and g.size != 1):
        return
    with np.errstate(all="ignore"):
        slope = np.where(g != 0, expected / g, 0)
    if g.shape != expected.shape:
        if np.all(g != 1):  # of a scalar f the gradient for 1 was right, see `gradcheck.probe.blame.plain`: this is no factor
            yield "cotangent ignored: it is the derivative for a cotangent of ones", slope
            yield "cotangent used twice: it is multiplied once more", expected * g
        return
    yield "cotangent passed through: the derivative is missing", g
    yield "cotangent ignored: it is the derivative for a cotangent of ones", slope
    yield "cotangent used twice: it is multiplied once more", expected * g
    yield "mask inverted: the cotangent is let through where it must be stopped", g - expected
    if y is not None and y.shape == expected.shape:
        yield "f for f': the value of f stands where its derivative belongs", g * y
        yield "1 - f: the derivative is taken to be 1 - f", g * (1 - y)


def _moved(expected: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the right numbers in other places: transposed, shifted, reversed."""
    if expected.ndim == 2:
        yield "transpose: it is the transpose of the right one", expected.T
    elif expected.ndim > 2:
        for axes in list(permutations(range(expected.ndim)))[1:]:
            yield f"transpose: its axes are in the order {axes}", expected.transpose(axes)
    for axis in range(expected.ndim):
        for shift in (1, -1):
            if expected.shape[axis] > 2:
                yield f"roll: it is shifted by {shift} along axis {axis}", np.roll(expected, shift, axis)
        yield f"flip: it is reversed along axis {axis}", np.flip(expected, axis)


def _permuted(got: Floats, expected: Floats, bar: Floats) -> str:
    """Name the right numbers in wrong places, if there are enough different ones to tell."""
    order = np.argsort(expected, axis=None)
    a, b, bars = np.sort(got, axis=None), expected.ravel()[order], bar.ravel()[order]
    allowed = 16 * bars + 1e-9 * np.abs(b)
    apart = np.count_nonzero(np.diff(b) > 4 * (allowed[1:] + allowed[:-1])) if got.size > 1 else 0
    distinct = np.abs(got - expected).ravel()[order] > 4 * allowed
    if got.size < 3 or apart < 2 or np.count_nonzero(distinct) < 2 or np.any(np.abs(a - b) > allowed):
        return ""
    return "permutation: the right numbers stand in wrong places"


#: A factor this close to 1 is fitted to a small difference and names nothing.
FITTED = 2.0**-10


def is_fitted(factor: float) -> bool:
    """Answer whether a factor is so close to 1 that it is the size of a difference, and no mistake that has a name."""
    return abs(factor - 1) < FITTED


def _factor(got: Floats, expected: Floats, bar: Floats, scene: Scene) -> str:
    size = float(np.sum(np.square(expected)))
    if size == 0 or not np.isfinite(size) or np.count_nonzero(expected) < 2:
        return ""
    c = float(np.sum(got * expected) / size)
    if c == 0 or abs(c - 1) < 1e-13 or not _explains(got, expected, c * expected, bar):
        return ""
    if is_fitted(c):
        return f"factor: every entry is 1 {'+' if c > 1 else '-'} {abs(c - 1):.2g} times the right one"
    q = Fraction(c).limit_denominator(1024)
    simple = max(abs(q.numerator), q.denominator) <= 64 or abs(q.numerator) in scene.sizes or q.denominator in scene.sizes
    blur = 16 * float(np.max(bar, initial=0.0)) / float(np.max(np.abs(expected)))
    near = simple and abs(float(q) - c) <= (1e-9 + blur) * abs(c)
    whole = q.numerator if q.denominator == 1 else q.denominator if q.numerator == 1 else 0
    axis = f" ({whole} is the size of an axis or array)" if near and whole > 2 and whole in scene.sizes else ""
    return f"factor: every entry is {q if near else f'{c:.6g}'} times the right one{axis}"


def _term(got: Floats, expected: Floats, bar: Floats, scene: Scene) -> str:
    """Name a term that was left out (or added): the difference is a multiple of a recognisable array."""
    lost = expected - got
    if np.count_nonzero(np.abs(lost) > 16 * bar) < 3:
        return ""
    for name, candidate in _terms(expected.shape, scene):
        size = float(np.sum(np.square(candidate)))
        if candidate.shape != expected.shape or size == 0 or not np.isfinite(size):
            continue
        c = float(np.sum(lost * candidate) / size)
        if min(abs(c - k) for k in COUNTS) < 1e-5 and np.all(np.abs(lost - c * candidate) <= 16 * bar + 1e-6 * float(np.max(np.abs(lost)))):
            return f"term missing: {'' if abs(c - 1) < 1e-5 else f'{c:.3g} times '}{name} is what it lacks"
    return ""


def _functions(x: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield simple functions of an input with their names."""
    with np.errstate(all="ignore"):
        yield from (("{}", x), ("the square of {}", x * x), ("cos of {}", np.cos(x)), ("sin of {}", np.sin(x)))
        yield from (("exp of {}", np.exp(x)), ("1 / {}", 1 / x), ("tanh of {}", np.tanh(x)), ("the sign of {}", np.sign(x)))


def _terms(shape: tuple[int, ...], scene: Scene) -> Iterator[tuple[str, Floats]]:
    """Yield arrays of which a missing term may be a multiple."""
    g, y = scene.g, scene.y
    named = [(f"input {name}", x) for name, x in scene.inputs if x.shape == shape]
    if y is not None and y.shape == shape:
        named.append(("the output", y))
    if g is not None and g.shape == shape:
        yield "the cotangent", g
        yield from ((f"the cotangent times {name}", g * a) for name, a in named)
    if g is not None and g.size == 1:
        v = float(g.reshape(-1)[0])
        yield "the cotangent", v * np.ones(shape)
        for name, x in named:
            yield from ((f"the cotangent times {text.format(name)}", v * a) for text, a in _functions(x))
    if g is not None and g.ndim == 2:
        for name, x in scene.inputs:
            if x.ndim == 2:
                for text, a, b in (("g @ {}", g, x), ("g.T @ {}", g.T, x), ("{} @ g", x, g), ("{} @ g.T", x, g.T)):
                    if a.shape[1] == b.shape[0]:
                        yield text.format(f"input {name}"), a @ b
                for text, a, b in (("g @ {}.T", g, x.T), ("g.T @ {}.T", g.T, x.T), ("{}.T @ g", x.T, g), ("{}.T @ g.T", x.T, g.T)):
                    if a.shape[1] == b.shape[0]:
                        yield text.format(f"input {name}"), a @ b
