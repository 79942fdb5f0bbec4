"""Custom Functions in pairs: one whose backward is right, one whose backward has a usual mistake."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import Function


@dataclass(frozen=True)
class Pair:
    """A Function by its parts.

    Args:
        forward: of tensors.
        right, wrong: of the cotangent and the operands.
        shapes: of the operands.
        reference: the program whose gradient the backward gives on purpose; None where that is the forward's own.
    """

    forward: Any
    right: Any
    wrong: Any
    shapes: tuple
    reference: Any = None

    def function(self, *, right):
        """Return the Function, a class of its own."""
        forward, backward = self.forward, self.right if right else self.wrong

        class Custom(Function):
            @staticmethod
            def forward(ctx, *xs):
                ctx.save_for_backward(*xs)
                return forward(*xs)

            @staticmethod
            def backward(ctx, g):
                return backward(g, *ctx.saved_tensors)

        return Custom


def _rms(x):
    return torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


def _rms_backward(g, x, w, *, whole=True):
    r = _rms(x)
    n = x * r
    inner = (g * w * n).mean(-1, keepdim=True) if whole else 0.0
    return r * (g * w - n * inner), (g * n).sum(tuple(range(x.dim() - 1)))


def _layer(x):
    c = x - x.mean(-1, keepdim=True)
    return c, torch.rsqrt(c.square().mean(-1, keepdim=True) + 1e-5)


def _layer_norm_backward(g, x, w, b, *, mean=True):
    c, r = _layer(x)
    n, h = c * r, g * w
    centre = h.mean(-1, keepdim=True) if mean else 0.0
    return r * (h - centre - n * (h * n).mean(-1, keepdim=True)), (g * n).sum(0), g.sum(0)


def _turn(x, sign=1.0):
    a, b = x.chunk(2, -1)
    angle = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * 0.3
    cos, sin = torch.cos(angle), sign * torch.sin(angle)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def _swiglu_backward(g, a, b, *, whole=True):
    s = torch.sigmoid(a)
    return g * b * (s * (1 + a * (1 - s)) if whole else s), g * a * s


def _gelu_slope(x, half=0.5):
    return half * (1 + torch.erf(x / math.sqrt(2))) + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _attention(q, k, v):
    return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1) @ v


def _attention_backward(g, q, k, v, *, delta=True, scale=True):
    s = 1 / math.sqrt(q.shape[-1])
    p = torch.softmax(q @ k.transpose(-1, -2) * s, -1)
    h = g @ v.transpose(-1, -2)
    d = p * (h - (h * p).sum(-1, keepdim=True) if delta else h) * (s if scale else 1.0)
    return d @ k, d.transpose(-1, -2) @ q, p.transpose(-1, -2) @ g


def _labels(z):
    return torch.nn.functional.one_hot(torch.arange(z.shape[0]) % z.shape[1], z.shape[1]).to(z.dtype)


def _entropy(z):
    m = z.max(-1, keepdim=True).values
    return -((z - m - torch.log(torch.exp(z - m).sum(-1, keepdim=True))) * _labels(z)).sum() / z.shape[0]


def _tiled(x, w):
    """Return x w, a block of columns at a time."""
    y = x.new_zeros(x.shape[0], w.shape[1])
    for j in range(0, w.shape[1], 2):
        y[:, j : j + 2] = x @ w[:, j : j + 2]
    return y


def _logsumexp(x):
    m = x.max(-1, keepdim=True).values
    return (m + torch.log(torch.exp(x - m).sum(-1, keepdim=True))).squeeze(-1)


def _bilinear(x, a, y):
    return torch.einsum("ni,ij,nj->n", x, a, y)


def _huber_slope(e):
    return torch.clamp(e, -1.0, 1.0)


PAIRS = {
    "rms norm": Pair(lambda x, w: x * _rms(x) * w, _rms_backward, lambda g, x, w: _rms_backward(g, x, w, whole=False), ((4, 6), (6,))),
    "layer norm": Pair(
        lambda x, w, b: _layer(x)[0] * _layer(x)[1] * w + b, _layer_norm_backward, lambda *a: _layer_norm_backward(*a, mean=False), ((4, 6), (6,), (6,))
    ),
    "rotary embedding": Pair(_turn, lambda g, x: _turn(g, -1.0), lambda g, x: _turn(g), ((3, 5, 4),)),
    "swiglu": Pair(lambda a, b: a * torch.sigmoid(a) * b, _swiglu_backward, lambda *a: _swiglu_backward(*a, whole=False), ((3, 4), (3, 4))),
    "gelu": Pair(
        lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))), lambda g, x: g * _gelu_slope(x), lambda g, x: g * _gelu_slope(x, 0.4), ((3, 5),)
    ),
    "attention": Pair(_attention, _attention_backward, lambda *a: _attention_backward(*a, delta=False), ((2, 4, 6), (2, 5, 6), (2, 5, 6))),
    "attention's scale": Pair(_attention, _attention_backward, lambda *a: _attention_backward(*a, scale=False), ((2, 4, 6), (2, 5, 6), (2, 5, 6))),
    "cross entropy": Pair(
        _entropy, lambda g, z: g * (torch.softmax(z, -1) - _labels(z)) / z.shape[0], lambda g, z: g * (torch.softmax(z, -1) - _labels(z)), ((4, 5),)
    ),
    "straight-through": Pair(torch.round, lambda g, x: g, lambda g, x: 2 * g, ((3, 4),), lambda x: x + (torch.round(x) - x).detach()),
    "gradient reversal": Pair(
        lambda x: x.view_as(x), lambda g, x: -0.5 * g, lambda g, x: 0.5 * g, ((3, 4),), lambda x: x.detach() * 1.5 - 0.5 * x
    ),
    "tiled product": Pair(_tiled, lambda g, x, w: (g @ w.t(), x.t() @ g), lambda g, x, w: (g @ w.t(), x.t() @ g.abs()), ((3, 4), (4, 5))),
    "logsumexp": Pair(
        _logsumexp, lambda g, x: g[..., None] * torch.softmax(x, -1), lambda g, x: g[..., None] * torch.softmax(x, 0), ((4, 4),)
    ),
    "bilinear": Pair(
        _bilinear, lambda g, x, a, y: (g[:, None] * (y @ a.t()), torch.einsum("n,ni,nj->ij", g, x, y), g[:, None] * (x @ a)),
        lambda g, x, a, y: (g[:, None] * (y @ a), torch.einsum("n,ni,nj->ij", g, x, y), g[:, None] * (x @ a)), ((3, 4), (4, 4), (3, 4)),
    ),
    "huber": Pair(
        lambda p, t: torch.nn.functional.huber_loss(p, t), lambda g, p, t: (g * _huber_slope(p - t) / p.numel(), -g * _huber_slope(p - t) / p.numel()),
        lambda g, p, t: (g * _huber_slope(p - t) / p.numel(), g * _huber_slope(p - t) / p.numel()), ((6,), (6,)),
    ),
    "stored mask": Pair(
        lambda x: torch.relu(x) * 2, lambda g, x: 2 * g * (x > 0), lambda g, x: 2 * g * (x > 0.5), ((4, 5),)
    ),
    "broadcast bias": Pair(
        lambda x, b: torch.tanh(x + b), lambda g, x, b: ((d := g * (1 - torch.tanh(x + b) ** 2)), d.sum(0)),
        lambda g, x, b: ((d := g * (1 - torch.tanh(x + b) ** 2)), d.mean(0)), ((3, 4), (4,)),
    ),
}  # fmt: skip
