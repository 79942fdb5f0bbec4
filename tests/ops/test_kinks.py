"""Kinks off the registry: where a slope jumps along a line an operation declares a kink, and it declares none where nothing jumps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck.arith.floating import Floating
from gradcheck.ops.op import INTEGER_KINDS, Op, registry
from tests.ops.test_rules import Point

#: points on a line, and how often a step between two of them is halved: to 2^-36 of it, where rounding is 2^-16 of what bends
STEPS, HALVINGS = 64, 36
#: a change that is still larger then, in units of the largest value or slope: a smooth function's is 2^-36 of its curvature, a jump's what it was
JUMP = 1e-5


class Line:
    """An operation along a line between two points of its domain."""

    def __init__(self, op: Op, number: int, *, mirrored: bool, seed: int = 0) -> None:
        self.op, self.m = op, Floating("float64")
        a, b = Point(op, op.samples[number], seed), Point(op, op.samples[number], seed + 1)
        self.attributes, self.g = a.attributes, a.g
        ends = [_ends(k, x, y, mirrored) for k, x, y in zip(a.kinds, a.xs, b.xs, strict=True)]
        self.start, self.step = [x for x, _ in ends], [t for _, t in ends]

    def at(self, s: float) -> list[Any]:
        """Return the operands at a place between 0 and 1."""
        return [x if t is None else x + s * t for x, t in zip(self.start, self.step, strict=True)]

    def seen(self, s: float) -> np.ndarray:
        """Return value and slope there, each as one number."""
        xs = self.at(s)
        y = self.op.value(self.m, *xs, **self.attributes)
        return np.array([np.sum(self.g * y), np.sum(self.g * self.op.jvp(self.m, tuple(self.step), y, *xs, **self.attributes))])

    def jumps(self) -> list[float]:
        """Return places where value or slope jumps: of the steps over which either changes most unlike its neighbours."""
        places = np.linspace(0.0013, 0.9991, STEPS)  # none is where a line that is mirrored passes zero
        seen = np.array([self.seen(s) for s in places])
        scale = np.maximum(np.abs(seen).max(axis=0), 1)
        spikes = {int(k) for column in np.abs(np.diff(np.abs(np.diff(seen, axis=0)), axis=0)).T for k in np.argsort(column)[-3:]}
        between = [(places[k], places[k + 1], seen[k], seen[k + 1]) for k in sorted({j for k in spikes for j in (k, k + 1)})]
        return [s for step in between if (s := self.jump(*step, scale)) is not None]

    def jump(self, low: float, high: float, below: np.ndarray, above: np.ndarray, scale: np.ndarray) -> float | None:
        """Return where within a step the larger change stays in the half that is looked at, or None where it fades."""
        for _ in range(HALVINGS):
            if np.all(np.abs(above - below) <= JUMP * scale):
                return None
            middle = (low + high) / 2
            between = self.seen(middle)
            if np.max(np.abs(between - below) / scale) >= np.max(np.abs(above - between) / scale):
                high, above = middle, between
            else:
                low, below = middle, between
        return (low + high) / 2

    def margins(self, s: float) -> float:
        """Return the distance from the nearest kink that the operation declares."""
        declared = self.op.kinks(self.m, *self.at(s), **self.attributes) if self.op.kinks else ()
        return min((float(np.min(np.abs(x), initial=np.inf)) for x in declared), default=np.inf)


def _ends(kind: str, x: Any, y: Any, mirrored: bool) -> tuple[Any, Any]:
    """Return one end and the way to the other; real numbers go to plus and minus 6, beyond the corners of all activations."""
    if kind in INTEGER_KINDS:
        return x, None
    if kind == "real":
        return 4 * x, -8 * x if mirrored else 4 * (y - x)
    if kind == "nonzero":
        return x, np.sign(x) * np.abs(y) - x
    return x, y - x


def undeclared(op: Op, numbers: range) -> tuple[int, list[str]]:
    """Return how many jumps there are at samples of an operation, and those that no kink declares."""
    found = [(n, line, s) for n in numbers for mirrored in (True, False) for line in [Line(op, n, mirrored=mirrored)] for s in line.jumps()]
    return len(found), [f"sample {n}, {s}" for n, line, s in found if line.margins(s) > 1e-8]


@pytest.mark.parametrize("op", registry.values(), ids=lambda op: op.name)
def test_what_jumps_is_declared(op: Op) -> None:
    """At each jump of value or slope a declared kink has distance zero; an operation that declares kinks jumps at one of its samples."""
    count, missing = undeclared(op, range(len(op.samples)) if op.kinks else range(1))
    assert not missing
    assert (count > 0) == (op.kinks is not None)


@pytest.mark.deep
@pytest.mark.parametrize("op", [op for op in registry.values() if not op.kinks], ids=lambda op: op.name)
def test_what_declares_none_has_none(op: Op) -> None:
    """At no sample does the value or slope of an operation without kinks jump."""
    assert undeclared(op, range(len(op.samples))) == (0, [])


@pytest.mark.parametrize("name", ["abs", "relu", "max", "clip", "norm"])
def test_a_kink_that_is_not_declared_shows(name: str) -> None:
    """Without its kinks, or with one that is never near, an operation has a jump that is not declared."""
    for kinks in (None, lambda m, x, **attributes: (1 + x * x,)):
        assert undeclared(replace(registry[name], kinks=kinks), range(len(registry[name].samples)))[1]
