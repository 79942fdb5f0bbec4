"""Gradient descent: the weight update that backpropagation was described with."""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.learning.optimizer import Slots, with_decay


@dataclass(frozen=True)
class Descent:
    """w := w - eta g; for a weight of a layer that is -eta o_i delta_j.

    With mini-batches it is stochastic gradient descent.

    Args:
        rate: eta.
        decay: is multiplied by w and added to g.

    >>> from gradcheck.arith.floating import Floating
    >>> m = Floating("float64")
    >>> w, _ = Descent(rate=0.5).update(m, m.array([1.0]), m.array([4.0]), {}, 1)
    >>> float(w[0])
    -1.0
    """

    rate: float = 0.1
    decay: float = 0.0

    def update(self, m: Arithmetic, w: Array, g: Array, slots: Slots, step: int) -> tuple[Array, Slots]:
        """Return w - eta g; nothing is kept."""
        return w - m.constant(self.rate) * with_decay(m, w, g, self.decay), {}
