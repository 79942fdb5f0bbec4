"""The slow reference of a kernel as a graph: its results and gradients in any arithmetic, at the kernel's own stored operands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.compare.statistics import by_textbook
from gradcheck.engine.reverse import seeds, sweep
from gradcheck.graph.evaluation import entered, propagate
from gradcheck.graph.graph import Edge, Graph
from gradcheck.ops.op import Op, registry

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference at one point.

    Args:
        graph: with the results as its outputs.
        values: of its leaves that are no constants, float64.
        inputs: the leaf of each input that is differentiated; "" where nothing depends on it.
        backward: the backward pass as its author writes it: a graph whose outputs are the gradients, None for one by the reverse sweep.
        parts: its leaves for the cotangents, the stored results and the inputs; "" where nothing depends on one.
        point: the inputs.
        given: which inputs have a gradient in it.
    """

    graph: Graph
    values: Mapping[str, Any]
    inputs: tuple[str, ...]
    backward: Graph | None = None
    parts: tuple[tuple[str, ...], ...] = ()
    point: tuple[Floats, ...] = ()
    given: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Entries of all values."""
        return sum(math.prod(s) for s in self.graph.shapes.values())

    def run(
        self, m: Arithmetic, cotangents: Sequence[Floats], stored: Sequence[Floats] | None = None, ops: Mapping[str, Op] = registry
    ) -> tuple[list[Array], list[Array | None]]:
        """Return results and gradients.

        Args:
            m: the arithmetic.
            cotangents: of the results.
            stored: the kernel's own results, where its backward pass reads them again.
            ops: the operations.
        """
        with np.errstate(all="ignore"):
            y = self._forward(m, ops)
            results = [y[name] for name in self.graph.outputs]
            if stored is not None:
                y |= {name: m.array(x) for name, x in zip(self.graph.outputs, stored, strict=True) if name in self.graph.node}
                if self.backward is not None:
                    return results, self._by_author(m, cotangents, stored, ops)
            wanted = [name for name in self.inputs if name]
            adjoint = sweep(self.graph, y, m, seeds(self.graph, m, tuple(cotangents)), wanted, ops=ops)
        return results, [adjoint.get(name) if name else None for name in self.inputs]

    def _forward(self, m: Arithmetic, ops: Mapping[str, Op] = registry) -> dict[str, Array]:
        return propagate(self.graph, _lifted(self.graph, self.values, m), m, ops=ops)

    def _by_author(self, m: Arithmetic, cotangents: Sequence[Floats], stored: Sequence[Floats], ops: Mapping[str, Op]) -> list[Array | None]:
        assert self.backward is not None
        values = {name: x for part, xs in zip(self.parts, (cotangents, stored, self.point), strict=True) for name, x in zip(part, xs, strict=True)}
        y = propagate(self.backward, _lifted(self.backward, values, m), m, ops=ops)
        found: list[Array | None] = [None] * len(self.inputs)
        for k, name in zip(self.given, self.backward.outputs, strict=True):
            found[k] = y[name]
        return found

    def variants(self) -> Iterator[Mapping[str, Op]]:
        """Yield operations with other formulas that textbooks have for them."""
        yield from by_textbook(self.graph, registry)

    def flows(self, cotangents: Sequence[Floats]) -> Iterator[tuple[Edge, list[Floats | None]]]:
        """Yield, for each use of a value by a node, what of the gradients comes through it alone: what is lost if its contribution is forgotten.

        Args:
            cotangents: of the results.
        """
        m = Floating("float64")
        with np.errstate(all="ignore"):
            y = self._forward(m)
            seed = seeds(self.graph, m, tuple(cotangents))
            whole = _swept(self.graph, y, m, seed, None)
            for node in self.graph.nodes:
                for x in dict.fromkeys(node.inputs):
                    if x in whole and node.name in whole:
                        less = _swept(self.graph, y, m, seed, (node.name, x))
                        flow = [whole[k] - less.get(k, np.zeros_like(whole[k])) if k and k in whole else None for k in self.inputs]
                        yield Edge(node.name, node.inputs.index(x)), flow


def _lifted(graph: Graph, values: Mapping[str, Any], m: Arithmetic) -> dict[str, Array]:
    """Return the leaves as arrays of `m`; constants as numbers of a formula, which a kernel has in float32."""
    constant = getattr(m, "constant_array", m.array)
    made = {}
    for leaf in graph.leaves:
        x = leaf.value if leaf.value is not None else values[leaf.name]
        made[leaf.name] = x if leaf.type != "float" else constant(np.asarray(x, np.float64)) if leaf.value is not None else m.array(x)
    return made


def _swept(graph: Graph, y: Mapping[str, Array], m: Arithmetic, seed: Mapping[str, Array], left_out: tuple[str, str] | None) -> dict[str, Array]:
    """Return all adjoints, without the contribution through the use of a value by a node."""
    active = graph.descendants([x.name for x in graph.leaves if x.type == "float"])
    adjoint = {k: g for k, g in seed.items() if k in active}
    for node in reversed(graph.nodes):
        if node.name in adjoint:
            op = registry[node.op]
            found = op.vjp(m, adjoint[node.name], y[node.name], *entered(op, m, [y[x] for x in node.inputs]), **node.attributes)
            for x, c in zip(node.inputs, found, strict=True):
                if c is not None and x in active and left_out != (node.name, x):
                    adjoint[x] = adjoint[x] + c if x in adjoint else c
    return adjoint


def cut_to(graph: Graph, outputs: Sequence[str]) -> Graph:
    """Return the part of a graph that makes some of its values, which are its outputs.

    Args:
        graph: of a recorded run, whose output is a scalar made of them.
        outputs: names of values.
    """
    kept = graph.ancestors(outputs)
    return Graph([x for x in graph.leaves if x.name in kept], [n for n in graph.nodes if n.name in kept], outputs, name=graph.name)
