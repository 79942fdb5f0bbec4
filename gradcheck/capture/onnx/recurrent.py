"""Recurrent layers, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.capture.onnx.call import Call, operator
from gradcheck.errors import CannotExpress
from gradcheck.ops.op import registry

_USUAL: dict[str, Callable[[Any], Any]] = {"Sigmoid": registry["logistic"], "Tanh": np.tanh, "Relu": registry["relu"]}
#: one direction: step(x_t, states, gates of the input, w, r, b) -> states
Step = Callable[..., tuple[Any, ...]]


def _functions(c: Call, usual: tuple[str, ...]) -> list[list[Callable[[Any], Any]]]:
    names = c.get("activations", list(usual) * 2)
    if any(n not in _USUAL for n in names) or c.get("clip") is not None:
        raise CannotExpress(f"{c.op} with clip or activations {names} has no form here")
    each = len(usual)
    return [[_USUAL[n] for n in names[k * each : (k + 1) * each]] for k in range(2)]


def _swept(c: Call, step: Step, usual: tuple[str, ...], states: int, peepholes: int = 0) -> tuple[Any, ...]:
    """Run over time, in one direction or both."""
    if c[4] is not None and len(set(np.ravel(c.data(4)).tolist())) > 1:
        raise CannotExpress(f"{c.op} with sequences of several lengths has no form here")
    x = c[0] if not c.get("layout", 0) else np.transpose(c[0], (1, 0, 2))
    hidden, batch, way = c.get("hidden_size"), x.shape[1], c.get("direction", "forward")
    functions = _functions(c, usual)
    rows, last = [], []
    for d in range(2 if way == "bidirectional" else 1):
        backward = way == "reverse" or d == 1
        given = [c[5 + k] for k in range(states)]
        if c.get("layout", 0):
            given = [None if g is None else np.transpose(g, (1, 0, 2)) for g in given]
        state = tuple(np.zeros((batch, hidden)) if g is None else g[d] for g in given)
        w, r = c[1][d], c[2][d]
        gates = w.shape[0]
        b = np.zeros(2 * gates) if c[3] is None else c[3][d]
        more = (c[5 + states][d],) if peepholes and c[5 + states] is not None else ()
        found = []
        for t in reversed(range(x.shape[0])) if backward else range(x.shape[0]):
            state = step(x[t], state, w, r, b, functions[d], *more)
            found.append(state[0])
        rows.append(np.stack(found[::-1] if backward else found))
        last.append(state)
    y = np.stack(rows, axis=1)
    ends = [np.stack([s[k] for s in last]) for k in range(states)]
    if c.get("layout", 0):
        return np.transpose(y, (2, 0, 1, 3)), *(np.transpose(e, (1, 0, 2)) for e in ends)
    return y, *ends


def _parts(x: Any, n: int) -> list[Any]:
    size = x.shape[-1] // n
    return [x[..., k * size : (k + 1) * size] for k in range(n)]


@operator("RNN")
def rnn(c: Call) -> Any:
    """H = f(x w + h r + b)."""

    def step(x: Any, state: Any, w: Any, r: Any, b: Any, f: Any) -> tuple[Any, ...]:
        bw, br = _parts(b, 2)
        return (f[0](np.matmul(x, np.transpose(w)) + np.matmul(state[0], np.transpose(r)) + bw + br),)

    return _swept(c, step, ("Tanh",), 1)


@operator("GRU")
def gru(c: Call) -> Any:
    """Update, reset and new state."""
    before = not c.get("linear_before_reset", 0)

    def step(x: Any, state: Any, w: Any, r: Any, b: Any, f: Any) -> tuple[Any, ...]:
        h = state[0]
        bw, br = (_parts(v, 3) for v in _parts(b, 2))
        xz, xr, xh = (np.matmul(x, np.transpose(v)) + u for v, u in zip(np.split(w, 3), bw, strict=True))
        rz, rr, rh = np.split(r, 3)
        z = f[0](xz + np.matmul(h, np.transpose(rz)) + br[0])
        reset = f[0](xr + np.matmul(h, np.transpose(rr)) + br[1])
        inner = np.matmul(reset * h, np.transpose(rh)) + br[2] if before else reset * (np.matmul(h, np.transpose(rh)) + br[2])
        return ((1 - z) * f[1](xh + inner) + z * h,)

    return _swept(c, step, ("Sigmoid", "Tanh"), 1)


@operator("LSTM")
def lstm(c: Call) -> Any:
    """Input, output, forget and cell gates, with peepholes perhaps."""
    if c.get("input_forget", 0):
        raise CannotExpress("LSTM with input_forget has no form here")

    def step(x: Any, state: Any, w: Any, r: Any, b: Any, f: Any, peep: Any = None) -> tuple[Any, ...]:
        h, cell = state
        bw, br = _parts(b, 2)
        i, o, forget, new = _parts(np.matmul(x, np.transpose(w)) + np.matmul(h, np.transpose(r)) + bw + br, 4)
        pi, po, pf = _parts(peep, 3) if peep is not None else (0.0, 0.0, 0.0)
        cell = f[0](forget + pf * cell) * cell + f[0](i + pi * cell) * f[1](new)
        return f[0](o + po * cell) * f[2](cell), cell

    return _swept(c, step, ("Sigmoid", "Tanh", "Tanh"), 2, peepholes=1)
