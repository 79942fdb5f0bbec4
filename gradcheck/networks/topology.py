"""Shapes of graphs: paths that split, join, skip, share, repeat or lead nowhere."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.layers import Floats, Rng, half_squares, layer, normal, parameters, stack, uniform
from gradcheck.networks.network import Data, declare
from gradcheck.ops import registry as ops

_declare = partial(declare, systems=("S5",), tags=("topology",), small=True)


def _weighted(y: Any) -> Any:
    """Return a sum in which every entry of y has another weight."""
    return np.sum(y * np.linspace(0.5, 1.5, y.size).reshape(y.shape)).named("loss")


def diamond(x: Any, w: Any) -> Any:
    """Return a loss of two paths that start and end at one node."""
    top = np.tanh(x * w).named("top")
    left, right = np.sin(top).named("left"), np.exp(top).named("right")
    return _weighted((left * right).named("bottom"))


_declare(
    "diamond", "two paths from one node to another: both adjoints add up", diamond,
    lambda rng: {"x": normal(rng, 3), "w": normal(rng, 3)}, inputs=("x",),
)  # fmt: skip


def diamonds(w: Any, depth: int = 12) -> Any:
    """Return a loss behind a chain of diamonds, with 2^depth paths."""
    a = w
    for k in range(1, depth + 1):
        a = (0.5 * np.tanh(a) + 0.5 * np.sin(a)).named(f"a{k}")
    return _weighted(a)


_declare("diamond-chain", "4,096 paths through 12 diamonds: the sweep may visit each node once only", diamonds,
         lambda rng: {"w": normal(rng, 3)})  # fmt: skip


def skips(x: Any, t: Any, **w: Any) -> Any:
    """Return the loss of five layers in which the first one reaches the third, fourth and last."""
    a1 = layer(x, w["w1"], w["b1"], "tanh", 1)
    a2 = layer(a1, w["w2"], w["b2"], "tanh", 2)
    a3 = layer(a2 + a1, w["w3"], w["b3"], "logistic", 3)
    a4 = layer(a3 * a1, w["w4"], w["b4"], "tanh", 4)
    y = layer(np.concatenate([a4, a1, x], axis=1), w["w5"], w["b5"], "identity", 5)
    return half_squares(y, t).named("loss")


def _skips(rng: Rng) -> Data:
    head = parameters(rng, 9, 1)
    return {"x": normal(rng, 4, 3), "t": normal(rng, 4, 1), **parameters(rng, 3, 3, 3, 3, 3), "w5": head["w1"], "b5": head["b1"]}


_declare("skip-layers", "links that skip one layer, two layers and all layers", skips, _skips, inputs=("x", "t"))


def dense_links(x: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Return the loss of layers each of which sees all before it."""
    seen = x
    for k, w in enumerate((w1, w2, w3), 1):
        seen = np.concatenate([seen, np.tanh(seen @ w).named(f"a{k}")], axis=1)
    return _weighted(seen)


_declare(
    "dense-links", "every layer sees every layer before it (DenseNet)", dense_links,
    lambda rng: {"x": normal(rng, 2, 2), **{f"w{k}": normal(rng, n, 2, scale=0.5) for k, n in ((1, 2), (2, 4), (3, 6))}},
    inputs=("x",),
)  # fmt: skip


def fifty_uses(x: Any, w: Any) -> Any:
    """Return a sum of fifty functions of one node."""
    a = np.tanh(x * w).named("a")
    terms = [np.sin(a * (k / 10)) for k in range(1, 51)]
    return _weighted(sum(terms[1:], terms[0]))


_declare(
    "fifty-uses", "one node used fifty times: fifty adjoints, added, not overwritten", fifty_uses,
    lambda rng: {"x": normal(rng, 2), "w": normal(rng, 2)}, inputs=("x",),
)  # fmt: skip


def joined(**w: Any) -> Any:
    """Return a loss of thirty parameters, joined."""
    return _weighted(np.tanh(np.concatenate(list(w.values()))).named("a"))


