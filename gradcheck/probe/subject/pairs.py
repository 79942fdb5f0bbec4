"""Complex numbers as pairs of reals.

The gradient of a real L in a complex x is dL/dRe(x) + i dL/dIm(x), and the cotangent of a complex output likewise (the
convention of torch; JAX returns the conjugate). Then every complex array is a real one with a further axis of size 2, and
<g, y> is the sum of Re(g) Re(y) + Im(g) Im(y).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.probe.subject.subject import Array, Arrays, Subject


def split(x: Array) -> Array:
    """Return a complex array as a real one with (real, imaginary) along a further last axis; others as they are."""
    if not np.iscomplexobj(x):
        return x
    return np.stack([x.real, x.imag], axis=-1)


def joined(x: Array) -> Array:
    """Return the complex array of pairs along the last axis."""
    return np.asarray(x[..., 0] + 1j * x[..., 1])


def paired(subject: Subject) -> Subject:
    """Return a subject without complex numbers: they have become pairs of reals in its inputs, outputs and gradients."""
    kinds = [np.iscomplexobj(x) for x in subject.point]
    formats = [x.dtype for x in subject.point]
    outputs: list[bool] = []

    def inputs(xs: Sequence[Any]) -> list[Any]:
        return [joined(x).astype(f) if c else x for x, c, f in zip(xs, kinds, formats, strict=True)]

    def call(xs: Arrays) -> Arrays:
        ys = subject.call(inputs(xs))
        outputs[:] = [np.iscomplexobj(y) for y in ys]
        return [split(np.asarray(y)) for y in ys]

    def weights(gs: Arrays) -> Arrays:
        return [joined(g) if c else g for g, c in zip(gs, outputs, strict=True)] if outputs else gs

    def back(found: Sequence[Any]) -> list[Any]:
        return [_gradient(v, c) for v, c in zip(found, kinds, strict=True)] if len(found) == len(kinds) else list(found)

    pull, push, arranged, crossed = subject.pull, subject.push, subject.arranged, subject.crossed
    return replace(
        subject,
        point=[split(x) for x in subject.point],
        call=call,
        pull=None if pull is None else lambda gs, xs: back(pull(weights(gs), inputs(xs))),
        push=None if push is None else lambda ts, xs: _tangents(push(inputs(ts), inputs(xs))),
        raw=None if any(kinds) else subject.raw,
        arranged=None if arranged is None else lambda how, gs, xs: back(arranged(how, weights(gs), inputs(xs))),
        crossed=None if crossed is None else lambda gs, a, b: tuple(back(v) for v in crossed(weights(gs), inputs(a), inputs(b))),
    )


def _gradient(v: Any, is_complex: bool) -> Any:
    """Return a gradient as pairs; a real one of a complex input has no imaginary part."""
    if v is None or not is_complex:
        return v
    return split(np.asarray(v) + 0j)


def _tangents(found: Sequence[Any] | None) -> list[Any] | None:
    return None if found is None else [split(np.asarray(t)) for t in found]
