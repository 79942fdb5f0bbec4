"""Proof of the local rules: SymPy differentiates an operation's value, and the vjp and jvp must equal that.

Value and rules are run on symbols with the assumptions of their operands' kinds. For every entry the
difference between the rule and the derivative has to become exactly 0 in every open region between
kinks. Where simplification does not get there, the difference is evaluated to many digits at random
rational points, and the row says so.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import sympy as sp

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.symbolic import Symbolic
from gradcheck.ops.op import INTEGER_KINDS, Op, Sample, registry
from gradcheck.oracles.estimate import digits_of
from gradcheck.oracles.formulas import as_array, compiled, names_of, within
from gradcheck.verify.is_zero import is_zero, open_regions

#: Random points at which every difference is evaluated, and the working precision there.
POINTS, PRECISION = 4, 80

#: Digits to which a rule has to agree where it is not proved.
DIGITS = 50

#: A prime in the denominators, so that no drawn point lies on a border between regions.
_FINE = 999_983

Status = Literal["proved", "agrees", "wrong"]
Direction = Literal["vjp", "jvp"]

#: kind -> what SymPy may assume; a unit and a probability are drawn inside their range besides
_ASSUMPTIONS: Mapping[str, Mapping[str, bool]] = {
    "positive": {"positive": True}, "probability": {"positive": True}, "nonzero": {"real": True, "nonzero": True},
}  # fmt: skip

#: kind -> lowest and highest numerator of a drawn number over 64
_DRAWN = {"positive": (8, 192), "probability": (4, 60), "unit": (-58, 58)}


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one rule at one sample.

    Args:
        op: the operation.
        sample: number of the sample.
        direction: "vjp" or "jvp".
        status: "proved", "agrees" (at random points only) or "wrong".
        entries: how many derivatives are not identical as they stand.
        regions: how many open regions between kinks the most divided of them has.
        digits: to which the rule agrees at the random points, in the worst of those entries that are not proved.
        points: how many random points those are; 0 where all is proved.
        seconds: what it took.
    """

    op: str
    sample: int
    direction: Direction
    status: Status
    entries: int
    regions: int
    digits: float
    points: int
    seconds: float


def prove_all(ops: Iterable[Op] | None = None) -> Iterator[Proof]:
    """Yield two proofs a sample, of every operation unless some are given."""
    for op in registry.values() if ops is None else ops:
        for k, _ in enumerate(op.samples):
            yield from prove(op, k)


def prove(op: Op, number: int) -> tuple[Proof, Proof]:
    """Return the proofs of the vjp and of the jvp of an operation at one sample.

    Args:
        op: the operation.
        number: which of its samples.
    """
    stage = _Stage(op, op.samples[number])
    return _proof(op, number, "vjp", stage.vjp_differences), _proof(op, number, "jvp", stage.jvp_differences)


def prove_vjp(op: Op, number: int) -> Proof:
    """Return the proof of the vjp alone: of an operation with another rule put in its place, say."""
    return _proof(op, number, "vjp", _Stage(op, op.samples[number]).vjp_differences)


def _proof(op: Op, number: int, direction: Direction, differences: Callable[[], Iterator[tuple[Any, Any]]]) -> Proof:
    start = time.perf_counter()
    pairs = [(sp.sympify(got), sp.sympify(wanted)) for got, wanted in differences()]
    found = [_compared(*_canonical(*pair)) for pair in pairs if pair[0] != pair[1]]
    open_digits = [digits for proved, _, digits in found if not proved]
    worst = min(open_digits, default=float("inf"))
    status: Status = "wrong" if worst < DIGITS else "agrees" if open_digits else "proved"
    regions = max((n for _, n, _ in found), default=1)
    points = POINTS if open_digits else 0
    return Proof(op.name, number, direction, status, len(found), regions, worst, points, time.perf_counter() - start)


