"""Networks through time and structure: one weight used many times."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.layers import Rng, categorical, half_squares, normal, one_hot, uniform
from gradcheck.networks.network import Data, declare
from gradcheck.ops import registry as ops

_declare = partial(declare, systems=("S12",), tags=("modern", "recurrent"), small=True)


def elman(x: Any, t: Any, w_in: Any, w_back: Any, b: Any, w_out: Any) -> Any:
    """Return the loss over all times of h = tanh(x w_in + h w_back + b); x is (times, batch, inputs)."""
    h, losses = None, []
    for k in range(len(x)):
        drive = ops["dense"](x[k], w_in, b)
        h = np.tanh((drive if h is None else drive + h @ w_back).named(f"z{k + 1}")).named(f"a{k + 1}")
        losses.append(ops["half_squared_error"]((h @ w_out).named(f"y{k + 1}"), t[k]))
    return (sum(losses[1:], losses[0]) / len(x)).named("loss")


def _elman(rng: Rng, times: int, width: int = 3) -> Data:
    return {
        "x": normal(rng, times, 2, 2), "t": normal(rng, times, 2, 1), "w_in": normal(rng, 2, width),
        "w_back": normal(rng, width, width, scale=width**-0.5), "b": normal(rng, width, scale=0.1),
        "w_out": normal(rng, width, 1),
    }  # fmt: skip


_declare("rnn-6", "a recurrent layer unrolled over six times (S12)", elman, lambda rng: _elman(rng, 6), inputs=("x", "t"))
_declare(
    "rnn-50", "fifty times, ten units: long products of one matrix", elman, lambda rng: _elman(rng, 50, 10),
    inputs=("x", "t"), small=False, twin="rnn-6",
)  # fmt: skip


def long_short_term(x: Any, t: Any, w_in: Any, w_back: Any, b: Any, w_out: Any) -> Any:
    """Return the loss at the last time of a long short-term memory; gates in the order i, f, g, o."""
    n = w_back.shape[0]
    h = c = None
    for k in range(len(x)):
        z = ops["dense"](x[k], w_in, b)
        z = (z if h is None else z + h @ w_back).named(f"z{k + 1}")
        i, f, o = (ops["logistic"](z[:, s * n : (s + 1) * n]) for s in (0, 1, 3))
        g = np.tanh(z[:, 2 * n : 3 * n])
        c = (i * g if c is None else f * c + i * g).named(f"c{k + 1}")
        h = (o * np.tanh(c)).named(f"a{k + 1}")
    return half_squares(h @ w_out, t).named("loss")


def _gated(rng: Rng, gates: int, width: int) -> Data:
    return {
        "x": normal(rng, 4, 2, 2), "t": normal(rng, 2, 1), "w_in": normal(rng, 2, gates * width),
        "w_back": normal(rng, width, gates * width), "b": normal(rng, gates * width, scale=0.1),
        "w_out": normal(rng, width, 1),
    }  # fmt: skip


_declare("lstm", "four gates and a memory through four times (Hochreiter, Schmidhuber 1997)", long_short_term,
         lambda rng: _gated(rng, 4, 2), inputs=("x", "t"))  # fmt: skip


def gated_recurrent(x: Any, t: Any, w_in: Any, w_back: Any, b: Any, w_out: Any) -> Any:
    """Return the loss at the last time of a gated recurrent unit; gates in the order r, z, n."""
    n = w_back.shape[0]
    h = np.zeros((x.shape[1], n))
    for k in range(len(x)):
        drive, back = ops["dense"](x[k], w_in, b).named(f"z{k + 1}"), h @ w_back
        r, z = (ops["logistic"](drive[:, s * n : (s + 1) * n] + back[:, s * n : (s + 1) * n]) for s in (0, 1))
        new = np.tanh(drive[:, 2 * n :] + r * back[:, 2 * n :])
        h = ((1 - z) * new + z * h).named(f"a{k + 1}")
    return half_squares(h @ w_out, t).named("loss")


_declare("gru", "a gated recurrent unit through four times (Cho et al. 2014)", gated_recurrent,
         lambda rng: _gated(rng, 3, 2), inputs=("x", "t"))  # fmt: skip

#: A sentence as a binary tree: leaves are words by number.
_TREE = ((0, (1, 2)), ((3, 4), (5, (6, 7))))


def recursive(words: Any, t: Any, w: Any, b: Any, w_out: Any) -> Any:
    """Return the loss of a tree in which one layer joins the two children of every node."""

    def visit(tree: Any) -> Any:
        if isinstance(tree, int):
            return words[tree]
        return np.tanh(ops["dense"](np.concatenate([visit(child) for child in tree]), w, b))

    return ops["softmax_cross_entropy"]((visit(_TREE) @ w_out).named("z"), t).named("loss")


_declare(
    "tree-recursive", "one layer at every node of a tree (Socher et al. 2011)", recursive,
    lambda rng: {"words": normal(rng, 8, 2), "t": one_hot(rng.integers(0, 3), 3), "w": normal(rng, 4, 2), "b": normal(rng, 2),
                 "w_out": normal(rng, 2, 3)},
    inputs=("t",),
)  # fmt: skip


def oscillator(start: Any, t: Any, stiffness: Any, friction: Any, step: float = 0.1) -> Any:
    """Return the misfit after forty steps of a damped oscillator: an adjoint solver's problem."""
    place, speed = start[0], start[1]
    for _ in range(40):
        speed = speed - step * (stiffness * place + friction * speed)
        place = place + step * speed
    return ops["half_squared_error"](place, t).named("loss")


_declare(
    "ode-oscillator", "forty steps of a damped oscillator: two numbers, used eighty times", oscillator,
    lambda rng: {"start": normal(rng, 2), "t": normal(rng), "stiffness": uniform(rng, 1, 3), "friction": uniform(rng, 0.1, 0.5)},
    inputs=("t",),
)  # fmt: skip


def bidirectional(x: Any, t: Any, w: Any, v: Any, w_out: Any) -> Any:
    """Return the loss of a layer that runs forth and one that runs back, joined at every time."""
    forth, back = [np.tanh(x[0] @ w)], [np.tanh(x[-1] @ w)]
    for k in range(1, len(x)):
        forth.append(np.tanh(x[k] @ w + forth[-1] @ v).named(f"a{k}"))
        back.append(np.tanh(x[-1 - k] @ w + back[-1] @ v).named(f"b{k}"))
    both = np.concatenate([np.stack(forth), np.stack(back[::-1])], axis=-1)
    return categorical(ops["softmax"](both @ w_out, axis=-1), t).named("loss")


_declare(
    "rnn-bidirectional", "one layer forth and back through time, joined", bidirectional,
    lambda rng: {"x": normal(rng, 4, 2), "t": one_hot(rng.integers(0, 2, 4), 2), "w": normal(rng, 2, 2), "v": normal(rng, 2, 2),
                 "w_out": normal(rng, 4, 2)},
    inputs=("x", "t"),
)  # fmt: skip