_declare(
    "fan-in-concatenate-30", "one node with thirty operands of different lengths", joined,
    lambda rng: {f"w{k}": normal(rng, 1 + k % 3) for k in range(1, 31)},
)  # fmt: skip


def added(**w: Any) -> Any:
    """Return a loss of forty parameters, added one by one."""
    terms = list(w.values())
    return _weighted(np.tanh(sum(terms[1:], terms[0])).named("a"))


_declare("fan-in-sum-40", "forty terms added one by one", added,
         lambda rng: {f"w{k}": normal(rng, 2, scale=0.2) for k in range(1, 41)})  # fmt: skip


def two_heads(x: Any, t1: Any, t2: Any, **w: Any) -> Any:
    """Return 0.3 times one head's loss plus 0.7 times the other's."""
    a1 = layer(x, w["w1"], w["b1"], "tanh", 1)
    first = half_squares(layer(a1, w["w2"], w["b2"], "identity", 2), t1).named("loss1")
    second = ops["binary_cross_entropy_logits"](layer(a1, w["w3"], w["b3"], "identity", 3), t2).named("loss2")
    return (0.3 * first + 0.7 * second).named("loss")


def _two_heads(rng: Rng) -> Data:
    w, v = parameters(rng, 3, 4, 2), parameters(rng, 4, 1)
    data = {"x": normal(rng, 4, 3), "t1": normal(rng, 4, 2), "t2": rng.integers(0, 2, (4, 1)).astype(float)}
    return {**data, **w, "w3": v["w1"], "b3": v["b1"]}


_declare("two-heads", "two outputs with two losses, weighted", two_heads, _two_heads, inputs=("x", "t1", "t2"))


def dead_head(x: Any, t1: Any, t2: Any, **w: Any) -> Any:
    """Return the first head's loss; the second head is computed and used by nothing."""
    a1 = layer(x, w["w1"], w["b1"], "tanh", 1)
    layer(a1, w["w3"], w["b3"], "logistic", 3)
    return half_squares(layer(a1, w["w2"], w["b2"], "identity", 2), t1).named("loss")


_declare("dead-head", "a head that is computed and not used: gradient zero, not missing", dead_head, _two_heads,
         inputs=("x", "t1", "t2"))  # fmt: skip
_declare(
    "unused-parameter", "a parameter that nothing uses: gradient zero, not missing", lambda w, unused: _weighted(np.tanh(w)),
    lambda rng: {"w": normal(rng, 3), "unused": normal(rng, 2)},
)  # fmt: skip
_declare(
    "constant-loss", "a loss that no parameter moves: 0 w, gradient zero", lambda w: np.sum(0.0 * w + 2.0).named("loss"),
    lambda rng: {"w": normal(rng, 3)},
)  # fmt: skip


def sparse(x: Any, t: Any, **w: Any) -> Any:
    """Return the loss of two layers of which a fixed mask cuts connections."""
    mask1, mask2 = np.eye(4) + np.eye(4, k=1), np.eye(4)[:, ::2]
    a1 = np.tanh((x @ (w["w1"] * mask1) + w["b1"]).named("z1")).named("a1")
    return half_squares(a1 @ (w["w2"] * mask2) + w["b2"], t).named("loss")


_declare(
    "sparse-connections", "connections cut by a mask: gradient zero there, exactly", sparse,
    lambda rng: {"x": normal(rng, 4, 4), "t": normal(rng, 4, 2), **parameters(rng, 4, 4, 2)}, inputs=("x", "t"),
)  # fmt: skip


def siamese(x1: Any, x2: Any, w1: Any, b1: Any) -> Any:
    """Return the cosine of what one layer makes of two inputs."""
    a, b = (np.tanh(ops["dense"](x, w1, b1)) for x in (x1, x2))
    return (np.sum(a * b) / (ops["norm"](a) * ops["norm"](b))).named("loss")


_declare(
    "shared-weights", "one layer applied to two inputs that are compared (siamese)", siamese,
    lambda rng: {"x1": normal(rng, 3), "x2": normal(rng, 3), "w1": normal(rng, 3, 4), "b1": normal(rng, 4)},
    inputs=("x1", "x2"),
)  # fmt: skip


