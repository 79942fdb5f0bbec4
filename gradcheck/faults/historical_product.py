"""Historical faults of products and powers at zero: a product of the others written as a quotient."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import given, positive


def _others(x: Array) -> Array:
    """Return for every entry of the last axis the product of all the others."""
    one = np.ones_like(x[..., :1])
    before = np.cumprod(np.concatenate([one, x[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([one, x[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return before * after


declare(
    "pytorch-773-prod", "the product is divided by each entry", "prod", "zero-division", "pytorch/pytorch issue #773",
    f=np.prod,
    right=lambda g, x: (g * _others(x),),
    wrong=lambda g, x: (g * np.prod(x) / x,),
    ordinary=positive((4,)),
    trigger=given([1.5, 0.0, 2.0, -1.0]),
)  # fmt: skip

declare(
    "tf-2641-prod", "a zero in a row makes its gradient not a number", "reduce_prod", "zero-division",
    "tensorflow/tensorflow issue #2641",
    f=lambda x: np.prod(x, axis=1),
    right=lambda g, x: (g[:, None] * _others(x),),
    wrong=lambda g, x: (g[:, None] * np.prod(x, axis=1)[:, None] / x,),
    ordinary=positive((2, 3)),
    trigger=given([[1.5, 0.0, 2.0], [1.0, 2.0, 3.0]]),
    twin="pytorch-773-prod",
)  # fmt: skip

declare(
    "ttmetal-54551-prod", "the product is multiplied by reciprocals", "prod", "zero-division",
    "tenstorrent/tt-metal issue #54551",
    f=np.prod,
    right=lambda g, x: (g * _others(x),),
    wrong=lambda g, x: (np.prod(x) * g * np.reciprocal(x),),
    ordinary=positive((3,)),
    trigger=given([2.0, 0.0, 4.0]),
    twin="pytorch-773-prod",
)  # fmt: skip


def _cumprod_right(g: Array, x: Array) -> Array:
    return np.array([sum(g[j] * _others(x[: j + 1])[i] for j in range(i, len(x))) for i in range(len(x))])


declare(
    "tf-3862-cumprod", "the reversed cumulative sum is divided by x", "cumprod", "zero-division",
    "tensorflow/tensorflow issue #3862",
    f=np.cumprod,
    right=lambda g, x: (_cumprod_right(g, x),),
    wrong=lambda g, x: (np.cumsum((g * np.cumprod(x))[::-1])[::-1] / x,),
    ordinary=positive((4,)),
    trigger=given([2.0, 0.0, 3.0, 0.5]),
)  # fmt: skip


def _scatter_prod(x: Array, s: Array, i: Array) -> Array:
    out = x.copy()
    np.multiply.at(out, i, s)
    return out


def _slot_others(x: Array, s: Array, i: Array) -> tuple[Array, Array]:
    dx, ds = np.ones_like(x), np.empty_like(s)
    np.multiply.at(dx, i, s)
    for k in range(len(s)):
        same = i == i[k]
        same[k] = False
        ds[k] = x[i[k]] * np.prod(s[same], axis=0)
    return dx, ds


def _scatter_right(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    dx, ds = _slot_others(x, s, i)
    return g * dx, g[i] * ds, None


def _scatter_masked(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    gy = g * _scatter_prod(x, s, i)
    return np.where(x == 0, 0.0, gy / x), np.where(s == 0, 0.0, gy[i] / s), None


def _source_masked(g: Array, x: Array, s: Array, i: Array) -> tuple[Array | None, ...]:
    return _scatter_right(g, x, s, i)[0], _scatter_masked(g, x, s, i)[1], None


declare(
    "pytorch-76523-scatter-prod", "the gradient of a scattered zero is masked to 0", "scatter_reduce prod",
    "zero-division", "pytorch/pytorch PR #76523",
    f=_scatter_prod, right=_scatter_right, wrong=_source_masked,
    ordinary=positive((3,), (4,), [0, 2, 2, 1]),
    trigger=given([1.5, 2.0, 0.5], [2.0, 0.0, 3.0, -1.0], [1, 0, 0, 2]),
)  # fmt: skip

declare(
    "pytorch-77382-index-reduce-prod", "the gradients of zeros in the array and in the source are 0", "index_reduce prod",
    "zero-division", "pytorch/pytorch PR #77382",
    f=_scatter_prod, right=_scatter_right, wrong=_scatter_masked,
    ordinary=positive((3, 2), (2, 2), [0, 2]),
    trigger=given([[1.5, 0.0], [2.0, 1.0], [0.5, 3.0]], [[2.0, 1.5], [0.0, 4.0]], [0, 2]),
    twin="pytorch-76523-scatter-prod",
)  # fmt: skip


def _pairs(x: Array) -> Array:
    """Return the products of all entries but two, with a zero diagonal: the Hessian of the product."""
    n = len(x)
    return np.array([[np.prod(np.delete(x, [i, j])) if i != j else 0.0 for j in range(n)] for i in range(n)])


declare(
    "pytorch-106789-prod-2zeros", "with two zeros the gradient of prod is a constant", "gradient of prod", "higher-order",
    "pytorch/pytorch issue #106789, PR #113969",
    f=_others,
    right=lambda g, x: (_pairs(x) @ g,),
    wrong=lambda g, x: ((_pairs(x) @ g) * (np.count_nonzero(x == 0) < 2),),
    ordinary=positive((4,)),
    trigger=given([2.0, 3.0, 0.0, 0.0]),
    mistake="zero",
)  # fmt: skip


def _divided(x: Array, nan: bool) -> Array:
    rate = np.prod(x) / (x[:, None] * x)
    return (rate if nan else np.where(np.isfinite(rate), rate, 0.0)) * (1 - np.eye(len(x)))


declare(
    "tf-61117-prod-hessian", "the mixed second derivative of x y is 0 at x = 0", "gradient of reduce_prod", "higher-order",
    "tensorflow/tensorflow issue #61117",
    f=_others,
    right=lambda g, x: (_pairs(x) @ g,),
    wrong=lambda g, x: (_divided(x, nan=False) @ g,),
    ordinary=positive((2,)),
    trigger=given([0.0, 1.0]),
    mistake="zero", twin="pytorch-106789-prod-2zeros",
)  # fmt: skip


def _square_hessian(x: Array) -> Array:
    rest = _others(x * x)
    return 4 * x[:, None] * x * _pairs(x * x) + np.diag(2 * rest)


def _square_divided(x: Array) -> Array:
    out = np.prod(x * x)
    return 4 * out / (x[:, None] * x) - np.diag(2 * out / (x * x))


declare(
    "tf-21130-prod-hessian-nan", "the Hessian of a product of squares is not a number at 0", "gradient of reduce_prod(x**2)",
    "zero-division", "tensorflow/tensorflow issue #21130",
    f=lambda x: 2 * x * _others(x * x),
    right=lambda g, x: (_square_hessian(x) @ g,),
    wrong=lambda g, x: (_square_divided(x) @ g,),
    ordinary=positive((3,)),
    trigger=given([0.0, 0.0, 0.0]),
)  # fmt: skip

declare(
    "mlx-504-pow", "the square of 0 is divided by 0", "pow", "zero-division", "ml-explore/mlx issue #504",
    f=lambda x: x**2,
    right=lambda g, x: (2 * g * x,),
    wrong=lambda g, x: (g * 2 * x**2 / x,),
    ordinary=positive((3,)),
    trigger=given([1.0, 0.0, -2.0]),
)  # fmt: skip


def _power_right(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    log = np.log(np.where(a > 0, a, 1.0))
    return np.asarray(g * b * a ** (b - 1)), np.asarray(g * a**b * log)


def _power_wrong(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return _power_right(g, a, b)[0], np.asarray(g * a**b * np.log(a))


def _power(name: str, source: str, title: str, base: Any, exponent: Any) -> None:
    declare(
        name, title, "pow", "special-point", source,
        f=lambda a, b: a**b, right=_power_right, wrong=_power_wrong,
        ordinary=positive(np.shape(base), np.shape(exponent)), trigger=given(base, exponent),
        twin="" if name.startswith("pytorch") else "pytorch-27134-pow-exp",
    )  # fmt: skip


_power("pytorch-27134-pow-exp", "pytorch/pytorch issue #27134", "d/db a**b is not a number at a = 0", [0.0, 1.5], [3.0, 2.0])
_power("mlx-628-pow", "ml-explore/mlx issue #628", "the exponent of 0**1 gets 0 times log 0", 0.0, 1.0)
_power("forwarddiff-414-pow", "JuliaDiff/ForwardDiff.jl PR #414", "the derivative of 0**y in y is not 0", 0.0, 2.0)
_power(
    "theano-1780-pow",
    "Theano/Theano issue #1780, PR #1820",
    "log is evaluated at 0",
    [[0.0, 2.0], [1.5, 0.0]],
    [[4.0, 0.5], [2.0, 1.0]],
)
