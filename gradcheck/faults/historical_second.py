"""Historical faults of second derivatives: f is a first derivative, and its own derivative is wrong."""

from __future__ import annotations

import numpy as np

from gradcheck.faults.fault import Array, declare
from gradcheck.faults.inputs import given, normal


def _elu_pull(v: Array, g: Array) -> Array:
    return v * np.where(g < 0, np.exp(np.minimum(g, 0 * g)), 1.0)


declare(
    "tf-11091-elu-second", "the incoming gradient is missing from the second derivative", "gradient of elu", "higher-order",
    "tensorflow/tensorflow issue #11091",
    f=lambda x, v: _elu_pull(v, x),
    right=lambda g, x, v: (np.where(x < 0, g * v * np.exp(x), 0.0), _elu_pull(g, x)),
    wrong=lambda g, x, v: (np.where(x < 0, g * np.exp(x), 0.0), _elu_pull(g, x)),
    ordinary=given([-1.0, 0.5, -0.3], [1.0, 1.0, 1.0]), trigger=given([-1.0, 0.5], [2.0, 3.0]),
)  # fmt: skip


def _logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


declare(
    "xgboost-119-lambdarank-hess", "the pair's weight is replaced by 2", "gradient of a weighted pair loss", "higher-order",
    "dmlc/xgboost issue #119",
    f=lambda s: -np.array([2.0, 0.5, 3.0]) * _logistic(-s),
    right=lambda g, s: (g * np.array([2.0, 0.5, 3.0]) * _logistic(s) * _logistic(-s),),
    wrong=lambda g, s: (g * 2 * _logistic(s) * _logistic(-s),),
    ordinary=normal((3,)), trigger=normal((3,)),
)  # fmt: skip

_DESIGN = np.array([[1.0, 0.5], [-0.3, 2.0], [0.7, -1.1]])


def _curvature(g: Array, beta: Array) -> Array:
    p = _logistic(_DESIGN @ beta)
    return _DESIGN.T @ (p * (1 - p) * (_DESIGN @ g))


declare(
    "statsmodels-7826-sign", "the factor of the Hessian has the opposite sign", "score of a logistic regression", "formula",
    "statsmodels/statsmodels issue #7826, #4714",
    f=lambda beta: _DESIGN.T @ (np.array([1.0, 0.0, 1.0]) - _logistic(_DESIGN @ beta)),
    right=lambda g, beta: (-_curvature(g, beta),),
    wrong=lambda g, beta: (_curvature(g, beta),),
    ordinary=normal((2,)), trigger=normal((2,)), mistake="sign",
)  # fmt: skip

declare(
    "lightgbm-5567-huber-hess", "the second derivative is 1 beyond alpha", "gradient of the Huber loss", "higher-order",
    "lightgbm-org/LightGBM issue #5567",
    f=lambda r: np.minimum(np.maximum(r, -1), 1),
    right=lambda g, r: (np.where(np.abs(r) < 1, g, 0.0),),
    wrong=lambda g, r: (g,),
    ordinary=given([0.3, -0.8, 0.1]), trigger=given([0.3, -2.5, 1.5]),
)  # fmt: skip

declare(
    "forwarddiff-443-confusion", "the inner derivative sees the outer perturbation", "x d(x + y)/dy", "higher-order",
    "JuliaDiff/ForwardDiff.jl issue #443, #238",
    f=lambda x: x * 1.0,
    right=lambda g, x: (g,),
    wrong=lambda g, x: (2 * g,),
    ordinary=normal(()), trigger=normal((3,)), mistake="factor",
)  # fmt: skip
