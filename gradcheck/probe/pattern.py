"""Which mistake was made of a gradient? Only a pattern that reproduces the numbers is named."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]


def name_mistake(got: Floats, expected: Floats, bar: Floats, g: Floats | None = None, y: Floats | None = None) -> str:
    """Return the mistake that turns the expected gradient into the one that came, or "".

    Args:
        got: the doubted gradient of one input.
        expected: the right one.
        bar: its error bar.
        g: the cotangent, where f has one output.
        y: that output.
    """
    for name, candidate in _patterns(got, expected, g, y):
        if candidate.shape == got.shape and _explains(got, expected, candidate, bar):
            return name
    return _factor(got, expected, bar)


def _explains(got: Floats, expected: Floats, candidate: Floats, bar: Floats) -> bool:
    difference = float(np.max(np.abs(got - expected), initial=0.0))
    left = np.abs(got - candidate)
    return bool(np.all(left <= 16 * bar + 1e-4 * difference)) and float(np.max(left, initial=0.0)) <= difference / 10


def _patterns(got: Floats, expected: Floats, g: Floats | None, y: Floats | None) -> Iterator[tuple[str, Floats]]:
    yield "zero: the gradient is missing", np.zeros_like(expected)
    yield "sign: it is the negative of the right one", -expected
    if expected.ndim == 2 and expected.shape[0] == expected.shape[1]:
        yield "transpose: it is the transpose of the right one", expected.T
    if g is not None and g.shape == expected.shape:
        yield "cotangent passed through: the derivative is missing", g
        with np.errstate(all="ignore"):
            slope = np.where(g != 0, expected / g, 0)
        yield "cotangent ignored: it is the derivative for a cotangent of ones", slope
        yield "cotangent used twice: it is multiplied once more", expected * g
        if y is not None and y.shape == expected.shape:
            yield "f for f': the value of f stands where its derivative belongs", g * y
        yield "mask inverted: the cotangent is let through where it must be stopped", g - expected
        if y is not None and y.shape == expected.shape:
            yield "1 - f: the derivative is taken to be 1 - f", g * (1 - y)
    for axis in range(expected.ndim):
        for shift in (1, -1):
            if expected.shape[axis] > 2:
                yield f"roll: it is shifted by {shift} along axis {axis}", np.roll(expected, shift, axis)
        yield f"flip: it is reversed along axis {axis}", np.flip(expected, axis)


def _factor(got: Floats, expected: Floats, bar: Floats) -> str:
    size = float(np.sum(np.square(expected)))
    if size == 0 or np.count_nonzero(expected) < 2:
        return ""
    c = float(np.sum(got * expected) / size)
    if c == 0 or abs(c - 1) < 1e-13 or not _explains(got, expected, c * expected, bar):
        return ""
    if abs(c - 1) < 1e-3:
        return f"factor: every entry is 1 {'+' if c > 1 else '-'} {abs(c - 1):.2g} times the right one"
    q = Fraction(c).limit_denominator(1024)
    near = abs(float(q) - c) <= 1e-5 * abs(c)
    return f"factor: every entry is {q if near else f'{c:.6g}'} times the right one"
