"""What a derivative must do beside having the right values: each broken rule is a finding of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import OutOfBudget
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.contracts.layouts import layouts
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.subject.directions import cotangent, own_scale, scale
from gradcheck.probe.subject.margin import MARGIN
from gradcheck.probe.subject.subject import Arrays, Subject
from gradcheck.probe.subject.vector import Vector
from gradcheck.result.finding import Finding

Floats = npt.NDArray[np.float64]

#: The part of a product with a Hessian that cancelled terms may have lost without a trace: p - p^2 is the same at neighbouring points where p is 1
#: but for 1e-12, and has four digits left.
HIDDEN = 1e-4


_IGNORED = Mistake("cotangent ignored", detail="it is the same for a cotangent of zeros")
#: What a finding on the shape of a gradient, not on its numbers, is about.
SHAPE = "shape"


def _fault(message: str, node: str = "", mistake: Mistake | None = None, direction: str = "gradient") -> Finding:
    return Finding("fault", message, node=node, direction=direction, mistake=mistake)


def shapes(subject: Subject, found: list[Any]) -> Iterator[Finding]:
    """Yield a finding for each gradient of a wrong shape, or that is not finite where f is."""
    if len(found) != len(subject.point):
        yield _fault(f"expected {len(subject.point)} gradients; got {len(found)}")
        return
    for path, x, v in zip(subject.paths, subject.point, found, strict=True):
        if v is None:
            continue
        if np.shape(v) != x.shape:
            mistake = None
            if np.shape(v) == x.shape[::-1]:
                mistake = Mistake("transpose", detail="it has the shape of the transpose")
            elif stretches(x.shape, np.shape(v)) and (
                np.shape(v) in {np.shape(o) for o in subject.point} or (x.ndim == np.ndim(v) and x.size > 1)
            ):
                mistake = Mistake("missing broadcast sum", detail="it has too many entries")
            yield _fault(f"gradient of {path}: expected shape {x.shape}; got {np.shape(v)}", path, mistake, SHAPE)
        elif np.asarray(v).dtype != x.dtype and np.asarray(v).dtype.kind != x.dtype.kind:
            yield _fault(f"gradient of {path}: expected dtype {x.dtype}; got {np.asarray(v).dtype}", path)


def stretches(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Answer whether an array of one shape is broadcast to the other."""
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False


def repeats(subject: Subject, base: Arrays) -> bool:
    """Answer whether f gives the same numbers twice."""
    again = subject.value([x.copy() for x in subject.point])
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(again, base, strict=True))


def rules(subject: Subject, instrument: Instrument, rng: np.random.Generator, accuracy: float = 0.0) -> Iterator[Finding]:
    """Yield a finding for each broken rule: inputs untouched, deterministic, linear, zero for zero, layout."""
    base = instrument.base
    gs = cotangent(rng, base).formatted(base)
    first = _pulled(subject, gs)
    bars = _bars(instrument, Vector.of(gs), first, accuracy)
    yield from _untouched(subject, gs)
    if not equal(first, again := _pulled(subject, gs)):
        yield _varies(subject, first, again, bars)
        return
    yield from _linear(subject, gs, first, base, bars, rng)
    zero = _pulled(subject, [np.zeros_like(g) for g in gs])
    if any(v is not None and np.any(v != 0) for v in zero):
        same = equal(zero, first)
        yield _fault("the gradient for a zero cotangent is not zero", mistake=_IGNORED if same else None)
    yield from layouts(instrument, gs, first, bars)


def within(a: Any, b: Any, bar: float) -> bool:
    """Answer whether two gradients agree within a bar."""
    return bool(np.all(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)) <= bar))


def _varies(subject: Subject, first: list[Any], again: list[Any], bars: list[float]) -> Finding:
    """Return what to say of gradients that differ from call to call: sums in another order are no fault."""
    rounding = all((a is None) == (b is None) and (a is None or within(a, b, bar)) for a, b, bar in zip(first, again, bars, strict=True))
    text = "the gradient differs from call to call with the same inputs"
    return Finding("accuracy", f"{text}, by no more than rounding", direction="gradient") if rounding else _fault(text)


