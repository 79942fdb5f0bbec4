"""Adam and AdamW: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.learning.optimizer import Slots, lowered, scalars, with_decay


@dataclass(frozen=True)
class Adam:
    """w := w - eta m' / (sqrt(v') + epsilon), m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) (Kingma and Ba 2015, algorithm 1).

    Args:
        rate: eta.
        beta1: m := beta1 m + (1 - beta1) g.
        beta2: v := beta2 v + (1 - beta2) g^2.
        epsilon: is added to the root.
        decay: is multiplied by w and added to g.
        amsgrad: whether v' is made from the largest v so far (Reddi, Kale, Kumar 2018).

    >>> from gradcheck.arith.floating import Floating
    >>> m = Floating("float64")
    >>> w, _ = Adam(rate=0.25).update(m, m.array([1.0]), m.array([1e3]), {}, 1)
    >>> round(float(w[0]), 9)
    0.75
    """

    rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    decay: float = 0.0
    amsgrad: bool = False

    def update(self, m: Arithmetic, w: Array, g: Array, slots: Slots, step: int) -> tuple[Array, Slots]:
        """Return the parameter after a step; both means are kept, and the largest square of amsgrad."""
        w, g = self.decayed(m, w, g)
        kept = self.moments(m, g, slots)
        squares = kept["largest"] if self.amsgrad else kept["squares"]
        c1, c2 = self.corrections(m, step)
        return w - m.constant(self.rate) * self.direction(m, kept["mean"], squares, c1, c2), kept

    def decayed(self, m: Arithmetic, w: Array, g: Array) -> tuple[Array, Array]:
        """Return the parameter and the gradient with the weight decay in one of them."""
        return w, with_decay(m, w, g, self.decay)

    def moments(self, m: Arithmetic, g: Array, slots: Slots) -> dict[str, Array]:
        """Return the running means of g and g^2."""
        zero = m.zeros(g.shape)
        mean = self.average(m, self.beta1, slots.get("mean", zero), g)
        squares = self.average(m, self.beta2, slots.get("squares", zero), m.square(g))
        if not self.amsgrad:
            return {"mean": mean, "squares": squares}
        return {"mean": mean, "squares": squares, "largest": m.maximum(slots.get("largest", zero), squares)}

    def average(self, m: Arithmetic, beta: float, old: Array, new: Array) -> Array:
        """Return beta old + (1 - beta) new."""
        s = scalars(m)
        share = s.constant(1) - s.constant(beta)
        return m.constant(beta) * old + lowered(m, s, share) * new

    def corrections(self, m: Arithmetic, step: int) -> tuple[Array, Array]:
        """Return 1 - beta^t of both means: what they miss because they began at 0."""
        s = scalars(m)
        first, second = (s.constant(1) - s.integer_power(s.constant(b), step) for b in (self.beta1, self.beta2))
        return lowered(m, s, first), lowered(m, s, second)

    def direction(self, m: Arithmetic, mean: Array, squares: Array, c1: Array, c2: Array) -> Array:
        """Return m' / (sqrt(v') + epsilon)."""
        return (mean / c1) / (m.sqrt(squares / c2) + m.constant(self.epsilon))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay is no part of the gradient: w := w - eta decay w before the step (Loshchilov and Hutter 2019).

    Args:
        decay: is multiplied by eta and w.

    >>> from gradcheck.arith.floating import Floating
    >>> m = Floating("float64")
    >>> w, _ = AdamW(rate=0.5, decay=0.5).update(m, m.array([1.0]), m.array([0.0]), {}, 1)
    >>> float(w[0])
    0.75
    """

    decay: float = 1e-2

    def decayed(self, m: Arithmetic, w: Array, g: Array) -> tuple[Array, Array]:
        """Return w - eta decay w, and the gradient as it is."""
        if not self.decay:
            return w, g
        s = scalars(m)
        return lowered(m, s, s.constant(1) - s.constant(self.rate) * s.constant(self.decay)) * w, g
