"""Normalisations, and dropout."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.errors import BadAttribute, BadShape
from gradcheck.ops.geometry import broadcast, mask, positive_axis
from gradcheck.ops.op import Op, declare, sample


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a normalisation looks.

    Args:
        view: the shape in which x is normalised.
        axes: the axes of `view` over which mean and variance run.
        parameters: the shape in which scale and bias are broadcast against x.
        centred: whether the mean is subtracted.
        eps: added to the variance.
    """

    view: Shape
    axes: tuple[int, ...]
    parameters: Shape
    centred: bool
    eps: float

    def mean(self, m: Arithmetic, x: Array) -> Array:
        """Return the means over the axes, kept."""
        return m.sum(x, self.axes, True) / math.prod(self.view[i] for i in self.axes)

    def centre(self, m: Arithmetic, x: Array) -> Array:
        """Return x without its mean; the second pass removes the rounding of the mean."""
        if not self.centred:
            return x
        d = x - self.mean(m, x)
        return d - self.mean(m, d)

    def parts(self, m: Arithmetic, x: Array) -> tuple[Array, Array]:
        """Return the centred x, in `view`, and its standard deviation."""
        d = self.centre(m, m.reshape(x, self.view))
        return d, m.sqrt(self.mean(m, m.square(d)) + m.constant(self.eps))

    def value(self, m: Arithmetic, x: Array) -> Array:
        """Return x normalised, in its own shape."""
        d, deviation = self.parts(m, x)
        return m.reshape(d / deviation, x.shape)

    def vjp(self, m: Arithmetic, g: Array, x: Array) -> Array:
        """Return (g - mean g - n mean(g n)) / deviation, n the normalised x."""
        d, deviation = self.parts(m, x)
        n, g = d / deviation, m.reshape(g, self.view)
        own = g - self.mean(m, g) if self.centred else g
        return m.reshape((own - n * self.mean(m, g * n)) / deviation, x.shape)

    def jvp(self, m: Arithmetic, t: Array, x: Array) -> Array:
        """Return the tangent of d / deviation by the quotient rule."""
        d, deviation = self.parts(m, x)
        td = self.centre(m, m.reshape(t, self.view))
        slope = self.mean(m, d * td) / deviation
        return m.reshape((td * deviation - d * slope) / m.square(deviation), x.shape)


def normalisation(name: str, doc: str, *, layout: Callable[..., Layout], biased: bool = True, **more: Any) -> Op:
    """Declare normalised(x) * scale + bias with layout(x shape, scale shape, **attributes)."""

    def value(m: Arithmetic, x: Array, w: Array, *b: Array, **a: Any) -> Array:
        at = layout(x.shape, w.shape, **a)
        y = at.value(m, x) * m.reshape(w, at.parameters)
        return y + m.reshape(b[0], at.parameters) if b else y

    def vjp(m: Arithmetic, g: Array, y: Array, x: Array, w: Array, *b: Array, **a: Any) -> tuple[Array, ...]:
        at = layout(x.shape, w.shape, **a)
        gx = at.vjp(m, g * m.reshape(w, at.parameters), x)
        gw = m.reshape(m.unbroadcast(g * at.value(m, x), at.parameters), w.shape)
        return gx, gw, *(m.reshape(m.unbroadcast(g, at.parameters), v.shape) for v in b)

    def jvp(m: Arithmetic, ts: tuple[Array, ...], y: Array, x: Array, w: Array, *b: Array, **a: Any) -> Array:
        at = layout(x.shape, w.shape, **a)
        t = at.jvp(m, ts[0], x) * m.reshape(w, at.parameters) + at.value(m, x) * m.reshape(ts[1], at.parameters)
        return t + m.reshape(ts[2], at.parameters) if b else t

    def shape(x: Shape, w: Shape, *b: Shape, **a: Any) -> Shape:
        layout(x, w, **a)
        if b and b[0] != w:
            raise BadShape(name, f"a bias of the shape {w} of the scale", b[0])
        return x

    operands = ("real",) * (3 if biased else 2)
    return declare(name, doc, *operands, value=value, vjp=vjp, jvp=jvp, shape=shape, slack=4, **more)


