"""What an update rule is tried on: parameters, gradients of all sizes, a rate that changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import FORMATS
from gradcheck.graph.values import Arrays
from gradcheck.learning.mistakes import Mistake
from gradcheck.learning.optimizer import Rule, State, stepped, with_settings

#: Shapes of the parameters: weights, biases (which are exempt from weight decay), and weights with gradients from tiny to large.
SHAPES = {"w": (4, 3), "b": (3,), "v": (14,)}
EXEMPT = ("b",)
#: Decimal exponents of the sizes of v's gradients: about epsilon, far below it, above it, and two that are 0.
_SIZES = (*range(-10, 3),)


@dataclass(frozen=True)
class Trial:
    """Numbers on which a step is tried.

    Args:
        parameters: at the start, by name, in the format to be tried.
        gradients: of each step.
        rates: factors on the rate, a step each.
        exempt: names of parameters without weight decay.
    """

    parameters: Arrays
    gradients: tuple[Arrays, ...]
    rates: tuple[float, ...]
    exempt: tuple[str, ...] = EXEMPT

    def rule(self, rule: Rule, k: int) -> Rule:
        """Return the rule of step k (from 0): its rate changes."""
        return with_settings(rule, rate=rule.rate * self.rates[k])

    def run(self, rule: Rule, m: Arithmetic, mistake: Mistake | None = None) -> Iterator[dict[str, Array]]:
        """Yield the parameters after each step of a rule, or of the rule that a mistake makes of it.

        Args:
            rule: how they are moved.
            m: the arithmetic.
            mistake: none unless given.
        """
        parameters: dict[str, Array] = {k: m.array(x) for k, x in self.parameters.items()}
        exempt = self.exempt if mistake is None or mistake.exempts else ()
        state: State = {}
        for k, given in enumerate(self.gradients):
            used = self.rule(rule, k) if mistake is None else mistake.make(self.rule(rule, k))
            gradients = {name: m.array(x) for name, x in given.items()}
            parameters, state = stepped(used, m, parameters, gradients, state, k + 1, exempt=exempt)
            yield parameters


def drawn(dtype: str, steps: int, seed: int, exempt: tuple[str, ...] = EXEMPT) -> Trial:
    """Return a trial of random numbers.

    The gradients of a parameter keep to a direction, about which they change, so that means and velocities grow; a third of the
    parameters are 0 at the start, where a small step shows in full. In the second half of the steps the rate is halved, then doubled.

    Args:
        dtype: the format of all numbers.
        steps: how many there are.
        seed: of the numbers.
        exempt: names of parameters without weight decay.

    >>> drawn("float32", 6, 0).rates
    (1.0, 1.0, 1.0, 0.5, 2.0, 0.5)
    """
    rng = np.random.default_rng(seed)
    parameters = {k: rng.standard_normal(s) * (rng.random(s) > 1 / 3) for k, s in SHAPES.items()}
    drift = {k: rng.standard_normal(s) for k, s in SHAPES.items()}
    sizes = {k: np.ones(s) for k, s in SHAPES.items()} | {"v": np.array([0.0, *(10.0**k for k in _SIZES)])}
    gradients = tuple({k: sizes[k] * (drift[k] + rng.standard_normal(s)) for k, s in SHAPES.items()} for _ in range(steps))
    half = steps // 2
    rates = tuple(1.0 if k < half else 0.5 if (k - half) % 2 == 0 else 2.0 for k in range(steps))
    return Trial(_rounded(parameters, dtype), tuple(_rounded(g, dtype) for g in gradients), rates, exempt)


def _rounded(x: Arrays, dtype: str) -> Arrays:
    return {k: a.astype(FORMATS[dtype]) for k, a in x.items()}
