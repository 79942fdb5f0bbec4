"""The graph under construction: leaves and nodes are added, names given, constants shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.errors import BadInput, NotTraceable
from gradcheck.graph.graph import Leaf, Node
from gradcheck.graph.tracer import Tracer
from gradcheck.ops.op import INTEGER_KINDS, Op


class Builder:
    """The graph under construction."""

    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self._scalars: dict[tuple[str, object], str] = {}
        self._counts: dict[str, int] = {}

    def leaf(self, leaf: Leaf) -> Tracer:
        """Add a leaf."""
        self.leaves.append(leaf)
        self.shapes[leaf.name] = leaf.shape
        return self.tracer(leaf.name, leaf.type)

    def tracer(self, name: str, type: str = "float") -> Tracer:  # noqa: A002 - as in Leaf
        """Return what stands for a value."""
        return Tracer(self, name, type)

    def fresh(self, stem: str) -> str:
        """Return a name that is not taken."""
        while True:
            k = self._counts[stem] = self._counts.get(stem, 0) + 1
            if (name := f"{stem}{k}") not in self.shapes:
                return name

    def constant(self, x: npt.ArrayLike, kind: str) -> str:
        """Add an array as a constant operand of a kind; equal scalars share one leaf."""
        a = np.asarray(x)
        if a.dtype.kind not in "biuf":
            raise NotTraceable(f"expected real numbers or traced values as operands; got {type(x).__name__} of dtype {a.dtype}")
        if kind == "index" and a.dtype.kind == "f" and a.size:
            raise NotTraceable(f"expected integers as an index operand; got dtype {a.dtype}")
        wanted = {"index": "int", "mask": "bool"}.get(kind, "float")
        a = a.astype({"int": np.intp, "bool": bool, "float": np.float64}[wanted])
        key = (wanted, a.tobytes())  # bytes tell 0.0 from -0.0
        if a.ndim == 0 and key in self._scalars:
            return self._scalars[key]
        name = self.fresh("c")
        self.leaf(Leaf(name, "constant", a.shape, wanted, a))  # type: ignore[arg-type]  # a literal by construction
        if a.ndim == 0:
            self._scalars[key] = name
        return name

    def apply(self, op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]) -> Tracer:
        """Add a node."""
        kinds = op.kinds(len(operands))
        names = []
        for kind, x in zip(kinds, operands, strict=True):
            if isinstance(x, Tracer):
                if x.builder is not self:
                    raise BadInput("expected operands of one trace; got a value traced elsewhere")
                if (kind in INTEGER_KINDS) != (x.type != "float"):
                    raise NotTraceable(f"{op.name}: expected a {kind} operand; got a traced {x.type} value")
            names.append(x.name if isinstance(x, Tracer) else self.constant(x, kind))
        return self.tracer(self.add_node(op, names, attributes))

    def add_node(self, op: Op, names: Sequence[str], attributes: Mapping[str, Any]) -> str:
        """Add a node whose operands are values of the graph, and return its name."""
        complete = op.complete(attributes)
        name = self.fresh(op.name)
        self.shapes[name] = op.result_shape(tuple(self.shapes[n] for n in names), complete)
        self.nodes.append(Node(name, op.name, tuple(names), complete))
        return name

    def rename(self, old: str, new: str) -> None:
        """Give a node another name."""
        if old not in {node.name for node in self.nodes}:
            raise BadInput(f"expected the value of an operation to name; {old!r} comes from outside and has its name")
        if not isinstance(new, str):  # that it has letters, the graph looks at
            raise BadInput(f"expected a name to be non-empty text; got {new!r}")
        if new in self.shapes:
            raise BadInput(f"expected unique names; {new!r} is taken")
        for k, node in enumerate(self.nodes):
            if node.name == old or old in node.inputs:
                inputs = tuple(new if x == old else x for x in node.inputs)
                self.nodes[k] = Node(new if node.name == old else node.name, node.op, inputs, node.attributes)
        self.shapes[new] = self.shapes.pop(old)
