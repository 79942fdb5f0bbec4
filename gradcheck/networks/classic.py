"""The textbook networks: layers, the single neuron, the bias, accumulation over a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck.networks.layers import (
    Floats,
    Rng,
    categorical,
    half_squares,
    layer,
    layered,
    normal,
    one_hot,
    parameters,
    penalty,
    stack,
    uniform,
)
from gradcheck.networks.network import declare
from gradcheck.ops import registry as ops

_XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def _xor(rng: Rng) -> dict[str, Floats]:
    return {"x": _XOR, "t": np.array([[0.0], [1.0], [1.0], [0.0]]), **parameters(rng, 2, 2, 1)}


declare(
    "xor-2-2-1", "the smallest problem that needs a hidden layer, all four patterns at once",
    layered(("logistic", "logistic"), half_squares), _xor,
    inputs=("x", "t"), systems=("S1", "S2", "S9"), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "xor-2-2-1-tanh", "the same in tanh units, where the derivative is even in z",
    layered(("tanh", "tanh"), half_squares), _xor,
    inputs=("x", "t"), systems=("S1", "S2", "S9"), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "encoder-8-3-8", "eight patterns through a bottleneck of three (Rumelhart, Hinton, Williams 1986)",
    layered(("logistic", "logistic"), half_squares),
    lambda rng: {"x": np.eye(8), "t": np.eye(8), **parameters(rng, 8, 3, 8)},
    inputs=("x", "t"), systems=("S1", "S2"), tags=("classic",), small=True,
)  # fmt: skip


def matrix_form(x: Any, t: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Return C(t, f3(w3 f2(w2 f1(w1 x)))), examples in the columns."""
    a = x
    for number, w in enumerate((w1, w2, w3), 1):
        a = ops["logistic" if number == 2 else "tanh"]((w @ a).named(f"z{number}")).named(f"a{number}")
    return ops["half_squared_error"](a, t).named("loss")


declare(
    "layered-matrix-form", "f3(w3 f2(w2 f1(w1 x))): delta_l is the adjoint of z_l, the gradient delta_l a^T",
    matrix_form,
    lambda rng: {"x": normal(rng, 3, 4), "t": normal(rng, 2, 4), "w1": normal(rng, 4, 3),
                 "w2": normal(rng, 3, 4), "w3": normal(rng, 2, 3)},
    inputs=("x", "t"), systems=("S1", "S2"), tags=("classic",), small=True,
)  # fmt: skip


