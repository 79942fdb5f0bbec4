"""Sums, means, extremes, norms and running sums."""

from __future__ import annotations

import math
from typing import Any

import torch

from gradcheck.capture.aten.table import operation
from gradcheck.capture.coverage import Unruled
from gradcheck.capture.torch.call import Call


def _reduced(theirs: str, ours: str) -> None:
    @operation(theirs)
    def rule(c: Call) -> None:
        x = c.operand("self")
        c.out(ours, x, axes=c.axes(c.arguments.get("dim"), len(c.shape(x))), keepdims=bool(c.arguments.get("keepdim")))


for _theirs, _ours in {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min", "logsumexp": "logsumexp", "prod": "prod"}.items():
    _reduced(_theirs, _ours)


@operation("var", "std", "var_mean", "std_mean")
def variance(c: Call) -> None:
    """The variance over n - correction, or its root, with the mean."""
    x = c.operand("self")
    correction = c.arguments.get("correction", 1.0 if c.arguments.get("unbiased", True) else 0.0)
    a: dict[str, Any] = {"axes": c.axes(c.arguments.get("dim"), len(c.shape(x))), "keepdims": bool(c.arguments.get("keepdim"))}
    y = c.emit("variance", x, **a, correction=int(1 if correction is None else correction))
    c.give(c.emit("sqrt", y) if c.name.startswith("std") else y)
    if c.name.endswith("_mean"):
        c.out("mean", x, k=1, **a)


@operation("linalg_vector_norm", "norm")
def norm(c: Call) -> None:
    """A p-norm, of whole p or infinite."""
    x, p = c.operand("self"), c.arguments.get("ord", c.arguments.get("p"))
    a: dict[str, Any] = {"axes": c.axes(c.arguments.get("dim"), len(c.shape(x))), "keepdims": bool(c.arguments.get("keepdim"))}
    p = 2 if p is None else p
    if math.isinf(p):
        return c.out("max" if p > 0 else "min", c.emit("abs", x), **a)
    if p < 1:
        raise Unruled(f"{c.func}: p={p}")
    return c.out("norm", x, **a, p=p)


@operation("cumsum")
def cumsum(c: Call) -> None:
    """Running sums along an axis."""
    x = c.operand("self")
    if not c.shape(x):
        return c.give(x)
    return c.out("cumsum", x, axis=c["dim"] % len(c.shape(x)))


@operation("linalg_norm", "frobenius_norm")
def frobenius(c: Call) -> None:
    """The root of the sum of squares."""
    x = c.operand("self")
    if c.arguments.get("ord") not in (None, 2) or (c.arguments.get("ord") == 2 and len(c.shape(x)) > 1):
        raise Unruled(f"{c.func}: ord={c['ord']}")
    c.out("norm", x, axes=c.axes(c.arguments.get("dim"), len(c.shape(x))), keepdims=bool(c.arguments.get("keepdim")))


@operation("trace")
def trace(c: Call) -> None:
    """The sum of the diagonal."""
    x = c.arguments["self"].tensor
    at = torch.arange(x.numel()).reshape(x.shape).diagonal().numpy()
    c.out("sum", c.emit("take", c.operand("self"), c.constant(at, "index")))


@operation("dist", "_euclidean_dist", "_cdist_forward")
def distances(c: Call) -> None:
    """Euclidean distances, of all pairs of rows."""
    if c.arguments.get("p", 2) != 2:
        raise Unruled(f"{c.func}: p={c['p']}")
    a, b = (c.operand(k) for k in (("x1", "x2") if "x1" in c.arguments else ("self", "other")))
    if c.name == "dist":
        return c.out("norm", c.emit("sub", a, b))
    rows, columns = c.shape(a), c.shape(b)
    a, b = c.emit("reshape", a, shape=(*rows[:-1], 1, rows[-1])), c.emit("reshape", b, shape=(*columns[:-2], 1, *columns[-2:]))
    return c.out("norm", c.emit("sub", a, b), axes=(-1,))
