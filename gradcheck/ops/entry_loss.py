"""Losses entry by entry, of a prediction and a target: binary cross entropies, huber, hinge, KL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.errors import BadAttribute
from gradcheck.ops.geometry import broadcast
from gradcheck.ops.loss import reduce, reduced_shape, spread
from gradcheck.ops.op import Op, Textbook, Value, declare, sample, zero

Partials = Callable[..., tuple[Array, Array]]

_PAIRS = (
    sample((3,), (3,), reduction="sum"), sample((2, 2), (2, 2)), sample((2, 1), (3,), reduction="none"),
    sample((), (2,), reduction="mean"),
)  # fmt: skip


def _reduced(value: Value) -> Value:
    def full(m: Arithmetic, p: Array, t: Array, *, reduction: str, **a: Any) -> Array:
        return reduce(m, value(m, p, t, **a), reduction)

    return full


def _spread(partials: Partials) -> Callable[..., tuple[Array, Array]]:
    def full(m: Arithmetic, g: Array, y: Array, p: Array, t: Array, *, reduction: str, **a: Any) -> tuple[Array, Array]:
        g = spread(m, g, broadcast("loss", p.shape, t.shape), reduction)
        dp, dt = partials(m, p, t, **a)
        return m.unbroadcast(g * dp, p.shape), m.unbroadcast(g * dt, t.shape)

    return full


def textbook(reason: str, *, value: Value | None = None, partials: Partials | None = None) -> Textbook:
    """Return a textbook form of an `entry_loss`."""
    return Textbook(reason, value=_reduced(value) if value else None, vjp=_spread(partials) if partials else None)


def entry_loss(
    name: str,
    doc: str,
    kinds: tuple[str, str],
    *,
    value: Value,
    partials: Partials,
    tangent: Callable[..., Array],
    default: str = "mean",
    attributes: dict[str, Any] | None = None,
    check: Callable[..., None] = lambda **_: None,
    **more: Any,
) -> Op:
    """Declare value(m, p, t) per entry, its two partials, and tangent(m, tp, tt, p, t)."""

    def shape(p: Shape, t: Shape, reduction: str, **a: Any) -> Shape:
        check(**a)
        return reduced_shape(name, broadcast(name, p, t), reduction)

    def jvp(m: Arithmetic, ts: tuple[Array, Array], y: Array, p: Array, t: Array, *, reduction: str, **a: Any) -> Array:
        return reduce(m, tangent(m, *ts, p, t, **a), reduction)

    return declare(
        name, doc, *kinds,
        value=_reduced(value), vjp=_spread(partials), jvp=jvp, shape=shape, slack=4,
        attributes={"reduction": default} | (attributes or {}), **({"samples": _PAIRS} | more),
    )  # fmt: skip


binary_cross_entropy = entry_loss(
    "binary_cross_entropy", "-(t log p + (1 - t) log(1 - p)) for 0 < p < 1", ("probability", "real"),
    value=lambda m, p, t: -(t * m.log(p) + (1 - t) * m.log1p(-p)),
    partials=lambda m, p, t: ((p - t) / (p * (1 - p)), m.log1p(-p) - m.log(p)),
    tangent=lambda m, tp, tt, p, t: tp * ((1 - t) / (1 - p) - t / p) + tt * (m.log1p(-p) - m.log(p)),
    textbook=(
        textbook(
            "term by term, as autodiff of the definition does",
            value=lambda m, p, t: -(t * m.log(p) + (1 - t) * m.log(1 - p)),
            partials=lambda m, p, t: ((1 - t) / (1 - p) - t / p, m.log(1 - p) - m.log(p)),
        ),
    ),
)  # fmt: skip


def _bce_by_maximum(m: Arithmetic, z: Array, t: Array) -> Array:
    return m.maximum(z, zero(m)) - z * t + m.log1p(m.exp(-abs(z)))


binary_cross_entropy_logits = entry_loss(  # all terms are of one sign for 0 <= t <= 1: both tails are right
    "binary_cross_entropy_logits", "t softplus(-z) + (1 - t) softplus(z), of logits z", ("real", "real"),
    value=lambda m, z, t: t * m.softplus(-z) + (1 - t) * m.softplus(z),
    partials=lambda m, z, t: ((1 - t) * m.logistic(z) - t * m.logistic(-z), -z + 0 * t),
    tangent=lambda m, tz, tt, z, t: tz * (m.logistic(z) - t) - z * tt,
    textbook=(
        textbook(
            "max(z, 0) - z t + log1p(exp(-|z|)) and logistic - t, used by every framework",
            value=_bce_by_maximum,
            partials=lambda m, z, t: (m.logistic(z) - t, -z + 0 * t),
        ),
        textbook(
            "softplus(z) - z t, and softplus(-z) - softplus(z) for the target",
            value=lambda m, z, t: m.softplus(z) - z * t,
            partials=lambda m, z, t: (m.logistic(z) - t, m.softplus(-z) - m.softplus(z) + 0 * t),
        ),
    ),
)  # fmt: skip


def _inside(m: Arithmetic, e: Array, delta: float) -> Array:
    """Return e moved into [-delta, delta]."""
    return m.minimum(m.maximum(e, -m.constant(delta)), m.constant(delta))


def _huber(m: Arithmetic, p: Array, t: Array, delta: float) -> Array:
    e, d = p - t, m.constant(delta)
    return m.select(m.less(abs(e), d), m.square(e) / 2, d * (abs(e) - d / 2))


def _huber_partials(m: Arithmetic, p: Array, t: Array, delta: float) -> tuple[Array, Array]:
    c = _inside(m, p - t, delta)
    return c, -c


def _huber_by_quotient(m: Arithmetic, p: Array, t: Array, delta: float) -> tuple[Array, Array]:
    e, d = p - t, m.constant(delta)
    inside = m.less(abs(e), d)
    c = m.select(inside, e, d * e / m.select(inside, 1, abs(e)))
    return c, -c


def _huber_tangent(m: Arithmetic, tp: Array, tt: Array, p: Array, t: Array, delta: float) -> Array:
    e, d = p - t, m.constant(delta)
    return m.select(m.less(abs(e), d), e, d * m.sign(e)) * (tp - tt)


def _positive_delta(delta: float) -> None:
    if not delta > 0:
        raise BadAttribute(f"huber: expected delta > 0; got {delta!r}")


huber = entry_loss(  # Huber 1964; once continuously differentiable: no kink in the value
    "huber", "e^2 / 2 for abs(e) <= delta, delta (abs(e) - delta / 2) else, e = p - t", ("real", "real"),
    value=_huber,
    partials=_huber_partials,
    tangent=_huber_tangent,
    attributes={"delta": 1.0},
    check=_positive_delta,
    textbook=(textbook("delta e / |e| beyond delta, where the sign is a quotient", partials=_huber_by_quotient),),
    samples=(*_PAIRS, sample((4,), (4,), delta=0.5)),
)  # fmt: skip


def _below_one(m: Arithmetic, x: Array, slope: Array) -> Array:
    return m.select(m.less(x, m.constant(1)), slope, 0)


hinge = entry_loss(  # slope 0 at the kink
    "hinge", "max(0, 1 - t z) for targets t of -1 or 1", ("real", "real"),
    value=lambda m, z, t: m.maximum(1 - t * z, zero(m)),
    partials=lambda m, z, t: (_below_one(m, t * z, -t), _below_one(m, t * z, -z)),
    tangent=lambda m, tz, tt, z, t: m.select(m.less(zero(m), 1 - t * z), -(tt * z + t * tz), 0),
    kinks=lambda m, z, t, reduction: (1 - t * z,),
)  # fmt: skip

kl_divergence = entry_loss(
    "kl_divergence", "p log(p / q) of probabilities", ("probability", "probability"),
    value=lambda m, p, q: p * m.log(p / q),
    partials=lambda m, p, q: (m.log(p / q) + 1, -(p / q)),
    tangent=lambda m, tp, tq, p, q: tp * (m.log(p) - m.log(q) + 1) - p * (tq / q),
    default="sum",
    textbook=(
        textbook(
            "log p - log q, used by every framework",
            value=lambda m, p, q: p * (m.log(p) - m.log(q)),
            partials=lambda m, p, q: (m.log(p) - m.log(q) + 1, -(p / q)),
        ),
        textbook("p log p - p log q", value=lambda m, p, q: p * m.log(p) - p * m.log(q)),
    ),
)  # fmt: skip
