"""Momentum: the step goes on in the direction of the steps before (Polyak 1964; Rumelhart, Hinton, Williams 1986)."""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.learning.optimizer import Slots, with_decay


@dataclass(frozen=True)
class Momentum:
    """v := mu v + (1 - tau) g, w := w - eta v, as torch.optim.SGD has it: the rate is outside of v, and v is g at first.

    Args:
        rate: eta.
        momentum: mu.
        dampening: tau; not of the first gradient.
        nesterov: whether w moves by g + mu v instead (Sutskever, Martens, Dahl, Hinton 2013).
        decay: is multiplied by w and added to g.

    >>> from gradcheck.arith.floating import Floating
    >>> m, rule, slots, w = Floating("float64"), Momentum(rate=1.0, momentum=0.5), {}, Floating("float64").array([0.0])
    >>> for step in (1, 2, 3):
    ...     w, slots = rule.update(m, w, m.array([1.0]), slots, step)
    >>> float(w[0])
    -4.25
    """

    rate: float = 0.1
    momentum: float = 0.9
    dampening: float = 0.0
    nesterov: bool = False
    decay: float = 0.0

    def update(self, m: Arithmetic, w: Array, g: Array, slots: Slots, step: int) -> tuple[Array, Slots]:
        """Return w - eta v, or w - eta (g + mu v); v is kept."""
        g = with_decay(m, w, g, self.decay)
        v = self.velocity(m, g, slots)
        ahead = g + m.constant(self.momentum) * v if self.nesterov else v
        return w - m.constant(self.rate) * ahead, {"velocity": v}

    def velocity(self, m: Arithmetic, g: Array, slots: Slots) -> Array:
        """Return the new velocity."""
        if "velocity" not in slots:
            return g
        share = m.constant(1) - m.constant(self.dampening) if self.dampening else m.constant(1)
        return m.constant(self.momentum) * slots["velocity"] + (share * g if self.dampening else g)
