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

from gradcheck.probe.subject.coordinates import in_coordinates
from gradcheck.probe.subject.subject import Array, Subject


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

    def outward(ys: Sequence[Any]) -> list[Any]:
        outputs[:] = outputs or [np.iscomplexobj(y) for y in ys]
        return [split(np.asarray(y) + 0j) if c else np.asarray(y) for y, c in zip(ys, outputs, strict=True)]

    def weights(gs: Sequence[Any]) -> list[Any]:
        return [joined(g) if c else g for g, c in zip(gs, outputs, strict=True)] if outputs else list(gs)

    def back(found: Sequence[Any]) -> list[Any]:
        return [_gradient(v, c) for v, c in zip(found, kinds, strict=True)]

    made = in_coordinates(subject, inputs, back, weights, outward)
    return replace(made, point=[split(x) for x in subject.point], raw=None if any(kinds) else subject.raw)


def _gradient(v: Any, is_complex: bool) -> Any:
    """Return a gradient as pairs; a real one of a complex input has no imaginary part."""
    if v is None or not is_complex:
        return v
    return split(np.asarray(v) + 0j)

