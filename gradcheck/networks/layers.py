"""Building blocks of networks: layers, losses, and random parameters for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcheck.networks.network import Program
from gradcheck.ops import registry as ops

Floats: TypeAlias = npt.NDArray[np.float64]
Rng: TypeAlias = np.random.Generator
Loss: TypeAlias = Callable[[Any, Any], Any]


def activated(name: str, z: Any) -> Any:
    """Return the activation `name` of z; z itself for "identity"."""
    return z if name == "identity" else ops[name](z)


def layer(a: Any, w: Any, b: Any, activation: str, number: int) -> Any:
    """Return the activation of a w + b, with nodes z<number> and a<number>."""
    z = ops["dense"](a, w, b).named(f"z{number}")
    return z if activation == "identity" else activated(activation, z).named(f"a{number}")


def stack(a: Any, w: dict[str, Any], activations: Sequence[str]) -> Any:
    """Return the output of dense layers with parameters w1, b1, w2, b2, ..."""
    for number, activation in enumerate(activations, 1):
        a = layer(a, w[f"w{number}"], w[f"b{number}"], activation, number)
    return a


def half_squares(y: Any, t: Any) -> Any:
    """Return half the squared error, averaged over the examples."""
    return ops["half_squared_error"](y, t, reduction="sum") / len(y)


def categorical(p: Any, t: Any) -> Any:
    """Return the cross entropy of class probabilities, averaged over the examples."""
    return ops["cross_entropy"](p, t, reduction="sum") / len(p)


def binary(p: Any, t: Any) -> Any:
    """Return the cross entropy of probabilities of one class, averaged over the examples."""
    return ops["binary_cross_entropy"](p, t, reduction="sum") / len(p)


def penalty(w: dict[str, Any], factor: float) -> Any:
    """Return factor times the sum of the squares of all weights (no bias)."""
    squares = [np.sum(x * x) for name, x in w.items() if name.startswith("w")]
    return factor * sum(squares[1:], squares[0])


def layered(activations: Sequence[str], loss: Loss, alpha: float = 0.0) -> Program:
    """Return the program of dense layers and a loss, with alpha / 2n times the squared weights."""

    def program(x: Any, t: Any, **w: Any) -> Any:
        error = loss(stack(x, w, activations), t)
        if alpha:
            error = error.named("error") + penalty(w, alpha / (2 * len(x))).named("penalty")
        return error.named("loss")

    return program


def normal(rng: Rng, *shape: int, scale: float = 1.0) -> Floats:
    """Return normal numbers."""
    return np.asarray(scale * rng.standard_normal(shape))


def uniform(rng: Rng, low: float, high: float, *shape: int) -> Floats:
    """Return numbers equally likely between low and high."""
    return rng.uniform(low, high, shape)


def parameters(rng: Rng, *sizes: int, gain: float = 1.0) -> dict[str, Floats]:
    """Return w1, b1, w2, b2, ... for dense layers of the sizes; weights of gain / sqrt(inputs)."""
    found: dict[str, Floats] = {}
    for number, (k, n) in enumerate(pairwise(sizes), 1):
        found[f"w{number}"] = normal(rng, k, n, scale=gain / math.sqrt(k))
        found[f"b{number}"] = normal(rng, n, scale=0.1)
    return found


def one_hot(labels: npt.ArrayLike, classes: int) -> Floats:
    """Return rows that are 1 at the label, 0 elsewhere."""
    return np.asarray(np.eye(classes)[np.asarray(labels)])
