"""Programs of historical faults: what a faulty operation computed, said with the operations of a graph.

Most functions of `gradcheck.faults` are traced as they stand. Those here assign to entries or look at numbers, or are made of
parts where engines have one operation, in which the fault sat. Integers and truth values are numbers already; everything else
is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from gradcheck.faults.fault import Maker
from gradcheck.faults.inputs import given
from gradcheck.ops.op import registry as ops

Program: TypeAlias = Callable[..., Any]


def _rows(parts: list[Any]) -> Any:
    return ops["stack"](*parts, axis=0)


def _pooled(x: Any, *, kernel: Any, stride: int = 1) -> Any:
    """Return the largest entry of each window of one image, as a flat list."""
    return ops["max_pool"](x.reshape(1, 1, *x.shape), kernel=kernel, stride=stride).reshape(-1)


def _slots(x: Any, s: Any, i: Any, op: str, *, own: bool = True) -> Any:
    """Return x with op over each slot and the entries of s that go there; without its own entry where any goes and not `own`."""
    out = []
    for k in range(x.shape[0]):
        given = [s[j] for j in np.flatnonzero(i == k)]
        parts = [x[k], *given] if own or not given else given
        out.append(ops[op](_rows(parts), axes=(0,)) if len(parts) > 1 else parts[0])
    return _rows(out)


def _embedded(w: Any, i: Any, pad: Any) -> Any:
    """Return rows of w, zeros where the index is that of the padding."""
    mask = np.broadcast_to((i == pad)[:, None], (len(i), w.shape[1]))
    return ops["where"](mask, np.zeros(mask.shape), w[i])


def _others(x: Any) -> Any:
    """Return for every entry the product of the others."""
    n = x.shape[0]
    return _rows([np.prod(ops["gather"](x, np.delete(np.arange(n), k), axis=0)) for k in range(n)])


def _standard_deviation(x: Any) -> Any:
    return ops["norm"](x - np.sum(x) / len(x)) / np.sqrt(float(len(x))) + 1e-3


def _sampled(image: Any, p: Any, left: list[int]) -> Any:
    """Return linear interpolation at p, clamped to the image; `left` is the pixel on its left."""
    part = ops["clip"](p, low=0.0, high=image.shape[0] - 1.0) - np.array(left, float)
    return image[np.array(left)] * (1 - part) + image[np.array(left) + 1] * part


def _log_add(a: Any, b: Any) -> Any:
    """Return log(exp(a) + exp(b)) of arrays that are broadcast, by the operation for it."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    pair = [ops["broadcast_to"](v, shape=shape) if v.shape != shape else v for v in (a, b)]
    return ops["logsumexp"](ops["stack"](*pair, axis=0), axes=(0,))


def _assigned(x: Any, v: Any) -> Any:
    """Return x with its rows from the second on replaced by v."""
    rest = (x.shape[0] - 1, *x.shape[1:])
    return ops["concatenate"](x[:1], ops["broadcast_to"](v, shape=rest), axis=0)


def _applied(x: Any, i: Any) -> Any:
    return _rows([np.sin(x[k]) if k == int(i) else x[k] for k in range(x.shape[0])])


def _cross_entropy(z: Any, t: Any) -> Any:
    return ops["cross_entropy_logits"](z, t, reduction="none")


def _normalised(x: Any) -> Any:
    return ops["layer_norm"](x, np.ones(x.shape[-1]), np.zeros(x.shape[-1]))


def _complete_normalised(x: Any, gamma: Any, beta: Any) -> Any:
    return x + ops["batch_norm"](x, gamma, beta)


def _attention(q: Any, k: Any, v: Any) -> Any:
    """Return the transpose of the attended values: the gradient of what comes before it is then in the order of the transpose."""
    return (ops["softmax"](q @ k.T) @ v).T


def _upper_solved(a: Any, b: Any) -> Any:
    """Return the solution of the upper triangular 2 x 2 system, which does not read the entry below."""
    second = b[1] / a[1, 1]
    return _rows([(b[0] - a[0, 1] * second) / a[0, 0], second])


def _elu_gradient(x: Any, v: Any, negative: list[bool]) -> Any:
    return ops["where"](np.array(negative), v * np.exp(x), v)


def _remainder(quotient: Any) -> Program:
    """Return x - y trunc(x / y) for a quotient that is known."""
    return lambda x, y: x - y * np.array(quotient, float)