def adjoint(subject: Subject, instrument: Instrument, rng: np.random.Generator, accuracy: float = 0.0) -> Iterator[Finding]:
    """The jvp and the vjp are adjoint to each other: <g, jvp(t)> = <vjp(g), t> up to their own rounding."""
    if subject.push is None:
        return
    gs, ts = cotangent(rng, instrument.base), own_scale(rng, subject.point)
    pushed = subject.push([t.astype(x.dtype) for t, x in zip(ts, subject.point, strict=True)], subject.point)
    if pushed is None:
        return
    if len(pushed) != len(instrument.base) or any(np.shape(p) != y.shape for p, y in zip(pushed, instrument.base, strict=True)):
        found, wanted = [np.shape(p) for p in pushed], [y.shape for y in instrument.base]
        why = "" if len(found) != len(wanted) or found[0] != (1, *wanted[0]) else ": t is a tuple, one part an argument, take t[0]"
        yield _fault(f"the jvp does not have the shapes of f's outputs: expected {wanted}, got {found}{why}")
        return
    forward = sum(float(np.sum(g * np.asarray(p, np.float64))) for g, p in zip(gs, pushed, strict=True))
    size = sum(float(np.sum(np.abs(g * np.asarray(p, np.float64)))) for g, p in zip(gs, pushed, strict=True))
    v = instrument.gradients(gs)
    back = v.dot(ts)
    bar = 2 * MARGIN * instrument.error_along(gs, ts, v) + (64 * max(*subject.eps, instrument.roughness(gs)) + accuracy) * size
    if not abs(forward - back) <= bar:
        what = ("hessian and hvp differ", "hessian t", "hvp(g)") if subject.hessian else ("jvp and vjp are not adjoint", "jvp(t)", "vjp(g)")
        yield _fault(f"{what[0]}: <g, {what[1]}> is {forward:.15g}, <{what[2]}, t> is {back:.15g} +- {bar:.1g}")


def aliases(instrument: Instrument) -> Iterator[Finding]:
    """The same array handed over in two places gives what two equal arrays give."""
    subject = instrument.subject
    if subject.owner != "numpy":
        return
    assert subject.pull is not None
    for i, j in combinations(range(len(subject.point)), 2):
        x = subject.point[i]
        if subject.point[j].shape != x.shape or subject.point[j].dtype != x.dtype:
            continue
        apart = [x.copy() if k == j else v.copy() for k, v in enumerate(subject.point)]
        one = [apart[i] if k == j else v for k, v in enumerate(apart)]
        gs = [np.ones_like(y) for y in instrument.base]
        try:
            right = subject.gradient(gs, apart)
            subject.ready(one)
            found = subject.pull(gs, one)
        except Exception:  # f does not take equal arrays
            return
        if not equal(right, [None if v is None else np.asarray(v) for v in found]):
            yield _fault(f"one array as {subject.paths[i]} and {subject.paths[j]} gives other gradients than two equal ones", subject.paths[i])


def _pulled(subject: Subject, gs: Arrays) -> list[Any]:
    return subject.gradient(gs, subject.point)


def equal(a: list[Any], b: list[Any]) -> bool:
    """Answer whether two lists of gradients are the same numbers."""
    return all((p is None) == (q is None) and (p is None or np.array_equal(p, q, equal_nan=True)) for p, q in zip(a, b, strict=True))


def _bars(instrument: Instrument, gs: Vector, first: list[Any], accuracy: float) -> list[float]:
    """Return what rounding may change of each gradient when it is computed in another order.

    Terms as large as the outputs over the inputs may have cancelled in it, and it is no more precise than f is.
    """
    subject = instrument.subject
    unit = max(*subject.eps, instrument.roughness(gs))
    outputs = instrument.size(gs)
    bars = []
    for x, v, d in zip(subject.point, first, instrument.deviation(gs), strict=True):
        size = 0.0 if v is None else float(np.max(np.abs(np.asarray(v, np.float64)), initial=0.0))
        bars.append((1e3 * unit + accuracy) * size + 64 * (float(np.max(d, initial=0.0)) + unit * outputs / scale(x)))
    return bars


def _untouched(subject: Subject, gs: Arrays) -> Iterator[Finding]:
    assert subject.pull is not None
    g, x = [v.copy() for v in gs], [v.copy() for v in subject.point]
    subject.ready(subject.point)
    subject.pull(g, x)
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(x, subject.point, strict=True)):
        yield _fault("the vjp changes its inputs in place")
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(g, gs, strict=True)):
        yield _fault("the vjp changes its cotangent in place")
    if subject.touched:
        yield _fault("f changes its inputs in place")
    if text := subject.guard():
        yield _fault(text)


