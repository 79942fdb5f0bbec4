"""What a network is: leaves, nodes in topological order, outputs. Immutable, verified when built."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.errors import BadGraph, UnknownName
from gradcheck.files.limits import MOST_AXES
from gradcheck.ops.op import Op, registry

LeafKind = Literal["input", "parameter", "constant"]
LeafType = Literal["float", "int", "bool"]

#: The type of leaf that an operand of a kind may come from.
_TYPE_OF_KIND: Mapping[str, LeafType] = {"index": "int", "mask": "bool"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that comes from outside.

    Args:
        name: unique in the graph.
        kind: "parameter" (differentiated), "input" (differentiated on request) or "constant".
        shape: of the array.
        type: "float", or "int" and "bool", which are never differentiated.
        value: of a constant.
    """

    name: str
    kind: LeafKind
    shape: Shape
    type: LeafType = "float"
    value: npt.NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """An operation applied to leaves and nodes, given by name.

    Args:
        name: unique in the graph.
        op: name of the operation.
        inputs: names of the operands.
        attributes: of the operation; missing ones are filled in when the graph is built.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """The use of a value as operand `position` of the node `consumer`."""

    consumer: str
    position: int


class Graph:
    """An acyclic network of operations.

    Nodes may be given in any order; they are kept in a topological one.

    Args:
        leaves: inputs, parameters and constants.
        nodes: the operations.
        outputs: names of the results; one scalar output is a loss.
        name: for messages.
        ops: the operations by name.

    Raises:
        BadGraph: wrong arity, a duplicate or missing name, a cycle, an operand of a wrong type.
        BadShape: operands whose shapes do not fit.
        UnknownName: an operation that does not exist.

    >>> x, w = Leaf("x", "input", (2, 3)), Leaf("w", "parameter", (3,))
    >>> graph = Graph([x, w], [Node("z", "matmul", ("x", "w")), Node("loss", "sum", ("z",))], ["loss"])
    >>> graph.shapes["z"]
    (2,)
    """

    __slots__ = ("_consumers", "leaf", "leaves", "name", "node", "nodes", "outputs", "shapes")

    def __init__(
        self,
        leaves: Iterable[Leaf],
        nodes: Iterable[Node],
        outputs: Iterable[str],
        *,
        name: str = "graph",
        ops: Mapping[str, Op] = registry,
    ) -> None:
        self.name = name
        self.leaves = tuple(leaves)
        self.outputs = tuple(outputs)
        given = tuple(nodes)
        _refuse_duplicates([x.name for x in self.leaves] + [x.name for x in given])
        self.leaf: Mapping[str, Leaf] = MappingProxyType({x.name: x for x in self.leaves})
        ordered = _topological(given, set(self.leaf))
        self.nodes, self.shapes = _typed(self.leaf, ordered, ops)
        self.node: Mapping[str, Node] = MappingProxyType({x.name: x for x in self.nodes})
        if not self.outputs:
            raise BadGraph(f"{name}: expected at least one output; got none")
        for output in self.outputs:
            if output not in self.shapes or (output in self.leaf and self.leaf[output].type != "float"):
                raise UnknownName("output value", output, self.shapes)
        self._consumers: Mapping[str, tuple[Edge, ...]] | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return tuple(x.name for x in self.leaves if x.kind == "parameter")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the leaves whose values must be given and that are no parameters."""
        return tuple(x.name for x in self.leaves if x.kind == "input")

    @property
    def differentiable(self) -> tuple[str, ...]:
        """The names of the leaves differentiated by default: parameters, else float inputs."""
        return self.parameters or tuple(x.name for x in self.leaves if x.kind == "input" and x.type == "float")

    @property
    def unused(self) -> tuple[str, ...]:
        """The leaves that no output depends on."""
        used = self.ancestors(self.outputs)
        return tuple(x.name for x in self.leaves if x.name not in used)

    @property
    def size(self) -> int:
        """The number of parameter entries."""
        return sum(math.prod(self.shapes[p]) for p in self.parameters)

    def consumers(self, name: str) -> tuple[Edge, ...]:
        """Return where a value is used, in topological order."""
        if self._consumers is None:
            found: dict[str, list[Edge]] = {}
            for node in self.nodes:
                for position, source in enumerate(node.inputs):
                    found.setdefault(source, []).append(Edge(node.name, position))
            self._consumers = {k: tuple(v) for k, v in found.items()}
        return self._consumers.get(name, ())

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Return the names that the given values depend on, themselves included."""
        found = set(names)
        for node in reversed(self.nodes):
            if node.name in found:
                found.update(node.inputs)
        return found

    def descendants(self, names: Iterable[str]) -> set[str]:
        """Return the names that depend on the given values, themselves included."""
        found = set(names)
        for node in self.nodes:
            if not found.isdisjoint(node.inputs):
                found.add(node.name)
        return found

    def copy(self) -> Graph:
        """Return an equal graph that shares nothing that can be changed.

        >>> graph = Graph([Leaf("w", "parameter", ())], [], ["w"])
        >>> copied = graph.copy()
        >>> copied.outputs = ()
        >>> graph.outputs
        ('w',)
        """
        made = object.__new__(Graph)
        made.name, made.outputs, made._consumers = self.name, self.outputs, None
        made.leaves = tuple(replace(x, value=None if x.value is None else x.value.copy()) for x in self.leaves)
        made.nodes = tuple(replace(x, attributes=MappingProxyType(deepcopy(dict(x.attributes)))) for x in self.nodes)
        made.leaf = MappingProxyType({x.name: x for x in made.leaves})
        made.node = MappingProxyType({x.name: x for x in made.nodes})
        made.shapes = MappingProxyType(dict(self.shapes))
        return made

    def __repr__(self) -> str:
        return f"<Graph {self.name}: {len(self.nodes)} nodes, {self.size} parameter entries>"


def _refuse_duplicates(names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise BadGraph(f"expected unique names; {name!r} stands {count} times")
        if not isinstance(name, str) or not name:
            raise BadGraph(f"expected names to be non-empty text; got {name!r}")


def _topological(nodes: tuple[Node, ...], known: set[str]) -> list[Node]:
    """Return the nodes so that operands come first (Kahn 1962); keep the given order if it does."""
    ready_in_order = True
    seen = set(known)
    for node in nodes:
        ready_in_order = ready_in_order and all(x in seen for x in node.inputs)
        seen.add(node.name)
    if ready_in_order:
        return list(nodes)
    for node in nodes:
        for source in node.inputs:
            if source not in seen:
                raise UnknownName(f"value for operand of node {node.name!r}", source, seen)
    return _kahn(nodes, known)


def _kahn(nodes: tuple[Node, ...], known: set[str]) -> list[Node]:
    missing = {n.name: len(set(n.inputs) - known) for n in nodes}
    users: dict[str, list[Node]] = {}
    for n in nodes:
        for source in set(n.inputs) - known:
            users.setdefault(source, []).append(n)
    ordered = [n for n in nodes if missing[n.name] == 0]
    for n in ordered:  # grows while it is walked
        for user in users.get(n.name, ()):
            missing[user.name] -= 1
            if missing[user.name] == 0:
                ordered.append(user)
    if len(ordered) < len(nodes):
        stuck = [name for name, count in missing.items() if count > 0]
        raise BadGraph(f"expected an acyclic graph; there is a cycle among {', '.join(stuck[:8])}")
    return ordered


def _typed(
    leaf: Mapping[str, Leaf], nodes: list[Node], ops: Mapping[str, Op]
) -> tuple[tuple[Node, ...], Mapping[str, Shape]]:
    """Return the nodes with complete attributes, and the shape of every value."""
    shapes: dict[str, Shape] = {x.name: _leaf_shape(x) for x in leaf.values()}
    done = []
    for node in nodes:
        op = ops[node.op]
        for kind, source in zip(op.kinds(len(node.inputs)), node.inputs, strict=True):
            wanted = _TYPE_OF_KIND.get(kind, "float")
            got = leaf[source].type if source in leaf else "float"
            if got != wanted:
                raise BadGraph(f"node {node.name!r} ({node.op}): expected {source!r} to be {wanted}; got {got}")
        attributes = op.complete(node.attributes)
        try:
            shape = op.result_shape(tuple(shapes[s] for s in node.inputs), attributes)
        except BadGraph as error:
            error.args = (f"node {node.name!r}: {error}",)
            raise
        shapes[node.name] = shape
        done.append(Node(node.name, node.op, tuple(node.inputs), MappingProxyType(attributes)))
    return tuple(done), MappingProxyType(shapes)


def _leaf_shape(x: Leaf) -> Shape:
    if any(not isinstance(n, int | np.integer) or n < 0 for n in x.shape):
        raise BadGraph(f"leaf {x.name!r}: expected a shape of non-negative integers; got {x.shape!r}")
    if len(x.shape) > MOST_AXES:
        raise BadGraph(f"leaf {x.name!r}: expected at most {MOST_AXES} axes; got {len(x.shape)}")
    if (x.kind == "constant") != (x.value is not None):
        raise BadGraph(f"leaf {x.name!r}: a constant has a value, nothing else has; kind={x.kind!r}")
    if x.value is not None and tuple(x.value.shape) != tuple(x.shape):
        raise BadGraph(f"constant {x.name!r}: expected shape {x.shape}; got a value of shape {x.value.shape}")
    if x.kind == "parameter" and x.type != "float":
        raise BadGraph(f"parameter {x.name!r}: expected type float; got {x.type}")
    return tuple(int(n) for n in x.shape)

