"""Products of matrices."""

from __future__ import annotations

from gradcheck.arith.arithmetic import Arithmetic, Array, Shape
from gradcheck.errors import BadShape
from gradcheck.ops.geometry import broadcast
from gradcheck.ops.op import declare, sample
from gradcheck.ops.parts import dense_part, matmul_part


def _matmul_shape(a: Shape, b: Shape) -> Shape:
    if not a or not b or a[-1] != b[-2 if len(b) > 1 else 0]:
        raise BadShape("matmul", "shapes (..., n, k) and (..., k, p), or vectors of length k", (a, b))
    batch = broadcast("matmul", a[:-2], b[:-2])
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _matmul_vjp(m: Arithmetic, g: Array, y: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Return g b^T and a^T g; vectors are made matrices, batches summed where they were repeated."""
    a2 = m.reshape(a, (1, *a.shape)) if len(a.shape) == 1 else a
    b2 = m.reshape(b, (*b.shape, 1)) if len(b.shape) == 1 else b
    batch = broadcast("matmul", a2.shape[:-2], b2.shape[:-2])
    g2 = m.reshape(g, (*batch, a2.shape[-2], b2.shape[-1]))
    ga = m.unbroadcast(m.matmul(g2, m.swap(b2)), a2.shape)
    gb = m.unbroadcast(m.matmul(m.swap(a2), g2), b2.shape)
    return m.reshape(ga, a.shape), m.reshape(gb, b.shape)


matmul = declare(
    "matmul", "the matrix product with NumPy's rules for vectors and batches; ONNX MatMul", "real", "real",
    value=lambda m, a, b: m.matmul(a, b),
    vjp=_matmul_vjp,
    part=matmul_part,
    jvp=lambda m, ts, y, a, b: m.matmul(ts[0], b) + m.matmul(a, ts[1]),
    shape=_matmul_shape,
    samples=(
        sample((2, 3), (3, 2)), sample((3,), (3,)), sample((2, 3), (3,)), sample((3,), (3, 2)),
        sample((2, 2, 3), (3, 2)), sample((2, 1, 1, 2), (3, 2, 1)),
    ),
)  # fmt: skip


def _dense_shape(x: Shape, w: Shape, b: Shape) -> Shape:
    if len(x) < 1 or len(w) != 2 or x[-1] != w[0] or b != w[1:]:
        raise BadShape("dense", "x (..., k), w (k, n), b (n,)", (x, w, b))
    return (*x[:-1], w[1])


def _dense_vjp(m: Arithmetic, g: Array, y: Array, x: Array, w: Array, b: Array) -> tuple[Array, Array, Array]:
    rows = m.reshape(x, (-1, x.shape[-1])) if x.shape[-1] else m.zeros((1, 0))
    flat = m.reshape(g, (-1, g.shape[-1]))
    return m.matmul(g, m.swap(w)), m.matmul(m.swap(rows), flat), m.unbroadcast(g, b.shape)


dense = declare(
    "dense", "x w + b, b added to every row; ONNX Gemm", "real", "real", "real",
    value=lambda m, x, w, b: m.affine(x, w, b),
    vjp=_dense_vjp,
    part=dense_part,
    jvp=lambda m, ts, y, x, w, b: m.matmul(ts[0], w) + m.affine(x, ts[1], ts[2]),
    shape=_dense_shape,
    samples=(sample((2, 3), (3, 2), (2,)), sample((3,), (3, 2), (2,)), sample((2, 1, 2), (2, 3), (3,))),
)  # fmt: skip
