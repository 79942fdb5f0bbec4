"""Functions entry by entry."""

from __future__ import annotations

import math

import numpy as np
import torch

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call, Operand

#: ours by theirs, of one operand and no attribute that matters
_UNARY = {
    "neg": "neg", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "reciprocal": "reciprocal", "sigmoid": "logistic",
    "tanh": "tanh", "silu": "swish", "relu": "relu", "sin": "sin", "cos": "cos", "tan": "tan", "abs": "abs", "erf": "erf", "mish": "mish",
    "hardswish": "hard_swish", "square": "square", "log_sigmoid_forward": "log_sigmoid", "atan": "arctan", "sinh": "sinh", "cosh": "cosh",
    "atanh": "arctanh",
}  # fmt: skip


def _unary(theirs: str, ours: str) -> None:
    @operation(theirs)
    def rule(c: Call) -> None:
        c.out(ours, c.operand("self" if "self" in c.arguments else "input"))


for _theirs, _ours in _UNARY.items():
    _unary(_theirs, _ours)


def _pair(c: Call, op: str, a: str = "self", b: str = "other") -> None:
    x, y = c.operand(a), c.operand(b)
    if c.arguments.get("alpha", 1) != 1:
        y = c.emit("mul", y, c.named(c["alpha"]))
    c.out(op, x, y)


@operation("add")
def add(c: Call) -> None:
    """a + alpha b."""
    _pair(c, "add")


@operation("sub")
def sub(c: Call) -> None:
    """a - alpha b."""
    _pair(c, "sub")


@operation("rsub")
def rsub(c: Call) -> None:
    """b - alpha a."""
    x, y = c.operand("self"), c.operand("other")
    c.out("sub", y, c.emit("mul", x, c.named(c["alpha"])) if c["alpha"] != 1 else x)


@operation("mul")
def mul(c: Call) -> None:
    """a b."""
    _pair(c, "mul")


@operation("div", "true_divide")
def div(c: Call) -> None:
    """a / b; rounded quotients have no derivative that is ours."""
    if c.arguments.get("rounding_mode"):
        raise Unruled(f"{c.func}: rounding_mode={c['rounding_mode']}")
    _pair(c, "div")


@operation("maximum", "fmax")
def maximum(c: Call) -> None:
    """The larger one."""
    _pair(c, "maximum")


@operation("minimum", "fmin")
def minimum(c: Call) -> None:
    """The smaller one."""
    _pair(c, "minimum")


@operation("addcmul")
def addcmul(c: Call) -> None:
    """a + value b c."""
    product = c.emit("mul", c.operand("tensor1"), c.operand("tensor2"))
    c.out("add", c.operand("self"), c.emit("mul", product, c.named(c["value"])) if c["value"] != 1 else product)


@operation("addcdiv")
def addcdiv(c: Call) -> None:
    """a + value b / c."""
    quotient = c.emit("div", c.operand("tensor1"), c.operand("tensor2"))
    c.out("add", c.operand("self"), c.emit("mul", quotient, c.named(c["value"])) if c["value"] != 1 else quotient)


@operation("lerp")
def lerp(c: Call) -> None:
    """a + w (b - a)."""
    a = c.operand("self")
    c.out("add", a, c.emit("mul", c.operand("weight"), c.emit("sub", c.operand("end"), a)))


@operation("rsqrt")
def rsqrt(c: Call) -> None:
    """1 / sqrt(x)."""
    c.out("reciprocal", c.emit("sqrt", c.operand("self")))


@operation("exp2", "log2", "log10")
def other_bases(c: Call) -> None:
    """2^x, and logarithms to the bases 2 and 10."""
    x = c.operand("self")
    if c.name == "exp2":
        return c.out("exp", c.emit("mul", x, c.constant(math.log(2))))
    return c.out("div", c.emit("log", x), c.constant(math.log({"log2": 2, "log10": 10}[c.name])))


@operation("gelu")
def gelu(c: Call) -> None:
    """x Phi(x), or its form by tanh."""
    c.out("gelu_tanh" if c["approximate"] == "tanh" else "gelu", c.operand("self"))


@operation("softplus")
def softplus(c: Call) -> None:
    """log(1 + exp(x)); above the threshold it is x, which no rounding of the format tells from it."""
    if c["beta"] != 1:
        scaled = c.emit("softplus", c.emit("mul", c.operand("self"), c.named(c["beta"])))
        return c.out("div", scaled, c.named(c["beta"]))
    if c.format == "float64":
        above = (c.arguments["self"].tensor.detach().cpu() > c["threshold"]).numpy()
        if above.any():
            x = c.operand("self")
            return c.out("where", c.constant(above, "mask"), x, c.emit("softplus", x))
    return c.out("softplus", c.operand("self"))


@operation("leaky_relu")
def leaky_relu(c: Call) -> None:
    """x, or a part of it below zero."""
    c.out("leaky_relu", c.operand("self"), alpha=c["negative_slope"])


