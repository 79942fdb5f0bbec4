"""Convolutions in any number of dimensions: one gather of windows, one contraction.

x is (n, c, *spatial), w (o, c / groups, *kernel). The windows of x are gathered once; the value is one
sum of products over channels and offsets, so a rounding bound covers every order of summation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape
from gradcheck.errors import BadShape
from gradcheck.ops.geometry import batched, inverted, pairs, sizes, window_counts, windows
from gradcheck.ops.op import Op, declare, sample


@dataclass(frozen=True, slots=True)
class Plan:
    """The geometry of x convolved with w: `small` are the window positions, `large` what they see.

    Args:
        batch: n.
        groups: the number of groups.
        large: spatial shape of the side with the windows (x of a convolution).
        small: spatial shape of the other side (its y).
        channels: channels of a group on the large and on the small side.
        index: flat position in `large` of window p at offset k, (p, k).
    """

    batch: int
    groups: int
    large: Shape
    small: Shape
    channels: tuple[int, int]
    index: Index

    def contract(self, m: Arithmetic, spec: str, a: Array, b: Array) -> Array:
        """Return a sum of products; a single group is dropped, without which NumPy can call BLAS."""
        if self.groups > 1:
            return m.einsum(spec, a, b)
        left, right = spec.partition("->")[0].split(",")
        a, b = (_without(m, x, term.index("g")) for x, term in ((a, left), (b, right)))
        return m.einsum(spec.replace("g", ""), a, b)

    def windows(self, m: Arithmetic, x: Array) -> Array:
        """Return the large side gathered as (n, g, c, p, k)."""
        return m.take(x, batched(self.index, (self.batch, self.groups, self.channels[0]), math.prod(self.large)))

    def back(self, m: Arithmetic, y: Array) -> Array:
        """Return the small side gathered as (n, g, o, s, k): what met position s at offset k."""
        index = inverted(self.index, math.prod(self.large))
        return m.take(y, batched(index, (self.batch, self.groups, self.channels[1]), math.prod(self.small)))

    def kernels(self, m: Arithmetic, w: Array) -> Array:
        """Return the weights as (g, o, c, k)."""
        c, o = self.channels
        return m.reshape(w, (self.groups, o, c, self.index.shape[1]))

    def correlate(self, m: Arithmetic, x: Array, w: Array) -> Array:
        """Return large -> small: sum over c, k of x[c, p + k] w[o, c, k]."""
        y = self.contract(m, "ngcpk,gock->ngop", self.windows(m, x), self.kernels(m, w))
        return m.reshape(y, (self.batch, self.groups * self.channels[1], *self.small))

    def spread(self, m: Arithmetic, y: Array, w: Array) -> Array:
        """Return small -> large, the adjoint of `correlate`."""
        x = self.contract(m, "ngosk,gock->ngcs", self.back(m, y), self.kernels(m, w))
        return m.reshape(x, (self.batch, self.groups * self.channels[0], *self.large))

    def weights(self, m: Arithmetic, x: Array, y: Array, shape: Shape) -> Array:
        """Return sum over batch and windows of y[o, p] x[c, p + k], in the shape of w."""
        rows = m.reshape(y, (self.batch, self.groups, self.channels[1], self.index.shape[0]))
        return m.reshape(self.contract(m, "ngop,ngcpk->gock", rows, self.windows(m, x)), shape)


def _without(m: Arithmetic, x: Array, axis: int) -> Array:
    return m.reshape(x, (*x.shape[:axis], *x.shape[axis + 1 :]))


def _spatial(op: str, n: int, a: dict[str, Any]) -> tuple[Shape, Any, Shape]:
    """Return stride, padding and dilation, one a dimension."""
    return sizes(op, "stride", a["stride"], n), pairs(op, a["padding"], n), sizes(op, "dilation", a["dilation"], n)


def _convolved(op: str, n: int, x: Shape, w: Shape, a: dict[str, Any]) -> Shape:
    """Return the spatial shape of the value."""
    groups = a["groups"]
    if len(x) != n + 2 or len(w) != n + 2 or x[1] != w[1] * groups or w[0] % groups:
        raise BadShape(op, f"x (n, c, *spatial), w (o, c / groups, *kernel) with groups={groups}", (x, w))
    small = window_counts(x[2:], w[2:], *_spatial(op, n, a))
    if not min(*small, *w[2:]):
        raise BadShape(op, "a kernel that fits into the padded input", (x, w))
    return small


def _conv_plan(op: str, n: int, x: Shape, w: Shape, a: dict[str, Any]) -> Plan:
    small, groups = _convolved(op, n, x, w, a), a["groups"]
    index = windows(x[2:], w[2:], *_spatial(op, n, a)).reshape(-1, math.prod(w[2:]))
    return Plan(x[0], groups, x[2:], small, (w[1], w[0] // groups), index)


def _declare_conv(name: str, n: int, doc: str, samples: Any) -> Op:
    def plan(x: Array, w: Array, a: dict[str, Any]) -> Plan:
        return _conv_plan(name, n, x.shape, w.shape, a)

    def vjp(m: Arithmetic, g: Array, y: Array, x: Array, w: Array, **a: Any) -> tuple[Array, Array]:
        p = plan(x, w, a)
        return p.spread(m, g, w), p.weights(m, x, g, w.shape)

    def jvp(m: Arithmetic, ts: tuple[Array, Array], y: Array, x: Array, w: Array, **a: Any) -> Array:
        p = plan(x, w, a)
        return p.correlate(m, ts[0], w) + p.correlate(m, x, ts[1])

    def shape(x: Shape, w: Shape, **a: Any) -> Shape:
        return (x[0], w[0], *_convolved(name, n, x, w, a))

    return declare(
        name, doc, "real", "real",
        value=lambda m, x, w, **a: plan(x, w, a).correlate(m, x, w),
        vjp=vjp, jvp=jvp, shape=shape, slack=4,
        attributes={"stride": 1, "padding": 0, "dilation": 1, "groups": 1}, samples=samples,
    )  # fmt: skip


conv1d = _declare_conv(
    "conv1d", 1, "correlation of x (n, c, l) with w (o, c / groups, k); ONNX Conv",
    (
        sample((1, 1, 4), (1, 1, 2)), sample((2, 2, 3), (1, 2, 2), padding=1), sample((1, 1, 5), (2, 1, 2), stride=2),
        sample((1, 2, 4), (2, 1, 2), groups=2, dilation=2, padding=(1, 0)), sample((1, 1, 1), (1, 1, 1)),
    ),
)  # fmt: skip

conv2d = _declare_conv(
    "conv2d", 2, "correlation of x (n, c, h, w) with w (o, c / groups, kh, kw); ONNX Conv",
    (
        sample((1, 1, 3, 3), (1, 1, 2, 2)), sample((1, 2, 2, 3), (1, 2, 1, 2), padding=(0, 1)),
        sample((2, 1, 3, 2), (1, 1, 2, 1), stride=(2, 1)), sample((1, 2, 2, 2), (2, 1, 2, 1), groups=2, padding=1),
        sample((1, 1, 3, 3), (1, 1, 2, 2), dilation=2, padding=((1, 0), (0, 1))),
        sample((1, 1, 3, 3), (1, 1, 2, 2), stride=2, padding=(0, 1, 1, 0)),
    ),
)  # fmt: skip


def _spread_out(op: str, n: int, x: Shape, w: Shape, a: dict[str, Any]) -> Shape:
    """Return the spatial shape of the value."""
    groups = a["groups"]
    if len(x) != n + 2 or len(w) != n + 2 or x[1] != w[0] or w[0] % groups:
        raise BadShape(op, f"x (n, c, *spatial), w (c, o / groups, *kernel) with groups={groups}", (x, w))
    stride, ends, dilation = _spatial(op, n, a)
    more = sizes(op, "output_padding", a["output_padding"], n, 0)
    sides = zip(x[2:], w[2:], stride, ends, dilation, more, strict=True)
    large = tuple(s * (k - 1) + e + d * (j - 1) + 1 - sum(end) for k, j, s, end, d, e in sides)
    if min(large) < 1 or any(e >= max(s, d) for e, s, d in zip(more, stride, dilation, strict=True)):
        raise BadShape(op, "less padding than output, output_padding below stride or dilation", large)
    window_counts(large, w[2:], stride, ends, dilation)
    return large


def _transposed_plan(op: str, n: int, x: Shape, w: Shape, a: dict[str, Any]) -> Plan:
    large, groups = _spread_out(op, n, x, w, a), a["groups"]
    # a surplus of output_padding may fit one window more than x has: cut it off at the end
    index = windows(large, w[2:], *_spatial(op, n, a))[tuple(slice(k) for k in x[2:])]
    return Plan(x[0], groups, large, x[2:], (w[1], w[0] // groups), index.reshape(-1, math.prod(w[2:])))


def _transposed(name: str, n: int, doc: str, samples: Any) -> Op:
    def plan(x: Array, w: Array, a: dict[str, Any]) -> Plan:
        return _transposed_plan(name, n, x.shape, w.shape, a)

    def vjp(m: Arithmetic, g: Array, y: Array, x: Array, w: Array, **a: Any) -> tuple[Array, Array]:
        p = plan(x, w, a)
        return p.correlate(m, g, w), p.weights(m, g, x, w.shape)

    def jvp(m: Arithmetic, ts: tuple[Array, Array], y: Array, x: Array, w: Array, **a: Any) -> Array:
        p = plan(x, w, a)
        return p.spread(m, ts[0], w) + p.spread(m, x, ts[1])

    def shape(x: Shape, w: Shape, **a: Any) -> Shape:
        return (x[0], w[1] * a["groups"], *_spread_out(name, n, x, w, a))

    return declare(
        name, doc, "real", "real",
        value=lambda m, x, w, **a: plan(x, w, a).spread(m, x, w),
        vjp=vjp, jvp=jvp, shape=shape, slack=4,
        attributes={"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}, samples=samples,
    )  # fmt: skip


conv_transpose2d = _transposed(
    "conv_transpose2d", 2, "the adjoint of conv2d: x (n, c, h, w), w (c, o / groups, kh, kw); ONNX ConvTranspose",
    (
        sample((1, 1, 2, 2), (1, 1, 2, 2)), sample((1, 2, 2, 1), (2, 1, 1, 2), stride=2),
        sample((1, 2, 1, 2), (2, 1, 2, 2), groups=2, padding=(1, 0, 0, 1)),
        sample((1, 1, 2, 2), (1, 2, 2, 1), stride=(2, 1), output_padding=(1, 0)),
        sample((1, 1, 2, 2), (1, 1, 2, 2), dilation=2, padding=1, stride=2, output_padding=1),
        sample((2, 1, 1, 2), (1, 1, 1, 1), stride=2, output_padding=1),
    ),
)  # fmt: skip
