"""A small twin of a network: the same operations in the same order on smaller arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.errors import BadAttribute, BadGraph, BadShape
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.graph.values import Arrays, Values
from gradcheck.ops.op import Op, registry

#: Sizes up to this stay as they are; larger ones become the numbers behind it, in their order.
SMALL = 4
#: Attributes that hold shapes.
_SHAPES = ("shape", "stops")


def shrunk(graph: Graph, values: Values, *, ops: Mapping[str, Op] = registry) -> tuple[Graph, Arrays] | None:
    """Return a small twin and values cut out of those given; None where shapes do not let themselves be reduced.

    Different sizes stay different, as far as an operation does not make them equal. Indices and masks are cut as well; an
    index becomes 0 or 1.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        ops: the operations.

    >>> from gradcheck.graph.trace import trace
    >>> values = {"x": np.ones((100, 30)), "w": np.ones((30, 20))}
    >>> twin, small = shrunk(trace(lambda x, w: np.sum(np.tanh(x @ w)), values), values)
    >>> small["x"].shape, small["w"].shape
    ((7, 6), (6, 5))
    """
    try:
        sizes = _Sizes(graph, ops)
        nodes = [sizes.node(n) for n in graph.nodes]
        leaves = [sizes.leaf(x) for x in graph.leaves]
        twin = Graph(leaves, nodes, graph.outputs, name=f"a small twin of {graph.name}", ops=ops)
    except (BadGraph, BadShape, BadAttribute, ValueError):  # a size that does not follow from others
        return None
    return twin, {k: _cut(np.asarray(x), twin.shapes[k]) for k, x in values.items()}


class _Sizes:
    """The shapes of the twin, found from the first operation to the last."""

    def __init__(self, graph: Graph, ops: Mapping[str, Op]) -> None:
        self.graph, self.ops = graph, ops
        large = sorted({n for x in graph.leaves for n in x.shape if n > SMALL})
        self.size = {n: SMALL + 1 + k for k, n in enumerate(large)} | {n: n for n in range(SMALL + 1)}
        self.computed: dict[int, int] = {}
        self.shapes: dict[str, Shape] = {}

    def shape(self, name: str) -> Shape:
        """Return the shape of a value; that of a leaf is settled when it is first used, after what was computed before."""
        if name not in self.shapes:
            self.shapes[name] = tuple(self._of(n) for n in self.graph.shapes[name])
        return self.shapes[name]

    def _of(self, n: int) -> int:
        found = self.computed.get(n, self.size.get(n))
        if found is None:
            raise BadShape("small twin", f"a size that stands for {n}", (n,))
        return found

    def node(self, node: Node) -> Node:
        """Return a node of the twin, and settle its shape."""
        shapes = tuple(self.shape(x) for x in node.inputs)
        attributes = {k: self._shaped(node, v) if k in _SHAPES else v for k, v in node.attributes.items()}
        found = self.ops[node.op].result_shape(shapes, attributes)
        self.shapes[node.name] = found
        for old, new in zip(self.graph.shapes[node.name], found, strict=True):
            if old > SMALL:
                self.computed.setdefault(old, new)
        return Node(node.name, node.op, node.inputs, MappingProxyType(attributes))

    def _shaped(self, node: Node, shape: Any) -> Any:
        """Return a shape with the sizes of the twin; a new one in a change of shape follows from the number of entries."""
        if not isinstance(shape, tuple):
            return shape
        old, operand = self.graph.shapes[node.inputs[0]], self.shape(node.inputs[0])
        new = [k for k, n in enumerate(shape) if n > SMALL and n not in old]
        if node.op != "reshape" or len(new) != 1:
            return tuple(n if n < 0 else self._of(n) for n in shape)
        rest = math.prod(self._of(n) for k, n in enumerate(shape) if k != new[0])
        if rest == 0 or math.prod(operand) % rest:
            raise BadShape("small twin", f"a multiple of {rest} entries", operand)
        return (*map(self._of, shape[: new[0]]), math.prod(operand) // rest, *map(self._of, shape[new[0] + 1 :]))

    def leaf(self, leaf: Leaf) -> Leaf:
        """Return a leaf of the twin."""
        shape = self.shape(leaf.name)
        return Leaf(leaf.name, leaf.kind, shape, leaf.type, None if leaf.value is None else _cut(leaf.value, shape))


def _cut(x: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Return the first entries along every axis, repeated where there are too few; indices become 0 or 1."""
    index = np.ix_(*(np.arange(n) % max(old, 1) for n, old in zip(shape, x.shape, strict=True)))
    found = x[index]
    return found % 2 if np.issubdtype(x.dtype, np.integer) else found
