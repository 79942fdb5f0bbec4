"""The catalogue of mistakes at one node of a network: each with a rule to put in place of the right one, and in words.

To the mutants of the operation, made for the node's own shapes, come those of every legitimate textbook formula of it
(`1 - y` is the textbook derivative of tanh with a square left out), and the patterns that reports know by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.faults.altered import Change
from gradcheck.faults.mutants import changes_at, slips_at
from gradcheck.faults.slips import Rule
from gradcheck.faults.stage import Stage
from gradcheck.faults.words import in_words
from gradcheck.ops.op import INTEGER_KINDS, Op, Sample


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that can be made at a node.

    Args:
        name: as of the mutant: "sign", "sech21-drop", "textbook1/square1-drop".
        words: what is done wrong, after "node h3 (tanh)": "hands on the negative of the right contribution".
        rule: the wrong vjp.
        instead: the rule that it is made of: the operation's own, or a textbook one.
    """

    name: str
    words: str
    rule: Rule
    instead: Rule


def mistakes(op: Op, operands: Sequence[Array], attributes: Mapping[str, Any]) -> list[Mistake]:
    """Return every known mistake that can be made at a node, but for those that remember earlier calls.

    Args:
        op: the operation, with the right rule.
        operands: of the node: arrays, of which the shapes are used, and the entries of indices and masks.
        attributes: of the node, complete.

    >>> import numpy as np
    >>> from gradcheck.ops import registry
    >>> [m.name for m in mistakes(registry["tanh"], [np.ones(3)], {}) if "1 - y" in m.words]
    ['1 - y']
    """
    real = [kind not in INTEGER_KINDS for kind in op.kinds(len(operands))]
    sample = Sample(tuple(tuple(x.shape) if is_real else x for x, is_real in zip(operands, real, strict=True)), dict(attributes))
    stage = Stage(replace(op, samples=(sample,)), 0)
    count = sum(real)
    found = [Mistake(n, in_words(n, count), make(), op.vjp) for n, _, make, stateful in slips_at(stage) if not stateful]
    found += [Mistake(n, words, rule, op.vjp) for n, words, rule in _patterns(stage)]
    inside = (*changes_at(stage), *changes_at(stage, _LAST))
    found += [Mistake(n, in_words(n, count), make(), op.vjp) for n, _, make, _ in inside]
    for k, book in enumerate(op.textbook, 1):
        if book.vjp is not None:
            other = Stage(replace(stage.op, vjp=book.vjp), 0)
            entries = [e for e in (*slips_at(other), *changes_at(other)) if not e[3]]
            found += [Mistake(f"textbook{k}/{n}", in_words(n, count), make(), book.vjp) for n, _, make, _ in entries]
    return found


def _patterns(stage: Stage) -> Iterator[tuple[str, str, Rule]]:
    """Yield what `gradcheck.verdict.diagnosis` knows beside the mutants."""
    op = stage.op
    if stage.shapes == (stage.shape,):
        yield "1 - y", "takes its derivative to be 1 - y", lambda m, g, y, x, **_: (g * (1 - y),)
        yield "at-output", "takes its derivative at its output instead of its input", lambda m, g, y, x, **a: op.vjp(m, g, y, y, **a)
        yield "mask-inverted", "lets the cotangent through where it must be stopped", _inverted(op)


def _inverted(op: Op) -> Rule:
    def rule(m: Arithmetic, g: Array, y: Array, x: Array, **attributes: Any) -> tuple[Array | None, ...]:
        right = op.vjp(m, g, y, x, **attributes)[0]
        return (None if right is None else g - right,)

    return rule


def _last_of(axes: Callable[..., list[int]]) -> Callable[..., Array | None]:
    def make(m: Arithmetic, right: Array, x: Array, *given: Any, **options: Any) -> Array | None:
        found = axes(x, *given, **options)
        for k in found:
            x = m.part(x, x.shape[k] - 1, x.shape[k], k)
        return m.reshape(x, right.shape) if found else None

    return make


def _summed(x: Array, axes: Any = None, keepdims: bool = False) -> list[int]:
    return [k for k in (range(len(x.shape)) if axes is None else axes) if x.shape[k] > 1]


def _repeated(x: Array, shape: Shape) -> list[int]:
    extra = len(x.shape) - len(shape)
    return [k for k in range(len(x.shape)) if k < extra or shape[k - extra] != x.shape[k]]


#: What the catalogue of mutants does not have.
_LAST = {"unbroadcast": (Change("last-slice", _last_of(_repeated)),), "sum": (Change("last-slice", _last_of(_summed)),)}
