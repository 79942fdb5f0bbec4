"""Points without a derivative, or where formulas for it break: what may be given there, as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The generalised derivative (Clarke 1983) at a point.

    Args:
        text: for people.
        holds: answers whether a derivative, the entries of all operands one after the other, lies in it.
        empty: whether there is none.
    """

    text: str
    holds: Callable[[Floats], bool]
    empty: bool = False


#: A jump, or 0/0: there is no derivative, and a finite number is the best that can be given.
NONE = Allowed("none", lambda d: bool(np.isfinite(d).all()), empty=True)


def between(low: float, high: float) -> Allowed:
    """Every number between two slopes, each entry by itself.

    >>> between(0, 1).holds(np.array([0.5])), between(0, 1).holds(np.array([2.0]))
    (True, False)
    """
    slack = 1e-6  # slopes such as that of selu are rounded
    return Allowed(f"[{low:g}, {high:g}]", lambda d: bool(((d >= low - slack) & (d <= high + slack)).all()))


def exactly(*slopes: float) -> Allowed:
    """One derivative: the function is smooth there, or its one-sided slope is infinite."""
    return Allowed(", ".join(f"{s:g}" for s in slopes), lambda d: bool(np.allclose(d, slopes, rtol=1e-6, atol=0)))


def shares(text: str = "shares that add up to 1") -> Allowed:
    """Every distribution of 1 among the operands that tie; those that do not tie come as zeros."""
    return Allowed(text, lambda d: bool((d >= -1e-6).all() and abs(d.sum() - 1) < 1e-6))


def unit(p: float) -> Allowed:
    """Every vector of dual length at most 1: the generalised derivative of a p-norm at 0."""
    q = math.inf if p == 1 else p / (p - 1)
    return Allowed("length at most 1", lambda d: bool(np.linalg.norm(d, q) <= 1 + 1e-6))


@dataclass(frozen=True, slots=True)
class Point:
    """One point of one operation.

    Args:
        name: what is asked, for people.
        op: the operation.
        operands: its values; integer or bool arrays are constants.
        allowed: the generalised derivative.
        attributes: of the operation.
        wrt: the operands whose derivative is looked at, all real ones unless given.
    """

    name: str
    op: str
    operands: tuple[Any, ...]
    allowed: Allowed
    attributes: Mapping[str, Any] = field(default_factory=dict)
    wrt: tuple[int, ...] | None = None


def _steps() -> Iterator[Point]:
    """Functions of one entry."""
    yield Point("relu at 0", "relu", ([0.0],), between(0, 1))
    yield Point("relu at -0", "relu", ([-0.0],), between(0, 1))
    yield Point("abs at 0", "abs", ([0.0],), between(-1, 1))
    yield Point("abs at -0", "abs", ([-0.0],), between(-1, 1))
    yield Point("leaky_relu (0.01) at 0", "leaky_relu", ([0.0],), between(0.01, 1), {"alpha": 0.01})
    yield Point("elu (alpha 1/2) at 0", "elu", ([0.0],), between(0.5, 1), {"alpha": 0.5})
    yield Point("elu (alpha 1) at 0", "elu", ([0.0],), exactly(1), {"alpha": 1.0})
    yield Point("selu at 0", "selu", ([0.0],), between(1.0507009873554805, 1.0507009873554805 * 1.6732632423543772))
    for bound, at in (("low", -1.0), ("high", 1.0)):
        yield Point(f"clip at its {bound} bound", "clip", ([at],), between(0, 1), {"low": -1.0, "high": 1.0})
        yield Point(f"hard_tanh at {at:g}", "hard_tanh", ([at],), between(0, 1))
    yield Point("clip (0, 6) at 0", "clip", ([0.0],), between(0, 1), {"low": 0.0, "high": 6.0})
    yield Point("clip (0, 6) at 6", "clip", ([6.0],), between(0, 1), {"low": 0.0, "high": 6.0})
    yield Point("clip where low = high = x, a constant", "clip", ([1.0],), exactly(0), {"low": 1.0, "high": 1.0})
    yield Point("hard_swish at -3", "hard_swish", ([-3.0],), between(-0.5, 0))
    yield Point("hard_swish at 3", "hard_swish", ([3.0],), between(1, 1.5))
    yield Point("sqrt at 0", "sqrt", ([0.0],), exactly(math.inf))
    yield Point("hinge where t z = 1, by z", "hinge", ([1.0], [1.0]), between(-1, 0), {"reduction": "sum"}, (0,))
    yield Point("huber where p - t = delta, by p", "huber", ([1.0], [0.0]), exactly(1), {"reduction": "sum", "delta": 1.0}, (0,))


