"""A target of one's own, from scratch: ``gradcheck run my_engine:Engine`` in this folder.

It walks the graph with plain NumPy, forward and back, for the operations it knows, and hands back the values and adjoints of all
nodes, so that it is judged node by node.
"""

import numpy as np

from gradcheck.targets import CannotExpress, Run
from gradcheck.targets.target import leaf_arrays

FORWARD = {
    "dense": lambda x, w, b: x @ w + b,
    "tanh": np.tanh,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "half_squared_error": lambda p, t, reduction: np.sum((p - t) ** 2) / 2,
    "div": np.divide,
}
#: operation -> (cotangent, value, operands) -> cotangents of the operands
BACKWARD = {
    "dense": lambda g, y, x, w, b: (g @ w.T, x.T @ g, g.sum(axis=0)),
    "tanh": lambda g, y, x: (g * (1 - y * y),),
    "logistic": lambda g, y, x: (g * y * (1 - y),),
    "relu": lambda g, y, x: (g * (x > 0),),
    "half_squared_error": lambda g, y, p, t, reduction: (g * (p - t), g * (t - p)),
    "div": lambda g, y, a, b: (g / b, -g * y / b),
}


class Engine:
    """Backpropagation for layered networks."""

    name = "my-engine"

    def run(self, graph, values):
        """Return loss, gradients, and everything in between."""
        unknown = {n.op for n in graph.nodes} - set(FORWARD)
        if unknown or any(n.attributes.get("reduction") == "none" for n in graph.nodes):
            raise CannotExpress(f"my engine has no {', '.join(sorted(unknown)) or 'reduction=none'}")
        if any(len(graph.shapes[n.inputs[0]]) != 2 for n in graph.nodes if n.op == "dense"):
            raise CannotExpress("my dense layers take matrices")
        y = dict(leaf_arrays(graph, values))  # inputs, parameters and constants by name
        for node in graph.nodes:  # in an order in which operands come first
            y[node.name] = np.asarray(FORWARD[node.op](*(y[x] for x in node.inputs), **node.attributes))
        loss = graph.outputs[0]
        adjoint = {loss: np.ones_like(y[loss])}
        for node in reversed(graph.nodes):
            if node.name in adjoint:
                found = BACKWARD[node.op](adjoint[node.name], y[node.name], *(y[x] for x in node.inputs), **node.attributes)
                for x, g in zip(node.inputs, found, strict=True):
                    adjoint[x] = adjoint[x] + g if x in adjoint else g
        nodes = [n.name for n in graph.nodes]
        return Run(
            y[loss],
            {p: adjoint.get(p, np.zeros_like(y[p])) for p in graph.parameters},
            {n: y[n] for n in nodes},
            {n: adjoint[n] for n in nodes if n in adjoint},
        )