def _trailing(name: str, x: Shape, w: Shape, axis: int, eps: float, centred: bool) -> Layout:
    axis = positive_axis(name, axis, len(x))
    if w != x[axis:]:
        raise BadShape(name, f"a scale of shape {x[axis:]}", w)
    return Layout(x, tuple(range(axis, len(x))), w, centred, eps)


layer_norm = normalisation(
    "layer_norm", "x normalised over axes from axis to the last, times scale plus bias; ONNX LayerNormalization",
    layout=lambda x, w, axis, eps: _trailing("layer_norm", x, w, axis, eps, True),
    attributes={"axis": -1, "eps": 1e-5},
    samples=(sample((2, 3), (3,), (3,)), sample((2, 1, 2), (1, 2), (1, 2), axis=1), sample((3,), (3,), (3,), eps=0.5)),
)  # fmt: skip

rms_norm = normalisation(
    "rms_norm", "x over the root of its mean square from axis to the last, times scale; ONNX RMSNormalization",
    layout=lambda x, w, axis, eps: _trailing("rms_norm", x, w, axis, eps, False),
    biased=False,
    attributes={"axis": -1, "eps": 1e-5},
    samples=(sample((2, 3), (3,)), sample((2, 1, 2), (1, 2), axis=-2), sample((3,), (3,), eps=0.25)),
)  # fmt: skip


def _by_channel(name: str, x: Shape, w: Shape) -> Shape:
    """Return the shape of scale and bias against x (n, c, ...)."""
    if len(x) < 2 or w != x[1:2]:
        raise BadShape(name, "x (n, c, ...), scale and bias (c,)", (x, w))
    return (*w, *(1,) * (len(x) - 2))


def _batch_layout(x: Shape, w: Shape, eps: float) -> Layout:
    parameters = _by_channel("batch_norm", x, w)
    return Layout(x, (0, *range(2, len(x))), parameters, True, eps)


batch_norm = normalisation(
    "batch_norm", "x (n, c, ...) normalised over all but c by its own statistics; ONNX BatchNormalization, training",
    layout=_batch_layout,
    attributes={"eps": 1e-5},
    samples=(sample((3, 2), (2,), (2,)), sample((2, 1, 2), (1,), (1,), eps=0.5), sample((2, 2, 1, 2), (2,), (2,))),
)  # fmt: skip


def _group_layout(x: Shape, w: Shape, num_groups: int, eps: float) -> Layout:
    parameters = _by_channel("group_norm", x, w)
    if num_groups < 1 or x[1] % num_groups:
        raise BadAttribute(f"group_norm: expected num_groups to divide {x[1]} channels; got {num_groups}")
    return Layout((x[0], num_groups, math.prod(x[1:]) // num_groups), (2,), parameters, True, eps)


group_norm = normalisation(
    "group_norm", "x (n, c, ...) normalised over groups of channels; ONNX GroupNormalization (opset 21)",
    layout=_group_layout,
    attributes={"num_groups": 1, "eps": 1e-5},
    samples=(sample((1, 4), (4,), (4,), num_groups=2), sample((2, 2, 2), (2,), (2,)),
             sample((1, 2, 1, 3), (2,), (2,), num_groups=2, eps=0.5)),
)  # fmt: skip


def _kept(m: Arithmetic, x: Array, keep: Any, rate: float) -> Array:
    return m.select(keep, x / (1 - m.constant(rate)), 0)


def _dropout_shape(x: Shape, keep: Shape, rate: float) -> Shape:
    if not 0 <= rate < 1:
        raise BadAttribute(f"dropout: expected 0 <= rate < 1; got {rate!r}")
    if broadcast("dropout", x, keep) != x:
        raise BadShape("dropout", f"a mask that broadcasts to {x}", keep)
    return x


dropout = declare(
    "dropout", "x / (1 - rate) where the mask is true, 0 else; ONNX Dropout, training", "real", "mask",
    value=_kept,
    vjp=lambda m, g, y, x, keep, rate: (_kept(m, g, keep, rate), None),
    jvp=lambda m, ts, y, x, keep, rate: _kept(m, ts[0], keep, rate),
    shape=_dropout_shape,
    attributes={"rate": 0.5},
    slack=4,
    samples=(sample((3,), mask(True, False, True)), sample((2, 2), mask(False, True), rate=0.25),
             sample((1,), mask(True), rate=0)),
)  # fmt: skip
