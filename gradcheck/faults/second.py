"""Mistakes of second derivatives: rules that are right at first order, and wrong when they are differentiated themselves.

Such a rule is run over series: its result keeps its value, and what depends on e is changed. In frameworks they come from a
backward pass that leaves the tape: a saved value that is detached, a derivative of the derivative that was written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.errors import UnknownName
from gradcheck.faults.fault import Fault, Inputs
from gradcheck.faults.stage import Stage
from gradcheck.ops.op import Op

#: A mistake shows where it changes the result by more than this part of its largest entry.
_VISIBLE = 1e-3
#: Inputs are drawn at most so many times until it does.
_DRAWS = 100


@dataclass(frozen=True, slots=True)
class SecondMistake:
    """A way in which a rule's own derivative goes wrong.

    Args:
        name: unique.
        text: for people; {op} is the operation.
        factor: on what the operands' motion adds to the derivative of the rule; None: the cotangent's motion is left out instead.
    """

    name: str
    text: str
    factor: int | None = None


MISTAKES = (
    SecondMistake("constant", "the derivative of {op} is taken to be constant: its own derivative is missing", 0),
    SecondMistake("sign", "the second derivative of {op} has the opposite sign", -1),
    SecondMistake("twice", "the second derivative of {op} counts twice", 2),
    SecondMistake("cotangent", "the backward pass of {op} is not differentiated in its cotangent"),
)


def _still(x: Any) -> Any:
    """Return a series without its e-part: a constant."""
    return Series(cast(Taylor, x.m), x.value) if isinstance(x, Series) else x


def detached(op: Op, mistake: SecondMistake) -> Op:
    """Return an operation whose vjp is right, and whose vjp's derivative is not.

    Args:
        op: the right one.
        mistake: out of `MISTAKES`.
    """

    def vjp(m: Any, g: Array, y: Array, *xs: Array, **attributes: Any) -> tuple[Array | None, ...]:
        right = op.vjp(m, g, y, *xs, **attributes)
        if not isinstance(m, Taylor) or not m.degree:
            return right
        if mistake.factor is None:
            return op.vjp(m, _still(g), y, *xs, **attributes)
        frozen = op.vjp(m, g, _still(y), *map(_still, xs), **attributes)
        return tuple(None if r is None or f is None else _mixed(m, r, f, mistake.factor) for r, f in zip(right, frozen, strict=True))

    return replace(op, vjp=vjp)


def _mixed(m: Taylor, right: Series, frozen: Series, factor: int) -> Series:
    """Return the value with the e-part of the frozen rule, and so many times what is missing from it."""
    here, there = m.coefficient(frozen, 1), m.coefficient(right, 1)
    return Series(m, right.value, (here + factor * (there - here), *right.rest[1:]))


def second_names(op: Op) -> tuple[str, ...]:
    """Return the names of an operation's cases of second derivatives: "tanh/second-sign"; none where they would show nothing."""
    return tuple(f"{op.name}/second-{w.name}" for w in MISTAKES if _number(op, w) is not None)


def second_case(op: Op, name: str) -> Fault:
    """Return a case of the exam: the function is the operation's gradient, its derivative has the mistake.

    Args:
        op: the operation.
        name: out of `MISTAKES`.

    Raises:
        UnknownName: a mistake that there is not, or that shows nowhere.
    """
    wrong = next((w for w in MISTAKES if w.name == name), None)
    number = None if wrong is None else _number(op, wrong)
    if wrong is None or number is None:
        raise UnknownName("mistake of a second derivative", f"{op.name}/second-{name}", second_names(op))
    stage = Stage(op, number)

    def given(rng: np.random.Generator) -> Inputs:
        return _drawn(stage, rng)

    def telling(rng: np.random.Generator) -> Inputs:
        return next((xs for xs in (_drawn(stage, rng) for _ in range(_DRAWS)) if _shown(stage, wrong, rng, xs)), _drawn(stage, rng))

    return Fault(
        f"{op.name}/second-{name}", wrong.text.format(op=op.name), f"gradient of {op.name}", "second", "a mutant of a second derivative",
        f=partial(_gradient, stage), right=partial(_pulled, stage, op), wrong=partial(_pulled, stage, detached(op, wrong)),
        ordinary=given, trigger=telling, kink=op.kinks is not None,
    )  # fmt: skip


def _gradient(stage: Stage, g: Array, *xs: Array) -> Any:
    found = [v for v in stage.pull(stage.op.vjp, g, *xs) if v is not None]
    return tuple(found) if len(found) > 1 else found[0]


def _pulled(stage: Stage, op: Op, h: Any, g: Array, *xs: Array) -> tuple[Array | None, ...]:
    """Return the gradients of <h, vjp(g, xs)>: J h for g, and the e-part of the vjp at xs + e h for xs (second derivatives are symmetric)."""
    m, parts = Taylor(stage.m), iter(h if isinstance(h, tuple) else (h,))
    moved = [Series(m, stage.m.array(x), (stage.m.array(next(parts)),)) if real else x for x, real in zip(xs, stage.real, strict=True)]
    with np.errstate(all="ignore"):
        y = op.value(m, *moved, **stage.attributes)
        found = op.vjp(m, m.array(g), y, *moved, **stage.attributes)
    return (np.asarray(m.coefficient(y, 1)), *(None if v is None else np.array(m.coefficient(v, 1)) for v in found))


def _drawn(stage: Stage, rng: np.random.Generator) -> Inputs:
    """Return the inputs of a gradient: a cotangent, and operands."""
    xs = stage.inputs(rng)
    return (np.asarray(rng.normal(size=stage.shape)), *xs)


def _number(op: Op, wrong: SecondMistake) -> int | None:
    """Return the first sample at which a mistake shows; None where it shows at none."""
    rng = np.random.default_rng(0)
    for number in range(len(op.samples)):
        stage = Stage(op, number)
        if any(stage.real) and 0 not in stage.shape and _shown(stage, wrong, rng, _drawn(stage, rng)):
            return number
    return None


def _shown(stage: Stage, wrong: SecondMistake, rng: np.random.Generator, inputs: Inputs) -> bool:
    """Answer whether a mistake shows at given inputs (the second derivative of huber, not where it is linear)."""
    h = tuple(np.asarray(rng.normal(size=s)) for s, real in zip(stage.shapes, stage.real, strict=True) if real)
    right, other = (_pulled(stage, op, h, *inputs) for op in (stage.op, detached(stage.op, wrong)))
    pairs = [(a, b) for a, b in zip(right, other, strict=True) if a is not None and b is not None]
    size = max((float(np.max(np.abs(a), initial=0.0)) for a, _ in pairs), default=0.0)
    return any(float(np.max(np.abs(a - b), initial=0.0)) > _VISIBLE * size > 0 for a, b in pairs)
