"""The stage on which a mutant appears: one sample of an operation in float64, with operands of every character."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.arith.floating import Floating
from gradcheck.faults.fault import Array, Inputs
from gradcheck.faults.slips import Rule
from gradcheck.ops.op import INTEGER_KINDS, Op

#: kind -> lowest and highest magnitude of an ordinary operand; signs are drawn for the kinds that have them
_RANGES = {"positive": (0.1, 3.0), "nonzero": (0.3, 2.0), "probability": (0.05, 0.95), "unit": (0.0, 0.9)}

#: kind -> numbers among which there are ties, borders and kinks
_SPECIAL = {
    "real": (0.0, -4.0, -3.0, -1.0, -0.5, 0.25, 1.0, 3.0, 4.0), "positive": (0.25, 0.5, 1.0, 2.0), "nonzero": (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0),
    "unit": (-0.5, 0.0, 0.5), "probability": (0.25, 0.5, 0.75),
}  # fmt: skip

#: Draws of ordinary, of special and of constant operands among which a difference is looked for.
DRAWS = 10


def operand(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return random numbers that an operand of a kind may hold."""
    if kind not in _RANGES:
        return np.asarray(rng.normal(size=shape))
    x = rng.uniform(*_RANGES[kind], shape)
    return np.asarray(x * rng.choice([-1.0, 1.0], shape) if kind in ("nonzero", "unit") else x)


class Stage:
    """One sample of an operation in float64: where its operands come from, its value and its rules.

    The functions run over object arrays too where the operation's code over `Floating` does.

    Args:
        op: the operation.
        number: which of its samples.
    """

    def __init__(self, op: Op, number: int) -> None:
        self.op, self.number, self.m = op, number, Floating()
        sample = op.samples[number]
        self.given = sample.operands
        self.attributes = op.complete(sample.attributes)
        self.kinds = op.kinds(len(self.given))
        self.real = tuple(kind not in INTEGER_KINDS for kind in self.kinds)
        self.shapes = tuple(tuple(np.shape(x)) if not real else tuple(x) for x, real in zip(self.given, self.real, strict=True))
        self.shape = op.result_shape(self.shapes, self.attributes)

    def inputs(self, rng: np.random.Generator) -> Inputs:
        """Return fresh ordinary operands."""
        return self._filled(lambda kind, shape: operand(kind, shape, rng))

    def first(self, _: np.random.Generator | None = None) -> Inputs:
        """Return the ordinary operands of the call that a rule with a memory remembers, always the same."""
        return self.inputs(np.random.default_rng(self.number))

    def special(self, rng: np.random.Generator) -> Inputs:
        """Return fresh operands with ties, borders and kinks among them."""
        return self._filled(lambda kind, shape: rng.choice(_SPECIAL[kind], shape))

    def draws(self, rng: np.random.Generator) -> Iterator[Inputs]:
        """Yield ordinary operands, then some with ties, borders and kinks among them, then constant ones."""
        for _ in range(DRAWS):
            yield self.inputs(rng)
        for _ in range(DRAWS):
            yield self.special(rng)
        for k in range(DRAWS):
            yield self._filled(lambda kind, shape, k=k: np.full(shape, _SPECIAL[kind][k % len(_SPECIAL[kind])]))  # type: ignore[misc]

    def _filled(self, fill: Callable[[str, tuple[int, ...]], Array]) -> Inputs:
        given = zip(self.kinds, self.given, self.real, strict=True)
        return tuple(fill(kind, tuple(x)) if real else np.array(x) for kind, x, real in given)

    def value(self, *xs: Array) -> Array:
        """Return the operation's value; raise `BadShape` where operands have shapes that it refuses."""
        self.op.result_shape(tuple(np.shape(x) for x in xs), self.attributes)
        with np.errstate(all="ignore"):
            return np.asarray(self.op.value(self.m, *xs, **self.attributes))

    def pull(self, rule: Rule, g: Array, *xs: Array) -> tuple[Array | None, ...]:
        """Return what a rule gives."""
        with np.errstate(all="ignore"):
            found = rule(self.m, np.asarray(g), self.value(*xs), *xs, **self.attributes)
        return tuple(None if v is None else np.array(v) for v in found)

    def difference(self, rule: Rule, g: Array, xs: Inputs) -> float:
        """Return the largest difference of a rule's answer, relative to the largest entry; infinity for another shape."""
        worst = 0.0
        for a, b in zip(self.pull(self.op.vjp, g, *xs), self.pull(rule, g, *xs), strict=True):
            if a is None or b is None or np.array_equal(a, b, equal_nan=True):
                continue
            with np.errstate(all="ignore"):
                gap = np.max(np.abs(a - b)) / (np.max(np.abs(a), initial=0.0) or 1.0) if a.shape == b.shape else np.inf
            worst = max(worst, np.inf if np.isnan(gap) else float(gap))
        return worst

    def at_kink(self, xs: Inputs) -> bool:
        """Answer whether the operands lie exactly on a kink."""
        if self.op.kinks is None:
            return False
        with np.errstate(all="ignore"):
            return any(np.any(np.asarray(v) == 0) for v in self.op.kinks(self.m, *xs, **self.attributes))
