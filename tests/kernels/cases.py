"""Twelve kernels as they are written for accelerators, each with a slow reference, a forward, a backward, and mistakes that people make in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.kernels.emulation import FORMATS, GENERIC, Kernel

Array = Any
f32 = np.float32


@dataclass(frozen=True)
class Case:
    """A kernel.

    Args:
        name: of it.
        reference: over NumPy arrays of any format.
        inputs: generator, number in turn -> its arguments, in float64; shapes lie around the edges of tiles.
        forward: machine, arguments in float32 -> result in float32 as it is stored next.
        backward: machine, cotangent, arguments -> one gradient an argument in float32, None for what has none.
        mutations: its own mistakes.
        reference_vjp: as a paper writes the backward, which reads a stored result: (g, result, *arguments).
    """

    name: str
    reference: Callable[..., Array]
    inputs: Callable[[Any, int], tuple[Any, ...]]
    forward: Callable[..., Array]
    backward: Callable[..., tuple[Any, ...]]
    mutations: tuple[str, ...]
    reference_vjp: Callable[..., tuple[Any, ...]] | None = None

    def drawn(self, storage: str, seed: int) -> tuple[Any, ...]:
        """Return arguments in a format."""
        made = self.inputs(np.random.default_rng(seed), seed)
        return tuple(x.astype(FORMATS[storage]) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in made)

    def kernel(self, machine: Kernel) -> tuple[Callable[..., Array], Callable[..., tuple[Any, ...]]]:
        """Return forward and backward as callables on stored arrays."""

        def wide(xs: tuple[Any, ...]) -> list[Any]:
            return [np.asarray(x, f32) if isinstance(x, np.ndarray) and x.dtype.kind not in "iub" else x for x in xs]

        def forward(*xs: Any) -> Array:
            return machine.stored(self.forward(machine, *wide(xs)))

        def backward(g: Any, *xs: Any) -> tuple[Any, ...]:
            found = self.backward(machine, np.asarray(g, f32), *wide(xs))
            change, at = self._generic(machine.mutation)
            floats = [k for k, v in enumerate(found) if v is not None]
            return tuple(None if v is None else machine.stored(change(np.asarray(v, f32)) if k == floats[at % len(floats)] else v) for k, v in enumerate(found))

        return forward, backward

    def _generic(self, mutation: str) -> tuple[Callable[[Any], Any], int]:
        """Return a change that any gradient can have, and which of the gradients has it."""
        name, _, at = mutation.partition(" in gradient ")
        return GENERIC.get(name, lambda v: v), int(at or 0)

    @property
    def mutants(self) -> Iterator[str]:
        """Every mistake: its own, those of any gradient, and two of precision."""
        yield from self.mutations
        yield from GENERIC
        yield from ("truncated", "low accumulator")


# -- normalisations -------------------------------------------------------------------------------


def rms_reference(x, w):
    """Return RMS norm."""
    return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-5) * w


def _rms(k: Kernel, x):
    n = x.shape[-1]
    eps = f32(1e-6 if k.has("epsilon 1e-6") else 1e-5)
    count = n - 1 if k.has("mean over n - 1") else n
    mean = k.inner(k.sum(k.inner(x * x), -1, True) / f32(count))
    r = f32(1) / (np.sqrt(mean) + eps) if k.has("epsilon outside") else f32(1) / np.sqrt(mean + eps)
    return k.inner(r)


def rms_forward(k, x, w):
    """Return what the kernel computes of RMS norm."""
    return k.inner(x * _rms(k, x)) * w


def rms_backward(k, g, x, w):
    """Return the gradients that the kernel computes of RMS norm."""
    n = x.shape[-1]
    r = _rms(Kernel(k.format, k.order, k.style, "epsilon 1e-6" if k.has("epsilon 1e-6 in backward") else k.mutation), x)
    if k.has("scale rounded"):
        r = k.through(r)
    xh = k.inner(x * r)
    if k.has("normalised rounded"):
        xh = k.through(xh)
    gw = k.inner(g if k.has("weight left out") else g * w)
    c = k.sum(k.inner(gw * xh), -1, True) / f32(n)
    c = k.inner(f32(0) * c if k.has("no mean term") else c * f32(n) / f32(n - 1) if k.has("mean term over n - 1") else c)
    dx = (gw - (x if k.has("mean term by x") else xh) * c) * (f32(1) if k.has("no scale") else r)
    dw = k.sum(k.inner(g * (x if k.has("weight by x") else xh)), 0)
    return dx, dw / f32(len(x)) if k.has("weight averaged") else dw


def layer_reference(x, w, b):
    """Return layer norm."""
    centred = x - np.mean(x, -1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, -1, keepdims=True) + 1e-5) * w + b


def _layer(k, x):
    n = f32(x.shape[-1])
    mean = k.inner(k.sum(x, -1, True) / n)
    centred = k.inner(x - mean)
    count = n - f32(1) if k.has("unbiased variance") else n
    var = k.inner(k.sum(k.inner(centred * centred), -1, True) / count)
    r = k.inner(f32(1) / np.sqrt(var + f32(1e-6 if k.has("epsilon 1e-6") else 1e-5)))
    return k.inner(centred * r), r


def layer_forward(k, x, w, b):
    """Return what the kernel computes of layer norm."""
    return k.inner(_layer(k, x)[0] * w) + b


def layer_backward(k, g, x, w, b):
    """Return the gradients that the kernel computes of layer norm."""
    n = f32(x.shape[-1])
    xh, r = _layer(k, x)
    if k.has("scale rounded"):
        r = k.through(r)
    gw = k.inner(g if k.has("weight left out") else g * w)
    c1 = k.inner(k.sum(k.inner(gw * xh), -1, True) / n) * f32(not k.has("no product term"))
    c2 = k.inner(k.sum(gw, -1, True) / n) * f32(not k.has("no mean term"))
    dx = (gw - k.inner(xh * c1) - c2) * (f32(1) if k.has("no scale") else r)
    dw, db = k.sum(k.inner(g * xh), 0), k.sum(g, 0)
    return dx, (k.sum(k.inner(g * x), 0) if k.has("weight by x") else dw), (db / f32(len(x)) if k.has("bias averaged") else db)


# -- softmax, attention, cross entropy ------------------------------------------------------------


def softmax_reference(x):
    """Return softmax."""
    e = np.exp(x - np.max(x, -1, keepdims=True))
    return e / np.sum(e, -1, keepdims=True)


def _softmax(k, x, stop=None):
    top = x.max(-1, keepdims=True)
    e = k.inner(np.exp(k.inner(x - top)))
    if k.has("a column left out of the sum"):
        return k.inner(e / k.sum(e[..., :-1], -1, True))
    return k.inner(e / (k.sum(e, -1, True) + f32(1e-4 if k.has("1e-4 in the sum") else 0)))


def softmax_forward(k, x):
    """Return what the kernel computes of softmax."""
    return _softmax(k, x)


def softmax_backward(k, g, x):
    """Return the gradients that the kernel computes of softmax."""
    y = k.saved(_softmax(k, x))
    inner = k.inner(g * y)
    s = k.sum(inner, -1, True)
    if k.has("no sum term"):
        s = f32(0) * s
    if k.has("mean term"):
        s = s / f32(x.shape[-1])
    if k.has("sum over rows"):
        s = k.sum(inner, 0, True)
    if k.has("sum of g"):
        s = k.sum(g, -1, True)
    dx = y * k.inner(g - s)
    if k.has("diagonal alone"):
        dx = g * y * (f32(1) - y)
    return (dx * y if k.has("y twice") else dx / f32(1.001) if k.has("temperature 1.001") else dx,)


def softmax_vjp(g, y, x):
    """Return the gradient as it is written, by the result."""
    return (y * (g - np.sum(g * y, -1, keepdims=True)),)


def _attention_reference(causal):
    def attention(q, k, v):
        scores = q @ np.swapaxes(k, -1, -2) * (1 / np.sqrt(q.shape[-1]))
        if causal:
            scores = scores + np.triu(np.full((q.shape[-2], k.shape[-2]), -1e4), 1)
        e = np.exp(scores - np.max(scores, -1, keepdims=True))
        return (e / np.sum(e, -1, keepdims=True)) @ v

    return attention


def _attention_vjp(causal):
    def attention_vjp(g, o, q, k, v):
        scale = 1 / np.sqrt(q.shape[-1])
        scores = q @ np.swapaxes(k, -1, -2) * scale
        if causal:
            scores = scores + np.triu(np.full((q.shape[-2], k.shape[-2]), -1e4), 1)
        e = np.exp(scores - np.max(scores, -1, keepdims=True))
        p = e / np.sum(e, -1, keepdims=True)
        delta = np.sum(g * o, -1, keepdims=True)
        ds = p * (g @ np.swapaxes(v, -1, -2) - delta)
        return ds @ k * scale, np.swapaxes(ds, -1, -2) @ q * scale, np.swapaxes(p, -1, -2) @ g

    return attention_vjp


def _scores(m, causal, q, k):
    scale = f32(1 / q.shape[-1] if m.has("scale 1/d") else 1 / np.sqrt(q.shape[-1]))
    scores = m.inner(m.product(q, np.swapaxes(k, -1, -2)) * scale)
    if causal and not m.has("no mask"):
        scores = scores + np.triu(np.full(scores.shape[-2:], f32(-1e4)), 2 if m.has("mask off by one") else 1)
    return scores, scale


def _attention(causal):
    def forward(m, q, k, v):
        return m.product(_softmax(m, _scores(m, causal, q, k)[0]), v)

    def backward(m, g, q, k, v):
        scores, scale = _scores(m, causal, q, k)
        p = _softmax(m, scores)
        o = m.saved(m.product(p, v))
        delta = m.sum(m.inner(g * o), -1, True) * f32(0 if m.has("no delta") else 1)
        if m.has("delta averaged"):
            delta = delta / f32(q.shape[-1])
        dp = m.product(g, np.swapaxes(v, -1, -2))
        ds = m.inner(m.inner(dp - delta) * (f32(1) if m.has("no probabilities") else p))
        if m.has("scores rounded"):
            ds = m.through(ds)
        sq = f32(1) if m.has("no scale of q") else scale
        sk = f32(1) if m.has("no scale of k") else scale
        dq, dk = m.product(ds, k) * sq, m.product(np.swapaxes(ds, -1, -2), q) * sk
        dv = m.product(np.swapaxes(ds if m.has("v by ds") else p, -1, -2), g)
        if m.has("last keys left out"):
            dq = m.product(ds[..., :-1], k[..., :-1, :]) * sq
        if m.has("q and k exchanged"):
            dq, dk = dk, dq
        return dq, dk, dv

    return forward, backward


def cross_entropy_reference(x, labels):
    """Return cross entropy."""
    keep = labels >= 0
    shifted = x - np.max(x, -1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), -1, keepdims=True))
    return -np.sum(np.where(keep, logs[np.arange(len(labels)), np.where(keep, labels, 0)], 0.0)) / np.count_nonzero(keep)


def cross_entropy_forward(k, x, labels):
    """Return what the kernel computes of cross entropy."""
    keep = labels >= 0
    shifted = k.inner(x - x.max(-1, keepdims=True))
    logs = k.inner(shifted - k.inner(np.log(k.sum(k.inner(np.exp(shifted)), -1, True))))
    terms = np.where(keep, logs[np.arange(len(labels)), np.where(keep, labels, 0)], f32(0))
    return -k.sum(terms, 0) / f32(np.count_nonzero(keep))


def cross_entropy_backward(k, g, x, labels):
    """Return the gradients that the kernel computes of cross entropy."""
    keep = labels >= 0
    p = _softmax(k, x)
    hot = np.zeros_like(x)
    hot[np.arange(len(labels)), np.where(keep, labels, 0)] = 1
    if k.has("smoothed by 1e-3"):
        hot = hot * f32(1 - 1e-3) + f32(1e-3 / x.shape[-1])
    if k.has("label off by one"):
        hot = np.roll(hot, 1, -1)
    count = len(labels) if k.has("mean over all rows") else np.count_nonzero(keep)
    dx = (p if k.has("no label") else p - hot) * k.inner(g / f32(1 if k.has("no mean") else count))
    if k.has("softmax again"):
        dx = p * (dx - (dx * p).sum(-1, keepdims=True))
    if not k.has("ignored rows counted"):
        dx = dx * keep[:, None]
    return (dx * f32(x.shape[-1]) if k.has("times classes") else dx, None)


# -- gates ----------------------------------------------------------------------------------------


def swiglu_reference(a, b):
    """Return SwiGLU."""
    return a / (1 + np.exp(-a)) * b


def swiglu_forward(k, a, b):
    """Return what the kernel computes of SwiGLU."""
    return k.inner(a * k.inner(f32(1) / (f32(1) + np.exp(-a)))) * b


def swiglu_backward(k, g, a, b):
    """Return the gradients that the kernel computes of SwiGLU."""
    s = k.inner(f32(1) / (f32(1) + np.exp(-a)))
    if k.has("sigmoid rounded"):
        s = k.through(s)
    silu = k.inner(a * s)
    slope = s * (f32(1) + a * (f32(1) - s))
    if k.has("slope of the logistic"):
        slope = s * (f32(1) - s)
    if k.has("no second term"):
        slope = s
    if k.has("sign of the second term"):
        slope = s * (f32(1) - a * (f32(1) - s))
    if k.has("silu of 1.0002 a"):
        slope = slope * f32(1.0001)
    da = k.inner(g * (f32(1) if k.has("b left out") else b)) * k.inner(slope)
    db = g * (a if k.has("a for silu") else silu)
    if k.has("exchanged"):
        da, db = db, da
    return da, db * s if k.has("sigmoid twice") else db


_ROOT, _CUBIC = f32(0.7978845608028654), f32(0.044715)


def geglu_reference(a, b):
    """Return GEGLU by tanh."""
    return 0.5 * a * (1 + np.tanh(0.7978845608028654 * (a + 0.044715 * a**3))) * b


def geglu_forward(k, a, b):
    """Return what the kernel computes of GEGLU by tanh."""
    t = k.inner(np.tanh(k.inner(_ROOT * (a + _CUBIC * a * a * a))))
    return k.inner(f32(0.5) * a * (f32(1) + t)) * b


def geglu_backward(k, g, a, b):
    """Return the gradients that the kernel computes of GEGLU by tanh."""
    cubic = f32(0.0447 if k.has("0.0447 for 0.044715") else _CUBIC)
    root = f32(0.8 if k.has("0.8 for the root") else _ROOT)
    t = k.inner(np.tanh(k.inner(root * (a + cubic * a * a * a))))
    if k.has("tanh rounded"):
        t = k.through(t)
    gelu = k.inner(f32(0.5) * a * (f32(1) + t))
    three = f32(1 if k.has("cubic term without 3") else 3)
    slope = f32(0.5) * (f32(1) + t) + f32(0.5) * a * (f32(1) - t * t) * root * (f32(1) + three * cubic * a * a)
    if k.has("no slope of tanh"):
        slope = f32(0.5) * (f32(1) + t)
    if k.has("1 - t for 1 - t^2"):
        slope = f32(0.5) * (f32(1) + t) + f32(0.5) * a * (f32(1) - t) * root * (f32(1) + three * cubic * a * a)
    if k.has("no cubic term"):
        slope = f32(0.5) * (f32(1) + t) + f32(0.5) * a * (f32(1) - t * t) * root
    da = k.inner(g * (f32(1) if k.has("b left out") else b)) * k.inner(slope)
    return da, g * (a if k.has("a for gelu") else gelu)


# -- products, moves ------------------------------------------------------------------------------


def linear_reference(x, w, b):
    """Return a linear layer."""
    return x @ w + b


def linear_forward(k, x, w, b):
    """Return what the kernel computes of a linear layer."""
    return k.product(x, w) + b


def linear_backward(k, g, x, w, b):
    """Return the gradients that the kernel computes of a linear layer."""
    dx, dw, db = k.product(g, w.T), k.product(x.T, g), k.sum(g, 0)
    if k.has("last column of w left out"):
        dx = k.product(g[:, :-1], w.T[:-1])
    if k.has("last row left out"):
        dw = k.product(x[:-1].T, g[:-1])
    if k.has("weight averaged"):
        dw = dw / f32(len(x))
    if k.has("bias averaged"):
        db = db / f32(len(x))
    if k.has("bias summed over columns"):
        db = np.full_like(db, g.sum(1)[0])
    if k.has("last tile of K twice"):
        dx = dx + k.product(g[:, -16:], w.T[-16:])
    if k.has("weight columns rolled"):
        dw = np.roll(dw, 1, 1)
    if k.has("g rounded to 4 bits"):
        dw = k.product(x.T, np.round(g * 16) / f32(16))
    return dx, dw, db


def rotary_reference(x, cos, sin):
    """Return rotary embedding."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def _rotated(k, x, cos, sin, sign):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    s = sign * sin
    return np.concatenate([k.inner(a * cos) - k.inner(b * s), k.inner(b * cos) + k.inner(a * s)], -1)


