"""The protocol of an update rule: parameters, gradients and what was kept go in, parameters and what is kept come out.

A rule is written once over an arithmetic, as an operation is: in float32 it trains, in mpmath it is the reference of a step, in
the running arithmetic it says what rounding can do to a step, in balls it encloses the exact one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.arith.running import Roundoff, Running, wide_format

#: What a rule keeps of one parameter between steps, by name (a velocity, a mean of squares).
Slots: TypeAlias = Mapping[str, Array]
State: TypeAlias = Mapping[str, Slots]


class Rule(Protocol):
    """A rule that moves one parameter by its gradient; it holds hyperparameters and nothing else."""

    @property
    def rate(self) -> float:
        """The learning rate, eta."""

    @property
    def decay(self) -> float:
        """The weight decay."""

    def update(self, m: Arithmetic, w: Array, g: Array, slots: Slots, step: int) -> tuple[Array, Slots]:
        """Return the parameter after a step, and what is kept for the next.

        Args:
            m: the arithmetic.
            w: the parameter.
            g: its gradient.
            slots: what the step before kept; empty before the first.
            step: its number, from 1.
        """
        ...


def stepped(
    rule: Rule, m: Arithmetic, parameters: Mapping[str, Array], gradients: Mapping[str, Array], state: State, step: int,
    *, exempt: Collection[str] = (),
) -> tuple[dict[str, Array], State]:  # fmt: skip
    """Return all parameters after a step, and the state for the next.

    Args:
        rule: how each is moved.
        m: the arithmetic, of which all arrays are.
        parameters: by name.
        gradients: by the same names.
        state: of the step before; empty before the first.
        step: its number, from 1.
        exempt: names of parameters without weight decay: biases, as a rule.

    >>> from gradcheck.learning.descent import Descent
    >>> m = Floating("float64")
    >>> after, _ = stepped(Descent(rate=0.5), m, {"w": m.array([1.0, 2.0])}, {"w": m.array([2.0, -2.0])}, {}, 1)
    >>> after["w"]
    array([0., 3.])
    """
    plain = without_decay(rule)
    moved, kept = {}, {}
    with np.errstate(all="ignore"):  # a rule may divide by 0 and overflow, as programs do
        for name, w in parameters.items():
            chosen = plain if name in exempt else rule
            slots = {k: m.enter(x) for k, x in state.get(name, {}).items()}
            after, left = chosen.update(m, m.enter(w), m.enter(gradients[name]), slots, step)
            moved[name], kept[name] = m.leave(after), {k: m.leave(x) for k, x in left.items()}
    return moved, kept


def without_decay(rule: Rule) -> Rule:
    """Return the rule for parameters that are exempt from weight decay."""
    return rule if rule.decay == 0 else with_settings(rule, decay=0.0)


def with_settings(rule: Rule, **settings: Any) -> Rule:
    """Return the rule with other hyperparameters."""
    changed: Rule = replace(rule, **settings)  # type: ignore[type-var]  # every rule is a dataclass
    return changed


def with_decay(m: Arithmetic, w: Array, g: Array, decay: float) -> Array:
    """Return g + decay w, the gradient of the error with decay / 2 times the sum of squares added."""
    return g + m.constant(decay) * w if decay else g


def scalars(m: Arithmetic) -> Arithmetic:
    """Return the arithmetic in which factors such as 1 - beta^t are computed: float64 where m is narrower, else m.

    A program computes them in the numbers of its language. In float32, 1 - 0.999 alone would have lost a third of its digits.
    """
    if isinstance(m, Floating) and m.storage.itemsize < 8:
        return Floating("float64")
    if isinstance(m, Running) and m.roundoff.u > 2.0**-53:
        return Running(Roundoff.of("float64"), wide_format("float64"))
    return m


def lowered(m: Arithmetic, s: Arithmetic, x: Array) -> Array:
    """Return a factor computed in `scalars` as a number of m: rounded once.

    Args:
        m: the arithmetic of the arrays.
        s: `scalars` of m.
        x: a 0-d array of s.

    >>> m = Floating("float32")
    >>> lowered(m, scalars(m), scalars(m).constant(0.1)).dtype
    dtype('float32')
    """
    if s is m:
        return x
    if isinstance(m, Running):
        error = x.radius()
        return m.bounded(x.value, error + m.u * (np.abs(x.value) + error))
    return m.constant(float(x))
