"""Cross entropies over classes. `reduction` "mean" is over rows, not over entries."""

from __future__ import annotations

from typing import Any

from gradcheck.arith.arithmetic import Arithmetic, Array, Index, Shape
from gradcheck.errors import BadShape, BadValues
from gradcheck.ops.geometry import integers, kept, label_first, positive_axis
from gradcheck.ops.loss import reduce, reduced_shape, spread
from gradcheck.ops.op import Op, Textbook, declare, sample
from gradcheck.ops.reduce import total
from gradcheck.ops.softmaxes import log_softmax_along, softmax_along
from gradcheck.ops.statistics import log_sum_exp, softmax_of

_ROWS = (
    sample((3,), (3,)), sample((2, 3), (2, 3), reduction="sum"), sample((2, 2), (2, 2), reduction="none"),
    sample((2, 3), (2, 3), axis=0), sample((2, 2, 2), (2, 2, 2), axis=1),
)  # fmt: skip


def row_loss(name: str, doc: str, kinds: tuple[str, str], *, entries: Any, partials: Any, tangent: Any) -> Op:
    """Declare the sum of entries(m, x, q, axis) along axis, reduced over rows."""

    def value(m: Arithmetic, x: Array, q: Array, *, axis: int, reduction: str) -> Array:
        axis %= len(x.shape)
        return reduce(m, m.sum(entries(m, x, q, axis), (axis,)), reduction)

    def vjp(m: Arithmetic, g: Array, y: Array, x: Array, q: Array, *, axis: int, reduction: str) -> tuple[Array, Array]:
        axis %= len(x.shape)
        each = spread(m, g, (*x.shape[:axis], *x.shape[axis + 1 :]), reduction)
        each = m.reshape(each, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        dx, dq = partials(m, x, q, axis)
        return each * dx, each * dq

    def jvp(m: Arithmetic, ts: tuple[Array, Array], y: Array, x: Array, q: Array, axis: int, reduction: str) -> Array:
        axis %= len(x.shape)
        return reduce(m, m.sum(tangent(m, *ts, x, q, axis), (axis,)), reduction)

    def shape(x: Shape, q: Shape, axis: int, reduction: str) -> Shape:
        axis = positive_axis(name, axis, len(x))
        if x != q:
            raise BadShape(name, "prediction and target of one shape", (x, q))
        return reduced_shape(name, (*x[:axis], *x[axis + 1 :]), reduction)

    return declare(
        name, doc, *kinds,
        value=value, vjp=vjp, jvp=jvp, shape=shape,
        attributes={"axis": -1, "reduction": "mean"}, slack=4, samples=_ROWS,
    )  # fmt: skip


cross_entropy = row_loss(
    "cross_entropy", "-sum q log p along axis, of probabilities p > 0 and targets q", ("probability", "real"),
    entries=lambda m, p, q, axis: -(q * m.log(p)),
    partials=lambda m, p, q, axis: (-(q / p), -m.log(p)),
    tangent=lambda m, tp, tq, p, q, axis: -(tq * m.log(p) + q * (tp / p)),
)  # fmt: skip


def _soft_tangent(m: Arithmetic, tz: Array, tq: Array, z: Array, q: Array, axis: int) -> Array:
    drift = m.sum(softmax_along(m, z, axis) * tz, (axis,), True)
    return -(tq * log_softmax_along(m, z, axis)) - q * (tz - drift)


softmax_cross_entropy = row_loss(
    "softmax_cross_entropy", "-sum q log(softmax(z)) along axis, of logits z and targets q", ("real", "real"),
    entries=lambda m, z, q, axis: -(q * log_softmax_along(m, z, axis)),
    partials=lambda m, z, q, axis: (
        softmax_along(m, z, axis) * m.sum(q, (axis,), True) - q, -log_softmax_along(m, z, axis)
    ),
    tangent=_soft_tangent,
)  # fmt: skip


def _margin(m: Arithmetic, z: Array, index: Index) -> tuple[Array, Array]:
    """Return the other classes' logits (..., c - 1) and their log-sum-exp less that of the label."""
    r = m.take(z, index)
    last, n = len(r.shape) - 1, r.shape[-1]
    others = m.part(r, 1, n, last)
    return others, log_sum_exp(m, others) - m.part(r, 0, 1, last)


def _count(labels: Index, ignored: int, reduction: str) -> int:
    """Return by what a sum is divided: the number of labels that count, for the mean."""
    n = int(kept(labels, ignored).sum())
    if reduction == "mean" and n == 0:
        raise BadValues(
            f"cross_entropy_logits: expected a label that is not ignore_index={ignored}; got none; use reduction sum or none"
        )
    return n


def _combined(m: Arithmetic, each: Array, labels: Index, ignored: int, reduction: str) -> Array:
    each = m.select(kept(labels, ignored), m.reshape(each, labels.shape), 0)
    if reduction == "none":
        return each
    return m.sum(each) / _count(labels, ignored, reduction) if reduction == "mean" else m.sum(each)


def _label_loss(m: Arithmetic, z: Array, labels: Index, *, ignore_index: int, reduction: str) -> Array:
    """Return log(1 + sum over other classes of exp(z_j - z_label)): right when the loss is tiny."""
    _, margin = _margin(m, z, label_first(z.shape, labels, ignore_index))
    return _combined(m, m.softplus(margin), labels, ignore_index, reduction)


def _to_logits(m: Arithmetic, g: Array, z: Array, labels: Index, each: Array, ignored: int, reduction: str) -> Array:
    """Return the cotangent of z from partials (..., c) in the order of `label_first`."""
    if reduction == "mean":
        g = g / _count(labels, ignored, reduction)
    g = m.reshape(m.broadcast_to(g, labels.shape), (*labels.shape, 1))
    return m.scatter_add(g * each, label_first(z.shape, labels, ignored), z.shape)


def _label_vjp(
    m: Arithmetic, g: Array, y: Array, z: Array, labels: Index, *, ignore_index: int, reduction: str
) -> tuple[Array, None]:
    """Return softmax for other classes and minus their sum for the label: nothing cancels."""
    others, margin = _margin(m, z, label_first(z.shape, labels, ignore_index))
    wrong = m.logistic(margin)
    each = m.concatenate([-wrong, wrong * softmax_of(m, others)], len(others.shape) - 1)
    return _to_logits(m, g, z, labels, each, ignore_index, reduction), None


def _label_jvp(
    m: Arithmetic, ts: tuple[Array, None], y: Array, z: Array, labels: Index, *, ignore_index: int, reduction: str
) -> Array:
    """Return sum(softmax(z) t) - t_label."""
    index = label_first(z.shape, labels, ignore_index)
    t = m.take(ts[0], index)
    each = total(m, softmax_of(m, m.take(z, index)) * t) - m.part(t, 0, 1, len(t.shape) - 1)
    return _combined(m, each, labels, ignore_index, reduction)


def _label_textbook(m: Arithmetic, z: Array, labels: Index, *, ignore_index: int, reduction: str) -> Array:
    r = m.take(z, label_first(z.shape, labels, ignore_index))
    each = -m.part(log_softmax_along(m, r, len(r.shape) - 1), 0, 1, len(r.shape) - 1)
    return _combined(m, each, labels, ignore_index, reduction)


def _label_textbook_vjp(
    m: Arithmetic, g: Array, y: Array, z: Array, labels: Index, *, ignore_index: int, reduction: str
) -> tuple[Array, None]:
    p = softmax_of(m, m.take(z, label_first(z.shape, labels, ignore_index)))
    last, n = len(p.shape) - 1, p.shape[-1]
    each = m.concatenate([m.part(p, 0, 1, last) - 1, m.part(p, 1, n, last)], last)
    return _to_logits(m, g, z, labels, each, ignore_index, reduction), None


def _label_shape(z: Shape, labels: Shape, ignore_index: int, reduction: str) -> Shape:
    if len(z) < 2 or z[1] < 2 or labels != (z[0], *z[2:]):
        raise BadShape("cross_entropy_logits", "z (n, c, ...) with at least 2 classes, labels (n, ...)", (z, labels))
    return reduced_shape("cross_entropy_logits", labels, reduction)


cross_entropy_logits = declare(
    "cross_entropy_logits", "-log(softmax(z)) at the label, classes on axis 1; ONNX SoftmaxCrossEntropyLoss",
    "real", "index",
    value=_label_loss,
    vjp=_label_vjp,
    jvp=_label_jvp,
    shape=_label_shape,
    attributes={"ignore_index": -100, "reduction": "mean"},
    slack=4,
    textbook=(
        Textbook("-log_softmax and softmax - onehot, used by every framework", _label_textbook, _label_textbook_vjp),
    ),
    samples=(
        sample((2, 3), integers([2, 0])), sample((3, 2), integers([1, -100, 0])),
        sample((2, 3), integers([1, 1]), reduction="sum"), sample((1, 3, 2), integers([[2, 1]])),
        sample((3, 3), integers([0, 2, 2]), reduction="none", ignore_index=2),
    ),
)  # fmt: skip
