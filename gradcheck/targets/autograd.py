"""HIPS autograd. Adding zeros at the nodes leaves every number alone, but it is another program:
the plain one's gradients are handed back as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad, value_and_grad
from autograd.scipy import special

from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.targets.interpreter import require, scalar_output, straight
from gradcheck.targets.known import EXPM1, Known
from gradcheck.targets.numpy_ops import table
from gradcheck.targets.perturbed import edge_of, program, sites
from gradcheck.targets.target import Run, dtype_of, leaf_arrays

_ROOT2 = np.sqrt(2.0)


def _gelu(x: Any) -> Any:
    return x * (1 + special.erf(x / _ROOT2)) / 2


def _gelu_tanh(x: Any) -> Any:
    return x * (1 + anp.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


TABLE: dict[str, Callable[..., Any]] = table(anp) | {
    "erf": special.erf, "logistic": special.expit, "softplus": lambda x: anp.logaddexp(x, 0.0),
    "log_sigmoid": lambda x: -anp.logaddexp(-x, 0.0), "gelu": _gelu, "gelu_tanh": _gelu_tanh,
    "swish": lambda x: x * special.expit(x), "mish": lambda x: x * anp.tanh(anp.logaddexp(x, 0.0)),
    "logsumexp": lambda x, axes, keepdims: special.logsumexp(x, axis=axes, keepdims=keepdims),
}  # fmt: skip


class Autograd:
    """autograd's reverse mode over NumPy."""

    name = "autograd"
    dtypes = ("float64", "float32")
    slack = 2.0  # cotangents start as float64 scalars: in float32 an operand may be rounded once more
    known = (
        Known("*", "the gradient of a norm at zero is NaN", "docs/findings.md#norm-at-zero", op="norm"),
        Known("*", "the gradient of a product with a zero is NaN", "docs/findings.md#autograd-product-with-zeros", op="prod"),
        Known("prod-with-zeros", "the gradient of a product with a zero is NaN", "docs/findings.md#autograd-product-with-zeros",
              where="Hessian times vector"),
        Known("unnormalised-inputs", "the second derivative of tanh is NaN beyond 711", "docs/findings.md#autograd-second-derivative-of-tanh",
              where="Hessian times vector"),
        *(Known("*", EXPM1, "docs/findings.md#derivative-of-expm1", op=op) for op in ("expm1", "elu", "selu")),
    )  # fmt: skip

    def __init__(self) -> None:
        self.version = version("autograd")

    def run(self, graph: Graph, values: Values) -> Run:
        """Run the instrumented program and the plain one."""
        require(graph, TABLE, self.name)
        loss = scalar_output(graph)
        arrays = leaf_arrays(graph, values)
        parameters = {k: arrays[k] for k in graph.differentiable}
        fixed = {k: x for k, x in arrays.items() if k not in parameters}
        zeros = {k: np.zeros(graph.shapes[name], dtype_of(values)) for k, name in sites(graph).items()}
        nodes: dict[str, Any] = {}
        f = program(graph, TABLE, loss, fixed)

        def noted(both: tuple[Any, Any]) -> Any:
            value, y = f(*both)
            nodes.update({k: np.asarray(getattr(x, "_value", x)) for k, x in y.items()})
            return value

        value, (gradients, adjoints) = value_and_grad(noted)((parameters, zeros))
        _, bare = value_and_grad(lambda p: f(p, {})[0])(parameters)
        return Run(
            value,
            gradients,
            nodes,
            {k: x for k, x in adjoints.items() if edge_of(k) is None},
            {e: x for k, x in adjoints.items() if (e := edge_of(k)) is not None},
            bare,
        )

    second_modes = ("reverse over reverse",)

    def hvp(self, graph: Graph, values: Values, direction: Values, mode: str) -> dict[str, Any]:
        """Return the Hessian times a direction: the gradient of the gradient's product with it."""
        require(graph, TABLE, self.name)
        f, arrays = straight(graph, TABLE, scalar_output(graph)), leaf_arrays(graph, values)
        parameters = {k: arrays[k] for k in graph.differentiable}
        v = {k: np.asarray(direction[k]) for k in parameters}
        gradient = grad(lambda p: f(arrays | {k: p[k] for k in parameters}))

        def product(p: Any) -> Any:
            g = gradient(p)
            return sum(anp.sum(g[k] * v[k]) for k in parameters)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where the gradient does not depend on a parameter
            found: dict[str, Any] = grad(product)(parameters)
        return found

    def gradient(self, graph: Graph, values: Values) -> Callable[[], Any]:
        """Return the plain program with its reverse mode."""
        require(graph, TABLE, self.name)
        f, arrays = straight(graph, TABLE, scalar_output(graph)), leaf_arrays(graph, values)
        parameters = {k: arrays[k] for k in graph.differentiable}
        step = value_and_grad(lambda p: f(arrays | {k: p[k] for k in parameters}))
        return lambda: step(parameters)