def _ties() -> Iterator[Point]:
    """Who gets the share."""
    for name in ("maximum", "minimum"):
        yield Point(f"{name} of equals", name, ([1.0], [1.0]), shares())
        yield Point(f"{name} of 0 and -0", name, ([0.0], [-0.0]), shares())
    for name in ("max", "min"):
        yield Point(f"{name} over two equals", name, ([1.0, 1.0],), shares())
        yield Point(f"{name} over three equals", name, ([2.0, 2.0, 2.0],), shares())
    yield Point("max over 1, 2, 2", "max", ([1.0, 2.0, 2.0],), shares())
    pool = {"kernel": 2, "stride": 2, "padding": 0, "dilation": 1}
    yield Point("max_pool over four equals", "max_pool", (np.ones((1, 1, 2, 2)),), shares(), pool)
    yield Point("where with equal branches, mask true", "where", (np.array([True]), [1.0], [1.0]), exactly(1, 0))
    yield Point("where with equal branches, mask false", "where", (np.array([False]), [1.0], [1.0]), exactly(0, 1))


def _zeros() -> Iterator[Point]:
    """Norms, powers and products at zero."""
    for p in (1, 2, 3):
        yield Point(f"norm (p={p}) at 0, 0", "norm", ([0.0, 0.0],), unit(p), {"p": p})
    yield Point("norm (p=1) at 0, 1", "norm", ([0.0, 1.0],), Allowed("[-1, 1], 1", lambda d: bool(abs(d[0]) <= 1 and d[1] == 1)), {"p": 1})
    yield Point("variance of equals", "variance", ([1.0, 1.0],), exactly(0, 0))
    for power, slope in ((0.0, 0.0), (0.5, math.inf), (1.0, 1.0), (1.5, 0.0), (2.0, 0.0), (3.0, 0.0)):
        yield Point(f"x^{power:g} at 0, by x", "power", ([0.0], [power]), exactly(slope), wrt=(0,))
    for power in (0.5, 1.0, 2.0):
        yield Point(f"0^p at p = {power:g}, by p", "power", ([0.0], [power]), exactly(0), wrt=(1,))
    yield Point("0^p at p = 0 (a jump), by p", "power", ([0.0], [0.0]), NONE, wrt=(1,))
    for n, slope in enumerate((0.0, 1.0, 0.0, 0.0)):
        yield Point(f"x^{n} at 0 (integer)", "integer_power", ([0.0],), exactly(slope), {"n": n})
    yield Point("prod with one zero", "prod", ([0.0, 2.0, 3.0],), exactly(6, 0, 0))
    yield Point("prod with two zeros", "prod", ([0.0, 0.0, 3.0],), exactly(0, 0, 0))
    yield Point("layer_norm of equals (eps = 0)", "layer_norm", ([1.0, 1.0], [1.0, 1.0], [0.0, 0.0]), NONE, {"eps": 0.0}, (0,))
    yield Point("kl_divergence at p = 0, by q", "kl_divergence", ([0.0], [0.5]), exactly(0), {"reduction": "sum"}, (1,))


def points() -> list[Point]:
    """Return every point that is looked at."""
    return [*_steps(), *_ties(), *_zeros()]
