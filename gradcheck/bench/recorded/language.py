"""A language model of the usual kind in plain torch: normed by root mean squares, rotary positions, attention, gated layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

#: Width of an attention head, and wavelength of the slowest rotation.
HEAD, BASE = 64, 10_000.0


class Norm(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    """x over its root mean square, times a scale; computed in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Any) -> Any:
        """Return x normed, in its own format."""
        wide = x.float()
        return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


class Layer(nn.Module):  # type: ignore[misc]
    """Attention and a gated layer, each added to what goes in."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.first, self.second = Norm(width), Norm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Any, cos: Any, sin: Any) -> Any:
        """Return what comes out."""
        n = self.first(x)
        q, k, v = (f(n).unflatten(-1, (-1, HEAD)).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = functional.scaled_dot_product_attention(_rotated(q, cos, sin), _rotated(k, cos, sin), v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).flatten(2))
        n = self.second(x)
        return x + self.down(functional.silu(self.gate(n)) * self.up(n))


class Language(nn.Module):  # type: ignore[misc]
    """Predicts the next of some tokens.

    Args:
        width: of the model, a multiple of `HEAD`.
        inner: width of the gated layers.
        layers: how many.
        words: that it knows.
    """

    def __init__(self, width: int, inner: int, layers: int, words: int) -> None:
        super().__init__()
        self.table, self.norm, self.out = nn.Embedding(words, width), Norm(width), nn.Linear(width, words, bias=False)
        self.layers = nn.ModuleList(Layer(width, inner) for _ in range(layers))
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids: Any) -> Any:
        """Return the loss of the next tokens."""
        x = self.table(ids)
        angles = torch.arange(ids.shape[1])[:, None] * BASE ** (-torch.arange(0, HEAD, 2) / HEAD)
        cos, sin = (f(torch.cat([angles, angles], -1)).to(x.dtype) for f in (torch.cos, torch.sin))
        for layer in self.layers:
            x = layer(x, cos, sin)
        logits = self.out(self.norm(x)).float()
        return functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def _rotated(x: Any, cos: Any, sin: Any) -> Any:
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin
