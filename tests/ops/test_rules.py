"""Every rule of every operation, at every sample: the rules agree with each other and with the value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcheck.arith.arithmetic import Arithmetic
from gradcheck.arith.floating import FORMATS, Floating
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.running import Roundoff, Running, wide_format
from gradcheck.arith.stochastic import Stochastic
from gradcheck.arith.symbolic import Symbolic
from gradcheck.ops.op import INTEGER_KINDS, Op, Sample, registry

#: (op, sample), with a readable id.
CASES = [(op, s) for op in registry.values() for s in op.samples]
IDS = [f"{op.name}-{i}" for op in registry.values() for i, _ in enumerate(op.samples)]


def draw(kind: str, operand: Any, random: np.random.Generator) -> Any:
    """Return a float32-representable array in the domain of `kind`, or the index array itself."""
    if kind in INTEGER_KINDS:
        return operand
    x = {
        "real": lambda: random.normal(size=operand),
        "positive": lambda: random.uniform(0.1, 3, operand),
        "nonzero": lambda: random.choice([-1, 1], operand) * random.uniform(0.3, 2, operand),
        "unit": lambda: random.uniform(-0.9, 0.9, operand),
        "probability": lambda: random.uniform(0.05, 0.95, operand),
    }[kind]()
    return np.asarray(x).astype(np.float32).astype(np.float64)


class Point:
    """Operands, tangents, a cotangent and the completed attributes of one sample."""

    def __init__(self, op: Op, s: Sample, seed: int = 0) -> None:
        random = np.random.default_rng([seed, len(op.name), sum(map(ord, op.name))])
        kinds = op.kinds(len(s.operands))
        self.op, self.kinds = op, kinds
        self.attributes = op.complete(s.attributes)
        self.xs = [draw(k, x, random) for k, x in zip(kinds, s.operands, strict=True)]
        self.ts = [None if k in INTEGER_KINDS else draw("real", x.shape, random) for k, x in zip(kinds, self.xs, strict=True)]
        self.shape = op.result_shape(tuple(np.shape(x) for x in self.xs), self.attributes)
        self.g = draw("real", self.shape, random)

    def lift(self, m: Arithmetic, xs: list[Any]) -> list[Any]:
        """Return the real arrays in `m`, integers and None as they are."""
        return [x if k in INTEGER_KINDS or x is None else m.enter(m.array(x)) for k, x in zip(self.kinds, xs, strict=True)]

    def value(self, m: Arithmetic, rule: Any = None) -> Any:
        """Return the value (or that of a textbook rule) in `m`."""
        return (rule or self.op.value)(m, *self.lift(m, self.xs), **self.attributes)

    def vjp(self, m: Arithmetic, rule: Any = None) -> list[Any]:
        """Return the cotangents of the real operands in `m`."""
        xs = self.lift(m, self.xs)
        y = self.op.value(m, *xs, **self.attributes)
        gs = (rule or self.op.vjp)(m, m.enter(m.array(self.g)), y, *xs, **self.attributes)
        assert len(gs) == len(xs)
        assert all((g is None) == (k in INTEGER_KINDS) for g, k in zip(gs, self.kinds, strict=True))
        return [g for g in gs if g is not None]

    def jvp(self, m: Arithmetic) -> Any:
        """Return the tangent of the value in `m`."""
        xs, ts = self.lift(m, self.xs), self.lift(m, self.ts)
        return self.op.jvp(m, tuple(ts), self.op.value(m, *xs, **self.attributes), *xs, **self.attributes)

    def real_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the operands that are differentiated."""
        return [x.shape for x, k in zip(self.xs, self.kinds, strict=True) if k not in INTEGER_KINDS]


every_sample = pytest.mark.parametrize(("op", "s"), CASES, ids=IDS)
sweep = pytest.mark.sweep("op", one_in=10)
TEXTBOOK = [(op, s, t) for op, s in CASES for t in op.textbook]
TEXTBOOK_IDS = [f"{i}-{k}" for (op, _), i in zip(CASES, IDS, strict=True) for k, _ in enumerate(op.textbook)]


def exact(m: Multiprecision, x: Any) -> Any:
    """Return a stored real array in multiprecision."""
    return m.array(np.asarray(x))


