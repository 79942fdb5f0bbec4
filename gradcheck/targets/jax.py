"""JAX, with and without jit. Asking for node adjoints makes another program of it: the plain one's
gradients are handed back as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from gradcheck.arith.floating import FORMATS
from gradcheck.errors import CannotExpress
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.geometry import pairs, sizes
from gradcheck.targets.interpreter import require, scalar_output, straight
from gradcheck.targets.known import EXPM1, Known
from gradcheck.targets.numpy_ops import table
from gradcheck.targets.perturbed import edge_of, program, sites
from gradcheck.targets.target import Run, dtype_of, leaf_arrays

_BY_NUMPY = table(jnp)


def _conv(n: int) -> Callable[..., Any]:
    def f(x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        return lax.conv_general_dilated(
            x, w, sizes("conv", "stride", stride, n), pairs("conv", padding, n),
            rhs_dilation=sizes("conv", "dilation", dilation, n), feature_group_count=groups,
        )  # fmt: skip

    return f


def _conv_transpose(x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int, output_padding: Any) -> Any:
    """The adjoint of a convolution: the flipped kernel over the input with holes of stride - 1."""
    dilation, more = sizes("conv", "dilation", dilation, 2), sizes("conv", "output_padding", output_padding, 2, 0)
    ends = pairs("conv", padding, 2)
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    pads = [(r - a, r - b + e) for r, (a, b), e in zip(reach, ends, more, strict=True)]
    kernel = jnp.flip(w, (2, 3)).reshape(groups, w.shape[0] // groups, *w.shape[1:])
    kernel = jnp.swapaxes(kernel, 1, 2).reshape(groups * w.shape[1], w.shape[0] // groups, *w.shape[2:])
    return lax.conv_general_dilated(
        x, kernel, (1, 1), pads, lhs_dilation=sizes("conv", "stride", stride, 2), rhs_dilation=dilation,
        feature_group_count=groups,
    )  # fmt: skip


def _max_pool(x: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    n = x.ndim - 2
    if set(sizes("pool", "dilation", dilation, n)) != {1}:  # JAX has no derivative of a dilated reduce_window
        return _BY_NUMPY["max_pool"](x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    of = [(1, 1, *sizes("pool", k, v, n)) for k, v in (("kernel", kernel), ("stride", stride), ("dilation", dilation))]
    ends = ((0, 0), (0, 0), *pairs("pool", padding, n))
    return lax.reduce_window(x, np.array(-math.inf, x.dtype), lax.max, of[0], of[1], ends, window_dilation=of[2])


def _scatter_add(x: Any, i: Any, u: Any, *, axis: int) -> Any:
    grid = list(np.indices(i.shape))
    grid[axis] = i
    return x.at[tuple(grid)].add(u)


TABLE: dict[str, Callable[..., Any]] = _BY_NUMPY | {
    "erf": jax.scipy.special.erf, "logistic": jax.nn.sigmoid, "softplus": jax.nn.softplus,
    "log_sigmoid": jax.nn.log_sigmoid, "relu": jax.nn.relu,
    "leaky_relu": lambda x, alpha: jax.nn.leaky_relu(x, alpha), "elu": lambda x, alpha: jax.nn.elu(x, alpha),
    "gelu": lambda x: jax.nn.gelu(x, approximate=False), "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "swish": jax.nn.silu, "mish": jax.nn.mish, "hard_tanh": jax.nn.hard_tanh, "hard_swish": jax.nn.hard_swish,
    "softmax": lambda x, axis: jax.nn.softmax(x, axis), "log_softmax": lambda x, axis: jax.nn.log_softmax(x, axis),
    "logsumexp": lambda x, axes, keepdims: jax.nn.logsumexp(x, axis=axes, keepdims=keepdims),
    "conv1d": _conv(1), "conv2d": _conv(2), "conv_transpose2d": _conv_transpose, "max_pool": _max_pool,
    "scatter_add": _scatter_add,
}  # fmt: skip


#: Compiled programs are dropped after so many runs: JAX would keep some 20 MB of each.
CLEAR_AFTER = 256


def _dot(a: Any, b: Any) -> Any:
    return sum(jnp.sum(a[k] * b[k]) for k in a)


def _slope(f: Any, p: Any, v: Any) -> Any:
    return jax.jvp(f, (p,), (v,))[1]


def _by_entries(f: Any, p: Any, v: Any) -> Any:
    """Forward mode over forward mode: the slope along each entry of the slope along v."""
    flat, back = ravel_pytree(p)
    if flat.size > MOST_FORWARD:
        raise CannotExpress(f"{flat.size:,} entries, one pass each; at most {MOST_FORWARD:,}")
    return back(jax.vmap(lambda e: _slope(lambda q: _slope(f, q, v), p, back(e)))(jnp.eye(flat.size, dtype=flat.dtype)))


#: Entries up to which forward mode over forward mode is run.
MOST_FORWARD = 500

#: How the Hessian of f at p is multiplied by v.
_PRODUCTS: Mapping[str, Callable[..., Any]] = {
    "reverse over reverse": lambda f, p, v: jax.grad(lambda q: _dot(jax.grad(f)(q), v))(p),
    "forward over reverse": lambda f, p, v: _slope(jax.grad(f), p, v),
    "reverse over forward": lambda f, p, v: jax.grad(lambda q: _slope(f, q, v))(p),
    "forward over forward": _by_entries,
}


class Jax:
    """JAX's reverse mode on its default device.

    Args:
        jit: whether each program is compiled as a whole.
    """

    dtypes = ("float64", "float32", "bfloat16")
    unjudged = ("float16",)
    flushes = True  # XLA flushes subnormal numbers on CPUs
    accumulates: ClassVar[Mapping[str, str]] = {"bfloat16": "bfloat16"}
    known = (
        Known("*", "the gradient of a norm at zero is NaN", "docs/findings.md#norm-at-zero", op="norm"),
        *(Known("*", EXPM1, "docs/findings.md#derivative-of-expm1", op=op) for op in ("expm1", "elu", "selu")),
    )

    def __init__(self, jit: bool = False) -> None:
        self.name = "jax-jit" if jit else "jax"
        self.version = jax.__version__
        self.jit = jit
        self.most_random = 40 if jit else None  # compiling takes seconds a graph
        self._runs = 0
        self.slack = 4.0 if jit else 1.0  # a compiler fuses nodes and reorders inside them

    def run(self, graph: Graph, values: Values) -> Run:
        """Run the instrumented program and the plain one, in 64 bits only as long as needed."""
        require(graph, TABLE, self.name)
        self._runs += 1
        if self._runs % CLEAR_AFTER == 0:
            jax.clear_caches()
        loss = scalar_output(graph)
        arrays = leaf_arrays(graph, values)
        dtype = FORMATS[dtype_of(values)]
        with jax.enable_x64(dtype_of(values) == "float64"):
            parameters = {k: jnp.asarray(arrays[k]) for k in graph.differentiable}
            fixed = {k: jnp.asarray(x) if graph.leaf[k].type == "float" else x for k, x in arrays.items() if k not in parameters}
            zeros = {k: jnp.zeros(graph.shapes[name], dtype) for k, name in sites(graph).items()}
            f = program(graph, TABLE, loss, fixed)
            both = jax.value_and_grad(f, argnums=(0, 1), has_aux=True)
            plain = jax.value_and_grad(lambda p: f(p, {})[0])
            if self.jit:
                both, plain = jax.jit(both), jax.jit(plain)
            (value, nodes), (gradients, adjoints) = both(parameters, zeros)
            _, bare = plain(parameters)
        edges = {e: np.asarray(x) for k, x in adjoints.items() if (e := edge_of(k)) is not None}
        return Run(
            np.asarray(value),
            {k: np.asarray(x) for k, x in gradients.items()},
            {k: np.asarray(x) for k, x in nodes.items()},
            {k: np.asarray(x) for k, x in adjoints.items() if edge_of(k) is None},
            edges,
            {k: np.asarray(x) for k, x in bare.items()},
        )

    second_modes = ("reverse over reverse", "forward over reverse", "reverse over forward", "forward over forward")

    def hvp(self, graph: Graph, values: Values, direction: Values, mode: str) -> dict[str, Any]:
        """Return the Hessian times a direction, by one of four pairs of modes."""
        require(graph, TABLE, self.name)
        f, arrays = straight(graph, TABLE, scalar_output(graph)), leaf_arrays(graph, values)
        with jax.enable_x64(dtype_of(values) == "float64"):
            parameters = {k: jnp.asarray(arrays[k]) for k in graph.differentiable}
            fixed = {k: jnp.asarray(x) if graph.leaf[k].type == "float" else x for k, x in arrays.items() if k not in parameters}
            v = {k: jnp.asarray(direction[k]) for k in parameters}
            product: Callable[..., Any] = _PRODUCTS[mode]
            if self.jit:
                product = jax.jit(product, static_argnums=0)
            return {k: np.asarray(x) for k, x in product(lambda p: f(fixed | p), parameters, v).items()}

    def gradient(self, graph: Graph, values: Values) -> Callable[[], Any]:
        """Return the plain program, compiled here and now if it is to be; each call waits for its result."""
        require(graph, TABLE, self.name)
        f, arrays = straight(graph, TABLE, scalar_output(graph)), leaf_arrays(graph, values)
        wide = dtype_of(values) == "float64"
        with jax.enable_x64(wide):
            parameters = {k: jnp.asarray(arrays[k]) for k in graph.differentiable}
            fixed = {k: jnp.asarray(x) if graph.leaf[k].type == "float" else x for k, x in arrays.items() if k not in parameters}
            step: Callable[..., Any] = jax.value_and_grad(lambda p: f(fixed | p))
            if self.jit:
                step = jax.jit(step).lower(parameters).compile()

        def run() -> Any:
            with jax.enable_x64(wide):
                return jax.block_until_ready(step(parameters))

        return run
