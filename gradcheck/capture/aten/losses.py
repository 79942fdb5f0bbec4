"""Losses."""

from __future__ import annotations

import torch

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call, Operand

_REDUCTIONS = {0: "none", 1: "mean", 2: "sum"}


@operation("nll_loss_forward", "nll_loss2d_forward", "nll_loss", "nll_loss2d")
def nll_loss(c: Call) -> None:
    """-w x at the labels; the mean is over the weights of the labels that count."""
    x, labels = c.operand("self"), c["target"].cpu()
    counts = labels != c["ignore_index"]
    axis = 1 if len(c.shape(x)) > 1 else 0
    index = torch.where(counts, labels, torch.zeros_like(labels)).unsqueeze(axis)
    y = c.emit("neg", c.emit("reshape", c.emit("gather_elements", x, c.constant(index, "index"), axis=axis), shape=tuple(labels.shape)))
    weights = counts.double()
    if c.arguments.get("weight") is not None:
        if c.active("weight"):
            raise Unruled(f"{c.func}: weights that are values")
        weights = weights * c["weight"].detach().cpu().double()[index.squeeze(axis)]
        y = c.emit("mul", y, c.constant(weights))
    y = c.emit("where", c.constant(counts, "mask"), y, c.constant(0.0))
    if c["reduction"] == 0:
        return c.give(y)
    total = c.emit("sum", y)
    return c.give(total) if c["reduction"] == 2 else c.out("div", total, c.constant(float(weights.sum())))


@operation("mse_loss")
def mse_loss(c: Call) -> None:
    """The mean square difference."""
    c.out("mean_squared_error", c.operand("self"), c.operand("target"), reduction=_REDUCTIONS[c["reduction"]])


@operation("l1_loss")
def l1_loss(c: Call) -> None:
    """The mean absolute difference."""
    y = c.emit("abs", c.emit("sub", c.operand("self"), c.operand("target")))
    c.give(y if c["reduction"] == 0 else c.emit({1: "mean", 2: "sum"}[c["reduction"]], y))


@operation("huber_loss", "smooth_l1_loss")
def huber_loss(c: Call) -> None:
    """A parabola near zero, straight beyond; the smooth one is over beta."""
    delta = float(c["delta"] if "delta" in c.arguments else c["beta"])
    y = c.emit("huber", c.operand("self"), c.operand("target"), reduction=_REDUCTIONS[c["reduction"]], delta=delta)
    c.give(y if c.name == "huber_loss" or delta == 1 else c.emit("div", y, c.named(delta)))


@operation("binary_cross_entropy_with_logits")
def bce_with_logits(c: Call) -> None:
    """Cross entropy of two classes, of logits."""
    if isinstance(c.arguments.get("pos_weight"), Operand):
        raise Unruled(f"{c.func}: pos_weight")
    _weighted(c, "binary_cross_entropy_logits")


@operation("binary_cross_entropy")
def bce(c: Call) -> None:
    """Cross entropy of two classes, of probabilities."""
    _weighted(c, "binary_cross_entropy")


def _weighted(c: Call, op: str) -> None:
    x, t = c.operand("self"), c.operand("target")
    if not isinstance(c.arguments.get("weight"), Operand):
        return c.out(op, x, t, reduction=_REDUCTIONS[c["reduction"]])
    y = c.emit("mul", c.emit(op, x, t, reduction="none"), c.operand("weight"))
    return c.give(y if c["reduction"] == 0 else c.emit({1: "mean", 2: "sum"}[c["reduction"]], y))
