"""Points at which a derivative does not exist: what is handed back is a convention.

All values are small multiples of powers of two, so that every format stands on the kink exactly.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.layers import Floats, Rng, layer
from gradcheck.networks.network import declare
from gradcheck.ops import registry as ops

_declare = partial(declare, systems=("S8",), tags=("kinks",), small=True, smooth=False)


def _weighted(y: Any) -> Any:
    """Return a sum in which every entry of y has another weight."""
    return np.sum(y * (1 + np.arange(y.size) / 4).reshape(y.shape)).named("loss")


def _at(*points: float) -> Any:
    """Return a maker of one parameter w that holds the points, shuffled."""

    def make(rng: Rng) -> dict[str, Floats]:
        return {"w": rng.permutation(np.array(points, dtype=float))}

    return make


def _entrywise(name: str, reason: str, op: str, points: tuple[float, ...], **attributes: float) -> None:
    _declare(name, reason, lambda w: _weighted(ops[op](w, **attributes).named("y")), _at(*points))


_entrywise("relu-at-zero", "relu'(0): 0 by convention, anything from 0 to 1 is right", "relu", (-1, 0, 0, 0.5))
_entrywise("leaky-relu-at-zero", "a slope of 1/4 on one side, 1 on the other", "leaky_relu", (-1, 0, 0, 0.5), alpha=0.25)
_entrywise("elu-at-zero", "alpha = 1/2: the exponential arrives with another slope", "elu", (-1, 0, 0.5), alpha=0.5)
_entrywise("selu-at-zero", "two slopes, neither of them 1", "selu", (-1, 0, 0.5))
_entrywise("abs-at-zero", "abs'(0): anything from -1 to 1", "abs", (-1, 0, 0, 0.5))
_entrywise("clip-at-bounds", "both bounds hit exactly", "clip", (-2, -0.5, 0, 0.5, 2), low=-0.5, high=0.5)
_entrywise("hard-tanh-at-bounds", "both bounds hit exactly", "hard_tanh", (-2, -1, 0, 1, 2))
_entrywise("hard-swish-at-bounds", "at -3 and 3 a parabola meets a line with another slope", "hard_swish", (-4, -3, 0, 3, 4))
_entrywise("norm-at-zero", "the norm of the zero vector: any vector no longer than 1", "norm", (0, 0, 0))
_entrywise("max-ties", "three equal maxima: any weights that add up to one", "max", (1, 1, 1, -1))
_entrywise("min-ties", "three equal minima", "min", (-1, -1, -1, 1))

_declare("maximum-of-itself", "max(w, w) is w: the derivative is 1, not 2 and not 1/2 twice over", lambda w: _weighted(np.maximum(w, w)),
         _at(-1, 0, 0.5))  # fmt: skip
_declare("maximum-ties", "max(v, w) where both are equal", lambda v, w: _weighted(np.maximum(v, w) - np.minimum(w, 2 * v)),
         lambda rng: {"v": np.array([-1.0, 0.0, 0.5]), "w": np.array([-1.0, 0.0, 1.0])})  # fmt: skip
_declare(
    "max-rows-ties", "ties within some rows, none in others", lambda w: _weighted(ops["max"](w, axes=(1,)).named("top")),
    lambda rng: {"w": np.array([[1.0, 1.0, 0.0], [0.0, 0.5, 0.25], [-1.0, -1.0, -1.0]])[rng.permutation(3)]},
)  # fmt: skip
_declare(
    "max-pool-ties", "a flat image: every window ties", lambda w: _weighted(ops["max_pool"](w, kernel=2).named("pooled")),
    lambda rng: {"w": np.full((1, 1, 3, 3), 0.5)},
)  # fmt: skip
_declare(
    "hinge-at-margin", "an example exactly on the margin, t z = 1", lambda w, t: ops["hinge"](w, t, reduction="sum").named("loss"),
    lambda rng: {"w": np.array([1.0, -1.0, 0.5, -2.0]), "t": np.array([1.0, -1.0, 1.0, -1.0])}, inputs=("t",),
)  # fmt: skip


def unlearned(x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Return the squared error of two relu layers."""
    y = layer(layer(x, w1, b1, "relu", 1), w2, b2, "relu", 2)
    return ops["half_squared_error"](y, t).named("loss")


_declare(
    "relu-layers-all-zero", "weights that start at zero: every unit stands on its kink", unlearned,
    lambda rng: {"x": rng.integers(-4, 5, (2, 3)) / 4, "t": np.ones((2, 2)), "w1": np.zeros((3, 2)), "b1": np.zeros(2),
                 "w2": np.full((2, 2), 0.5), "b2": np.zeros(2)},
    inputs=("x", "t"),
)  # fmt: skip
_declare(
    "relu-near-zero", "2^-20 to either side of the kink: no kink, but any coarse step crosses it",
    lambda w: _weighted(ops["relu"](w).named("y")), _at(-(2.0**-20), 2.0**-20, 1),
)  # fmt: skip
_declare(
    "prod-with-zeros", "one factor zero, then two: smooth, though y / w is not a number",
    lambda w: _weighted(ops["prod"](w, axes=(1,))),
    lambda rng: {"w": np.array([[2.0, 0.0, -1.0], [0.0, 0.5, 0.0], [1.0, 2.0, 4.0]])[rng.permutation(3)]}, smooth=True,
)  # fmt: skip
_declare(
    "huber-at-delta", "where the parabola meets the line: smooth once, not twice",
    lambda w: ops["huber"](w, np.zeros(3), reduction="sum").named("loss"), _at(-1, 1, 0.25), smooth=True,
)  # fmt: skip
