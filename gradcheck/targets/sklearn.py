"""scikit-learn's MLPRegressor and MLPClassifier: their own private ``_backprop`` is what is judged.

It hands back the activations of every layer and the deltas, which are n times the adjoints of the
pre-activations (n examples): so nearly every node is checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.targets.known import Known
from gradcheck.targets.layered import Layered, recognise
from gradcheck.targets.target import Run, leaf_arrays

Array = npt.NDArray[Any]

#: loss operation -> (estimator, sklearn's loss, its output layer)
ESTIMATORS: Mapping[str, tuple[Any, str, str]] = {
    "half_squared_error": (MLPRegressor, "squared_error", "identity"),
    "cross_entropy": (MLPClassifier, "log_loss", "softmax"),
    "binary_cross_entropy": (MLPClassifier, "log_loss", "logistic"),
}


_AVERAGED = "the loss of several outputs is averaged over them, its gradient is that of their sum"
_LINK = "docs/findings.md#scikit-learn-multi-output-loss"


class Sklearn:
    """scikit-learn's multilayer perceptrons: every activation, loss, number of layers and alpha."""

    name = "sklearn"
    version = sklearn.__version__
    dtypes = ("float64", "float32")
    slack = 2.0  # it divides by n once, after the products, where the graph divides before them
    known = (
        Known("*", _AVERAGED, _LINK, where="value of loss", op="div", diagnosis="factor: every entry is 1/"),
        Known("sklearn-regressor-*", _AVERAGED, _LINK, where="value of loss", op="add"),
    )

    def run(self, graph: Graph, values: Values) -> Run:
        """Set up an estimator with the given weights and call its ``_backprop``."""
        net = recognise(graph)
        model, x, t = _prepared(net, leaf_arrays(graph, values))
        activations: list[Any] = [x] + [None] * len(net.weights)
        deltas: list[Any] = [None] * len(net.weights)
        value, slopes, offsets = _backprop(model, x, t, activations, deltas, len(net.weights))
        return Run(
            value,
            dict(zip(net.weights, slopes, strict=True)) | dict(zip(net.biases, offsets, strict=True)),
            {name: a for name, a in zip(net.after, activations[1:], strict=True) if a is not None},
            {name: _divided(d, len(x)) for name, d in zip(net.before, deltas, strict=True) if d is not None},
        )

    def gradient(self, graph: Graph, values: Values) -> Callable[[], Any]:
        """Return a call of ``_backprop`` on an estimator that is set up once."""
        net = recognise(graph)
        model, x, t = _prepared(net, leaf_arrays(graph, values))
        n = len(net.weights)
        return lambda: _backprop(model, x, t, [x] + [None] * n, [None] * n, n)


def _prepared(net: Layered, leaves: Mapping[str, Array]) -> tuple[Any, Array, Array]:
    """Return an estimator with the given weights, and its data."""
    kind, loss, out = ESTIMATORS[net.loss]
    x, t = leaves[net.data].copy(), leaves[net.labels].copy()
    weights = [leaves[k].copy() for k in net.weights]
    hidden = tuple(w.shape[1] for w in weights[:-1])
    model = kind(hidden, activation=net.activation, alpha=net.alpha(leaves))
    model.coefs_, model.intercepts_ = weights, [leaves[k].copy() for k in net.biases]
    model.n_layers_, model.n_outputs_, model.out_activation_ = len(weights) + 1, t.shape[1], out
    model.loss = loss
    return model, x, t


def _backprop(model: Any, x: Array, t: Array, activations: list[Any], deltas: list[Any], layers: int) -> Any:
    """Call the private method; releases before sample weights have one argument less."""
    buffers = (activations, deltas, [None] * layers, [None] * layers)
    if "sample_weight" in inspect.signature(model._backprop).parameters:
        return model._backprop(x, t, None, *buffers)
    return model._backprop(x, t, *buffers)


def _divided(delta: Array, n: int) -> Array:
    """Return delta / n in a wider format, so that the division adds no rounding of ours."""
    wide = np.longdouble if delta.dtype == np.float64 else np.float64
    return np.asarray(np.true_divide(delta, n, dtype=wide))
