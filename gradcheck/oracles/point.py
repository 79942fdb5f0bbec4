"""Where an oracle is asked: a graph, values, what to differentiate, and the kinks there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.elements import numbers
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.errors import BadShape, BadValues, OracleGaveUp, UnknownName
from gradcheck.graph.evaluation import entered, lift, propagate
from gradcheck.graph.graph import Graph, Node
from gradcheck.graph.values import Values, bind
from gradcheck.ops.op import INTEGER_KINDS, Op, registry

#: Digits in which kinks are looked for.
_MARGIN_DIGITS = 60


class Point:
    """A question: the gradient of <cotangent, outputs> with respect to the leaves `names`.

    Args:
        graph: the network.
        values: float64 inputs and parameters, integers, booleans, by name.
        cotangent: of the outputs' shapes (a tuple for several); 1 for scalar outputs.
        wrt: names of float leaves; what the graph differentiates by default unless given.
        ops: the operations.

    Raises:
        BadValues: values that do not fit, or no cotangent for an output that is no scalar.
        UnknownName: a name in `wrt` that is no float leaf.
    """

    def __init__(
        self,
        graph: Graph,
        values: Values,
        *,
        cotangent: Any = None,
        wrt: Iterable[str] | None = None,
        ops: Mapping[str, Op] = registry,
    ) -> None:
        self.graph, self.ops = graph, ops
        self.values = {k: np.asarray(x) for k, x in values.items()}
        bind(graph, self.values)
        floats = [x.name for x in graph.leaves if x.type == "float"]
        self.names = graph.differentiable if wrt is None else tuple(wrt)
        for name in self.names:
            if name not in floats:
                raise UnknownName("float leaf", name, floats)
        self.weights = _weights(graph, cotangent)
        self.active = graph.descendants(self.names) & graph.ancestors(graph.outputs)
        self.nodes: Sequence[Node] = [n for n in graph.nodes if n.name in self.active]

    @property
    def size(self) -> int:
        """The number of derivatives asked for."""
        return sum(math.prod(self.graph.shapes[k]) for k in self.names)

    def rows(self, matrix: npt.NDArray[Any]) -> dict[str, Array]:
        """Return the rows of a matrix of second derivatives by the names of their leaves."""
        ends = np.cumsum([math.prod(self.graph.shapes[k]) for k in self.names])
        return {k: numbers(x) for k, x in zip(self.names, np.split(matrix, ends[:-1], axis=0), strict=True)}

    def lift(self, m: Arithmetic) -> dict[str, Array]:
        """Return the leaves in `m`."""
        return lift(self.graph, self.values, m)

    def forward(self, m: Arithmetic) -> dict[str, Array]:
        """Return every value in `m`."""
        return propagate(self.graph, self.lift(m), m, ops=self.ops)

    def contract(self, m: Arithmetic, y: Mapping[str, Array]) -> Any:
        """Return the scalar <cotangent, outputs>, of values or of tangents."""
        terms = [m.sum(y[k] if np.all(g == 1) else m.array(g) * y[k]) for k, g in self.weights if k in y]
        return sum(terms, m.constant(0))[()]

    def operands(self, node: Node, m: Arithmetic, y: Mapping[str, Array]) -> list[Array]:
        """Return the operands of a node as its rules take them."""
        return entered(self.ops[node.op], m, [y[x] for x in node.inputs])

    def real(self, node: Node) -> list[bool]:
        """Return for each operand whether it is a real number, not an index or mask."""
        return [k not in INTEGER_KINDS for k in self.ops[node.op].kinds(len(node.inputs))]

    def margins(self, m: Arithmetic, y: Mapping[str, Array]) -> dict[str, npt.NDArray[Any]]:
        """Return for each active node with kinks how far it is from them (zero: on one)."""
        found = {}
        for node in self.nodes:
            kinks = self.ops[node.op].kinks
            if kinks is not None:
                far = kinks(m, *self.operands(node, m, y), **node.attributes)
                found[node.name] = np.array([v for x in far for v in np.ravel(x)], dtype=object)
        return found

    def refuse_kinks(self) -> None:
        """Raise `OracleGaveUp` if the point lies exactly on a kink."""
        if all(self.ops[n.op].kinks is None for n in self.nodes):
            return
        m = Multiprecision(_MARGIN_DIGITS)
        for name, margin in self.margins(m, self.forward(m)).items():
            if any(v == 0 for v in margin):
                raise OracleGaveUp(f"node {name!r} ({self.graph.node[name].op}) stands on a kink")


def _weights(graph: Graph, cotangent: Any) -> list[tuple[str, npt.NDArray[Any]]]:
    shapes = [graph.shapes[k] for k in graph.outputs]
    if cotangent is None:
        if any(math.prod(s) != 1 for s in shapes):
            raise BadValues(f"expected a cotangent for outputs of shapes {shapes}; got none; give cotangent=")
        cotangent = tuple(np.ones(s) for s in shapes)
    given = cotangent if isinstance(cotangent, tuple) else (cotangent,)
    if len(given) != len(shapes):
        raise BadValues(f"expected {len(shapes)} cotangents, one an output; got {len(given)}")
    for name, g, shape in zip(graph.outputs, given, shapes, strict=True):
        if np.shape(g) != shape:
            raise BadShape(f"cotangent of {name!r}", f"shape {shape}", np.shape(g))
    return [(k, np.asarray(g)) for k, g in zip(graph.outputs, given, strict=True)]
