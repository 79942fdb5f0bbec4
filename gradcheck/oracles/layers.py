"""A graph read as a layered network: products with weights, functions entry by entry between them, and a loss at the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from gradcheck.errors import OracleGaveUp
from gradcheck.graph.graph import Node
from gradcheck.oracles.point import Point


@dataclass(frozen=True, slots=True)
class Layer:
    """x = a W + b for rows a, or x = W a + b for columns, and a function of each entry of x.

    Args:
        source: name of a.
        weight: name of the leaf W.
        bias: name of the leaf b, if it is differentiated.
        product: name of the node that multiplies.
        value: name of x: the product's, or that of the node that adds b to it.
        activation: nodes from x to the next a, in order; none for a = x.
        columns: whether examples are columns.
    """

    source: str
    weight: str
    bias: str | None
    product: str
    value: str
    activation: tuple[Node, ...]
    columns: bool

    @property
    def output(self) -> str:
        """The name of the next a."""
        return self.activation[-1].name if self.activation else self.value

    def rows(self, x: Any) -> Any:
        """Return a value with one row for each example."""
        x = np.reshape(x, (-1, 1) if self.columns else (1, -1)) if np.ndim(x) == 1 else x
        return x.T if self.columns else x

    def matrix(self, w: Any) -> Any:
        """Return W as it stands to the right of rows."""
        return w.T if self.columns else w


def layers_of(point: Point) -> list[Layer]:
    """Return the layers of a graph, first to last; what follows the last one is the loss.

    Raises:
        OracleGaveUp: for a graph that is not layered, with the node that is to blame.
    """
    found: list[Layer] = []
    for node in point.nodes:
        if (layer := _affine(point, node)) is not None:
            found.append(layer)
    if not found:
        raise OracleGaveUp("not layered: there is no product with a weight")
    if len({x.columns for x in found}) > 1:
        raise OracleGaveUp("not layered: weights multiply from both sides")
    chain = [_with_activation(point, x, after) for x, after in zip(found, [*found[1:], None], strict=True)]
    _refuse_other_paths(point, chain)
    return chain


def _affine(point: Point, node: Node) -> Layer | None:
    """Return the layer that begins with a product, without its activation; None for what is no product with a leaf."""
    if node.op == "dense":
        source, weight, b = node.inputs
        return _checked(point, Layer(source, weight, b if b in point.names else None, node.name, node.name, (), False))
    if node.op != "matmul":
        return None
    left, right = node.inputs
    sides = [k for k, w, x in ((0, left, right), (1, right, left)) if w in point.names or (w in point.graph.leaf and _moves(point, x))]
    if len(sides) != 1 or left == right:
        raise OracleGaveUp(f"not layered: node {node.name!r} does not multiply by one leaf")
    weight, source = (left, right) if sides == [0] else (right, left)
    value, bias = _bias(point, node)
    return _checked(point, Layer(source, weight, bias, node.name, value, (), sides == [0]))


def _moves(point: Point, name: str) -> bool:
    return name in point.active and name in point.graph.node


def _bias(point: Point, node: Node) -> tuple[str, str | None]:
    """Return the value after a bias was added to a product, and the bias."""
    users = {e.consumer for e in point.graph.consumers(node.name)} & point.active
    if len(users) == 1:
        after = point.graph.node[users.pop()]
        others = [x for x in after.inputs if x != node.name]
        if after.op == "add" and len(others) == 1 and others[0] in point.names:
            return after.name, others[0]
    return node.name, None


def _checked(point: Point, layer: Layer) -> Layer:
    shapes = point.graph.shapes
    ranks = [len(shapes[k]) for k in (layer.source, layer.value)]
    if layer.weight not in point.graph.leaf or (layer.source in point.graph.leaf and layer.source in point.names):
        raise OracleGaveUp(f"not layered: {layer.value!r} is not the product of a value and a leaf")
    if max(ranks) > 2 or len(shapes[layer.weight]) != 2:
        raise OracleGaveUp(f"not layered: {layer.value!r} is no product of two matrices")
    width = shapes[layer.weight][0 if layer.columns else 1]
    if layer.bias is not None and math.prod(shapes[layer.bias]) != width:
        raise OracleGaveUp(f"not layered: {layer.bias!r} is no bias of {width} units")
    return layer


def _with_activation(point: Point, layer: Layer, after: Layer | None) -> Layer:
    """Return the layer with the nodes between its product and the next; after the last product, as far as they are entrywise."""
    region = {n.name: n for n in _entrywise(point, layer.value)}
    inside = {layer.value, *region}
    if after is not None:
        end = after.source
    else:
        leaving = [k for k in inside if any(e.consumer not in inside for e in point.graph.consumers(k)) or k in point.graph.outputs]
        end = leaving[0] if len(leaving) == 1 else layer.value
    if end not in inside:
        raise OracleGaveUp(f"not layered: {end!r} is not a function of each entry of {layer.value!r}")
    wanted = point.graph.ancestors([end])
    activation = tuple(n for k, n in region.items() if k in wanted)
    return replace(layer, activation=activation)


def _entrywise(point: Point, value: str) -> Iterator[Node]:
    """Yield the nodes that are functions of single entries of a value, and of nothing else that moves."""
    inside, shape = {value}, point.graph.shapes[value]
    for node in point.nodes:
        moving = {x for x in node.inputs if x in point.active or x in point.names}
        fits = point.graph.shapes[node.name] == shape and point.ops[node.op].entrywise
        if moving and moving <= inside and fits and node.op not in ("dense", "matmul"):
            inside.add(node.name)
            yield node


def _refuse_other_paths(point: Point, chain: list[Layer]) -> None:
    """Raise `OracleGaveUp` where a value of one layer is used past the next product, or something else lies before the last layer."""
    graph, known = point.graph, {k for x in chain for k in (x.product, x.value, *(n.name for n in x.activation))}
    for node in point.nodes:
        if node.name in graph.ancestors([chain[-1].output]) - known:
            raise OracleGaveUp(f"not layered: node {node.name!r} ({node.op}) is no layer's")
    for layer, after in pairwise(chain):
        own = {layer.product, layer.value, *(n.name for n in layer.activation)}
        for name in sorted(own):
            users = {e.consumer for e in graph.consumers(name)} & point.active - own - {after.product}
            if users:
                raise OracleGaveUp(f"not layered: node {min(users)!r} takes {name!r} past the next layer")
