"""Wrong update rules: the usual mistakes, each as the rule that it makes of a right one.

A step that is wrong is compared with each of them; the one that reproduces it names the mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.learning.adam import Adam, AdamW
from gradcheck.learning.momentum import Momentum
from gradcheck.learning.optimizer import Rule, Slots, lowered, scalars, with_decay, with_settings
from gradcheck.learning.rules import settings_of


@dataclass(frozen=True)
class Mistake:
    """A wrong step.

    Args:
        name: what is wrong, in a sentence without an end.
        make: makes the wrong rule of the right one.
        exempts: whether parameters without weight decay are respected.
    """

    name: str
    make: Callable[[Rule], Rule]
    exempts: bool = True


def mistakes(rule: Rule) -> Iterator[Mistake]:
    """Yield the mistakes that can be made with a rule in these settings.

    Args:
        rule: the right one.

    >>> from gradcheck.learning.descent import Descent
    >>> [x.name for x in mistakes(Descent())]
    ['the step goes up the gradient', 'the step is twice as long', 'the step is half as long']
    """
    yield Mistake("the step goes up the gradient", lambda r: with_settings(r, rate=-r.rate))
    yield Mistake("the step is twice as long", lambda r: with_settings(r, rate=2 * r.rate))
    yield Mistake("the step is half as long", lambda r: with_settings(r, rate=r.rate / 2))
    if rule.decay:
        yield from _of_decay(rule)
    if isinstance(rule, Momentum):
        yield from _of_momentum(rule)
    if isinstance(rule, Adam):
        yield from _of_adam(rule)


def _of_decay(rule: Rule) -> Iterator[Mistake]:
    yield Mistake("weight decay is applied to the parameters that are exempt from it (biases)", lambda r: r, exempts=False)
    yield Mistake("weight decay is left out", lambda r: with_settings(r, decay=0.0))
    yield Mistake("weight decay has the wrong sign", lambda r: with_settings(r, decay=-r.decay))
    yield Mistake("weight decay is twice as strong", lambda r: with_settings(r, decay=2 * r.decay))
    yield Mistake("weight decay is half as strong", lambda r: with_settings(r, decay=r.decay / 2))
    if isinstance(rule, AdamW):
        yield Mistake("weight decay is added to the gradient (Adam with L2), where it is decoupled", lambda r: _as(Adam, r))
        yield Mistake("weight decay is not multiplied by the rate", lambda r: _as(_DecayWithoutRate, r))
        yield Mistake("weight decay is applied after the step, to what it moved to", lambda r: _as(_DecayAfter, r))
    elif isinstance(rule, Adam):
        yield Mistake("weight decay is decoupled (AdamW), where it is part of the gradient", lambda r: _as(AdamW, r))


def _of_momentum(rule: Momentum) -> Iterator[Mistake]:
    yield Mistake("the momentum has the wrong sign", lambda r: with_settings(r, momentum=-r.momentum))  # type: ignore[attr-defined]  # of Momentum
    yield Mistake("there is no momentum", lambda r: with_settings(r, momentum=0.0, dampening=0.0))
    yield Mistake("the velocity is a mean: the gradient is multiplied by 1 - momentum", lambda r: _as(_Mean, r))
    yield Mistake("the rate is inside the velocity, so that a changed rate acts late", lambda r: _as(_RateInside, r))
    if rule.dampening:
        yield Mistake("dampening is left out", lambda r: with_settings(r, dampening=0.0))
        yield Mistake("dampening is applied to the first gradient too", lambda r: _as(_DampenedAtFirst, r))
    if rule.nesterov:
        # g + mu times the velocity of the step before is the classical step too
        yield Mistake("the look-ahead of Nesterov is left out, or uses the old velocity", lambda r: with_settings(r, nesterov=False))
    else:
        yield Mistake("it is Nesterov's step, where the classical one is asked for", lambda r: with_settings(r, nesterov=True))


def _of_adam(rule: Adam) -> Iterator[Mistake]:
    yield Mistake("there is no bias correction", lambda r: _like(r, _Uncorrected))
    yield Mistake("the mean of the gradient has no bias correction", lambda r: _like(r, _FirstUncorrected))
    yield Mistake("the mean of the squares has no bias correction", lambda r: _like(r, _SecondUncorrected))
    yield Mistake("the bias correction counts steps from 2", lambda r: _like(r, _CountsAhead))
    yield Mistake("the bias correction does not count: it is that of step 1", lambda r: _like(r, _NeverCounts))
    yield Mistake("the bias correction multiplies, where it divides", lambda r: _like(r, _Multiplies))
    yield Mistake("epsilon is inside the root", lambda r: _like(r, _EpsilonInside))
    yield Mistake("epsilon is added before the bias correction of the squares", lambda r: _like(r, _EpsilonBefore))
    yield Mistake("epsilon is left out", lambda r: with_settings(r, epsilon=0.0))
    yield Mistake("the root of the squares is left out", lambda r: _like(r, _NoRoot))
    yield Mistake("the two betas are exchanged", lambda r: with_settings(r, beta1=r.beta2, beta2=r.beta1))  # type: ignore[attr-defined]  # of Adam
    yield Mistake("the means lack the factor 1 - beta", lambda r: _like(r, _Unweighted))
    if rule.amsgrad:
        yield Mistake("amsgrad is left out", lambda r: with_settings(r, amsgrad=False))


def _as(cls: type[Rule], rule: Rule) -> Rule:
    return cls(**settings_of(rule))


def _like(rule: Rule, mixin: type) -> Rule:
    """Return a rule of the same class, Adam or AdamW, with a mistake mixed in."""
    return _as(type(mixin.__name__, (mixin, type(rule)), {}), rule)


# -- weight decay ------------------------------------------------------------------------------------


class _DecayWithoutRate(AdamW):
    def decayed(self, m: Arithmetic, w: Array, g: Array) -> tuple[Array, Array]:
        return (m.constant(1) - m.constant(self.decay)) * w if self.decay else w, g


class _DecayAfter(AdamW):
    def update(self, m: Arithmetic, w: Array, g: Array, slots: Slots, step: int) -> tuple[Array, Slots]:
        moved, kept = Adam.update(_as(Adam, with_settings(self, decay=0.0)), m, w, g, slots, step)  # type: ignore[arg-type]  # it is an Adam
        return super().decayed(m, moved, g)[0], kept


# -- momentum ----------------------------------------------------------------------------------------


class _Mean(Momentum):
    def velocity(self, m: Arithmetic, g: Array, slots: Slots) -> Array:
        share = (m.constant(1) - m.constant(self.momentum)) * g
        return m.constant(self.momentum) * slots["velocity"] + share if "velocity" in slots else share


class _DampenedAtFirst(Momentum):
    def velocity(self, m: Arithmetic, g: Array, slots: Slots) -> Array:
        return super().velocity(m, g, slots or {"velocity": m.zeros(g.shape)})


class _RateInside(Momentum):
    def update(self, m: Arithmetic, w: Array, g: Array, slots: Slots, step: int) -> tuple[Array, Slots]:
        g = m.constant(self.rate) * with_decay(m, w, g, self.decay)
        v = self.velocity(m, g, slots)
        return w - (g + m.constant(self.momentum) * v if self.nesterov else v), {"velocity": v}


# -- Adam: mixed into Adam or AdamW ------------------------------------------------------------------


class _Uncorrected(Adam):
    def corrections(self, m: Arithmetic, step: int) -> tuple[Array, Array]:
        return m.constant(1), m.constant(1)


class _FirstUncorrected(Adam):
    def corrections(self, m: Arithmetic, step: int) -> tuple[Array, Array]:
        return m.constant(1), super().corrections(m, step)[1]


class _SecondUncorrected(Adam):
    def corrections(self, m: Arithmetic, step: int) -> tuple[Array, Array]:
        return super().corrections(m, step)[0], m.constant(1)


class _CountsAhead(Adam):
    def corrections(self, m: Arithmetic, step: int) -> tuple[Array, Array]:
        return super().corrections(m, step + 1)


class _NeverCounts(Adam):
    def corrections(self, m: Arithmetic, step: int) -> tuple[Array, Array]:
        return super().corrections(m, 1)


class _Multiplies(Adam):
    def direction(self, m: Arithmetic, mean: Array, squares: Array, c1: Array, c2: Array) -> Array:
        return super().direction(m, mean * c1 * c1, squares * c2 * c2, c1, c2)


class _EpsilonInside(Adam):
    def direction(self, m: Arithmetic, mean: Array, squares: Array, c1: Array, c2: Array) -> Array:
        return (mean / c1) / m.sqrt(squares / c2 + m.constant(self.epsilon))


class _EpsilonBefore(Adam):
    def direction(self, m: Arithmetic, mean: Array, squares: Array, c1: Array, c2: Array) -> Array:
        return (mean / c1) / ((m.sqrt(squares) + m.constant(self.epsilon)) / m.sqrt(c2))


class _NoRoot(Adam):
    def direction(self, m: Arithmetic, mean: Array, squares: Array, c1: Array, c2: Array) -> Array:
        return (mean / c1) / (squares / c2 + m.constant(self.epsilon))


class _Unweighted(Adam):
    def average(self, m: Arithmetic, beta: float, old: Array, new: Array) -> Array:
        s = scalars(m)
        return lowered(m, s, s.constant(beta)) * old + new
