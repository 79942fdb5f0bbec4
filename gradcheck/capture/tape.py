"""A graph that grows while a program runs: leaves, nodes, the format and the place of each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.capture.place import Place
from gradcheck.graph.graph import Graph, Leaf, Node
from gradcheck.ops.op import registry

Array = npt.NDArray[Any]

#: What a constant operand of a kind is stored as: float64 holds every narrower format.
_STORED = {"index": ("int", np.intp), "mask": ("bool", np.bool_)}


class Tape:
    """The graph under construction."""

    def __init__(self) -> None:
        self.leaves: dict[str, Leaf] = {}
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self.formats: dict[str, str] = {}
        self.places: dict[str, Place] = {}
        self._counts: dict[str, int] = {}
        self._scalars: dict[tuple[str, bytes], str] = {}

    def fresh(self, stem: str) -> str:
        """Return a name that is not taken."""
        while True:
            k = self._counts[stem] = self._counts.get(stem, 0) + 1
            if (name := f"{stem}{k}") not in self.shapes:
                return name

    def constant(self, x: npt.ArrayLike, kind: str = "real") -> str:
        """Add data of the run as an operand of a kind; equal scalars share one leaf."""
        type_, dtype = _STORED.get(kind, ("float", np.float64))
        a: Array = np.array(x, dtype)
        key = (type_, a.tobytes())
        if a.ndim or key not in self._scalars:
            name = self.fresh("c")
            self.leaves[name] = Leaf(name, "constant", a.shape, type_, a)  # type: ignore[arg-type]  # a literal by construction
            self.shapes[name] = a.shape
            if a.ndim:
                return name
            self._scalars[key] = name
        return self._scalars[key]

    def parameter(self, name: str, shape: Shape, format_: str) -> str:
        """Add a value that is differentiated and comes from outside; return its name, a number behind it where it is taken."""
        name = name if name and name not in self.shapes else self.fresh(f"{name or 'x'}.")
        self.leaves[name] = Leaf(name, "parameter", shape)
        self.shapes[name], self.formats[name] = shape, format_
        return name

    def node(self, op: str, inputs: Iterable[str], attributes: Mapping[str, Any], format_: str, place: Place) -> str:
        """Add an operation and return the name of its value; raise `BadGraph` where operands do not fit."""
        names, rule = tuple(inputs), registry[op]
        complete = rule.complete(attributes)
        shape = rule.result_shape(tuple(self.shapes[x] for x in names), complete)
        name = self.fresh(f"{place.module}/{op}" if place.module else op)
        self.nodes.append(Node(name, op, names, complete))
        self.shapes[name], self.formats[name], self.places[name] = shape, format_, place
        return name

    def graph(self, output: str, name: str) -> Graph:
        """Return what the output depends on, as a graph."""
        needed = {output}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        leaves = [leaf for leaf in self.leaves.values() if leaf.name in needed]
        return Graph(leaves, [node for node in self.nodes if node.name in needed], [output], name=name)