def _linear(
    subject: Subject, gs: Arrays, first: list[Any], base: Arrays, bars: list[float], rng: np.random.Generator
) -> Iterator[Finding]:
    """vjp(2 g - h) = 2 vjp(g) - vjp(h), up to rounding."""
    hs = cotangent(rng, base).formatted(base)
    second = _pulled(subject, hs)
    mixed = _pulled(subject, [2 * g - h for g, h in zip(gs, hs, strict=True)])
    part = HIDDEN if subject.hessian else 1e3 * max(subject.eps)
    for path, a, b, c, bar in zip(subject.paths, first, second, mixed, bars, strict=True):
        if a is None or b is None or c is None:
            continue
        p, q, r = (np.asarray(v, np.float64) for v in (a, b, c))
        if np.any(np.abs(r - (2 * p - q)) > 4 * bar + part * float(np.max(np.abs(q), initial=0.0))):
            mistake = None
            if np.array_equal(p, q):
                mistake = Mistake("cotangent ignored", detail="it is the same for every cotangent")
            elif _squares(subject, gs, path, p, bar):
                mistake = Mistake("cotangent used twice", detail="twice the cotangent gives four times the gradient")
            yield _fault(f"gradient of {path}: it is not linear in the cotangent", path, mistake)


def _squares(subject: Subject, gs: Arrays, path: str, first: Floats, bar: float) -> bool:
    """Answer whether twice the cotangent gives four times the gradient."""
    twice = dict(zip(subject.paths, _pulled(subject, [2 * g for g in gs]), strict=True))[path]
    return twice is not None and bool(np.any(first != 0)) and bool(np.all(np.abs(np.asarray(twice, np.float64) - 4 * first) <= 4 * bar))


def crossed(subject: Subject, instrument: Instrument, rng: np.random.Generator, accuracy: float = 0.0) -> Iterator[Finding]:
    """Two forward passes and then two backward ones, the earlier first, give what one after the other gives."""
    assert subject.pull is not None
    gs = cotangent(rng, instrument.base).formatted(instrument.base)
    other = own_scale(rng, subject.point).beside(subject.point, 0.1)
    try:
        right, found = _alone_and_crossed(subject, gs, other)
    except OutOfBudget:
        raise
    except Exception:  # beside the given inputs f, or the derivative, may have an end
        return
    bars = _bars(instrument, Vector.of(gs), right[0], accuracy)
    names = ("another forward pass came between", "an earlier backward pass was made", "a backward pass was made before")
    for what, one, two in zip(names, right, found, strict=True):
        for path, a, b, bar in zip(subject.paths, one, two, bars, strict=True):
            if a is not None and b is not None and np.any(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)) > 4 * bar):
                yield _fault(f"gradient of {path}: it is another one where {what}: saved values were changed", path)
                return


def _alone_and_crossed(subject: Subject, gs: Arrays, other: Arrays) -> tuple[list[list[Any]], list[list[Any]]]:
    """Return gradients at the point, at another one and at the point: each after its own forward pass, then after both."""
    if subject.crossed is None:
        subject.value(subject.point)
    here = subject.gradient(gs, subject.point)
    if not all(np.isfinite(np.asarray(y, np.float64)).all() for y in subject.value(other)):
        raise ValueError("f is not finite beside the point")
    there = subject.gradient(gs, other)
    if subject.crossed is not None:  # its passes are made together
        return [here, there, here], [list(v) for v in subject.crossed(gs, subject.point, other)]
    return [here, there, here], [subject.gradient(gs, xs) for xs in (subject.point, other, subject.point)]


def symmetric(instrument: Instrument, rng: np.random.Generator, accuracy: float = 0.0) -> Iterator[Finding]:
    """The Hessian is symmetric: <u, H v> = <v, H u> up to its own rounding."""
    subject, n = instrument.subject, instrument.subject.hessian
    us, vs = (own_scale(rng, subject.point[:n]) for _ in range(2))
    hu, hv = (Vector(instrument.gradients(ts)[:n]) for ts in (us, vs))
    one, two = hu.dot(vs), hv.dot(us)
    rest = [np.zeros(x.shape) for x in subject.point[n:]]
    errors = [instrument.error_along(gs, Vector.of([*ts, *rest]), Vector.of([*h, *rest])) for gs, ts, h in ((us, vs, hu), (vs, us, hv))]
    bar = 2 * MARGIN * sum(errors) + max(HIDDEN, accuracy) * max(abs(one), abs(two))
    if not abs(one - two) <= bar:
        yield _fault(f"the Hessian is not symmetric: <u, H v> is {two:.15g}, <v, H u> is {one:.15g} +- {bar:.1g}", mistake=Mistake("not symmetric"))
