"""Where a loss begins: the graph cut at the network's prediction, into a body before it and a head after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gradcheck.errors import BadInput, UnknownName
from gradcheck.graph.graph import Graph, Leaf, Node

#: loss -> positions of the operand that is the prediction
PREDICTION: Mapping[str, int] = {
    "squared_error": 0, "half_squared_error": 0, "mean_squared_error": 0, "huber": 0, "hinge": 0,
    "binary_cross_entropy": 0, "binary_cross_entropy_logits": 0, "cross_entropy": 0, "cross_entropy_logits": 0,
    "softmax_cross_entropy": 0, "kl_divergence": 1,
}  # fmt: skip

#: loss of probabilities -> the function of logits that it is matched with: the cut is before that
LINKS: Mapping[str, str] = {"cross_entropy": "softmax", "kl_divergence": "softmax", "binary_cross_entropy": "logistic"}


@dataclass(frozen=True, slots=True)
class Split:
    """A graph in two.

    Args:
        outputs: names of the predictions.
        body: the graph up to them; they are its outputs.
        head: the graph from them to the loss; they are leaves of it, and so are parameters that the loss takes directly.
    """

    outputs: tuple[str, ...]
    body: Graph
    head: Graph

    @property
    def direct(self) -> tuple[str, ...]:
        """The differentiable leaves that the loss takes beside the predictions, such as penalised weights."""
        used = self.head.ancestors(self.head.outputs)
        return tuple(k for k in self.body.differentiable if k in used and k not in self.outputs)


def split(graph: Graph, outputs: Iterable[str] | None = None) -> Split:
    """Return a graph cut at the predictions.

    Unless they are named, the predictions are those operands of the graph's losses (`PREDICTION`) that depend on parameters; of a
    cross entropy of probabilities that are softmax or logistic of logits, the logits.

    Args:
        graph: the network with its loss.
        outputs: names of the predictions.

    Raises:
        BadInput: if no loss is found, or if the loss depends on more of the network than the predictions.
        UnknownName: a name that is no value.

    >>> import numpy as np
    >>> from gradcheck.graph.trace import trace
    >>> from gradcheck.ops import registry as ops
    >>> values = {"w": np.ones((2, 3)), "x": np.ones((4, 2)), "t": np.ones((4, 3))}
    >>> graph = trace(lambda w, x, t: ops["cross_entropy"](ops["softmax"]((x @ w).named("z")), t), values, inputs=["x", "t"])
    >>> split(graph).outputs
    ('z',)
    """
    names = tuple(dict.fromkeys(_predictions(graph) if outputs is None else outputs))
    for name in names:
        if name not in graph.shapes or (name in graph.leaf and graph.leaf[name].type != "float"):
            raise UnknownName("value to cut at", name, graph.shapes)
    before, used = graph.ancestors(names), graph.ancestors(graph.outputs)
    body = [n for n in graph.nodes if n.name in before]
    head = [n for n in graph.nodes if n.name in used and n.name not in before]
    _refuse_others(graph, names, head, before)
    leaves = [*graph.leaves, *(Leaf(k, "input", graph.shapes[k]) for k in names if k in graph.node)]
    return Split(names, Graph(graph.leaves, body, names, name=graph.name), Graph(leaves, head, graph.outputs, name=graph.name))


def losses(graph: Graph) -> list[Node]:
    """Return the nodes that are losses of a prediction that depends on differentiable leaves, and that the output depends on."""
    active = graph.descendants(graph.differentiable)
    used = graph.ancestors(graph.outputs)
    return [n for n in graph.nodes if n.op in PREDICTION and n.name in used and n.inputs[PREDICTION[n.op]] in active]


def _predictions(graph: Graph) -> Iterator[str]:
    found = losses(graph)
    if not found:
        raise BadInput(
            f"expected a loss whose prediction depends on the parameters, out of {', '.join(f'{op} (operand {k})' for op, k in PREDICTION.items())}; "
            "got none; name the network's predictions: outputs=[...]"
        )
    for node in found:
        name = node.inputs[PREDICTION[node.op]]
        before = graph.node.get(name)
        yield before.inputs[0] if before is not None and LINKS.get(node.op) == before.op else name


def _refuse_others(graph: Graph, names: tuple[str, ...], head: list[Node], before: set[str]) -> None:
    """Raise `BadInput` where the head takes a value of the body that is no prediction."""
    for node in head:
        for x in node.inputs:
            if x in graph.node and x in before and x not in names:
                raise BadInput(f"expected a loss of {', '.join(names)}; node {node.name!r} takes {x!r} too; add it: outputs=[..., {x!r}]")
    if not set(names) <= graph.ancestors(graph.outputs):
        raise BadInput(f"expected predictions that the loss depends on; got {', '.join(names)}")
