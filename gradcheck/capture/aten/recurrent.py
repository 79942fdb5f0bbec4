"""Recurrent kernels, step by step."""

from __future__ import annotations

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call

#: oneDNN's number of the LSTM
_LSTM = 2


@operation("mkldnn_rnn_layer")
def mkldnn_layer(c: Call) -> None:
    """One layer of an LSTM in one direction, as oneDNN computes it."""
    if c["mode"] != _LSTM:
        raise Unruled(f"{c.func}: mode {c['mode']}")
    x, size = c.operand("input"), c["hidden_size"]
    steps, count, width = c.shape(x)
    w, u = (c.emit("transpose", c.operand(k)) for k in ("weight0", "weight1"))
    b, bias = (c.operand(k) for k in ("weight2", "weight3"))
    h, s = (c.emit("reshape", c.operand(k), shape=(count, size)) for k in ("hx_", "cx_"))
    shown = []
    for t in reversed(range(steps)) if c["reverse"] else range(steps):
        at = c.emit("reshape", c.emit("slice", x, starts=(t,), stops=(t + 1,), axes=(0,)), shape=(count, width))
        h, s = _step(c, c.emit("add", c.emit("dense", at, w, b), c.emit("dense", h, u, bias)), s, size)
        shown.append(h)
    c.out("stack", *(reversed(shown) if c["reverse"] else shown), axis=0)
    for k, last in ((1, h), (2, s)):
        c.out("reshape", last, shape=tuple(c.outs[k].shape), k=k)


def _step(c: Call, gates: str, s: str, size: int) -> tuple[str, str]:
    """Return the next output and state from the sums of the four gates."""
    i, f, g, o = (c.emit("slice", gates, starts=(k * size,), stops=((k + 1) * size,), axes=(1,)) for k in range(4))
    kept = c.emit("mul", c.emit("logistic", f), s)
    s = c.emit("add", kept, c.emit("mul", c.emit("logistic", i), c.emit("tanh", g)))
    return c.emit("mul", c.emit("logistic", o), c.emit("tanh", s)), s
