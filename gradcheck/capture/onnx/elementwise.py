"""Operators entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from gradcheck.capture.numpy.arrays import Recorded
from gradcheck.capture.numpy.operators import numbers
from gradcheck.capture.onnx.call import RULES, Call, operator
from gradcheck.errors import CannotExpress
from gradcheck.ops.op import registry

#: theirs -> what it is of its one input
_UNARY: dict[str, Callable[[Any], Any]] = {
    "Identity": lambda x: x, "Abs": np.abs, "Neg": np.negative, "Exp": np.exp, "Log": np.log, "Sqrt": np.sqrt, "Reciprocal": lambda x: 1 / x, "Sin": np.sin,
    "Cos": np.cos, "Tan": np.tan, "Sinh": np.sinh, "Cosh": np.cosh, "Tanh": np.tanh, "Asin": np.arcsin, "Acos": np.arccos, "Atan": np.arctan,
    "Asinh": np.arcsinh, "Acosh": np.arccosh, "Atanh": np.arctanh, "Sigmoid": registry["logistic"], "Relu": registry["relu"], "Erf": registry["erf"],
    "Softplus": registry["softplus"], "Softsign": lambda x: x / (1 + np.abs(x)), "Mish": registry["mish"], "HardSwish": registry["hard_swish"],
    "Sign": np.sign, "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "IsNaN": np.isnan,
}  # fmt: skip
_PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Less": np.less, "LessOrEqual": np.less_equal, "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal, "Equal": np.equal, "MatMul": np.matmul,
}  # fmt: skip
_SEVERAL: dict[str, Callable[[Any, Any], Any]] = {"Max": np.maximum, "Min": np.minimum, "Sum": np.add}


def _one(f: Callable[[Any], Any]) -> Callable[[Call], Any]:
    return lambda c: f(c[0])


def _two(f: Callable[[Any, Any], Any]) -> Callable[[Call], Any]:
    return lambda c: f(c[0], c[1])


def _all(f: Callable[[Any, Any], Any]) -> Callable[[Call], Any]:
    return lambda c: reduce(f, c.inputs)


RULES.update({name: _one(f) for name, f in _UNARY.items()})
RULES.update({name: _two(f) for name, f in _PAIRS.items()})
RULES.update({name: _all(f) for name, f in _SEVERAL.items()})


@operator("Mean")
def mean(c: Call) -> Any:
    """The mean of several inputs."""
    return reduce(np.add, c.inputs) / len(c.inputs)


@operator("Pow")
def power(c: Call) -> Any:
    """A to the power b: negative bases have whole powers alone."""
    if np.size(numbers(c[1])) == 1:
        return c[0] ** (c[1] if isinstance(c[1], Recorded) else float(np.ravel(c[1])[0]))
    whole = not isinstance(c[1], Recorded) or not c[1].memory.name
    exponents = np.unique(numbers(c[1]))
    if whole and all(float(p).is_integer() for p in exponents):
        found = [np.where(numbers(c[1]) == p, c[0] ** int(p), 0.0) for p in exponents]
        return reduce(np.add, found)
    return np.power(c[0], c[1])


@operator("Mod")
def remainder(c: Call) -> Any:
    """What is left of a division; with the sign of the dividend where fmod is set."""
    y = np.asarray(numbers(c[1]), float)
    if not (np.isfinite(y) & (y != 0)).all() or not np.isfinite(numbers(c[0])).all():
        raise CannotExpress("Mod by zero or of infinite numbers has no form here")
    return (np.fmod if c.get("fmod", 0) else np.mod)(c[0], c[1])


@operator("LeakyRelu")
def leaky_relu(c: Call) -> Any:
    """X, or a part of it below zero."""
    return _below(c[0], c.get("alpha", 0.01) * c[0])


def _below(x: Any, other: Any) -> Any:
    return np.where(x < 0, other, x)


@operator("Elu")
def elu(c: Call) -> Any:
    """Alpha (exp x - 1) below zero."""
    return _below(c[0], c.get("alpha", 1.0) * np.expm1(np.minimum(c[0], 0.0)))


@operator("Selu")
def selu(c: Call) -> Any:
    """A scaled elu."""
    a, g = c.get("alpha", 1.67326319217681884765625), c.get("gamma", 1.05070102214813232421875)
    return g * _below(c[0], a * np.expm1(np.minimum(c[0], 0.0)))


@operator("Celu")
def celu(c: Call) -> Any:
    """An elu whose slope at zero is one."""
    a = c.get("alpha", 1.0)
    return _below(c[0], a * np.expm1(np.minimum(c[0], 0.0) / a))


@operator("HardSigmoid")
def hard_sigmoid(c: Call) -> Any:
    """A line between 0 and 1."""
    return np.clip(c.get("alpha", 0.2) * c[0] + c.get("beta", 0.5), 0.0, 1.0)


@operator("Gelu")
def gelu(c: Call) -> Any:
    """X times the normal distribution function, or its approximation by tanh."""
    return registry["gelu_tanh" if c.get("approximate") == "tanh" else "gelu"](c[0])


@operator("Swish")
def swish(c: Call) -> Any:
    """X times the logistic function of alpha x."""
    return c[0] * registry["logistic"](c.get("alpha", 1.0) * c[0])


@operator("ThresholdedRelu")
def thresholded(c: Call) -> Any:
    """X above alpha, else zero."""
    return np.where(c[0] > c.get("alpha", 1.0), c[0], 0.0)


@operator("PRelu")
def prelu(c: Call) -> Any:
    """X, or its product with a slope below zero."""
    return _below(c[0], c[1] * c[0])


@operator("Shrink")
def shrink(c: Call) -> Any:
    """X moved towards zero, which is all there is near it."""
    lam, bias = c.get("lambd", 0.5), c.get("bias", 0.0)
    return np.where(c[0] < -lam, c[0] + bias, np.where(c[0] > lam, c[0] - bias, 0.0))


@operator("Clip")
def clip(c: Call) -> Any:
    """X between two bounds, each of which may be left out."""
    low = c.get("min") if c[1] is None else c[1]
    high = c.get("max") if c[2] is None else c[2]
    y = c[0] if low is None else np.maximum(c[0], low)
    return y if high is None else np.minimum(y, high)


@operator("Where")
def where(c: Call) -> Any:
    """One input or the other, by a mask."""
    return np.where(c.data(0).astype(bool), c[1], c[2])


@operator("Cast", "CastLike")
def cast(c: Call) -> Any:
    """Another format: floats stay what they are, whole numbers are data."""
    from onnx import helper

    kind = helper.tensor_dtype_to_np_dtype(c.get("to")) if c.op == "Cast" else np.asarray(numbers(c[1])).dtype
    if not isinstance(c[0], Recorded):
        return np.asarray(c[0]).astype(np.float64 if kind.kind in "fV" else kind)
    return c[0] if kind.kind in "fV" else c[0].value.astype(kind)


@operator("Dropout")
def dropout(c: Call) -> Any:
    """The input itself, where it is no training."""
    if c[2] is not None and bool(c.data(2)) and float(c.data(1, np.asarray(0.5))) > 0:
        raise CannotExpress("Dropout in training has no form here: its mask is not in the file")
    return (c[0], np.ones(c[0].shape, bool))


@operator("DequantizeLinear")
def dequantize(c: Call) -> Any:
    """Whole numbers times a scale."""
    x, scale, zero = c.data(0).astype(float), c[1], c.data(2, np.asarray(0)).astype(float)
    if np.ndim(numbers(scale)) == 1 and np.size(numbers(scale)) > 1:
        ones = [1] * x.ndim
        ones[c.get("axis", 1) % x.ndim] = -1
        scale, zero = np.reshape(scale, ones), np.reshape(zero, ones) if zero.ndim else zero
    if c.get("block_size", 0):
        raise CannotExpress("DequantizeLinear by blocks has no form here")
    return (x - zero) * scale


