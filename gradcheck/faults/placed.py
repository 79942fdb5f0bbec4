"""The catalogue of mistakes at one node of a network: each with a rule to put in place of the right one, and in words.

To the mutants of the operation, made for the node's own shapes, come those of every legitimate textbook formula of it
(`1 - y` is the textbook derivative of tanh with a square left out), and the patterns that reports know by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.faults.changes import LAST
from gradcheck.faults.mutants import Entry, changes_at, slips_at
from gradcheck.faults.slips import Rule
from gradcheck.faults.stage import Stage
from gradcheck.mistakes.mistake import Kind
from gradcheck.ops.op import INTEGER_KINDS, Op, Sample


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that can be made at a node.

    Args:
        name: as of the mutant: "sign", "sech21-drop", "textbook1/square1-drop".
        kind: of the mistake; "formula" where it is made inside of the rule.
        words: what is done wrong, after "node h3 (tanh)": "hands on the negative of the right contribution".
        rule: the wrong vjp.
        instead: the rule that it is made of: the operation's own, or a textbook one.
        is_slip: whether it is in what the rule is given or hands back: those have words that everybody knows.
    """

    name: str
    kind: Kind
    words: str
    rule: Rule
    instead: Rule
    is_slip: bool = False


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
    found = _made(slips_at(stage), op.vjp)
    found += [Mistake(n, kind, words, rule, op.vjp) for n, kind, words, rule in _patterns(stage)]
    found += _made((*changes_at(stage), *changes_at(stage, LAST)), op.vjp)
    for k, book in enumerate(op.textbook, 1):
        if book.vjp is not None:
            other = Stage(replace(stage.op, vjp=book.vjp), 0)
            found += _made((*slips_at(other), *changes_at(other)), book.vjp, f"textbook{k}/")
    return found


def _made(entries: Iterable[Entry], instead: Rule, prefix: str = "") -> list[Mistake]:
    """Return the mistakes that remember nothing."""
    return [Mistake(prefix + e.name, e.mistake or "formula", e.words, e.make(), instead, e.is_slip) for e in entries if not e.stateful]


def _patterns(stage: Stage) -> Iterator[tuple[str, Kind, str, Rule]]:
    """Yield what `gradcheck.explain.diagnosis` knows beside the mutants."""
    op = stage.op
    if stage.shapes == (stage.shape,):
        yield "1 - y", "1 - f", "takes its derivative to be 1 - y", lambda m, g, y, x, **_: (g * (1 - y),)
        words = "takes its derivative at its output instead of its input"
        yield "at-output", "at output", words, lambda m, g, y, x, **a: op.vjp(m, g, y, y, **a)
        yield "mask-inverted", "mask inverted", "lets the cotangent through where it must be stopped", _inverted(op)


def _inverted(op: Op) -> Rule:
    def rule(m: Arithmetic, g: Array, y: Array, x: Array, **attributes: Any) -> tuple[Array | None, ...]:
        right = op.vjp(m, g, y, x, **attributes)[0]
        return (None if right is None else g - right,)

    return rule
