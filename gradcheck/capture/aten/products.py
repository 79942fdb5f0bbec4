"""Matrix products."""

from __future__ import annotations

from gradcheck.capture.aten.table import operation
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
