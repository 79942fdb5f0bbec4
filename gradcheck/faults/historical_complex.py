"""Historical faults of complex numbers (as pairs of reals: real and imaginary part) and of structured matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import given, normal

Pair = tuple[Array, Array]


def _det(re: Array, im: Array) -> Pair:
    (a, b), (c, d) = re
    (p, q), (r, s) = im
    return a * d - p * s - b * c + q * r, a * s + p * d - b * r - q * c


def _det_pull(g: Pair, re: Array, im: Array, conjugate: bool) -> Pair:
    z = re + 1j * im
    det = z[0, 0] * z[1, 1] - z[0, 1] * z[1, 0]
    pulled = (np.conj(det) if conjugate else det) * (g[0] + 1j * g[1]) * np.linalg.inv(z).conj().T
    return pulled.real, pulled.imag


declare(
    "chainrules-600-det-complex", "det stands where its conjugate belongs", "det of a complex matrix", "complex",
    "JuliaDiff/ChainRules.jl issue #600",
    f=_det,
    right=lambda g, re, im: _det_pull(g, re, im, conjugate=True),
    wrong=lambda g, re, im: _det_pull(g, re, im, conjugate=False),
    ordinary=given([[1.0, 0.5], [-0.3, 2.0]], [[0.0, 0.0], [0.0, 0.0]]), trigger=normal((2, 2), (2, 2)),
)  # fmt: skip


def _sign(re: Array, im: Array) -> Pair:
    size = np.sqrt(re * re + im * im)
    return re / size, im / size


def _sign_right(g: Pair, re: Array, im: Array) -> Pair:
    (c, s), size = _sign(re, im), np.hypot(re, im)
    turn = (g[1] * c - g[0] * s) / size
    return -turn * s, turn * c


declare(
    "chainrules-211-sign", "the rule for real numbers is used: 0", "sign of a complex number", "complex",
    "JuliaDiff/ChainRules.jl PR #211",
    f=_sign, right=_sign_right,
    wrong=lambda g, re, im: (0 * re, 0 * im),
    ordinary=normal((3,), (3,)), trigger=normal((2,), (2,)), mistake="zero",
)  # fmt: skip


def _solve_upper(a: Array, b: Array) -> Array:
    out = b.copy()
    for k in reversed(range(len(b))):
        out[k] = (b[k] - (a[k, k + 1 :] * out[k + 1 :]).sum()) / a[k, k]
    return out


def _solve_pull(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    adjoint = _solve_upper(a.T[::-1, ::-1], g[::-1])[::-1]
    return -np.outer(adjoint, _solve_upper(a, b)), adjoint


def _solve_masked(g: Array, a: Array, b: Array) -> tuple[Any, Array]:
    da, db = _solve_pull(g, a, b)
    return np.triu(da), db


declare(
    "jaxjs-84-triangular-solve", "the triangle that is not read gets a gradient", "triangular_solve", "structure",
    "ekzhang/jax-js issue #84",
    f=_solve_upper, right=_solve_masked, wrong=_solve_pull,
    ordinary=given([[1.0, 0.5, -0.2], [0.0, 2.0, 0.3], [0.0, 0.0, 1.5]], [1.0, -1.0, 0.5]),
    trigger=given([[1.0, 0.5], [0.7, 2.0]], [1.0, -1.0]),
)  # fmt: skip