#: fault -> program; of other faults the function itself is traced
PROGRAMS: Mapping[str, Program] = {
    # repeated indices, ties
    "nnlib-205-maxpool": lambda x, stride: _pooled(x, kernel=2, stride=int(stride)),
    "cs231n-19-maxpool": lambda x: _pooled(x, kernel=3),
    "ocannl-512-overlap": lambda x: _pooled(x, kernel=2),
    "pytorch-76523-scatter-amax": lambda x, s, i: _slots(x, s, i, "max"),
    "pytorch-168358-index-reduce": lambda x, s, i: _slots(x, s, i, "max", own=False),
    "jax-40626-scatter-max": lambda x, s, i: _slots(x, s, np.minimum(i, x.shape[0] - 1), "max"),
    "pytorch-28716-embedding-pad": _embedded,
    "pytorch-3842-embedding-sparse": lambda w, i, pad, sparse: _embedded(w, i, pad),
    "pytorch-188843-scatter-src": lambda x, s, i: _slots(x, s, i, "prod"),
    # products
    "tf-3862-cumprod": lambda x: _rows([np.prod(x[: k + 1]) for k in range(x.shape[0])]),
    "pytorch-76523-scatter-prod": lambda x, s, i: _slots(x, s, i, "prod"),
    "pytorch-77382-index-reduce-prod": lambda x, s, i: _slots(x, s, i, "prod"),
    "pytorch-196702-scatter-prod-jvp": lambda x, s, i: _slots(x, s, i, "prod"),
    "pytorch-106789-prod-2zeros": _others,
    "tf-61117-prod-hessian": _others,
    "tf-21130-prod-hessian-nan": lambda x: 2 * x * _others(x * x),
    # special points
    "pytorch-2421-norm": lambda x: ops["norm"](x),
    "keras-2960-std": _standard_deviation,
    "jax-2107-softplus": lambda x: ops["softplus"](x),
    "jax-2140-log-sigmoid": lambda x: ops["log_sigmoid"](x),
    "pytorch-23925-grid-sample": lambda image, p: _sampled(image, p, [0, 2]),
    "mooncake-1310-xlogy": lambda x, y: x * np.log(y),
    "jax-22398-logsumexp-b": lambda a, b: np.log(np.sum(b * np.exp(a))),
    # tails
    "stan-1679-log-sum-exp": _log_add,
    "tf-124832-silu2": lambda x: ops["logistic"](x) + x * ops["logistic"](x) * ops["logistic"](-x),
    "thunder-2624-silu": lambda x: ops["swish"](x),
    # shapes
    "oneflow-8769-fmod-broadcast": _remainder([[2], [3]]),
    "jax-6452-logaddexp": _log_add,
    "thunder-1979-setitem": _assigned,
    "flaggems-5392-layernorm-3d": _normalised,
    "autograd-42-norm-axis": lambda x: ops["norm"](x, axes=(1,)),
    "paddle-57863-triangular-solve": lambda a, b: b / a.reshape(1),
    # memory; the incoming gradient has stride 0
    "te-623-stride0": lambda z, t: np.sum(_cross_entropy(z, t)),
    "pytorch-180201-mps-sum": lambda x, w: np.sum(x @ w),
    "pytorch-26076-cdist-stride": lambda x, y: np.sum(ops["norm"](ops["expand"](x, axis=1) - y, axes=(2,))),
    "flashattn-355-dout": _attention,
    "oneflow-8194-stack": lambda a, b, axis: ops["stack"](a, b, axis=int(axis)),
    # reuse, cotangents
    "mxnet-18499-batchnorm-add": _complete_normalised,
    "chainer-1175-huber": lambda x, t: np.sum(ops["huber"](x, t, reduction="none"), axis=1),
    "liger-1298-grad-output0": lambda x, w, b, t: _cross_entropy(x @ w + b, t),
    # formulas
    "keops-155-atan2": lambda y, x: np.arctan(y / x),
    "jax-11466-rem": _remainder([-6, 3]),
    "slang-10071-fmod": _remainder([3, -3]),
    "paddle-28622-ignore-index": lambda z, t: ops["cross_entropy_logits"](z, t, ignore_index=-1, reduction="none"),
    "slang-3749-clamp": lambda x: ops["clip"](x, low=-1.0, high=1.0),
    "jax-16684-scatter-apply": _applied,
    "autograd-8-dot-method": lambda w, x: w.T @ x,
    "tf-11091-elu-second": lambda x, v: _elu_gradient(x, v, [True, False]),
    "jaxjs-84-triangular-solve": _upper_solved,
}

#: fault -> inputs in place of the fault's own, where the program depends on them
INPUTS: Mapping[str, Maker] = {"oneflow-8769-fmod-broadcast": given([5.5], [[2.0], [1.5]])}

#: Faults whose formula is one that engines may use where its digits are not missed; their vectors allow the accurate ones alone.
ACCURATE = ("stan-1679-log-sum-exp",)

#: Faults that show where memory is in the order of the transpose: of the cotangent, or of an input, whose transpose is the parameter.
TURNED_COTANGENT = ("flashattn-355-dout",)
TURNED_INPUT: Mapping[str, str] = {"fusedssim-1": "x"}

#: Faults of engines that keep something between two gradients: there is a vector for the first one as well.
STATEFUL = ("autobw-7-cache",)

#: fault -> why no vector has it
WITHOUT: Mapping[str, str] = {
    "pytorch-68425-where": "the value of the branch that is not taken overflows: in a graph of these operations every engine meets 0 times infinity",
    "theano-1996-sqrt-slice": "the slope of the square root at 0 is infinite: in a graph 0 times it has no value that could be proved",
    "stan-1357-normal-cdf-log": "there is no operation for the logarithm of the normal distribution function, and its parts underflow",
    "jax-40344-softmax-tail": "y (g - <g, y>) is the usual formula, and what it loses is rounding of the larger entry's own size",
    "jax-40387-softplus2": "s (1 - s) is the usual formula of the logistic function, and legitimate",
    **dict.fromkeys(("pytorch-27134-pow-exp", "mlx-628-pow", "forwarddiff-414-pow", "theano-1780-pow"),
                    "the operation power has positive bases; at 0 its derivative in the exponent is a limit that is not proved"),
    "jax-40629-sinc": "there is no operation sinc, and sin(x) / x loses all digits of its derivative near 0 by any rule",
}
