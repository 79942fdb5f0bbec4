"""Matrix products."""

from __future__ import annotations

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call


@operation("mm", "bmm", "matmul", "mv", "dot", "vdot", "inner", "linalg_matmul")
def product(c: Call) -> None:
    """The product of matrices and vectors."""
    names = ("self", next(k for k in ("mat2", "vec", "other", "tensor") if k in c.arguments))
    c.out("matmul", *(c.operand(k) for k in names))


@operation("addmm", "baddbmm", "addmv", "addbmm")
def added(c: Call) -> None:
    """beta b + alpha x w."""
    pairs = {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2"), "addmv": ("mat", "vec"), "addbmm": ("batch1", "batch2")}
    b, (x, w) = c.operand("self"), (c.operand(k) for k in pairs[c.name.removesuffix("_")])
    beta, alpha = c["beta"], c["alpha"]
    if beta == alpha == 1 and len(c.shape(b)) == 1 and len(c.shape(x)) == len(c.shape(w)) == 2:
        return c.out("dense", x, w, b)
    y = c.emit("matmul", x, w)
    if c.name.startswith("addbmm"):
        y = c.emit("sum", y, axes=(0,))
    y = y if alpha == 1 else c.emit("mul", y, c.named(alpha))
    if beta == 0:
        return c.give(y)
    return c.out("add", y, b if beta == 1 else c.emit("mul", b, c.named(beta)))


@operation("linear")
def linear(c: Call) -> None:
    """x w^T + b."""
    x, w = c.operand("input"), c.emit("transpose", c.operand("weight"))
    if c.arguments.get("bias") is None:
        return c.out("matmul", x, w)
    return c.out("dense", x, w, c.operand("bias"))


@operation("addr")
def outer_added(c: Call) -> None:
    """beta m + alpha a b^T."""
    y = c.emit("outer", c.operand("vec1"), c.operand("vec2"))
    y = y if c["alpha"] == 1 else c.emit("mul", y, c.named(c["alpha"]))
    b = c.operand("self")
    c.out("add", y, b if c["beta"] == 1 else c.emit("mul", b, c.named(c["beta"])))


@operation("_grouped_mm")
def grouped(c: Call) -> None:
    """Rows in groups, each times the matrix of its group (mixtures of experts)."""
    x, w, ends = c.operand("self"), c.operand("mat2"), c["offs"]
    if len(c.shape(x)) != 2 or len(c.shape(w)) != 3 or ends is None or c.arguments.get("bias") is not None or int(ends[-1]) != c.shape(x)[0]:
        raise Unruled(f"{c.func}: other than rows in groups")
    parts, start = [], 0
    for k, end in enumerate(ends.tolist()):
        matrix = c.emit("reshape", c.emit("slice", w, starts=(k,), stops=(k + 1,), axes=(0,)), shape=c.shape(w)[1:])
        if end > start:
            parts.append(c.emit("matmul", c.emit("slice", x, starts=(start,), stops=(end,), axes=(0,)), matrix))
        start = end
    c.out("concatenate", *parts, axis=0)
