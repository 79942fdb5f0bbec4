"""Which mistake was made of a gradient? Only a pattern that reproduces the numbers is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.mistakes.factor import NEAR, PLAIN, SHOWN, UNEXPLAINED, factor
from gradcheck.mistakes.mistake import Mistake

Floats = npt.NDArray[Any]
Candidates = Iterator[tuple[Mistake, Floats]]
#: How often a missing term may stand in the right gradient.
COUNTS = (1.0, 2.0, 3.0, 0.5)
#: How far a number has to stand out of its window of accidents: of so many places hardly one is hit by chance.
RARE = 100
#: How well numbers that are only looked up are known: conditioning may cost half of their digits, and one of those that are left.
ALIKE = 1e-9


@dataclass(frozen=True, slots=True)
class Scene:
    """What a wrong gradient is compared with.

    Args:
        g: the cotangent, where f has one output.
        y: that output.
        inputs: names and values of all inputs.
        own: the input that the gradient is of.
        name: of it.
        unit: the relative rounding of the doubted derivative.
    """

    g: Floats | None = None
    y: Floats | None = None
    inputs: tuple[tuple[str, Floats], ...] = ()
    own: Floats | None = None
    name: str = ""
    unit: float = 0.0

    @property
    def sizes(self) -> set[int]:
        """The sizes of axes and of whole arrays: factors that come from a mean or a missing one."""
        arrays = [x for _, x in self.inputs] + ([self.y] if self.y is not None else [])
        return {n for a in arrays for n in (*a.shape, a.size) if n > 1}

    def at(self, places: tuple[Any, ...], shape: tuple[int, ...]) -> Scene:
        """Return the scene of some entries of a gradient: what has its shape, at these places."""
        def taken(x: Floats | None) -> Floats | None:
            return x[places] if x is not None and x.shape == shape else None

        inputs = tuple((k, x[places]) for k, x in self.inputs if x.shape == shape)
        return replace(self, g=taken(self.g), y=taken(self.y), inputs=inputs, own=taken(self.own))


def name_mistake(got: Floats, expected: Floats, bar: Floats, scene: Scene | None = None) -> Mistake | None:
    """Return the mistake that turns the expected gradient into the one that came.

    Args:
        got: the doubted gradient of one input.
        expected: the right one.
        bar: its error bar.
        scene: cotangent, output and inputs.
    """
    scene = scene or Scene()
    if np.all(np.abs(expected) <= NEAR * bar):
        known = NEAR * np.max(np.fmax(bar, np.abs(expected))) <= np.max(np.abs(got - expected)) / 10  # else no zero is seen through the bars
        return Mistake("not ignored") if known else None
    wrong = np.abs(got - expected) > NEAR * bar
    for mistake, candidate in (*_patterns(expected, bar, scene), *_moved(expected)):
        shown = mistake.kind == "zero" or bool(np.any(candidate[wrong] != 0)) if candidate.shape == got.shape else False
        if shown and _explains(got, expected, candidate, bar):
            return mistake
    return _permuted(got, expected, bar) or _factor(got, expected, bar, scene) or _term(got, expected, bar, scene)


def _explains(got: Floats, expected: Floats, candidate: Floats, bar: Floats) -> bool:
    """Answer whether a candidate is what came, within bars that are small beside the difference."""
    difference = float(np.max(np.abs(got - expected), initial=0.0))
    allowed = NEAR * bar + UNEXPLAINED * difference
    return bool(np.all(np.abs(got - candidate) <= np.fmin(allowed, difference / 10)))


def _factor(got: Floats, expected: Floats, bar: Floats, scene: Scene) -> Mistake | None:
    found = factor(got, expected, bar, sizes=scene.sizes, unit=scene.unit, unexplained=UNEXPLAINED)
    return None if np.count_nonzero(expected) < 2 else found  # one entry is a multiple of any other, and often a plain one


def _patterns(expected: Floats, bar: Floats, scene: Scene) -> Candidates:
    g, y = scene.g, scene.y
    yield Mistake("zero"), np.zeros_like(expected)
    yield Mistake("sign"), -expected
    if g is not None and (g.shape == expected.shape or g.size == 1):
        yield from _of_cotangent(expected, g, y)
    yield from _of_parameter(expected, scene)
    if g is not None:
        yield from _of_axes(expected, bar, g, scene)


def _of_cotangent(expected: Floats, g: Floats, y: Floats | None) -> Candidates:
    with np.errstate(all="ignore"):
        slope = np.where(g != 0, expected / g, 0)
    if g.shape == expected.shape:
        yield Mistake("passed through"), g
    elif np.any(g == 1):  # of a scalar f the gradient for 1 was right, see `gradcheck.probe.blame.blame.plain`: this is no factor
        return
    yield Mistake("cotangent ignored"), slope
    yield Mistake("cotangent used twice"), expected * g
    if g.shape == expected.shape:
        yield Mistake("mask inverted"), g - expected
        if y is not None and y.shape == expected.shape:
            yield Mistake("f for f'"), g * y
            yield Mistake("1 - f"), g * (1 - y)


def _of_parameter(expected: Floats, scene: Scene) -> Candidates:
    """Yield the derivative by the logarithm of the input, and by its exponential, where its entries differ: else that is a factor."""
    x = scene.own
    if x is None or x.shape != expected.shape or (x.size > 1 and np.ptp(np.abs(x)) == 0):
        return
    if x.size == 1 and abs(float(x.reshape(-1)[0])) in (*COUNTS, 4.0, 0.25):  # a factor is more usual
        return
    yield Mistake("by logarithm", scene.name), expected * x
    if np.all(x != 0):
        yield Mistake("by exponential", scene.name), expected / x


def _of_axes(expected: Floats, bar: Floats, g: Floats, scene: Scene) -> Candidates:
    """Yield what sums over other axes give, where the formula over the right ones gives the right gradient."""
    with np.errstate(all="ignore"):
        found = [(axes, made) for axes, made in _sums(g, scene, expected) if made.shape == expected.shape]
    for name, axes, made in ((n, a, m) for (n, a), m in found):
        if np.all(np.abs(made - expected) <= NEAR * bar + ALIKE * np.max(np.abs(expected))):
            for (other, wrong), candidate in found:
                if other == name and wrong != axes:
                    yield Mistake("wrong axis", f"axis {_listed(wrong)} instead of {_listed(axes)}"), candidate


def _listed(axes: tuple[int, ...]) -> str:
    return " and ".join(map(str, axes))


def _sums(g: Floats, scene: Scene, expected: Floats) -> Iterator[tuple[tuple[str, tuple[int, ...]], Floats]]:
    """Yield gradients that are made with a sum over some axes: of a broadcast, softmax, its logarithm, centring, a unit vector."""
    y, x = scene.y, scene.own
    every = [axes for n in range(1, g.ndim + 1) for axes in combinations(range(g.ndim), n)] if g.ndim > 1 else []
    for axes in every:
        if g.shape != expected.shape:
            for name, factor_ in (("", np.ones(g.shape)), *((k, v) for k, v in scene.inputs if v.shape == g.shape)):
                total = np.sum(g * factor_, axis=axes)
                yield (f"sum {name}", axes), total.reshape(expected.shape) if total.size == expected.size else total
            continue
        total = np.sum(g, axis=axes, keepdims=True)
        yield ("centred", axes), g - total / np.prod([g.shape[k] for k in axes])
        if y is not None and y.shape == g.shape:
            along = y * np.sum(g * y, axis=axes, keepdims=True)
            yield ("softmax", axes), y * g - along
            yield ("log-softmax", axes), g - np.exp(y) * total
            if x is not None and x.shape == g.shape:
                length = np.where(y != 0, x / y, 0)
                yield ("unit", axes), (g - along) / np.where(length != 0, length, 1)


def _moved(expected: Floats) -> Candidates:
    """Yield the right numbers in other places: transposed, shifted, reversed."""
    if expected.ndim == 2:
        yield Mistake("transpose"), expected.T
    elif expected.ndim > 2:
        for axes in list(permutations(range(expected.ndim)))[1:]:
            yield Mistake("transpose", detail=f"its axes are in the order {axes}"), expected.transpose(axes)
    for axis in range(expected.ndim):
        for shift in (1, -1):
            if expected.shape[axis] > 2:
                yield Mistake("roll", f"axis {axis}", shift), np.roll(expected, shift, axis)
        yield Mistake("flip", f"axis {axis}"), np.flip(expected, axis)


def _permuted(got: Floats, expected: Floats, bar: Floats) -> Mistake | None:
    """Name the right numbers in wrong places, if there are enough different ones to tell."""
    order = np.argsort(expected, axis=None)
    a, b, bars = np.sort(got, axis=None), expected.ravel()[order], bar.ravel()[order]
    allowed = NEAR * bars + ALIKE * np.abs(b)
    apart = np.count_nonzero(np.diff(b) > 4 * (allowed[1:] + allowed[:-1])) if got.size > 1 else 0
    distinct = np.abs(got - expected).ravel()[order] > 4 * allowed
    if got.size < 3 or apart < 2 or np.count_nonzero(distinct) < 2 or np.any(np.abs(a - b) > allowed):
        return None
    accidents = np.count_nonzero(np.abs(b[:, None] - b[None, :]) <= RARE * allowed, axis=1)
    return Mistake("permutation") if np.count_nonzero((accidents == 1) & distinct) >= 2 else None


def elsewhere(v: Floats, places: tuple[Any, ...], expected: Floats, bar: Floats) -> Mistake | None:
    """Name right numbers that stand in other places of a large gradient: in its transpose, shifted by one, or anywhere.

    Args:
        v: the whole gradient.
        places: of the entries, an index array an axis.
        expected: the right numbers there.
        bar: their error bars.
    """
    allowed = NEAR * bar + ALIKE * np.abs(expected)
    if not np.all(np.abs(v[places] - expected) > 4 * allowed):  # they stand where they belong, but for their last digits
        return None
    moves = [(Mistake("roll", f"axis {a}", s), np.roll(v, -s, a)) for a in range(v.ndim) for s in (1, -1)]
    moves += [(Mistake("transpose"), v.T)] if v.ndim == 2 and v.shape[0] == v.shape[1] else []
    moved = next((m for m, candidate in moves if np.all(np.abs(candidate[places] - expected) <= allowed)), None)
    away = [np.abs(v - e) for e in expected]
    found = all(np.any(d <= a) and np.count_nonzero(d <= RARE * a) <= 1 for d, a in zip(away, allowed, strict=True))
    return moved or (Mistake("permutation") if found else None)


def _term(got: Floats, expected: Floats, bar: Floats, scene: Scene) -> Mistake | None:
    """Name a term that was left out or added: the difference is a multiple of a recognisable array."""
    lost = expected - got
    if np.count_nonzero(np.abs(lost) > NEAR * bar) < SHOWN:
        return None
    for name, candidate in _terms(expected.shape, scene):
        size = float(np.sum(np.square(candidate)))
        if candidate.shape != expected.shape or size == 0 or not np.isfinite(size):
            continue
        c = float(np.sum(lost * candidate) / size)
        allowed = np.fmin(NEAR * bar + 1e-6 * float(np.max(np.abs(lost))), float(np.max(np.abs(lost))) / 10)
        plain = min(abs(abs(c) - k) for k in COUNTS) < PLAIN
        if ((plain and c > 0) or candidate is scene.own) and np.all(np.abs(lost - c * candidate) <= allowed):
            times = "" if abs(abs(c) - 1) < PLAIN else f"{abs(c):.3g} times "
            return Mistake("term missing" if c > 0 else "term too many", f"{times}{name}", c)
    return None


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
    if scene.own is not None:
        yield f"input {scene.name}", scene.own
    if g is not None and g.ndim == 2:
        for name, x in scene.inputs:
            if x.ndim == 2:
                for text, a, b in _products(g, x):
                    if a.shape[1] == b.shape[0]:
                        yield text.format(f"input {name}"), a @ b


def _products(g: Floats, x: Floats) -> Iterator[tuple[str, Floats, Floats]]:
    yield from (("g @ {}", g, x), ("g.T @ {}", g.T, x), ("{} @ g", x, g), ("{} @ g.T", x, g.T))
    yield from (("g @ {}.T", g, x.T), ("g.T @ {}.T", g.T, x.T), ("{}.T @ g", x.T, g), ("{}.T @ g.T", x.T, g.T))