def largest(m: Multiprecision, xs: Any) -> Any:
    """Return the largest magnitude, at least one."""
    return max([abs(v) for v in np.ravel(np.asarray(xs))] + [m.context.mpf(1)])


def dot(m: Multiprecision, a: Any, b: Any) -> Any:
    """Return the inner product as a scalar."""
    return m.sum(a * b)[()]


@pytest.mark.parametrize("op", registry.values(), ids=lambda op: op.name)
def test_every_operation_has_samples(op: Op) -> None:
    """An operation without samples would be tested by nothing."""
    assert op.samples
    assert op.doc


@sweep
@every_sample
def test_shapes_agree(op: Op, s: Sample) -> None:
    """The shape rule says the shape of the value, the tangent, and the cotangents those of the operands."""
    p, m = Point(op, s), Floating("float64")
    assert p.value(m).shape == p.shape
    assert p.jvp(m).shape == p.shape
    assert [g.shape for g in p.vjp(m)] == p.real_shapes()


@sweep
@every_sample
def test_vjp_and_jvp_are_adjoint(op: Op, s: Sample) -> None:
    """The number <g, J t> is the same from both sides to 45 digits."""
    p, m = Point(op, s), Multiprecision(50)
    forward = dot(m, exact(m, p.g), p.jvp(m))
    ts = [exact(m, t) for t in p.ts if t is not None]
    backward = sum((dot(m, g, t) for g, t in zip(p.vjp(m), ts, strict=True)), m.context.mpf(0))
    assert abs(forward - backward) <= m.context.mpf(10) ** -45 * largest(m, [forward, backward])


@sweep
@every_sample
def test_jvp_is_the_slope_of_the_value(op: Op, s: Sample) -> None:
    """The tangent is the central difference of the value to 35 digits, away from kinks."""
    p, m = Point(op, s), Multiprecision(60)
    xs, ts = p.lift(m, p.xs), p.lift(m, p.ts)
    if op.kinks:
        for margin in op.kinks(m, *xs, **p.attributes):
            assert all(abs(v) > 1e-9 for v in np.ravel(margin)), "the point lies on a kink: draw another"
    h = m.constant(10) ** -20

    def value(step: Any) -> Any:
        moved = [x if t is None else x + step * t for x, t in zip(xs, ts, strict=True)]
        return op.value(m, *moved, **p.attributes)

    slope = (value(h) - value(-h)) / (2 * h)
    gap = largest(m, slope - p.jvp(m) + 1) - 1 if slope.size else 0
    assert abs(gap) <= m.context.mpf(10) ** -34 * largest(m, slope)


def inside(wide: Any, got: Any, bound: Any) -> None:
    """Assert that `got` lies within the running bound of `wide`."""
    gap = np.abs(np.asarray(got, np.longdouble) - wide)
    assert np.all(gap <= bound), f"gap {gap} exceeds bound {bound}"
    assert np.all(np.isfinite(bound)), f"the bound {bound} says nothing"


@sweep
@every_sample
def test_running_encloses_float32(op: Op, s: Sample) -> None:
    """What float32 computes lies within slack times the running error bound: value and cotangents."""
    p, m, r = Point(op, s), Floating("float32"), Running(Roundoff.of("float32"))
    y = p.value(r)
    inside(y.value, p.value(m), op.slack * y.radius())
    for want, got in zip(p.vjp(r), p.vjp(m), strict=True):
        inside(want.value, got, op.slack * want.radius())


KINKED = [
    ("norm", [0, 0], {}, [[1, 1], [-1, 0], [0.6, 0.8], [0, 0]]),
    ("norm", [0, 0], {"p": 3}, [[1, 0], [0, -1], [0, 0]]),
    ("norm", [0, 2], {"p": 1}, [[1, 1], [-1, 1], [0, 1]]),
    ("max", [1, 1, 0], {}, [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]]),
    ("min", [1, 1, 2], {}, [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]]),
    ("max_pool", [[[1, 1, -5]]], {"kernel": 2, "padding": 1}, [[[[2, 1, 1]]], [[[1, 2, 1]]]]),
]


