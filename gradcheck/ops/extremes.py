"""Reductions that choose or multiply: prod, max, min."""

from __future__ import annotations

from gradcheck.arith.arithmetic import Arithmetic, Array, Truth
from gradcheck.ops.op import sample
from gradcheck.ops.reduce import rowwise, total


def _last(r: Array) -> int:
    return len(r.shape) - 1


def _product(m: Arithmetic, r: Array) -> Array:
    return m.reshape(m.product(r, _last(r)), (*r.shape[:-1], 1))


def _others(m: Arithmetic, r: Array) -> Array:
    """Return for every entry the product of all others in its row, without a division.

    Entries are paired; from the product of the other pairs follows that of the other entries.
    """
    n, axis = r.shape[-1], _last(r)
    if n <= 1:
        return m.ones(r.shape)
    half = n // 2
    a, b = m.part(r, 0, half, axis), m.part(r, half, 2 * half, axis)
    rest = m.part(r, 2 * half, n, axis)
    pairs = _others(m, m.concatenate([a * b, rest], axis))
    mine = m.part(pairs, 0, half, axis)
    return m.concatenate([mine * b, mine * a, m.part(pairs, half, n - half, axis)], axis)


def _product_tangent(m: Arithmetic, t: Array, y: Array, r: Array) -> Array:
    """Return the tangent by the product rule from left to right."""
    axis = _last(r)
    p, tp = m.ones((*r.shape[:-1], 1)), m.zeros((*r.shape[:-1], 1))
    for k in range(r.shape[-1]):
        entry = m.part(r, k, k + 1, axis)
        p, tp = p * entry, tp * entry + p * m.part(t, k, k + 1, axis)
    return tp


prod = rowwise(  # g y / x would be NaN at a zero
    "prod", "the product over axes, with its gradient at zeros too; ONNX ReduceProd",
    value=_product,
    vjp=lambda m, g, y, r: g * _others(m, r),
    jvp=_product_tangent,
    least=lambda: 0,
    slack=2,
    samples=(
        sample((2, 3)), sample((2, 3), axes=(1,)), sample((2, 3), axes=(-2,), keepdims=True),
        sample((2, 2, 2), axes=(0, 2)), sample(()), sample((5,), axes=0), sample((0, 2), axes=(0,)),
    ),
)  # fmt: skip


def _wins(m: Arithmetic, r: Array) -> Truth:
    return m.winners(r, _last(r))


def _lead(m: Arithmetic, r: Array) -> Array:
    """Return how far the winner is ahead of each other entry; 1 at the winner."""
    return m.select(_wins(m, r), m.constant(1), m.max(r, _last(r)) - r)


max_ = rowwise(  # the first of equals gets g
    "max", "the largest entry over axes; ONNX ReduceMax",
    value=lambda m, r: m.max(r, _last(r)),
    vjp=lambda m, g, y, r: m.select(_wins(m, r), g, 0),
    jvp=lambda m, t, y, r: total(m, m.select(_wins(m, r), t, 0)),
    kinks=_lead,
    conserves=True,
)  # fmt: skip

min_ = rowwise(
    "min", "the smallest entry over axes; ONNX ReduceMin",
    value=lambda m, r: -m.max(-r, _last(r)),
    vjp=lambda m, g, y, r: m.select(_wins(m, -r), g, 0),
    jvp=lambda m, t, y, r: total(m, m.select(_wins(m, -r), t, 0)),
    kinks=lambda m, r: _lead(m, -r),
    conserves=True,
)  # fmt: skip
