"""Functions of two or three operands, entry by entry, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Truth
from gradcheck.ops.geometry import broadcast, mask
from gradcheck.ops.op import Op, Sample, Textbook, Value, declare, sample, zero

_PAIRS = (
    sample((3,), (3,)),
    sample((2, 3), (3,)),
    sample((2, 1), (1, 3)),
    sample((), (2, 2)),
    sample((1,), ()),
)


def binary(
    name: str,
    doc: str,
    kinds: tuple[str, str] = ("real", "real"),
    *,
    value: Value,
    partials: Callable[..., tuple[Array, Array]],
    jvp: Callable[..., Array],
    samples: tuple[Sample, ...] = _PAIRS,
    **more: Any,
) -> Op:
    """Declare an elementwise function: partials(m, g, y, a, b) before the sum over repeated axes."""

    def vjp(m: Arithmetic, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
        ga, gb = partials(m, g, y, a, b)
        return m.unbroadcast(ga, a.shape), m.unbroadcast(gb, b.shape)

    return declare(
        name,
        doc,
        *kinds,
        value=value,
        vjp=vjp,
        jvp=lambda m, ts, y, a, b: jvp(m, *ts, y, a, b),
        shape=lambda a, b: broadcast(name, a, b),
        samples=samples,
        entrywise=True,
        **more,
    )


add = binary(
    "add", "a + b",
    value=lambda m, a, b: a + b,
    partials=lambda m, g, y, a, b: (g, g),
    jvp=lambda m, ta, tb, y, a, b: ta + tb,
)  # fmt: skip

sub = binary(
    "sub", "a - b",
    value=lambda m, a, b: a - b,
    partials=lambda m, g, y, a, b: (g, -g),
    jvp=lambda m, ta, tb, y, a, b: ta - tb,
)  # fmt: skip

mul = binary(
    "mul", "a b",
    value=lambda m, a, b: a * b,
    partials=lambda m, g, y, a, b: (g * b, g * a),
    vjp_of=lambda m, k, g, y, *xs: m.unbroadcast(g * xs[1 - k], xs[k].shape),
    jvp=lambda m, ta, tb, y, a, b: ta * b + a * tb,
)  # fmt: skip

def _by_reciprocal(m: Arithmetic, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
    r = 1 / b
    return m.unbroadcast(g * r, a.shape), m.unbroadcast(-(g * a) * (r * r), b.shape)


div = binary(
    "div", "a / b", ("real", "nonzero"),
    value=lambda m, a, b: a / b,
    partials=lambda m, g, y, a, b: (g / b, -((g / b) * (a / b))),
    jvp=lambda m, ta, tb, y, a, b: (ta - y * tb) / b,
    textbook=(Textbook("times the reciprocal, as compilers do", value=lambda m, a, b: a * (1 / b), vjp=_by_reciprocal),),
)  # fmt: skip


def _power_partials(m: Arithmetic, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Return the partials of a^b; b a^(b-1) is 0 for b = 0, and a^b log a is 0 at a = 0."""
    constant = m.is_zero(b + 0 * a)
    base = m.select(constant, m.constant(1), a + 0 * b)
    at_zero = m.is_zero(a + 0 * b)
    positive = m.select(at_zero, m.constant(1), a + 0 * b)
    ga = m.select(constant, zero(m), g * b * m.power(base, b - 1))
    gb = m.select(at_zero, zero(m), g * y * m.log(positive))
    return ga, gb


power = binary(
    "power", "a to the real power b, for a > 0 (a = 0 with b >= 0 too); ONNX Pow", ("positive", "real"),
    value=lambda m, a, b: m.power(a, b),
    partials=_power_partials,
    jvp=lambda m, ta, tb, y, a, b: sum_of(_power_partials(m, m.constant(1), y, a, b), ta, tb),
)  # fmt: skip


def sum_of(partials: tuple[Array, Array], ta: Array, tb: Array) -> Array:
    """Return the directional derivative from two partials."""
    return partials[0] * ta + partials[1] * tb


def _to_one(m: Arithmetic, second: Truth, g: Array) -> tuple[Array, Array]:
    """Give g to the second operand where `second`, to the first elsewhere and at a tie."""
    return m.select(second, zero(m), g), m.select(second, g, zero(m))


maximum = binary(
    "maximum", "the larger of a and b; ONNX Max of two",
    value=lambda m, a, b: m.maximum(a, b),
    partials=lambda m, g, y, a, b: _to_one(m, m.less(a, b), g),
    jvp=lambda m, ta, tb, y, a, b: m.select(m.less(a, b), tb, ta),
    kinks=lambda m, a, b: (a - b,),
    conserves=True,
)  # fmt: skip

minimum = binary(
    "minimum", "the smaller of a and b; ONNX Min of two",
    value=lambda m, a, b: m.minimum(a, b),
    partials=lambda m, g, y, a, b: _to_one(m, m.less(b, a), g),
    jvp=lambda m, ta, tb, y, a, b: m.select(m.less(b, a), tb, ta),
    kinks=lambda m, a, b: (a - b,),
    conserves=True,
)  # fmt: skip


def _where_vjp(m: Arithmetic, g: Array, y: Array, c: Any, a: Array, b: Array) -> tuple[None, Array, Array]:
    return None, m.unbroadcast(m.select(c, g, 0), a.shape), m.unbroadcast(m.select(c, 0, g), b.shape)


where = declare(
    "where", "a where the mask c is true, else b; ONNX Where", "mask", "real", "real",
    value=lambda m, c, a, b: m.select(c, a, b),
    vjp=_where_vjp,
    jvp=lambda m, ts, y, c, a, b: m.select(c, ts[1], ts[2]),
    shape=lambda c, a, b: broadcast("where", c, a, b),
    samples=(sample(mask(True, False, True), (3,), (3,)), sample(mask(False, True), (3, 1), (2,))),
)  # fmt: skip
