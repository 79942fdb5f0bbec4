"""Mistakes in what a whole rule is given or hands back: sign, factor, zero, operands swapped, stale values, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.faults.changes import rolled
from gradcheck.mistakes.mistake import Kind
from gradcheck.ops.op import Op

Rule = Callable[..., tuple[Array | None, ...]]

#: The factor that a careless tolerance lets through.
NUDGE = Fraction(1001, 1000)


@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake in one contribution, the cotangent of one operand.

    Args:
        name: unique.
        mistake: the pattern, if it is one.
        make: (arithmetic, contribution, g, y) -> the wrong contribution, in any arithmetic.
        fits: (shape of the operand, shape of the value) -> whether it applies.
    """

    name: str
    mistake: Kind | Literal[""]
    make: Callable[[Arithmetic, Array, Array, Array], Array]
    fits: Callable[[Shape, Shape], bool] = lambda x, y: True


def _longest(shape: Shape) -> int:
    return max(range(len(shape)), key=lambda k: shape[k])


def _long(n: int) -> Callable[[Shape, Shape], bool]:
    return lambda x, y: max(x, default=0) >= n


def _roll(m: Arithmetic, v: Array, g: Array, y: Array) -> Array:
    return rolled(m, v, _longest(v.shape))


def _shift(m: Arithmetic, v: Array, g: Array, y: Array) -> Array:
    """Move every entry one on; the first becomes zero, the last is lost."""
    k = _longest(v.shape)
    edge = m.zeros((*v.shape[:k], 1, *v.shape[k + 1 :]))
    return m.concatenate([edge, m.part(v, 0, v.shape[k] - 1, k)], k)


def _short(m: Arithmetic, v: Array, g: Array, y: Array) -> Array:
    """End the loop one entry early: the last one is zero."""
    k = _longest(v.shape)
    edge = m.zeros((*v.shape[:k], 1, *v.shape[k + 1 :]))
    return m.concatenate([m.part(v, 0, v.shape[k] - 1, k), edge], k)


#: Every one is made of each contribution of each operation.
SLIPS = (
    Slip("sign", "sign", lambda m, v, g, y: -v),
    Slip("factor-2", "factor", lambda m, v, g, y: 2 * v),
    Slip("factor-1.001", "factor", lambda m, v, g, y: v * m.constant(NUDGE)),
    Slip("zero", "zero", lambda m, v, g, y: m.zeros(v.shape)),
    Slip("transpose", "transpose", lambda m, v, g, y: m.swap(v), lambda x, y: len(x) >= 2 and x[-1] == x[-2] > 1),
    Slip("roll", "roll", _roll, _long(3)),
    Slip("flip", "permutation", lambda m, v, g, y: m.flip(v, (_longest(v.shape),)), _long(2)),
    Slip("shift", "", _shift, _long(2)),
    Slip("short", "", _short, _long(2)),
    Slip("f-for-slope", "f for f'", lambda m, v, g, y: g * y, lambda x, y: x == y),
    Slip("passed-through", "", lambda m, v, g, y: g, lambda x, y: x == y),
)


def slipped(op: Op, slip: Slip, k: int) -> Rule:
    """Return the rule of an operation with a slip in what it hands to operand k."""

    def rule(m: Arithmetic, g: Array, y: Array, *xs: Array, **attributes: Any) -> tuple[Array | None, ...]:
        found = list(op.vjp(m, g, y, *xs, **attributes))
        if found[k] is not None and slip.fits(tuple(xs[k].shape), tuple(y.shape)):
            found[k] = slip.make(m, found[k], g, y)
        return tuple(found)

    return rule


def swapped(op: Op, i: int, j: int) -> Rule:
    """Return the rule with the contributions of two operands of one shape exchanged."""

    def rule(m: Arithmetic, g: Array, y: Array, *xs: Array, **attributes: Any) -> tuple[Array | None, ...]:
        found = list(op.vjp(m, g, y, *xs, **attributes))
        if max(i, j) < len(xs) and xs[i].shape == xs[j].shape:
            found[i], found[j] = found[j], found[i]
        return tuple(found)

    return rule


def ignoring(op: Op) -> Rule:
    """Return the rule for a cotangent of ones, whatever comes."""
    return lambda m, g, y, *xs, **attributes: op.vjp(m, m.ones(g.shape), y, *xs, **attributes)


def twice(op: Op) -> Rule:
    """Return the rule with the cotangent multiplied in once more."""
    return lambda m, g, y, *xs, **attributes: op.vjp(m, g * g, y, *xs, **attributes)


def stale(op: Op) -> Rule:
    """Return a fresh rule that keeps value and real operands of the first call with the same shapes."""
    kept: dict[Any, tuple[Array, tuple[Array, ...]]] = {}

    def rule(m: Arithmetic, g: Array, y: Array, *xs: Array, **attributes: Any) -> tuple[Array | None, ...]:
        key = (id(type(m)), tuple(x.shape for x in xs), tuple(attributes.items()))
        first_y, first_xs = kept.setdefault(key, (y, xs))
        kinds = op.kinds(len(xs))
        operands = [x if kind in ("index", "mask") else old for x, old, kind in zip(xs, first_xs, kinds, strict=True)]
        return op.vjp(m, g, first_y, *operands, **attributes)

    return rule


def pairs(real: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield every two of the positions."""
    for i, a in enumerate(real):
        for b in real[i + 1 :]:
            yield a, b
