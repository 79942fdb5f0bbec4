"""Numbers at the edges: saturated, vanishing, exploding, tiny, huge, cancelling."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.layers import Floats, Rng, half_squares, layered, normal, one_hot, parameters, stack, uniform
from gradcheck.networks.network import Data, declare
from gradcheck.ops import registry as ops

_declare = partial(declare, systems=("S15",), tags=("extremes",), small=True)

_WIDE = ("float64", "float32", "bfloat16")
_FINE = ("float64", "float32")


def _weighted(y: Any) -> Any:
    """Return a sum in which every entry of y has another weight."""
    return np.sum(y * (1 + np.arange(y.size) / 4).reshape(y.shape)).named("loss")


def _entrywise(name: str, reason: str, op: str, points: tuple[float, ...], **more: Any) -> None:
    def make(rng: Rng) -> dict[str, Floats]:
        return {"w": rng.permutation(np.array(points, dtype=float))}

    _declare(name, reason, lambda w: _weighted(ops[op](w).named("a1")), make, **more)


_entrywise("saturated-tanh", "z up to 30: 1 - a^2 has no digit left", "tanh", (-30, -19.5, -8, 0, 8, 19.5, 30))
_entrywise("saturated-logistic", "z up to 30: a (1 - a) has no digit left on one side", "logistic", (-30, -17, -6, 0, 6, 17, 30))
_entrywise("saturated-softplus", "z up to 200: exp(z) overflows where softplus does not", "softplus", (-200, -30, 0, 30, 200))
_entrywise("saturated-gelu", "the lower tail, where Phi vanishes", "gelu", (-12, -8, -5, 0, 5, 12))
_entrywise("expm1-near-zero", "exp(w) - 1 cancels near 0", "expm1", (-1e-6, 1e-6, 1e-3, 0.5))
_entrywise("sqrt-near-zero", "a slope of 5e5", "sqrt", (1e-12, 1e-6, 1), dtypes=_WIDE)
_entrywise("log-near-zero", "a slope of 1e30", "log", (1e-30, 1e-6, 1), dtypes=_WIDE)


def _deep(rng: Rng, depth: int, gain: float) -> Data:
    return {"x": normal(rng, 2, 2), "t": uniform(rng, 0, 1, 2, 1), **parameters(rng, *[2] * depth, 1, gain=gain)}


_declare(
    "vanishing-logistic-20", "twenty logistic layers: each takes a factor of four from the gradient",
    layered(("logistic",) * 20, half_squares), lambda rng: _deep(rng, 20, 1.0), inputs=("x", "t"), small=False,
    twin="vanishing-logistic-8",
)  # fmt: skip
_declare(
    "vanishing-logistic-8", "eight logistic layers: the first layer's gradient all but vanishes",
    layered(("logistic",) * 8, half_squares), lambda rng: _deep(rng, 8, 1.0), inputs=("x", "t"),
)  # fmt: skip


def exploding(x: Any, **w: Any) -> Any:
    """Return the sum of x times all matrices."""
    for k, matrix in enumerate(w.values(), 1):
        x = (x @ matrix).named(f"z{k}")
    return _weighted(x)


_declare(
    "exploding-product", "ten layers with weights near 3: 6^10", exploding,
    lambda rng: {"x": normal(rng, 2, 2), **{f"w{k}": 3 + normal(rng, 2, 2, scale=0.1) for k in range(1, 11)}},
    inputs=("x",), dtypes=_WIDE,
)  # fmt: skip


def recurrent(x: Any, w: Any) -> Any:
    """Return the state after 60 multiplications by one scalar."""
    for _ in range(60):
        x = x * w
    return _weighted(x)


_declare("exploding-recurrence", "w^60 with w near 1.5, one weight used sixty times", recurrent,
         lambda rng: {"x": normal(rng, 2), "w": uniform(rng, 1.4, 1.6)}, inputs=("x",), dtypes=_WIDE)  # fmt: skip
_declare("vanishing-recurrence", "w^60 with w near 0.5", recurrent,
         lambda rng: {"x": normal(rng, 2), "w": uniform(rng, 0.45, 0.55)}, inputs=("x",), dtypes=_WIDE)  # fmt: skip


def linear_tanh(x: Any, w: Any, b: Any, scale: float = 1.0) -> Any:
    """Return a loss that is linear in tanh(scale (x w + b))."""
    return _weighted(np.tanh((scale * (x @ w + b)).named("z1")).named("a1"))


def _scaled(rng: Rng, x: float, w: float) -> Data:
    return {"x": normal(rng, 3, 2, scale=x), "w": normal(rng, 2, 2, scale=w), "b": normal(rng, 2, scale=x * w)}


_declare("tiny-inputs", "inputs near 1e-20: an absolute tolerance sees nothing", linear_tanh, lambda rng: _scaled(rng, 1e-20, 1),
         inputs=("x",), dtypes=_WIDE)  # fmt: skip
_declare("huge-inputs", "inputs near 1e12, scaled down inside", partial(linear_tanh, scale=1e-12), lambda rng: _scaled(rng, 1e12, 1),
         inputs=("x",), dtypes=_WIDE)  # fmt: skip
_declare("huge-inputs-tiny-weights", "1e12 times 1e-12: gradients of very different sizes", linear_tanh,
         lambda rng: _scaled(rng, 1e12, 1e-12), inputs=("x",), dtypes=_WIDE)  # fmt: skip
_declare("subnormal-float32", "gradients near 1e-40: subnormal in float32, flushed to zero by some",
         lambda x, w: np.sum(x * w).named("loss"),
         lambda rng: {"x": uniform(rng, 1, 2, 3) * 1e-40, "w": uniform(rng, 1, 2, 3)}, inputs=("x",), dtypes=_FINE)  # fmt: skip


def _logits(rng: Rng, size: float) -> Data:
    return {"w": normal(rng, 3, 4) + size * rng.integers(-1, 2, (3, 4)), "t": one_hot(rng.integers(0, 4, 3), 4)}


_declare("softmax-huge-logits", "logits near 1e3: exp overflows unless shifted",
         lambda w, t: np.sum(ops["softmax"](w).named("p") * (t + 0.5)).named("loss"), lambda rng: _logits(rng, 1e3), inputs=("t",))  # fmt: skip
_declare("cross-entropy-huge-logits", "a loss near 1e3: log(p) of a p that underflows",
         lambda w, t: ops["softmax_cross_entropy"](w, t).named("loss"), lambda rng: _logits(rng, 1e3), inputs=("t",))  # fmt: skip
_declare("logsumexp-huge", "log of a sum of exponentials of 1e3", lambda w: _weighted(ops["logsumexp"](w, axes=(1,))),
         lambda rng: {"w": 1e3 + normal(rng, 2, 4)})  # fmt: skip
_declare("confident-and-wrong", "logits of 80 with the wrong sign: the gradient is 1, not 0",
         lambda w, t: ops["binary_cross_entropy_logits"](w, t).named("loss"),
         lambda rng: {"w": normal(rng, 4) + np.array([80.0, -80.0, 80.0, -80.0]), "t": np.array([0.0, 1.0, 1.0, 0.0])}, inputs=("t",))  # fmt: skip
_declare("variance-near-constant", "numbers near 1000 that differ by 0.1: E(w^2) - E(w)^2 cancels",
         lambda w: np.log(ops["variance"](w)).named("loss"), lambda rng: {"w": 1000 + normal(rng, 6, scale=0.1)}, dtypes=_FINE)  # fmt: skip


def normalised(w: Any, scale: Any, shift: Any) -> Any:
    """Return the weighted sum of a layer normalisation."""
    return _weighted(ops["layer_norm"](w, scale, shift).named("normed"))


_declare("layer-norm-constant-rows", "rows without variance: only epsilon keeps the division finite", normalised,
         lambda rng: {"w": np.repeat(rng.integers(-4, 5, (2, 1)) / 2, 4, axis=1), "scale": 1 + normal(rng, 4, scale=0.1),
                      "shift": normal(rng, 4)})  # fmt: skip
_declare("cancelling-sum", "a million, a small number, minus a million: the loss has few digits, the gradient all",
         lambda x, w: np.sum(x * w).named("loss"),
         lambda rng: {"x": np.array([1e6, 1.0, -1e6]), "w": 1 + normal(rng, 3, scale=1e-3)}, inputs=("x",), dtypes=_WIDE)  # fmt: skip
_declare("long-sum-4096", "a mean of 4,096 terms: a sum in float16 must not stop at 2,048",
         lambda x, w: np.mean(np.tanh(x * w)).named("loss"), lambda rng: {"x": uniform(rng, 0.5, 1.5, 4096), "w": np.array(0.75)},
         inputs=("x",))  # fmt: skip
_FEATURES = np.array([1e-3, 1.0, 1e3])


def _unnormalised(rng: Rng, scale: Floats) -> Data:
    x = (normal(rng, 8, 3) + 1) * scale
    return {"x": x, "t": normal(rng, 8, 1), **parameters(rng, 3, 4, 1)}


_two = layered(("tanh", "identity"), half_squares)
_declare("unnormalised-inputs", "features of sizes 1e-3, 1, 1e3: units saturate (S15)", _two,
         lambda rng: _unnormalised(rng, _FEATURES), inputs=("x", "t"))  # fmt: skip
_declare("normalised-inputs", "the same features, centred and scaled (S15)",
         lambda x, t, **w: half_squares(stack((x - x.mean(axis=0)) / np.sqrt(ops["variance"](x, axes=(0,))), w, ("tanh", "identity")), t).named("loss"),
         lambda rng: _unnormalised(rng, np.array([0.25, 1.0, 8.0])), inputs=("x", "t"))  # fmt: skip
_declare("dead-relus", "every unit below zero: gradients of exactly 0, which prove little",
         lambda x, w, b: _weighted(ops["relu"](ops["dense"](x, w, b).named("z1")).named("a1")),
         lambda rng: {"x": uniform(rng, -1, 1, 3, 2), "w": uniform(rng, -1, 1, 2, 3), "b": np.full(3, -4.0)}, inputs=("x",))  # fmt: skip
_declare("empty-batch", "no example at all: loss 0, gradient 0", lambda x, w: np.sum(np.tanh(x @ w)).named("loss"),
         lambda rng: {"x": np.zeros((0, 3)), "w": normal(rng, 3, 2)}, inputs=("x",))  # fmt: skip