def neuron(o1: Any, o2: Any, o3: Any, t: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Return half the squared error of one logistic neuron, one node a quantity."""
    net = (w1 * o1 + w2 * o2 + w3 * o3).named("net")
    o = ops["logistic"](net).named("o")
    return ops["half_squared_error"](o, t).named("loss")


declare(
    "single-neuron", "one output neuron: dE/dw_i = o_i (o - t) o (1 - o)", neuron,
    lambda rng: {k: uniform(rng, -1, 1) for k in ("o1", "o2", "o3", "t", "w1", "w2", "w3")},
    inputs=("o1", "o2", "o3", "t"), systems=("S6",), tags=("classic",), small=True,
)  # fmt: skip


def inner_neurons(o1: Any, o2: Any, t5: Any, t6: Any, **w: Any) -> Any:
    """Return half the squared error of two inner and two output neurons, one node a quantity."""
    o = {1: o1, 2: o2}
    for j, sources in ((3, (1, 2)), (4, (1, 2)), (5, (3, 4)), (6, (3, 4))):
        i, k = sources
        net = (w[f"w{i}{j}"] * o[i] + w[f"w{k}{j}"] * o[k]).named(f"net{j}")
        o[j] = ops["logistic"](net).named(f"o{j}")
    error = ops["half_squared_error"]
    return (error(o[5], t5).named("E5") + error(o[6], t6).named("E6")).named("loss")


declare(
    "single-neuron-inner", "inner neurons: delta_j = (sum over k of w_jk delta_k) o_j (1 - o_j)", inner_neurons,
    lambda rng: {k: uniform(rng, -1, 1)
                 for k in ("o1", "o2", "t5", "t6", "w13", "w23", "w14", "w24", "w35", "w45", "w36", "w46")},
    inputs=("o1", "o2", "t5", "t6"), systems=("S6",), tags=("classic",), small=True,
)  # fmt: skip


def bias_vector(x: Any, t: Any, w: Any, b: Any) -> Any:
    """Return the loss of a layer with its bias added to every row."""
    z = ops["dense"](x, w, b).named("z1")
    return half_squares(np.tanh(z).named("a1"), t).named("loss")


def bias_as_weight(x: Any, one: Any, t: Any, w: Any, b: Any) -> Any:
    """Return the same loss; the bias is the weight of an input that is fixed at 1."""
    z = (np.concatenate([x, one], axis=1) @ np.concatenate([w, b.reshape(1, -1)], axis=0)).named("z1")
    return half_squares(np.tanh(z).named("a1"), t).named("loss")


def _biased(rng: Rng) -> dict[str, Floats]:
    return {"x": normal(rng, 4, 3), "t": normal(rng, 4, 2), "w": normal(rng, 3, 2), "b": normal(rng, 2)}


declare(
    "bias-vector", "a bias added to every row: its gradient is a sum over the examples", bias_vector, _biased,
    inputs=("x", "t"), systems=("S7",), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "bias-as-weight", "the bias as a weight whose input is fixed at 1: the same gradient", bias_as_weight,
    lambda rng: {**_biased(rng), "one": np.ones((4, 1))},
    inputs=("x", "t", "one"), systems=("S7",), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "l2-regularised", "weights decay, biases do not: a penalty beside the error", layered(("tanh", "tanh"), half_squares, 0.3),
    lambda rng: {"x": normal(rng, 4, 3), "t": normal(rng, 4, 2), **parameters(rng, 3, 4, 2)},
    inputs=("x", "t"), systems=("S2", "S9"), tags=("classic",), small=True,
)  # fmt: skip


def accumulated_examples(x: Any, t: Any, **w: Any) -> Any:
    """Return the mean of the losses of single examples, and lambda / 2m times the squared weights."""
    m = len(x)
    losses = []
    for i in range(m):
        hidden = ops["logistic"](ops["dense"](x[i], w["w1"], w["b1"]).named(f"z1_{i}")).named(f"a1_{i}")
        output = ops["logistic"](ops["dense"](hidden, w["w2"], w["b2"]).named(f"z2_{i}")).named(f"a2_{i}")
        losses.append(ops["half_squared_error"](output, t[i]))
    return (sum(losses[1:], losses[0]) / m + penalty(w, 0.1 / (2 * m))).named("loss")


def _batch(rng: Rng) -> dict[str, Floats]:
    return {"x": normal(rng, 4, 3), "t": uniform(rng, 0, 1, 4, 2), **parameters(rng, 3, 3, 2)}


declare(
    "accumulated-examples", "D = (Delta + lambda Theta) / m, one example after the other", accumulated_examples, _batch,
    inputs=("x", "t"), systems=("S13",), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "accumulated-batch", "the same sums as matrix products: the same gradient",
    layered(("logistic", "logistic"), half_squares, 0.1), _batch,
    inputs=("x", "t"), systems=("S13",), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "adaline", "a linear neuron and the delta rule (Widrow, Hoff 1960)", layered(("identity",), half_squares),
    lambda rng: {"x": np.sign(normal(rng, 8, 4)), "t": np.sign(normal(rng, 8, 1)), **parameters(rng, 4, 1)},
    inputs=("x", "t"), systems=("S14", "S10"), tags=("classic",), small=True,
)  # fmt: skip


def linear_neuron(x: Any, t: Any, w1: Any, w2: Any) -> Any:
    """Return E = (t - y)^2 of y = x1 w1 + x2 w2: a parabolic cylinder over (w1, w2)."""
    y = (x[0] * w1 + x[1] * w2).named("y")
    return ops["squared_error"](y, t).named("loss")


declare(
    "linear-neuron", "its error is a parabolic cylinder, with one direction of no slope", linear_neuron,
    lambda rng: {"x": np.array([1.0, 1.0]), "t": np.array(0.0), "w1": normal(rng), "w2": normal(rng)},
    inputs=("x", "t"), systems=("S10",), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "linear-sum", "a linear loss: the gradient is the data, and no answer may be called inexact",
    lambda x, w: np.sum(x * w).named("loss"),
    lambda rng: {"x": normal(rng, 2, 3), "w": normal(rng, 2, 3)},
    inputs=("x",), systems=("S1",), tags=("classic",), small=True,
)  # fmt: skip
declare(
    "softmax-regression", "one layer, softmax, cross entropy: delta = p - t", layered(("softmax",), categorical),
    lambda rng: {"x": normal(rng, 8, 4), "t": one_hot(rng.integers(0, 3, 8), 3), **parameters(rng, 4, 3)},
    inputs=("x", "t"), systems=("S1", "S8", "S9"), tags=("classic",), small=True,
)  # fmt: skip


def amari(x: Any, t: Any, fixed1: Any, fixed2: Any, **w: Any) -> Any:
    """Return the loss of a five-layer network of which the two last layers of weights learn."""
    a = x
    for number, fixed in ((1, fixed1), (2, fixed2)):
        a = ops["logistic"]((a @ fixed).named(f"z{number}")).named(f"a{number}")
    for number in (3, 4):
        a = layer(a, w[f"w{number}"], w[f"b{number}"], "logistic", number)
    return half_squares(a, t).named("loss")


def _amari(rng: Rng) -> dict[str, Floats]:
    learned = {k[0] + str(int(k[1]) + 2): x for k, x in parameters(rng, 4, 4, 2).items()}
    fixed = {"fixed1": normal(rng, 3, 4), "fixed2": normal(rng, 4, 4)}
    return {"x": normal(rng, 4, 3), "t": uniform(rng, 0, 1, 4, 2), **fixed, **learned}


declare(
    "amari-five-layer", "five layers of units, two learnable layers of weights (Amari and Saito 1967)", amari, _amari,
    inputs=("x", "t", "fixed1", "fixed2"), systems=("S14", "S1"), tags=("classic",), small=True,
)  # fmt: skip


def linear_layers(x: Any, t: Any, **w: Any) -> Any:
    """Return the loss of a linear chain of layers: a product of matrices, nothing else."""
    return half_squares(stack(x, w, ("identity",) * 3), t).named("loss")


declare(
    "linear-layers", "a product of matrices: the gradient of each needs all the others", linear_layers,
    lambda rng: {"x": normal(rng, 4, 3), "t": normal(rng, 4, 2), **parameters(rng, 3, 3, 3, 2, gain=math.sqrt(2))},
    inputs=("x", "t"), systems=("S1", "S2"), tags=("classic",), small=True,
)  # fmt: skip
