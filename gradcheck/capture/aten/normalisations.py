"""Normalisations and softmaxes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from gradcheck.capture.aten.table import operation
from gradcheck.capture.torch.call import Call


def _or(c: Call, argument: str, shape: tuple[int, ...], number: float) -> str:
    """Return an affine parameter, or what stands for none."""
    return c.constant(np.full(shape, number)) if c.arguments.get(argument) is None else c.operand(argument)


@operation("native_layer_norm", "layer_norm")
def layer_norm(c: Call) -> None:
    """Over the last axes."""
    shape = tuple(c["normalized_shape"])
    c.out("layer_norm", c.operand("input"), _or(c, "weight", shape, 1.0), _or(c, "bias", shape, 0.0), axis=-len(shape), eps=float(c["eps"]))


@operation("_fused_rms_norm", "rms_norm")
def rms_norm(c: Call) -> None:
    """By the root of the mean square over the last axes."""
    shape = tuple(c["normalized_shape"])
    eps = torch.finfo(c.outs[0].dtype).eps if c.arguments.get("eps") is None else float(c["eps"])
    c.out("rms_norm", c.operand("input"), _or(c, "weight", shape, 1.0), axis=-len(shape), eps=eps)


@operation("native_group_norm", "group_norm")
def group_norm(c: Call) -> None:
    """Over groups of channels."""
    x = c.operand("input")
    channels = (c.shape(x)[1],)
    groups = c.arguments.get("group", c.arguments.get("num_groups"))
    c.out("group_norm", x, _or(c, "weight", channels, 1.0), _or(c, "bias", channels, 0.0), num_groups=groups, eps=float(c["eps"]))


@operation("native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update", "_native_batch_norm_legit_no_training", "_batch_norm_no_update")
def batch_norm(c: Call) -> None:
    """By the batch's statistics in training, by the running ones else."""
    x = c.operand("input")
    channels = (c.shape(x)[1],)
    w, b = _or(c, "weight", channels, 1.0), _or(c, "bias", channels, 0.0)
    if c.arguments.get("training", c.name == "_batch_norm_with_update"):
        return c.out("batch_norm", x, w, b, eps=float(c["eps"]))
    along: dict[str, Any] = {"shape": (1, -1, *(1,) * (len(c.shape(x)) - 2))}
    spread = c.emit("sqrt", c.emit("add", c.operand("running_var"), c.constant(float(c["eps"]))))
    scaled = c.emit("div", c.emit("sub", x, c.emit("reshape", c.operand("running_mean"), **along)), c.emit("reshape", spread, **along))
    return c.out("add", c.emit("mul", scaled, c.emit("reshape", w, **along)), c.emit("reshape", b, **along))


@operation("_softmax", "softmax", "_safe_softmax")
def softmax(c: Call) -> None:
    """exp(x) / sum(exp(x)) along an axis."""
    c.out("softmax", c.operand("self"), axis=c["dim"])


@operation("_log_softmax", "log_softmax")
def log_softmax(c: Call) -> None:
    """x - log(sum(exp(x))) along an axis."""
    c.out("log_softmax", c.operand("self"), axis=c["dim"])


@operation("_weight_norm_interface")
def weight_norm(c: Call) -> None:
    """g v / norm(v), the norm over all axes but one."""
    v = c.operand("v")
    axes = tuple(k for k in range(len(c.shape(v))) if k != c["dim"] % len(c.shape(v)))
    c.out("mul", v, c.emit("div", c.operand("g"), c.emit("norm", v, axes=axes, keepdims=True)))


def scale_of(c: Call, width: int) -> float:
    """Return the factor of attention's scores."""
    given = c.arguments.get("scale")
    return 1 / math.sqrt(width) if given is None else float(given)
