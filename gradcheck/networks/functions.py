"""Every activation in a small network, and every loss at the end of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.layers import Floats, Rng, half_squares, layered, normal, one_hot, parameters, stack, uniform
from gradcheck.networks.network import Data, Program, declare
from gradcheck.ops import registry as ops

#: activation -> why it is checked
_ACTIVATIONS = {
    "identity": "linear: an exact answer must never fail",
    "logistic": "1 / (1 + exp(-z)): the derivative is a (1 - a), not z (1 - z)",
    "tanh": "its derivative 1 - a^2 loses digits in the tails",
    "arctan": "tails that fall off slowly",
    "erf": "tails that fall off faster than any exponential",
    "sin": "periodic: no monotone activation",
    "softplus": "a smooth relu, whose derivative is the logistic",
    "log_sigmoid": "never positive; linear in the lower tail",
    "relu": "no slope on one side, a kink at 0",
    "leaky_relu": "two slopes",
    "elu": "a line and an exponential that meet with one slope",
    "selu": "elu with two constants that must both be in the derivative",
    "gelu": "z Phi(z), which is not monotone",
    "gelu_tanh": "its approximation, a different function with a different derivative",
    "swish": "z logistic(z): two terms in the derivative",
    "mish": "z tanh(softplus(z)): a chain within the activation",
    "hard_tanh": "two kinks",
    "hard_swish": "two kinks with a parabola between",
    "softmax": "every output depends on every input of its row",
    "log_softmax": "the same in logarithms",
}
_KINKED = ("relu", "leaky_relu", "selu", "hard_tanh", "hard_swish")


def _activation_data(rng: Rng) -> Data:
    return {"x": normal(rng, 4, 3), "t": normal(rng, 4, 2), **parameters(rng, 3, 4, 2, gain=1.5)}


for _name, _why in _ACTIVATIONS.items():
    declare(
        f"activation-{_name.replace('_', '-')}", f"{_name} in the hidden layer of 3-4-2: {_why}",
        layered((_name, "identity"), half_squares), _activation_data,
        inputs=("x", "t"), systems=("S8",), tags=("classic", "activation"), small=True, smooth=_name not in _KINKED,
    )  # fmt: skip


def _with_loss(output: str, loss: Callable[[Any, Any], Any]) -> Program:
    """Return two layers with the activation `output` at the end, and loss(output, t)."""

    def program(x: Any, t: Any, **w: Any) -> Any:
        return loss(stack(x, w, ("tanh", output)), t).named("loss")

    return program


def _loss_data(rng: Rng, targets: Callable[[Rng], Any]) -> Data:
    return {"x": normal(rng, 4, 3), "t": targets(rng), **parameters(rng, 3, 4, 3)}


def _reals(rng: Rng) -> Floats:
    return normal(rng, 4, 3)


def _bits(rng: Rng) -> Floats:
    return rng.integers(0, 2, (4, 3)).astype(float)


def _signs(rng: Rng) -> Floats:
    return 2 * _bits(rng) - 1


def _classes(rng: Rng) -> Floats:
    return one_hot(rng.integers(0, 3, 4), 3)


def _labels(rng: Rng) -> Any:
    return rng.integers(0, 3, 4)


def _probabilities(rng: Rng) -> Floats:
    x = uniform(rng, 0.2, 1, 4, 3)
    return np.asarray(x / x.sum(axis=1, keepdims=True))


def _divergence(p: Any, t: Any) -> Any:
    return ops["kl_divergence"](t, p) / len(p)


#: name, output activation, loss, targets, whether it is smooth, why it is checked
_Row = tuple[str, str, Callable[[Any, Any], Any], Callable[[Rng], Any], bool, str]
_LOSSES: tuple[_Row, ...] = (
    ("squared-error", "identity", ops["squared_error"], _reals, True, "the factor 2"),
    ("half-squared-error", "identity", ops["half_squared_error"], _reals, True, "no factor: the half cancels the 2"),
    ("mean-squared-error", "identity", ops["mean_squared_error"], _reals, True, "2 / n of all entries, examples times outputs"),
    ("absolute-error", "identity", lambda y, t: np.mean(abs(y - t)), _reals, False, "the derivative is a sign"),
    ("huber", "identity", partial(ops["huber"], delta=0.5), _reals, True, "a parabola between two lines"),
    ("hinge", "identity", ops["hinge"], _signs, False, "no slope beyond the margin"),
    ("logistic", "identity", lambda z, t: np.mean(ops["softplus"](-t * z)), _signs, True, "log(1 + exp(-t z)), the smooth hinge"),
    ("exponential", "identity", lambda z, t: np.mean(np.exp(-t * z)), _signs, True, "exp(-t z), which boosting uses"),
    ("poisson", "identity", lambda z, t: np.mean(np.exp(z) - t * z), _bits, True, "counts: exp(z) - t z"),
    ("binary-cross-entropy", "logistic", ops["binary_cross_entropy"], _bits, True, "of probabilities, a mean over entries"),
    ("binary-cross-entropy-logits", "identity", ops["binary_cross_entropy_logits"], _bits, True, "of logits: p - t"),
    ("cross-entropy", "softmax", ops["cross_entropy"], _classes, True, "categorical, of probabilities"),
    ("softmax-cross-entropy", "identity", ops["softmax_cross_entropy"], _probabilities, True, "of logits and soft targets"),
    ("cross-entropy-labels", "identity", ops["cross_entropy_logits"], _labels, True, "of logits and integer labels"),
    ("kl-divergence", "softmax", _divergence, _probabilities, True, "from targets to probabilities: -t / p"),
    ("norm", "identity", lambda y, t: ops["norm"](y - t), _reals, True, "the root of the squared error, not its square"),
)  # fmt: skip

for _name, _output, _loss, _targets, _smooth, _why in _LOSSES:
    declare(
        f"loss-{_name}", f"{_name} behind 3-4-3: {_why}", _with_loss(_output, _loss), partial(_loss_data, targets=_targets),
        inputs=("x", "t"), systems=("S9",), tags=("classic", "loss"), small=True, smooth=_smooth,
    )  # fmt: skip