def repeated_layer(x: Any, w: Any, b: Any) -> Any:
    """Return the loss behind one layer applied six times."""
    for k in range(1, 7):
        x = np.tanh(ops["dense"](x, w, b).named(f"z{k}")).named(f"a{k}")
    return _weighted(x)


_declare(
    "repeated-layer", "one layer's weights used at six depths", repeated_layer,
    lambda rng: {"x": normal(rng, 2, 3), "w": normal(rng, 3, 3), "b": normal(rng, 3)}, inputs=("x",),
)  # fmt: skip
_declare(
    "same-operand-twice", "w times w, w w^T, w - w: one value as both operands",
    lambda w: _weighted((w @ w.T).named("gram") + np.sum(w * w, axis=1) + np.sum(w - w)),
    lambda rng: {"w": normal(rng, 2, 3)},
)  # fmt: skip


def deep(x: Any, w: Any, b: Any) -> Any:
    """Return the loss behind 200 scalar-wise tanh layers."""
    for k in range(1, 201):
        x = np.tanh((x * w + b).named(f"z{k}")).named(f"a{k}")
    return _weighted(x)


_declare(
    "deep-chain-200", "200 tanh layers: no recursion, no error that doubles a layer", deep,
    lambda rng: {"x": normal(rng, 2), "w": uniform(rng, 0.9, 1.1, 2), "b": normal(rng, 2, scale=0.1)}, inputs=("x",),
)  # fmt: skip


def deep_stack(x: Any, t: Any, **w: Any) -> Any:
    """Return the loss behind twenty dense layers."""
    return half_squares(stack(x, w, ("tanh",) * 20), t).named("loss")


declare(
    "deep-8-wide-20", "twenty dense layers of eight units", deep_stack,
    lambda rng: {"x": normal(rng, 4, 8), "t": normal(rng, 4, 8), **parameters(rng, *[8] * 21, gain=1.2)},
    inputs=("x", "t"), systems=("S1", "S5"), tags=("topology",), twin="repeated-layer",
)  # fmt: skip


def broadcasts(scalar: Any, row: Any, column: Any, matrix: Any) -> Any:
    """Return a loss in which four shapes broadcast against one another."""
    return _weighted(np.tanh((row * column + scalar).named("outer") * matrix - column / (2 + row * row)))


_declare(
    "broadcasting", "a scalar, a row, a column and a stack of matrices: sums over repeated axes", broadcasts,
    lambda rng: {"scalar": normal(rng), "row": normal(rng, 3), "column": normal(rng, 2, 1), "matrix": normal(rng, 2, 1, 3)},
)  # fmt: skip


def butterfly(w: Any, angle: Any) -> Any:
    """Return a loss of log2(8) stages of rotations of pairs, as in a fast Fourier transform."""
    a = w
    for stage in range(3):
        partner = np.arange(8) ^ (1 << stage)
        sign = np.where(np.arange(8) < partner, -1.0, 1.0)
        a = np.cos(angle[stage]) * a + sign * (np.sin(angle[stage]) * ops["gather"](a, partner))
    return _weighted(np.tanh(a))


_declare("butterfly", "three stages of exchanges in which every output depends on every input", butterfly,
         lambda rng: {"w": normal(rng, 8), "angle": uniform(rng, 0.3, 1.2, 3)})  # fmt: skip


def weight_product(u: Any, v: Any, x: Any) -> Any:
    """Return the loss of a layer whose weights are themselves a product of parameters."""
    return _weighted(np.tanh(x @ (u @ v).named("w")).named("a"))


def _factors(rng: Rng) -> dict[str, Floats]:
    return {"u": normal(rng, 3, 1), "v": normal(rng, 1, 4), "x": normal(rng, 2, 3)}


_declare("low-rank-weights", "weights that are nodes, not leaves: u v of rank one", weight_product, _factors, inputs=("x",))
