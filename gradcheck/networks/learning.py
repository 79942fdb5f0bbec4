"""Networks to learn with: a curve to fit, and one weight whose error has a local minimum and a plateau."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.networks.layers import Floats, Rng, half_squares, layered, parameters, uniform
from gradcheck.networks.network import declare
from gradcheck.ops import registry as ops

#: Where the curve is given.
_X = np.linspace(-1, 1, 21).reshape(-1, 1)


def _curve(rng: Rng) -> dict[str, Floats]:
    return {"x": _X, "t": np.sin(np.pi * _X), **parameters(rng, 1, 5, 1, gain=1.5)}


declare(
    "curve-fit-1-5-1", "a sine fitted by five tanh units: residuals for Levenberg-Marquardt",
    layered(("tanh", "identity"), half_squares), _curve,
    inputs=("x", "t"), systems=("S10", "S11"), tags=("classic", "learning"), small=True,
)  # fmt: skip


def one_weight(x: Any, t: Any, w: Any) -> Any:
    """Return the error of one logistic neuron without a bias; such errors have many local minima (Auer, Herbster, Warmuth 1996)."""
    y = ops["logistic"]((x * w).named("net")).named("y")
    return half_squares(y, t).named("loss")


declare(
    "one-weight", "two patterns that disagree: a local minimum at -0.11, the global one at -2.2, a plateau beyond 6",
    one_weight, lambda rng: {"x": np.array([1.0, 10.0]), "t": np.array([0.1, 0.3]), "w": uniform(rng, -3, 3)},
    inputs=("x", "t"), systems=("S10",), tags=("classic", "learning"), small=True,
)  # fmt: skip
