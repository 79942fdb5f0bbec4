"""Functions of symmetric matrices that read one triangle: a derivative may count each pair of entries in both, by the convention of libraries.

A Cholesky factor, or eigenvalues of a symmetric matrix, are computed from one triangle, so that the other has no slope; their derivatives are
those along symmetric matrices, and say nothing of others (Giles, Collected matrix derivative results, 2008). Such a function is checked along
symmetric matrices alone: x -> f((x + x^H) / 2), and the symmetric part of the doubted gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.errors import GradcheckError
from gradcheck.probe.subject.coordinates import in_coordinates
from gradcheck.probe.subject.directions import scale
from gradcheck.probe.subject.subject import Array, Subject, spacing


def symmetric(subject: Subject) -> Subject:
    """Return the subject along symmetric matrices, for inputs that are some, of which f reads one triangle and the doubted gradient has both.

    A gradient that is zero where f reads nothing keeps no such convention: it is compared entry by entry, as all others are.
    """
    of = [k for k, x in enumerate(subject.point) if x.shape[-1:] != (1,) and is_symmetric(x)]
    found = _with_convention(subject, of) if of and subject.pull is not None else []
    if not found:
        return subject

    def half(xs: Sequence[Any]) -> list[Any]:
        return [symmetric_part(x) if k in found and x is not None else x for k, x in enumerate(xs)]

    return replace(in_coordinates(subject, half, half), symmetric=frozenset(subject.paths[k] for k in found))


def symmetric_part(x: Any) -> Any:
    """Return the symmetric (Hermitian) parts of matrices."""
    return (x + _adjoint(x)) / 2


def is_symmetric(x: Array) -> bool:
    """Answer whether matrices are symmetric (Hermitian) to half of their digits: they are often written down with so many."""
    if not (x.ndim >= 2 and x.shape[-1] == x.shape[-2] > 0):
        return False
    wide = np.asarray(x, np.complex128 if np.iscomplexobj(x) else np.float64)
    return bool(np.max(np.abs(wide - _adjoint(wide)), initial=0.0) <= np.sqrt(spacing(x)) * scale(np.abs(wide)))


def _with_convention(subject: Subject, of: list[int]) -> list[int]:
    try:
        return [k for k in of if _counts_both(subject, k)]
    except GradcheckError:  # told where it is examined
        return []


def _counts_both(subject: Subject, k: int) -> bool:
    """Answer whether f reads one triangle of an input, and the gradient has entries in the other."""
    assert subject.pull is not None
    base = subject.call([x.copy() for x in subject.point])
    unread = [part for part in (np.tril, np.triu) if _same(base, _after(subject, k, part))]
    if len(unread) != 1:
        return False
    subject.call([x.copy() for x in subject.point])  # a layer keeps what it was given last
    rng = np.random.default_rng(0)
    found = subject.pull([np.asarray(rng.normal(size=y.shape), y.dtype) for y in base], [x.copy() for x in subject.point])
    if len(found) != len(subject.point) or found[k] is None or np.shape(found[k]) != subject.point[k].shape:
        return False
    v = np.asarray(found[k])
    return all(bool(np.any(part(v, -1 if part is np.tril else 1) != 0)) for part in (np.tril, np.triu))


def _after(subject: Subject, k: int, part: Any) -> list[Array]:
    """Return the outputs after one triangle was moved; none where f refuses it."""
    x = subject.point[k]
    step = np.sqrt(spacing(x)) * scale(np.abs(x))  # half of the digits, to which it is symmetric: whoever reads it shows that in some digit
    moved = x + np.asarray(part(np.full(x.shape, step), -1 if part is np.tril else 1), x.dtype)
    try:
        return subject.call([moved if j == k else a.copy() for j, a in enumerate(subject.point)])
    except GradcheckError:
        return []


def _same(a: list[Array], b: list[Array]) -> bool:
    return len(a) == len(b) and all(np.array_equal(p, q, equal_nan=True) for p, q in zip(a, b, strict=True))


def _adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))
