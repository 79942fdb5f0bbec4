"""Attention kernels, which torch on a CPU and on CUDA computes as one operation."""

from __future__ import annotations

import numpy as np
import torch

from gradcheck.capture.aten.normalisations import scale_of
from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call, Operand


@operation(
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_attention_math", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention", "_scaled_dot_product_fused_attention_overrideable", "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_attention_math_for_mps",
)  # fmt: skip
def attention(c: Call) -> None:
    """softmax(s q k^T + mask) v; scores are never narrower than float32."""
    if c.arguments.get("dropout_p"):
        raise Unruled(f"{c.func}: dropout without its mask")
    q, k, v = (c.operand(x) for x in ("query", "key", "value"))
    k, v = (_for_every_head(c, x, c.shape(q)) for x in (k, v))
    wide = "float64" if c.format == "float64" else "float32"
    axes = (*range(len(c.shape(k)) - 2), -1, -2)
    scores = c.emit("matmul", q, c.emit("transpose", k, axes=tuple(a % len(axes) for a in axes)), format_=wide)
    scores = c.emit("mul", scores, c.named(scale_of(c, c.shape(q)[-1])), format_=wide)
    scores = _masked(c, scores, wide)
    c.out("matmul", c.emit("softmax", scores, axis=-1, format_=c.format), v)


def _for_every_head(c: Call, x: str, q: tuple[int, ...]) -> str:
    """Return keys or values, of which several heads of queries share one."""
    shape = c.shape(x)
    if len(shape) < 4 or shape[1] == q[1]:
        return x
    times = q[1] // shape[1]
    x = c.emit("reshape", x, shape=(*shape[:2], 1, *shape[2:]))
    x = c.emit("broadcast_to", x, shape=(*shape[:2], times, *shape[2:]))
    return c.emit("reshape", x, shape=(shape[0], q[1], *shape[2:]))


def _masked(c: Call, scores: str, wide: str) -> str:
    shape, mask = c.shape(scores), c.arguments.get("attn_mask", c.arguments.get("attn_bias"))
    shown = np.ones(shape, bool)
    if c.arguments.get("is_causal"):
        shown &= np.tri(shape[-2], shape[-1]).astype(bool)
    if isinstance(mask, Operand) and mask.name:
        scores = c.emit("add", scores, mask.name, format_=wide)
    elif isinstance(mask, Operand) and mask.tensor.dtype == torch.bool:
        shown &= mask.tensor.cpu().numpy()
    elif isinstance(mask, Operand):
        numbers = mask.tensor.detach().cpu().double().numpy()
        shown &= numbers > torch.finfo(mask.tensor.dtype).min  # what is as small as that is hidden, whatever is added to it
        scores = c.emit("add", scores, c.constant(np.where(np.isfinite(numbers), numbers, 0.0)), format_=wide)
    if shown.all():
        return scores
    if not shown.any(axis=-1).all():
        raise Unruled(f"{c.func}: a row of which everything is masked")
    return c.emit("where", c.constant(shown, "mask"), scores, c.constant(-np.inf), format_=wide)
