"""Networks in use today: residual blocks, attention, normalisation, convolution, experts."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.layers import Floats, Rng, categorical, half_squares, normal, one_hot, parameters, stack
from gradcheck.networks.network import Data, declare
from gradcheck.ops import registry as ops

_declare = partial(declare, systems=("S5",), tags=("modern",))


def _scales(rng: Rng, n: int) -> Floats:
    return 1 + 0.1 * normal(rng, n)


def residual(x: Any, t: Any, **w: Any) -> Any:
    """Return the loss of two blocks a + f(a)."""
    a = x
    for k in (1, 3):
        hidden = np.tanh(ops["dense"](a, w[f"w{k}"], w[f"b{k}"]).named(f"z{k}")).named(f"a{k}")
        a = (a + ops["dense"](hidden, w[f"w{k + 1}"], w[f"b{k + 1}"]).named(f"z{k + 1}")).named(f"a{k + 1}")
    return half_squares(a, t).named("loss")


_declare(
    "residual-blocks", "a + f(a): the adjoint passes unchanged, and through f", residual,
    lambda rng: {"x": normal(rng, 4, 3), "t": normal(rng, 4, 3), **parameters(rng, 3, 3, 3, 3, 3)},
    inputs=("x", "t"), small=True,
)  # fmt: skip


def attend(x: Any, wq: Any, wk: Any, wv: Any, mask: Any) -> Any:
    """Return softmax(q k^T / sqrt(d) + mask) v."""
    q, k, v = (x @ wq).named("q"), (x @ wk).named("k"), (x @ wv).named("v")
    scores = (q @ np.swapaxes(k, -1, -2) / math.sqrt(wq.shape[1])).named("scores")
    weights = ops["softmax"](scores + mask, axis=-1).named("weights")
    return (weights @ v).named("attended")


def causal(places: int) -> Floats:
    """Return a mask that is -1e4 (finite in float16) for places to come, 0 else."""
    return np.where(np.tri(places) > 0, 0.0, -1e4)


def attention(x: Any, t: Any, wq: Any, wk: Any, wv: Any, wo: Any) -> Any:
    """Return the loss of one causal head of attention."""
    return half_squares(attend(x, wq, wk, wv, causal(x.shape[-2])) @ wo, t).named("loss")


def _attention(rng: Rng, *lead: int, width: int = 3) -> Data:
    w = {k: normal(rng, width, width, scale=width**-0.5) for k in ("wq", "wk", "wv", "wo")}
    return {"x": normal(rng, *lead, width), "t": normal(rng, *lead, width), **w}


_declare(
    "attention-causal", "one head, places to come masked by adding -1e4", attention, lambda rng: _attention(rng, 4),
    inputs=("x", "t"), small=True,
)  # fmt: skip


def attention_where(x: Any, t: Any, allowed: Any, wq: Any, wk: Any, wv: Any, wo: Any) -> Any:
    """Return the loss of attention with masked scores replaced, not shifted."""
    scores = (x @ wq) @ (x @ wk).T / math.sqrt(wq.shape[1])
    weights = ops["softmax"](ops["where"](allowed, scores.named("scores"), -1e4), axis=-1).named("weights")
    return half_squares(weights @ (x @ wv) @ wo, t).named("loss")


def _allowed(rng: Rng) -> Data:
    return {**_attention(rng, 4), "allowed": (np.eye(4) + rng.integers(0, 2, (4, 4))) > 0}


_declare("attention-where", "places masked by where: no adjoint reaches a masked score", attention_where, _allowed,
         inputs=("x", "t"), small=True)  # fmt: skip


def heads(x: Any, t: Any, wq: Any, wk: Any, wv: Any, wo: Any, count: int = 2) -> Any:
    """Return the loss of causal attention with several heads, for a batch of sequences."""
    batch, places, width = x.shape

    def split(y: Any) -> Any:
        return np.transpose(y.reshape(batch, places, count, width // count), (0, 2, 1, 3))

    q, k, v = split(x @ wq), split(x @ wk), split(x @ wv)
    scores = (q @ np.swapaxes(k, -1, -2)) / math.sqrt(width // count)
    weights = ops["softmax"](scores + causal(places), axis=-1).named("weights")
    joined = np.transpose(weights @ v, (0, 2, 1, 3)).reshape(batch, places, width)
    return half_squares(joined @ wo, t).named("loss")


_declare(
    "attention-heads", "two heads and two sequences: reshapes and transposes around batched products", heads,
    lambda rng: _attention(rng, 2, 3, width=4), inputs=("x", "t"), small=True,
)  # fmt: skip


def transformer(x: Any, t: Any, **w: Any) -> Any:
    """Return the loss of a pre-norm transformer block."""
    normed = ops["layer_norm"](x, w["scale1"], w["shift1"])
    a = x + attend(normed, w["wq"], w["wk"], w["wv"], causal(x.shape[-2])) @ w["wo"]
    normed = ops["layer_norm"](a.named("a1"), w["scale2"], w["shift2"])
    hidden = ops["gelu"](ops["dense"](normed, w["w1"], w["b1"]).named("z2"))
    return half_squares((a + ops["dense"](hidden, w["w2"], w["b2"])).named("a2"), t).named("loss")


def _transformer(rng: Rng) -> Data:
    norms = {k: _scales(rng, 8) if k[:2] == "sc" else normal(rng, 8) for k in ("scale1", "shift1", "scale2", "shift2")}
    return {**_attention(rng, 2, 6, width=8), **norms, **parameters(rng, 8, 32, 8)}


_declare("transformer-block", "normalisation, attention, a gelu layer and two residual links", transformer, _transformer,
         inputs=("x", "t"), twin="attention-heads")  # fmt: skip


def layer_norm_mlp(x: Any, t: Any, scale: Any, shift: Any, **w: Any) -> Any:
    """Return the loss of two layers with a normalisation between."""
    z = ops["dense"](x, w["w1"], w["b1"]).named("z1")
    a = np.tanh(ops["layer_norm"](z, scale, shift).named("normed")).named("a1")
    return half_squares(ops["dense"](a, w["w2"], w["b2"]), t).named("loss")


_declare(
    "layer-norm-mlp", "normalised over features: b1 shifts what the mean takes away", layer_norm_mlp,
    lambda rng: {"x": normal(rng, 4, 3), "t": normal(rng, 4, 2), "scale": _scales(rng, 4), "shift": normal(rng, 4),
                 **parameters(rng, 3, 4, 2)},
    inputs=("x", "t"), small=True,
)  # fmt: skip


def batch_norm_mlp(x: Any, t: Any, scale: Any, shift: Any, **w: Any) -> Any:
    """Return the loss of two layers with a normalisation over the batch between."""
    z = ops["dense"](x, w["w1"], w["b1"]).named("z1")
    a = np.tanh(ops["batch_norm"](z, scale, shift).named("normed")).named("a1")
    return half_squares(ops["dense"](a, w["w2"], w["b2"]), t).named("loss")


_declare(
    "batch-norm-mlp", "normalised over the batch: every example's gradient depends on all", batch_norm_mlp,
    lambda rng: {"x": normal(rng, 8, 3), "t": normal(rng, 8, 2), "scale": _scales(rng, 4), "shift": normal(rng, 4),
                 **parameters(rng, 3, 4, 2)},
    inputs=("x", "t"), small=True,
)  # fmt: skip


def gated(x: Any, t: Any, scale: Any, w_gate: Any, w_up: Any, w_down: Any) -> Any:
    """Return the loss of x + w_down (swish(w_gate n) * w_up n), n = rms_norm(x)."""
    n = ops["rms_norm"](x, scale).named("normed")
    gate = ops["swish"]((n @ w_gate).named("z1")).named("a1")
    return half_squares(x + (gate * (n @ w_up)) @ w_down, t).named("loss")


_declare(
    "gated-rms-norm", "a swish gate behind a root mean square (SwiGLU)", gated,
    lambda rng: {"x": normal(rng, 4, 3), "t": normal(rng, 4, 3), "scale": _scales(rng, 3), "w_gate": normal(rng, 3, 4),
                 "w_up": normal(rng, 3, 4), "w_down": normal(rng, 4, 3)},
    inputs=("x", "t"), small=True,
)  # fmt: skip
_declare(
    "autoencoder", "six inputs through two units and back",
    lambda x, **w: half_squares(stack(x, w, ("tanh", "identity")), x).named("loss"),
    lambda rng: {"x": normal(rng, 4, 6), **parameters(rng, 6, 2, 6)}, inputs=("x",), small=True,
)  # fmt: skip
_declare(
    "autoencoder-tied", "the decoder is the encoder's transpose: one weight, two roles",
    lambda x, w: half_squares(np.tanh((x @ w).named("z1")).named("a1") @ w.T, x).named("loss"),
    lambda rng: {"x": normal(rng, 4, 6), "w": normal(rng, 6, 2, scale=0.5)}, inputs=("x",), small=True,
)  # fmt: skip


def experts(x: Any, t: Any, w_gate: Any, **w: Any) -> Any:
    """Return the loss of three gated experts, each of which sees the rows that it is sent."""
    gates = ops["softmax"](x @ w_gate, axis=-1).named("gates")
    y = x
    for k in (1, 2, 3):
        seen = ops["gather"](x, w[f"rows{k}"], axis=0)
        answer = np.tanh(ops["dense"](seen, w[f"w{k}"], w[f"b{k}"]).named(f"z{k}")).named(f"a{k}")
        gate = ops["gather"](gates[:, k - 1 : k], w[f"rows{k}"], axis=0)
        y = ops["scatter_add"](y, w[f"cells{k}"], gate * answer, axis=0)
    return half_squares(y, t).named("loss")


def _experts(rng: Rng) -> Data:
    data: dict[str, Any] = {"x": normal(rng, 4, 3), "t": normal(rng, 4, 3), "w_gate": normal(rng, 3, 3)}
    for k in (1, 2, 3):
        rows = rng.permutation(4)[:2]
        data |= {f"rows{k}": rows, f"cells{k}": np.repeat(rows[:, None], 3, axis=1)}
        data |= {f"w{k}": normal(rng, 3, 3), f"b{k}": normal(rng, 3)}
    return data


_declare("mixture-of-experts", "rows gathered for three experts, answers added back where they came from", experts, _experts,
         inputs=("x", "t"), small=True)  # fmt: skip


def bag_of_words(ids: Any, t: Any, words: Any, **w: Any) -> Any:
    """Return the loss of a classifier of the mean of embedded words."""
    mean = np.mean(ops["embedding"](ids, words).named("embedded"), axis=1).named("pooled")
    return categorical(stack(mean, w, ("softmax",)), t).named("loss")


def _bag_of_words(rng: Rng) -> Data:
    ids = rng.integers(0, 6, (4, 5))
    ids[:, -1] = ids[:, 0]
    return {"ids": ids, "t": one_hot(rng.integers(0, 3, 4), 3), "words": normal(rng, 6, 4), **parameters(rng, 4, 3)}


_declare("embedding-mean-pool", "repeated words: a row's gradient is a sum over its places", bag_of_words, _bag_of_words,
         inputs=("t",), small=True)  # fmt: skip


def dropped(x: Any, t: Any, keep: Any, **w: Any) -> Any:
    """Return the loss of two layers with dropout between, the mask given."""
    a = np.tanh(ops["dense"](x, w["w1"], w["b1"]).named("z1")).named("a1")
    return half_squares(ops["dense"](ops["dropout"](a, keep, rate=0.25), w["w2"], w["b2"]), t).named("loss")


_declare(
    "dropout", "units dropped by a given mask: the others scale up", dropped,
    lambda rng: {"x": normal(rng, 4, 3), "t": normal(rng, 4, 2), "keep": rng.random((4, 4)) < 0.75, **parameters(rng, 3, 4, 2)},
    inputs=("x", "t"), small=True,
)  # fmt: skip


def graph_convolution(x: Any, t: Any, adjacency: Any, w1: Any, w2: Any) -> Any:
    """Return the loss of two layers of a tanh(a x w), a fixed."""
    a1 = np.tanh((adjacency @ x @ w1).named("z1")).named("a1")
    return half_squares((adjacency @ a1 @ w2).named("z2"), t).named("loss")


def _ring(n: int) -> Floats:
    return np.asarray((np.eye(n) + np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)) / 3)


_declare(
    "graph-convolution", "neighbours on a ring mixed by a fixed matrix", graph_convolution,
    lambda rng: {"x": normal(rng, 5, 3), "t": normal(rng, 5, 2), "adjacency": _ring(5), "w1": normal(rng, 3, 3),
                 "w2": normal(rng, 3, 2)},
    inputs=("x", "t", "adjacency"), small=True,
)  # fmt: skip


def variational(x: Any, noise: Any, w_mean: Any, w_width: Any, w_out: Any) -> Any:
    """Return the negative evidence bound of a variational autoencoder with given noise."""
    mean, width = (x @ w_mean).named("mean"), ops["softplus"]((x @ w_width).named("z1")).named("width")
    code = (mean + width * noise).named("code")
    divergence = np.sum(mean * mean + width * width - 1 - 2 * np.log(width)) / (2 * len(x))
    return (half_squares(code @ w_out, x).named("error") + divergence.named("divergence")).named("loss")


_declare(
    "variational-autoencoder", "noise given, so that the gradient passes through it (reparametrised)", variational,
    lambda rng: {"x": normal(rng, 4, 4), "noise": normal(rng, 4, 2), "w_mean": normal(rng, 4, 2), "w_width": normal(rng, 4, 2),
                 "w_out": normal(rng, 2, 4)},
    inputs=("x", "noise"), small=True,
)  # fmt: skip


def contrastive(x1: Any, x2: Any, w: Any) -> Any:
    """Return the loss that tells each row's partner from all other rows (InfoNCE)."""
    a, b = ((x @ w) / ops["norm"](x @ w, axes=(1,), keepdims=True) for x in (x1, x2))
    scores = (a @ b.T / 0.5).named("scores")
    return (np.mean(ops["logsumexp"](scores, axes=(1,))) - np.sum(scores * np.eye(len(x1))) / len(x1)).named("loss")


_declare(
    "contrastive", "unit vectors compared with all others, logsumexp over the rows", contrastive,
    lambda rng: {"x1": normal(rng, 4, 3), "x2": normal(rng, 4, 3), "w": normal(rng, 3, 3)}, inputs=("x1", "x2"), small=True,
)  # fmt: skip
