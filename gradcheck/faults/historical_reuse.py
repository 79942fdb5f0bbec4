"""Historical faults of values used twice, of state kept between calls, of overwritten values and ignored cotangents."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import given, normal, positive


def _early_push(g: Array, a: Array, b: Array) -> tuple[Array, Array]:
    first, second = 3 * g, 2 * g * a * b
    twice = first + (first + second)
    return twice * b, twice * a


declare(
    "micrograd-2-reuse", "what has been accumulated is passed on once for each use", "an intermediate used twice", "reuse",
    "karpathy/micrograd issue #2",
    f=lambda a, b: 3 * (a * b) + (a * b) ** 2,
    right=lambda g, a, b: (g * (3 + 2 * a * b) * b, g * (3 + 2 * a * b) * a),
    wrong=_early_push,
    ordinary=normal((), ()), trigger=normal((3,), (3,)),
)  # fmt: skip

declare(
    "neon-169-x-xT", "one of the two uses of x is lost", "dot(x, x.T)", "reuse", "NervanaSystems/neon issue #169",
    f=lambda x: x @ x.T,
    right=lambda g, x: ((g + g.T) @ x,),
    wrong=lambda g, x: (g @ x,),
    ordinary=normal((3, 2)), trigger=normal((3, 2)), mistake="term missing",
)  # fmt: skip

declare(
    "ssmproblems-190-overwrite", "a rule assigns to a gradient that already holds another use", "log likelihood plus a sum",
    "reuse", "TuringLang/SSMProblems.jl issue #188, PR #190",
    f=lambda m: (m - m**2 / 6).sum(),
    right=lambda g, m: (g * (1 - m / 3),),
    wrong=lambda g, m: (-g * m / 3,),
    ordinary=normal((3,)), trigger=given([1.0]), mistake="term missing",
)  # fmt: skip


def _hinge(x: Array) -> Array:
    return np.maximum(1 - x, 0)


declare(
    "mxnet-9497-kaddto", "the operator assigns where it is told to add", "svm_output with fan-out", "reuse",
    "apache/mxnet issue #9497, PR #9495",
    f=lambda x: (_hinge(x) ** 2).sum() + np.sin(x).sum(),
    right=lambda g, x: (g * (np.cos(x) - 2 * _hinge(x)),),
    wrong=lambda g, x: (-2 * g * _hinge(x),),
    ordinary=normal((4,)), trigger=normal((4,)), mistake="term missing", twin="ssmproblems-190-overwrite",
)  # fmt: skip


def _standard(x: Array) -> tuple[Array, Array]:
    centred = x - x.sum(axis=0) / len(x)
    rate = 1 / np.sqrt((centred * centred).sum(axis=0) / len(x) + 1e-5)
    return centred * rate, rate


def _batch_norm_pull(g: Array, x: Array, gamma: Array) -> Array:
    y, rate = _standard(x)
    v = g * gamma
    return rate * (v - v.mean(axis=0) - y * (v * y).mean(axis=0))


declare(
    "mxnet-18499-batchnorm-add", "with grad_req=add nothing is added, and beta gets 0", "batch_norm with a bypass", "reuse",
    "apache/mxnet issue #18499",
    f=lambda x, gamma, beta: x + _standard(x)[0] * gamma + beta,
    right=lambda g, x, gamma, beta: (g + _batch_norm_pull(g, x, gamma), (g * _standard(x)[0]).sum(axis=0), g.sum(axis=0)),
    wrong=lambda g, x, gamma, beta: (_batch_norm_pull(g, x, gamma), (g * _standard(x)[0]).sum(axis=0), 0 * beta),
    ordinary=normal((4, 2), (2,), (2,)), trigger=normal((4, 2), (2,), (2,)), mistake="term missing",
    twin="ssmproblems-190-overwrite",
)  # fmt: skip

declare(
    "warp-168-matmul-overwrite", "the adjoint of a product overwrites what its operand had", "matmul, operand used again",
    "reuse", "NVIDIA/warp issue #168",
    f=lambda a, b: a @ b + 2 * a,
    right=lambda g, a, b: (g @ b.T + 2 * g, a.T @ g),
    wrong=lambda g, a, b: (g @ b.T, a.T @ g),
    ordinary=normal((3, 2), (2, 2)), trigger=normal((3, 2), (2, 2)),
    mistake="term missing", twin="ssmproblems-190-overwrite",
)  # fmt: skip

declare(
    "warp-1293-nested-loops", "the body of two nested dynamic loops is swept twice", "nested loops", "reuse",
    "NVIDIA/warp issue #1293",
    f=lambda x, n, m: sum(x * x / 2 for _ in range(int(n)) for _ in range(int(m))),
    right=lambda g, x, n, m: (g * x * (n * m), None, None),
    wrong=lambda g, x, n, m: (g * x * (n * m * (2 if n > 1 and m > 1 else 1)), None, None),
    ordinary=normal((2,), 1, 1), trigger=normal((2,), 3, 2), mistake="factor",
)  # fmt: skip


class _Cached:
    """A backward pass through a b + b that keeps the operands of the first point it saw."""

    def __init__(self) -> None:
        self.first: dict[tuple[int, ...], tuple[Array, Array]] = {}

    def __call__(self, g: Array, a: Array, b: Array) -> tuple[Array, Array]:
        a0, b0 = self.first.setdefault(a.shape, (a.copy(), b.copy()))
        return g * b0, g * (a0 + 1)


declare(
    "autobw-7-cache", "from the second evaluation on, the values of the first are used", "y-shaped graph", "state",
    "bshillingford/autobw.torch PR #7",
    f=lambda a, b: a * b + b,
    right=lambda g, a, b: (g * b, g * (a + 1)),
    wrong=_Cached(),
    ordinary=normal((2,), (2,)), trigger=positive((2,), (2,)), stateful=_Cached,
)  # fmt: skip

declare(
    "paddle-43645-two-calls", "the saved inputs of two calls are exchanged", "a layer called twice", "state",
    "PaddlePaddle/Paddle issue #43645",
    f=lambda w, a, b: w * a + 2 * (w * b),
    right=lambda g, w, a, b: (g * (a + 2 * b), g * w, 2 * g * w),
    wrong=lambda g, w, a, b: (g * (b + 2 * a), g * w, 2 * g * w),
    ordinary=normal((), (), ()), trigger=given(1.5, 1.0, 2.0),
)  # fmt: skip

declare(
    "taichi-2505-overwrite", "the state is read after it was overwritten", "x = cos(theta) x", "in-place",
    "taichi-dev/taichi issue #2505",
    f=lambda theta, x: np.cos(theta) * x,
    right=lambda g, theta, x: (-g * np.sin(theta) * x, g * np.cos(theta)),
    wrong=lambda g, theta, x: (-g * np.sin(theta) * (np.cos(theta) * x), g * np.cos(theta)),
    ordinary=normal((3,), (3,)), trigger=positive((3,), (3,)),
)  # fmt: skip


def _huber(x: Array, t: Array) -> Array:
    d = np.abs(x - t)
    return np.where(d <= 1, d * d / 2, d - 0.5).sum(axis=1)


def _huber_slope(x: Array, t: Array) -> Array:
    return np.clip(x - t, -1, 1)


declare(
    "chainer-1175-huber", "the incoming gradient is ignored", "huber_loss", "cotangent", "chainer/chainer issue #1175, PR #1178",
    f=_huber,
    right=lambda g, x, t: (g[:, None] * _huber_slope(x, t), -g[:, None] * _huber_slope(x, t)),
    wrong=lambda g, x, t: (_huber_slope(x, t), -_huber_slope(x, t)),
    ordinary=normal((3, 2), (3, 2)), trigger=normal((3, 2), (3, 2)), mistake="cotangent ignored",
)  # fmt: skip


def _linear_loss(x: Array, w: Array, b: Array, t: Array) -> Array:
    z = x @ w + b
    top = z.max(axis=1, keepdims=True)
    return (np.log(np.exp(z - top).sum(axis=1, keepdims=True)) + top)[:, 0] - z[np.arange(len(t)), t]


def _linear_loss_pull(g: Array, x: Array, w: Array, b: Array, t: Array, each: Array) -> tuple[Array | None, ...]:
    z = x @ w + b
    p = np.exp(z - z.max(axis=1, keepdims=True))
    d = p / p.sum(axis=1, keepdims=True) - np.eye(len(b))[t]
    return (g[:, None] * d) @ w.T, x.T @ (each[:, None] * d), (each[:, None] * d).sum(axis=0), None


declare(
    "liger-1298-grad-output0", "the first token's upstream gradient is used for all of them", "fused linear cross entropy",
    "cotangent", "linkedin/Liger-Kernel PR #1298, issue #968",
    f=_linear_loss,
    right=lambda g, x, w, b, t: _linear_loss_pull(g, x, w, b, t, g),
    wrong=lambda g, x, w, b, t: _linear_loss_pull(g, x, w, b, t, np.full_like(g, g[0])),
    ordinary=normal((1, 3), (3, 2), (2,), [1]), trigger=normal((4, 3), (3, 2), (2,), [0, 1, 1, 0]),
)  # fmt: skip
