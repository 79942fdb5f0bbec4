"""Historical faults at special points: zero vectors, kinks, borders, branches that are not taken or that are constant."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import distinct, given, normal, positive


def _norm(x: Array) -> Array:
    return np.sqrt(np.sum(x * x))


declare(
    "pytorch-2421-norm", "the gradient of a zero norm is not a number", "norm", "special-point",
    "pytorch/pytorch issue #2421, #2721",
    f=_norm,
    right=lambda g, x: (g * x / _norm(x) if np.any(x) else 0 * x,),
    wrong=lambda g, x: (g * x / _norm(x),),
    ordinary=normal((4,)),
    trigger=given([0.0, 0.0, 0.0]),
    kink=True,
)  # fmt: skip


def _deviation(x: Array) -> Array:
    d = x - np.sum(x) / len(x)
    return np.sqrt(np.sum(d * d) / len(x)) + 1e-3


def _deviation_wrong(g: Array, x: Array) -> tuple[Array]:
    return (g * (x - np.mean(x)) / (len(x) * (_deviation(x) - 1e-3)),)


declare(
    "keras-2960-std", "the root of a zero variance is differentiated", "standard deviation of a constant", "special-point",
    "keras-team/keras issue #2960",
    f=_deviation,
    right=lambda g, x: _deviation_wrong(g, x) if np.ptp(x) else (0 * x,),
    wrong=_deviation_wrong,
    ordinary=normal((4,)),
    trigger=given([0.0, 0.0, 0.0]),
    kink=True,
)  # fmt: skip


def _normalize(g: Array, x: Array, sign: Array) -> tuple[Array]:
    n = np.sum(np.abs(x))
    return (g / n - sign * np.sum(g * x) / n**2,)


declare(
    "pytorch-3264-normalize", "the sign of a zero entry is computed as 0/0", "normalize(p=1)", "special-point",
    "pytorch/pytorch issue #3264",
    f=lambda x: x / np.sum(np.abs(x)),
    right=lambda g, x: _normalize(g, x, np.sign(x)),
    wrong=lambda g, x: _normalize(g, x, x / np.abs(x)),
    ordinary=normal((4,)),
    trigger=given([1.0, 0.0, -2.0]),
    kink=True,
)  # fmt: skip


def _logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softplus_parts(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return (x > 0) - np.sign(x) * e / (1 + e)


declare(
    "jax-2107-softplus", "the kinks of max and abs inside a smooth function count as slope 0", "softplus", "special-point",
    "jax-ml/jax issue #2107",
    f=_softplus,
    right=lambda g, x: (g * _logistic(x),),
    wrong=lambda g, x: (g * _softplus_parts(x),),
    ordinary=normal((3,)),
    trigger=given([1.0, 0.0, -1.0]),
)  # fmt: skip

declare(
    "jax-2140-log-sigmoid", "the slope at 0 is 0 instead of 1/2", "log_sigmoid", "special-point", "jax-ml/jax issue #2140",
    f=lambda x: -_softplus(-x),
    right=lambda g, x: (g * _logistic(-x),),
    wrong=lambda g, x: (g * _softplus_parts(-x),),
    ordinary=normal((3,)),
    trigger=given([0.0, 2.0]),
    twin="jax-2107-softplus",
)  # fmt: skip


def _cell(image: Array, p: Array) -> tuple[Array, Array]:
    inside = np.minimum(np.maximum(p, 0), len(image) - 1)
    left = np.minimum(inside.astype(float).astype(int), len(image) - 2)
    return left, inside - left


def _sample(image: Array, p: Array) -> Array:
    left, part = _cell(image, p)
    return image[left] * (1 - part) + image[left + 1] * part


def _sample_right(g: Array, image: Array, p: Array) -> tuple[Array, Array]:
    left, part = _cell(image, p)
    pixels = np.zeros_like(image)
    np.add.at(pixels, left, g * (1 - part))
    np.add.at(pixels, left + 1, g * part)
    inside = (p > 0) & (p <= len(image) - 1)
    return pixels, g * inside * (image[left + 1] - image[left])


def _sample_wrong(g: Array, image: Array, p: Array) -> tuple[Array, Array]:
    pixels, slope = _sample_right(g, image, p)
    return pixels, np.where(p == len(image) - 1, -g * image[-1], slope)


declare(
    "pytorch-23925-grid-sample", "on the last pixel the neighbour outside counts as 0", "grid_sample, border mode",
    "special-point", "pytorch/pytorch issue #23925, PR #32829",
    f=_sample, right=_sample_right, wrong=_sample_wrong,
    ordinary=given([1.0, 4.0, 2.0, 8.0], [0.3, 1.7, 2.4]),
    trigger=given([1.0, 4.0, 2.0, 8.0], [0.3, 3.0]),
    kink=True,
)  # fmt: skip

declare(
    "pytorch-68425-where", "0 from the branch not taken is multiplied by its infinite slope", "where", "mask",
    "pytorch/pytorch issue #68425, #23395",
    f=lambda x: np.where(x < 1000, x, np.exp(-x)),
    right=lambda g, x: (np.where(x < 1000, g, -g * np.exp(-x)),),
    wrong=lambda g, x: (np.where(x < 1000, g, 0) - np.where(x < 1000, 0, g) * np.exp(-x),),
    ordinary=normal((3,)),
    trigger=given([1.0, -800.0]),
)  # fmt: skip

declare(
    "theano-1996-sqrt-slice", "a zero cotangent is multiplied by the infinite slope of another entry", "sqrt, then an entry",
    "mask", "Theano/Theano issue #1996",
    f=lambda x: np.sqrt(x)[0],
    right=lambda g, x: (np.concatenate([g / (2 * np.sqrt(x[:1])), 0 * x[1:]]),),
    wrong=lambda g, x: (np.where(np.arange(len(x)) == 0, g, 0.0) / (2 * np.sqrt(x)),),
    ordinary=positive((3,)),
    trigger=given([0.16, 0.0, 1.0]),
)  # fmt: skip

declare(
    "forwarddiff-331-x0", "the derivative of x**0 is 0 times x**-1", "third derivative of x**3", "special-point",
    "JuliaDiff/ForwardDiff.jl PR #331",
    f=lambda x: 6 * x**0,
    right=lambda g, x: (0 * x,),
    wrong=lambda g, x: (g * 6 * 0 * x ** (-1.0),),
    ordinary=normal((3,)),
    trigger=given([1.0, 0.0]),
)  # fmt: skip


def _solve(a: Array, b: Array) -> Array:
    det = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return np.stack([a[1, 1] * b[0] - a[0, 1] * b[1], a[0, 0] * b[1] - a[1, 0] * b[0]]) / det


def _solve_right(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    adjoint = _solve(a.T, g)
    return -np.outer(adjoint, _solve(a, b)), adjoint


def _solve_structural(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    da, db = _solve_right(g, a, b)
    return (da * np.eye(2) if a[0, 1] == a[1, 0] == 0 else da), db


declare(
    "forwarddiff-480-structure", "a matrix that happens to be diagonal is taken to be one", "backslash", "value-branch",
    "JuliaDiff/ForwardDiff.jl issue #480, PR #481",
    f=_solve, right=_solve_right, wrong=_solve_structural,
    ordinary=normal((2, 2), (2,)),
    trigger=given([[1.0, 0.0], [0.0, 2.0]], [1.0, 3.0]),
)  # fmt: skip

declare(
    "mooncake-1310-xlogy", "at x = 0 the constant branch is differentiated", "xlogy", "value-branch",
    "chalk-lab/Mooncake.jl issue #1310, #1241, PR #1325",
    f=lambda x, y: np.where(x == 0, 0 * x, x * np.log(y)),
    right=lambda g, x, y: (g * np.log(y), g * x / y),
    wrong=lambda g, x, y: (np.where(x == 0, 0.0, g * np.log(y)), g * x / y),
    ordinary=positive((3,), (3,)),
    trigger=given([1.0, 0.0], [2.0, 3.0]),
)  # fmt: skip


def _weighted(a: Array, b: Array) -> Array:
    top = a.max()
    return np.log(np.sum(b * np.exp(a - top))) + top


def _weighted_right(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    e = np.exp(a - _weighted(a, b))
    return g * b * e, g * e


declare(
    "jax-22398-logsumexp-b", "a weight of 0 gets no gradient", "logsumexp(b=)", "value-branch",
    "jax-ml/jax issue #22398, PR #22836",
    f=_weighted, right=_weighted_right,
    wrong=lambda g, a, b: (_weighted_right(g, a, b)[0], np.where(b == 0, 0.0, _weighted_right(g, a, b)[1])),
    ordinary=positive((3,), (3,)),
    trigger=given([0.5, 0.5], [1.0, 0.0]),
)  # fmt: skip


def _simpson(lower: Array, upper: Array) -> Array:
    middle = (lower + upper) / 2
    return (upper - lower) * (lower**2 + 4 * middle**2 + upper**2) / 6


declare(
    "clad-474-loop-bound", "parameters that only bound the loop get no gradient", "integral of x**2", "value-branch",
    "vgvassilev/clad issue #474",
    f=_simpson,
    right=lambda g, lower, upper: (-g * lower**2, g * upper**2),
    wrong=lambda g, lower, upper: (0 * lower, 0 * upper),
    ordinary=normal((), ()),
    trigger=distinct((2,), (2,)),
    mistake="zero",
)  # fmt: skip