class _Stage:
    """One sample on symbols: x with the assumptions of its kind, g and t real."""

    def __init__(self, op: Op, sample: Sample) -> None:
        self.op, self.m = op, Symbolic()
        self.attributes = op.complete(sample.attributes)
        self.kinds = op.kinds(len(sample.operands))
        self.xs: list[Any] = []
        self.ts: list[Any] = []
        for k, (kind, operand) in enumerate(zip(self.kinds, sample.operands, strict=True)):
            integer = kind in INTEGER_KINDS
            self.xs.append(operand if integer else _symbols(f"x{k}", kind, tuple(operand)))
            self.ts.append(None if integer else _symbols(f"t{k}", "real", tuple(operand)))
        self.y = op.value(self.m, *self.xs, **self.attributes)
        self.g = _symbols("g", "real", self.y.shape)

    def _slope(self, i: int, symbol: Any) -> Any:
        return sp.diff(sp.sympify(np.ravel(self.y)[i]), symbol)

    def vjp_differences(self) -> Iterator[tuple[Any, Any]]:
        """Yield each entry of the vjp beside the derivative of <g, value>."""
        found = self.op.vjp(self.m, self.g, self.y, *self.xs, **self.attributes)
        gs = np.ravel(self.g)
        for cotangent, x in zip(found, self.xs, strict=True):
            if cotangent is not None:
                for got, symbol in zip(np.ravel(cotangent), np.ravel(x), strict=True):
                    yield got, sum((g * self._slope(i, symbol) for i, g in enumerate(gs)), sp.Integer(0))

    def jvp_differences(self) -> Iterator[tuple[Any, Any]]:
        """Yield each entry of the jvp beside the sum of derivatives times tangents."""
        found = self.op.jvp(self.m, tuple(self.ts), self.y, *self.xs, **self.attributes)
        moving = [p for x, t in zip(self.xs, self.ts, strict=True) if t is not None for p in _pairs(x, t)]
        for i, got in enumerate(np.ravel(found)):
            yield got, sum((self._slope(i, x) * t for x, t in moving), sp.Integer(0))


def _pairs(x: Array, t: Array) -> Iterator[tuple[Any, Any]]:
    return zip(np.ravel(x), np.ravel(t), strict=True)


def _symbols(prefix: str, kind: str, shape: tuple[int, ...]) -> Array:
    size = int(np.prod(shape, dtype=int))
    assumptions = _ASSUMPTIONS.get(kind, {"real": True})
    return as_array([sp.Symbol(f"{prefix}_{kind}_{i:03}", **assumptions) for i in range(size)], shape)


def _kind(symbol: Any) -> str:
    return str(symbol.name.split("_")[1]) if "_" in symbol.name else "real"


def _canonical(got: Any, wanted: Any) -> tuple[Any, Any]:
    """Rename the symbols in the order of their names, so that equal entries are compared once."""
    used = sorted(got.free_symbols | wanted.free_symbols, key=lambda s: s.name)
    names = {s: sp.Symbol(f"c{i:03}_{_kind(s)}", **_ASSUMPTIONS.get(_kind(s), {"real": True})) for i, s in enumerate(used)}
    return got.xreplace(names), wanted.xreplace(names)


@lru_cache(maxsize=4096)
def _compared(got: Any, wanted: Any) -> tuple[bool, int, float]:
    """Return whether two formulas are proved equal, in how many regions, and to how many digits they agree."""
    symbols = sorted(got.free_symbols | wanted.free_symbols, key=lambda s: s.name)
    digits = _digits(symbols, got, wanted)
    if digits < DIGITS:
        return False, 1, digits
    regions = open_regions(got - wanted, symbols, _draw)
    return all(is_zero(e) for e in regions), len(regions), digits


def _draw(symbols: Sequence[Any], seed: int) -> dict[Any, Any]:
    """Return random rationals in the symbols' ranges."""
    source = random.Random(seed)  # noqa: S311  # no secret
    point = {}
    for s in symbols:
        low, high = _DRAWN.get(_kind(s), (-320, 320))
        point[s] = sp.Rational(source.randint(low * _FINE, high * _FINE), 64 * _FINE)
    return point


def _digits(symbols: Sequence[Any], got: Any, wanted: Any) -> float:
    """Return to how many digits two formulas agree at random points."""
    m = Multiprecision(PRECISION)
    function = within(compiled(symbols, [got, wanted]), names_of(m.context))
    worst = float("inf")
    for seed in range(POINTS):
        a, b = map(m.context.mpf, function([m.context.mpf(q.p) / q.q for q in _draw(symbols, seed).values()]))
        worst = min(worst, digits_of(abs(a - b) / (max(abs(a), abs(b)) or 1)))
    return worst