def rotary_forward(k, x, cos, sin):
    """Return what the kernel computes of rotary embedding."""
    return _rotated(k, x, cos, sin, f32(1))


def rotary_backward(k, g, x, cos, sin):
    """Return the gradients that the kernel computes of rotary embedding."""
    dx = _rotated(k, g, cos, sin, f32(1 if k.has("rotated forwards") else -1))
    if k.has("halves exchanged"):
        dx = np.roll(dx, dx.shape[-1] // 2, -1)
    if k.has("no sine"):
        dx = np.concatenate([g[..., : cos.shape[-1]] * cos, g[..., cos.shape[-1] :] * cos], -1)
    if k.has("second half not rotated"):
        dx[..., cos.shape[-1] :] = g[..., cos.shape[-1] :]
    if k.has("positions off by one"):
        dx = _rotated(k, g, np.roll(cos, 1, 0), np.roll(sin, 1, 0), f32(-1))
    if k.has("last angle left out"):
        dx[..., -1] = g[..., -1]
    if k.has("copied"):
        dx = g.copy()
    if k.has("sine rounded to 6 bits"):
        dx = _rotated(k, g, cos, np.round(sin * 64).astype(f32) / f32(64), f32(-1))
    return dx, None, None


def gating_reference(x, experts):
    """Return a mixture of two experts."""
    top = np.argsort(-x, -1)[:, :2]
    kept = np.take_along_axis(x, top, -1)
    e = np.exp(kept - np.max(kept, -1, keepdims=True))
    p = e / np.sum(e, -1, keepdims=True)
    rows = experts[top]
    return np.sum(p[..., None] * rows, 1)


def _gates(k, x):
    top = np.argsort(-x, -1)[:, :2]
    kept = np.take_along_axis(x, top, -1)
    return top, _softmax(k, kept)


def gating_forward(k, x, experts):
    """Return what the kernel computes of a mixture of two experts."""
    top, p = _gates(k, x)
    return k.sum(k.inner(p[..., None] * experts[top]), 1)


def gating_backward(k, g, x, experts):
    """Return the gradients that the kernel computes of a mixture of two experts."""
    top, p = _gates(k, x)
    if k.has("probabilities rounded"):
        p = k.through(p)
    rows = experts[top]
    dp = k.sum(k.inner(g[:, None] * rows), -1)
    s = k.sum(k.inner(dp * p), -1, True) * f32(not k.has("no sum term"))
    dk = k.inner(p * k.inner(dp - s)) if not k.has("no softmax") else dp
    dx = np.zeros_like(x)
    np.put_along_axis(dx, top[:, ::-1] if k.has("experts exchanged") else top, dk, -1)
    if k.has("second expert left out"):
        dx[np.arange(len(x)), top[:, 1]] = 0
    if k.has("scaled by 2"):
        dx = dx * f32(2)
    weight = np.ones_like(p) if k.has("experts without gates") else p
    chosen = top[:, ::-1] if k.has("gates exchanged") else top
    spread = k.inner(weight[..., None] * g[:, None]).reshape(-1, g.shape[-1])
    de = k.scatter(spread[:-1] if k.has("last token left out") else spread, chosen.ravel()[: len(spread) - k.has("last token left out")], len(experts))
    return dx, de


def embedding_reference(table, ids):
    """Return rows of a table."""
    return table[ids]


def embedding_forward(k, table, ids):
    """Return what the kernel computes of rows of a table."""
    return table[ids]


def embedding_backward(k, g, table, ids):
    """Return the gradients that the kernel computes of rows of a table."""
    if k.has("written, not added"):
        out = np.zeros_like(table)
        out[ids] = g
        return out, None
    chosen = np.roll(ids, 1) if k.has("ids off by one") else ids
    rows = g[::-1] if k.has("backwards") else g
    out = k.scatter(rows[:-1] if k.has("last id left out") else rows, chosen[: len(rows) - k.has("last id left out")], len(table))
    if k.has("averaged by count"):
        out = out / np.maximum(np.bincount(ids, minlength=len(table)), 1)[:, None].astype(f32)
    if k.has("padding kept out"):
        out[0] = 0
    if k.has("scaled by the root of n"):
        out = out * f32(np.sqrt(table.shape[-1]))
    if k.has("last column left out"):
        out[:, -1] = 0
    return out, None


def dropout_reference(x, mask):
    """Return dropout by a given mask."""
    return np.where(mask, x, 0.0) * (1 / 0.9)


_KEEP = f32(1 / 0.9)


def dropout_forward(k, x, mask):
    """Return what the kernel computes of dropout by a given mask."""
    return np.where(mask, x, f32(0)) * _KEEP


def dropout_backward(k, g, x, mask):
    """Return the gradients that the kernel computes of dropout by a given mask."""
    scale = f32(1) if k.has("no scale") else f32(0.9) if k.has("scale inverted") else f32(1 / 0.89) if k.has("rate of 0.11") else _KEEP
    kept = ~mask if k.has("mask inverted") else np.ones_like(mask) if k.has("no mask") else np.roll(mask, 1, -1) if k.has("mask shifted") else mask
    dx = np.where(kept, g, f32(0)) * scale
    if k.has("scaled twice"):
        dx = dx * scale
    if k.has("last row not masked"):
        dx[-1] = g[-1] * scale
    return dx, None


# -- shapes ---------------------------------------------------------------------------------------

#: Rows and columns around the edges of tiles, by turns.
_SHAPES = ((31, 96), (32, 128), (33, 100), (48, 127))


def _shape(seed: int) -> tuple[int, int]:
    return _SHAPES[seed % len(_SHAPES)]


def _normal(*counts: int) -> Callable[[Any, int], tuple[Any, ...]]:
    """Return a maker of arrays of a matrix's shape, or of its columns alone where the count is 1."""

    def make(rng: Any, seed: int) -> tuple[Any, ...]:
        rows, columns = _shape(seed)
        return tuple(rng.normal(size=(rows, columns) if n == 2 else (columns,)) + (1.0 if n == 1 else 0.0) for n in counts)

    return make


def _attention_inputs(rng: Any, seed: int) -> tuple[Any, ...]:
    n = (31, 32, 33, 48)[seed % 4]
    return tuple(rng.normal(size=(2, n, 16)) for _ in range(3))


def _labelled(rng: Any, seed: int) -> tuple[Any, ...]:
    rows, columns = _shape(seed)
    labels = rng.integers(0, columns, rows)
    labels[::5] = -100
    labels[1:3] = labels[3]
    return rng.normal(size=(rows, columns)) * 2, labels


def _linear_inputs(rng: Any, seed: int) -> tuple[Any, ...]:
    rows, columns = _shape(seed)
    return rng.normal(size=(rows, columns)), rng.normal(size=(columns, 40)) / np.sqrt(columns), rng.normal(size=40)


def _rotary_inputs(rng: Any, seed: int) -> tuple[Any, ...]:
    rows = _shape(seed)[0]
    angles = np.arange(rows)[:, None] / 10.0 ** (np.arange(32) / 16)
    return rng.normal(size=(rows, 64)), np.cos(angles), np.sin(angles)


def _gating_inputs(rng: Any, seed: int) -> tuple[Any, ...]:
    return rng.normal(size=(_shape(seed)[0], 8)), rng.normal(size=(8, 48))


def _embedding_inputs(rng: Any, seed: int) -> tuple[Any, ...]:
    ids = rng.integers(0, 20, 4 * _shape(seed)[0])
    ids[:7] = 3
    return rng.normal(size=(24, 48)), ids


def _dropped(rng: Any, seed: int) -> tuple[Any, ...]:
    return rng.normal(size=_shape(seed)), rng.random(_shape(seed)) < 0.9


_ATTENTION = (
    "no delta", "delta averaged", "no probabilities", "scores rounded", "no scale of q", "no scale of k", "v by ds", "last keys left out", "q and k exchanged",
    "scale 1/d", "a column left out of the sum", "1e-4 in the sum",
)  # fmt: skip

CASES = (
    Case("rms norm", rms_reference, _normal(2, 1), rms_forward, rms_backward, (
        "epsilon 1e-6", "epsilon 1e-6 in backward", "epsilon outside", "mean over n - 1", "scale rounded", "normalised rounded", "weight left out", "no mean term",
        "mean term over n - 1", "mean term by x", "no scale", "weight by x", "weight averaged",
    )),
    Case("layer norm", layer_reference, _normal(2, 1, 1), layer_forward, layer_backward, (
        "unbiased variance", "epsilon 1e-6", "scale rounded", "weight left out", "no product term", "no mean term", "no scale", "weight by x", "bias averaged",
    )),
    Case("softmax", softmax_reference, _normal(2), softmax_forward, softmax_backward, (
        "no sum term", "mean term", "sum over rows", "sum of g", "diagonal alone", "y twice", "temperature 1.001", "a column left out of the sum", "1e-4 in the sum",
    ), softmax_vjp),
    Case("attention", _attention_reference(False), _attention_inputs, *_attention(False), _ATTENTION, _attention_vjp(False)),
    Case("causal attention", _attention_reference(True), _attention_inputs, *_attention(True), (*_ATTENTION, "no mask", "mask off by one"), _attention_vjp(True)),
    Case("cross entropy", cross_entropy_reference, _labelled, cross_entropy_forward, cross_entropy_backward, (
        "smoothed by 1e-3", "label off by one", "mean over all rows", "no label", "no mean", "softmax again", "ignored rows counted", "times classes",
        "1e-4 in the sum",
    )),
    Case("swiglu", swiglu_reference, _normal(2, 2), swiglu_forward, swiglu_backward, (
        "sigmoid rounded", "slope of the logistic", "no second term", "sign of the second term", "silu of 1.0002 a", "b left out", "a for silu", "exchanged",
        "sigmoid twice",
    )),
    Case("geglu", geglu_reference, _normal(2, 2), geglu_forward, geglu_backward, (
        "0.0447 for 0.044715", "0.8 for the root", "tanh rounded", "cubic term without 3", "no slope of tanh", "1 - t for 1 - t^2", "no cubic term", "b left out",
        "a for gelu",
    )),
    Case("linear", linear_reference, _linear_inputs, linear_forward, linear_backward, (
        "last column of w left out", "last row left out", "weight averaged", "bias averaged", "bias summed over columns", "last tile of K twice",
        "weight columns rolled", "g rounded to 4 bits",
    )),
    Case("rotary", rotary_reference, _rotary_inputs, rotary_forward, rotary_backward, (
        "rotated forwards", "halves exchanged", "no sine", "second half not rotated", "positions off by one", "last angle left out", "copied",
        "sine rounded to 6 bits",
    )),
    Case("gating", gating_reference, _gating_inputs, gating_forward, gating_backward, (
        "probabilities rounded", "no sum term", "no softmax", "experts exchanged", "second expert left out", "scaled by 2", "experts without gates",
        "gates exchanged", "last token left out",
    )),
    Case("embedding", embedding_reference, _embedding_inputs, embedding_forward, embedding_backward, (
        "written, not added", "ids off by one", "backwards", "last id left out", "averaged by count", "padding kept out", "scaled by the root of n",
        "last column left out",
    )),
    Case("dropout", dropout_reference, _dropped, dropout_forward, dropout_backward, (
        "no scale", "scale inverted", "rate of 0.11", "mask inverted", "no mask", "mask shifted", "scaled twice", "last row not masked",
    )),
)  # fmt: skip
#: How much a mistake disturbs: what is not gross here is so.
SMALL = frozenset({
    "times 1.005", "times 1.001", "times 1.0002", "bias", "epsilon 1e-6", "epsilon 1e-6 in backward", "epsilon outside", "temperature 1.001", "1e-4 in the sum",
    "smoothed by 1e-3", "silu of 1.0002 a", "0.0447 for 0.044715",
})  # fmt: skip
PRECISION = frozenset({
    "truncated", "low accumulator", "scale rounded", "normalised rounded", "scores rounded", "sigmoid rounded", "tanh rounded", "probabilities rounded",
})  # fmt: skip