@operation("prelu", "_prelu_kernel")
def prelu(c: Call) -> None:
    """x, or w x below zero."""
    x, w = c.operand("self"), c.operand("weight")
    positive = (c.arguments["self"].tensor.detach().cpu() > 0).numpy()
    c.out("where", c.constant(positive, "mask"), x, c.emit("mul", w, x))


@operation("elu")
def elu(c: Call) -> None:
    """x, or alpha (exp(x) - 1) below zero; selu and celu are scaled ones."""
    x = c.operand("self")
    if c["input_scale"] != 1:
        scaled = c.emit("expm1", c.emit("mul", x, c.named(c["input_scale"])))
        below = c.emit("mul", scaled, c.named(c["alpha"]))
        positive = (c.arguments["self"].tensor.detach().cpu() > 0).numpy()
        y = c.emit("where", c.constant(positive, "mask"), x, below)
    else:
        y = c.emit("elu", x, alpha=c["alpha"])
    c.give(c.emit("mul", y, c.named(c["scale"])) if c["scale"] != 1 else y)


@operation("hardtanh", "clamp", "clamp_min", "clamp_max", "relu6", "clip")
def clamp(c: Call) -> None:
    """x moved between two ends, which may be infinite or tensors."""
    x, low, high = c.operand("self"), *(c.arguments.get(a, c.arguments.get(b)) for a, b in (("min", "min_val"), ("max", "max_val")))
    if isinstance(low, Operand) or isinstance(high, Operand):
        y = x if low is None else c.emit("maximum", x, c.named(low))
        return c.give(y if high is None else c.emit("minimum", y, c.named(high)))
    farthest = torch.finfo(c.outs[0].dtype).max
    low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    return c.out("clip", x, low=max(-farthest, float(low)), high=min(farthest, float(high)))


@operation("hardsigmoid")
def hardsigmoid(c: Call) -> None:
    """min(max(x + 3, 0), 6) / 6."""
    y = c.emit("clip", c.emit("add", c.operand("self"), c.constant(3.0)), low=0.0, high=6.0)
    c.out("div", y, c.constant(6.0))


@operation("threshold")
def threshold(c: Call) -> None:
    """x above a threshold, a number elsewhere."""
    above = (c.arguments["self"].tensor.detach().cpu() > c["threshold"]).numpy()
    c.out("where", c.constant(above, "mask"), c.operand("self"), c.named(c["value"]))


@operation("pow")
def power(c: Call) -> None:
    """x to a power."""
    x, p = c.arguments["self"], c.arguments["exponent"]
    if isinstance(p, Operand) or not isinstance(x, Operand):
        return c.out("power", c.named(x), c.named(p))
    if p == 2:
        return c.out("square", c.operand("self"))
    if p in (0.5, -0.5):
        y = c.emit("sqrt", c.operand("self"))
        return c.give(y if p > 0 else c.emit("reciprocal", y))
    if float(p).is_integer():
        return c.out("integer_power", c.operand("self"), n=int(p))
    return c.out("power", c.operand("self"), c.named(float(p)))


@operation("where")
def where(c: Call) -> None:
    """One of two, by a mask."""
    c.out("where", _mask(c, "condition"), c.operand("self"), c.operand("other"))


@operation("masked_fill")
def masked_fill(c: Call) -> None:
    """A number where a mask is true."""
    x = c.operand("self")
    y = c.emit("where", _mask(c, "mask"), c.operand("value"), x)
    c.give(y)


def _mask(c: Call, argument: str) -> str:
    mask = c[argument].detach().cpu()
    return c.constant(mask.to(torch.bool).numpy(), "mask")


@operation("native_dropout")
def dropout(c: Call) -> None:
    """Entries that were kept, scaled; the mask is data of the run."""
    scale = c.named(1 / (1 - c["p"])) if c["p"] < 1 else c.constant(0.0)
    c.out("where", c.constant(c.outs[1].detach().cpu().numpy(), "mask"), c.emit("mul", c.operand("input"), scale), c.constant(0.0))


@operation("fill", "zero")
def fill(c: Call) -> None:
    """One number everywhere: nothing of what was there is left."""
    number = c.arguments.get("value", 0.0)
    shape = tuple(c.outs[0].shape)
    none = c.constant(np.zeros(shape, bool), "mask")
    c.out("where", none, c.operand("self"), c.emit("broadcast_to", c.named(number), shape=shape))


@operation("nan_to_num")
def nan_to_num(c: Call) -> None:
    """Finite numbers as they are."""
    finite = torch.isfinite(c.arguments["self"].tensor).cpu()
    c.out("where", c.constant(finite.numpy(), "mask"), c.operand("self"), c.constant(c.outs[0].detach().cpu().double().numpy()))


@operation("glu")
def glu(c: Call) -> None:
    """The first half times the logistic of the second."""
    x = c.operand("self")
    axis = c["dim"] % len(c.shape(x))
    half = c.shape(x)[axis] // 2
    a, b = (c.emit("slice", x, starts=(s,), stops=(s + half,), axes=(axis,)) for s in (0, half))
    c.out("mul", a, c.emit("logistic", b))
