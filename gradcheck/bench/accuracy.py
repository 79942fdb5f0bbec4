"""How accurate are a target's elementary functions: searched for the largest error in ulp."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import FUNCTIONS
from gradcheck.arith.floating import FORMATS, Floating
from gradcheck.arith.running import Roundoff, wide_format
from gradcheck.errors import CannotExpress
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.ops import registry
from gradcheck.targets.opening import run_of
from gradcheck.targets.target import Description, Target, as_float

Floats = npt.NDArray[Any]

#: As far as the format goes: until exp overflows. sinh and cosh would go on by log 2, where torch's are infinite already.
_REACH = math.inf

#: Where each function is searched: the smallest and the largest magnitude, and whether below zero too.
_RANGES = {
    "exp": (1e-8, _REACH, True), "log": (1e-30, 1e30, False), "log1p": (1e-12, 1e12, True), "expm1": (1e-12, _REACH, True),
    "sqrt": (1e-30, 1e30, False), "sin": (1e-8, 1e4, True), "cos": (1e-8, 1e4, True), "tan": (1e-8, 1e4, True),
    "arctan": (1e-8, 1e8, True), "sinh": (1e-8, _REACH, True), "cosh": (1e-8, _REACH, True), "tanh": (1e-8, 25, True),
    "arctanh": (1e-8, 1, True), "erf": (1e-8, 6, True), "logistic": (1e-8, _REACH, True), "softplus": (1e-8, _REACH, True),
}  # fmt: skip

#: Values are drawn evenly up to here; where a range goes as far as the format, half of them up to its end.
_EVEN = 100.0


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The largest error found of one function ("at least": the search sees only some inputs).

    Args:
        ulps: the error in units in the last place of the exact value.
        worst: the input that does it.
        median: of the errors.
        points: how many inputs were tried.
    """

    target: str
    dtype: str
    function: str
    ulps: float
    worst: float
    median: float
    points: int


def measure(target: Target | Description, dtype: str, *, points: int = 20_000, seed: int = 0) -> list[Accuracy]:
    """Search the error of every elementary function of a target in a format.

    Args:
        target: a target that hands back node values.
        dtype: its format.
        points: how many inputs for each function.
        seed: of the inputs.
    """
    d = target if isinstance(target, Description) else Description.of(target)
    found = []
    for function in FUNCTIONS:
        if function in _RANGES and function in registry:
            made = _one(d, dtype, function, points, seed)
            found += [made] if made else []
    return found


def _one(d: Description, dtype: str, function: str, points: int, seed: int) -> Accuracy | None:
    x = inputs(function, dtype, points, seed)
    graph = Graph([Leaf("x", "parameter", x.shape)], [Node("y", function, ("x",)), Node("loss", "sum", ("y",))], ["loss"])
    try:
        run = run_of(d.target, graph, {"x": x.copy()})
    except CannotExpress:
        return None
    if run.node_values is None:
        return None
    got = as_float(run.node_values["y"])
    m = Floating(wide_format(dtype))
    with np.errstate(all="ignore"):
        exact = m.function(function, m.array(x))
        errors = ulp_error(got, exact, dtype)
    worst = int(np.argmax(errors))
    return Accuracy(d.name, dtype, function, float(errors[worst]), float(x[worst]), float(np.median(errors)), x.size)


def inputs(function: str, dtype: str, points: int, seed: int) -> Floats:
    """Return inputs over the range of a function: evenly over magnitudes, and evenly over values."""
    low, given, signed = _RANGES[function]
    high = math.log(float(ml_dtypes.finfo(FORMATS[dtype]).max)) if given == _REACH else given
    rng = np.random.default_rng(seed)
    magnitudes = np.exp(rng.uniform(np.log(low), np.log(high), points // 2))
    values = rng.uniform(0, min(high, _EVEN), points - points // 2)
    if given == _REACH:
        values[::2] *= high / min(high, _EVEN)
    x = np.concatenate([magnitudes, values])
    x = x * rng.choice([-1.0, 1.0], points) if signed else x
    with np.errstate(over="ignore"):
        rounded: Floats = x.astype(FORMATS[dtype])
    usable = np.isfinite(rounded.astype(np.float64)) & ((np.abs(x) < 1) | (function != "arctanh")) & ((x > -1) | (function != "log1p"))
    chosen: Floats = rounded[usable & (np.abs(rounded.astype(np.float64)) != 1)]
    return chosen


def ulp_error(got: Floats, exact: Floats, dtype: str) -> npt.NDArray[np.float64]:
    """Return abs(got - exact) in units in the last place of `exact`; 0 where that is subnormal or overflows."""
    roundoff = Roundoff.of(dtype)
    smallest = float(ml_dtypes.finfo(FORMATS[dtype]).tiny)
    ulp = np.ldexp(2 * roundoff.u, np.frexp(exact)[1] - 1)
    usual = (np.abs(exact) >= smallest) & (np.abs(exact) <= roundoff.largest)
    return np.where(usual, np.abs(got - exact) / np.where(usual, ulp, 1), 0.0).astype(np.float64)


def as_table(rows: Iterable[Accuracy]) -> dict[str, dict[str, dict[str, float]]]:
    """Return target -> dtype -> function -> ulps, rounded up to a tenth."""
    out: dict[str, dict[str, dict[str, float]]] = {}
    for r in rows:
        out.setdefault(r.target, {}).setdefault(r.dtype, {})[r.function] = float(np.ceil(r.ulps * 10) / 10)
    return out
