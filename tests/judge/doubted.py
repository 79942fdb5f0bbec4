"""Small networks, and gradients of them with a mistake at one node: what explanations are asked about."""

from functools import partial

import numpy as np

from gradcheck.explain.reproduction import with_rules
from gradcheck.graph.trace import trace
from gradcheck.ops import registry
from gradcheck.targets.reference import Reference


def mlp(x, w1, b1, w2):
    """Return the loss of two layers with tanh."""
    return np.mean((np.tanh(np.tanh(x @ w1 + b1) @ w2) - 0.25) ** 2)


def two_layers(dtype=np.float64):
    """Return the graph of `mlp` and values."""
    rng = np.random.default_rng(0)
    shapes = {"x": (5, 3), "w1": (3, 4), "b1": (4,), "w2": (4, 2)}
    values = {k: rng.normal(size=s).astype(dtype) for k, s in shapes.items()}
    return trace(mlp, values, inputs=["x"]), values


def wrong(graph, rules):
    """Return a function of values that gives the gradients of a graph with other rules at some nodes."""
    other, ops = with_rules(graph, rules, registry)
    return partial(_gradients, other, Reference(ops=ops))


def _gradients(graph, target, values):
    return target.run(graph, values).gradients