@pytest.mark.parametrize(("name", "x", "attributes", "choices"), KINKED)
def test_running_holds_every_choice_at_a_kink(name: str, x: Any, attributes: dict[str, Any], choices: Any) -> None:
    """At a tie or a corner any one-sided gradient lies within the bound, which is no wider than it must be."""
    op, r = registry[name], Running(Roundoff.of("float32"))
    a = op.complete(attributes)
    at = r.array(np.asarray(x, np.float64))
    y = op.value(r, at, **a)
    g = op.vjp(r, r.ones(y.shape), y, at, **a)[0]
    assert np.all(y.radius() < 1e-6)
    assert np.all(g.radius() < 3)
    assert any(np.any(m == 0) for m in op.kinks(Floating(), np.asarray(x, np.float64), **a))
    for choice in choices:
        inside(g.value, choice, g.radius())


@sweep
@every_sample
def test_float64_is_near_multiprecision(op: Op, s: Sample) -> None:
    """What float64 computes lies within the running bound of the 50-digit result, and the bound is tight."""
    p, m, mp = Point(op, s), Floating("float64"), Multiprecision(50)
    r = Running(Roundoff.of("float64"), wide_format("float64"))
    pairs = [(p.value(mp), p.value(m), p.value(r)), *zip(p.vjp(mp), p.vjp(m), p.vjp(r), strict=True)]
    for true, got, bounded in pairs:
        gap = np.abs(mp.number(true - mp.array(got)))
        radius = op.slack * bounded.radius()
        assert np.all(gap <= radius)
        assert np.all(radius <= 1e-11 * np.max(np.abs(mp.number(true)), initial=1))


@pytest.mark.parametrize(("op", "s", "textbook"), TEXTBOOK, ids=TEXTBOOK_IDS)
def test_textbook_formulas_are_the_same_function(op: Op, s: Sample, textbook: Any) -> None:
    """A textbook formula differs from ours in rounding only."""
    p, m = Point(op, s), Multiprecision(60)
    if textbook.value:
        gap = m.number(p.value(m, textbook.value) - p.value(m))
        assert np.max(np.abs(gap), initial=0) < 1e-45
    if textbook.vjp:
        for got, want in zip(p.vjp(m, textbook.vjp), p.vjp(m), strict=True):
            assert np.max(np.abs(m.number(got - want)), initial=0) < 1e-45


@sweep
@pytest.mark.parametrize("dtype", sorted(FORMATS))
@every_sample
def test_every_format_runs(op: Op, s: Sample, dtype: str) -> None:
    """Value, vjp and jvp stay in the working format and are finite."""
    p, m = Point(op, s), Floating(dtype)
    for out in (p.value(m), p.jvp(m), *p.vjp(m)):
        assert out.dtype == m.working
        assert np.all(np.isfinite(out.astype(np.float64)))


@sweep
@every_sample
def test_stochastic_runs(op: Op, s: Sample) -> None:
    """A perturbed run gives all results, near the float64 ones."""
    p, m, f = Point(op, s), Stochastic(Roundoff.of("float32"), seed=1), Floating("float64")
    for got, want in zip((p.value(m), p.jvp(m), *p.vjp(m)), (p.value(f), p.jvp(f), *p.vjp(f)), strict=True):
        np.testing.assert_allclose(m.number(got), want, rtol=1e-3, atol=1e-4)


@sweep
@every_sample
def test_symbolic_vjp_is_the_closed_form(op: Op, s: Sample) -> None:
    """The closed forms of value and cotangents, at numbers, are the 50-digit ones."""
    p, m = Point(op, s), Multiprecision(30)
    sym = Symbolic()
    symbols = [
        x if k in INTEGER_KINDS else sym.symbols(f"x{i}", x.shape) for i, (x, k) in enumerate(zip(p.xs, p.kinds, strict=True))
    ]
    y = op.value(sym, *symbols, **p.attributes)
    gs = op.vjp(sym, sym.array(p.g), y, *symbols, **p.attributes)
    at = {
        v: sym.element(n)
        for a, x, k in zip(symbols, p.xs, p.kinds, strict=True)
        if k not in INTEGER_KINDS
        for v, n in zip(np.ravel(a), np.ravel(x), strict=True)
    }
    for form, want in zip((y, *(g for g in gs if g is not None)), (p.value(m), *p.vjp(m)), strict=True):
        got = sym.map(lambda e: e.subs(at), form)
        np.testing.assert_allclose(sym.number(got), m.number(want), rtol=1e-12, atol=1e-14)
