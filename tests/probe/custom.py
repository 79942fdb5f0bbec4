"""Torch functions with a backward pass of one's own."""

import pytest


def custom(value, vjp, *, once=False):
    """Return `value` as a torch function whose backward pass is `vjp(g, *tensors)`; `once` forbids a second one."""
    torch = pytest.importorskip("torch")

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):
            ctx.save_for_backward(*tensors)
            return value(*tensors)

        @staticmethod
        def backward(ctx, g):
            return vjp(g, *ctx.saved_tensors)

    if once:
        Custom.backward = staticmethod(torch.autograd.function.once_differentiable(Custom.backward))
    return Custom.apply
