"""A small constant of the traced function that its derivative does not know, or has in another place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gradcheck.errors import GradcheckError
from gradcheck.graph.graph import Graph, Leaf
from gradcheck.mistakes.factor import NEAR
from gradcheck.mistakes.mistake import Mistake
from gradcheck.probe.line.look import Look
from gradcheck.probe.slope.instrument import Instrument
from gradcheck.probe.slope.traced import Traced

Floats = npt.NDArray[np.float64]

#: Constants up to this size are there to keep away from zero: the largest in use is the 1e-3 of batch norms.
SMALL = 1e-2


def epsilon(instrument: Instrument, seen: Look, k: int, got: Floats, expected: Floats, bar: Floats) -> Mistake | None:
    """Return the epsilon without which, or in whose other place, the doubted gradient is reproduced.

    Args:
        instrument: of a traced function.
        seen: a confirmed mismatch.
        k: the input concerned.
        got: the doubted gradient.
        expected: the right one.
        bar: its error bar.
    """
    if instrument.traced is None:
        return None
    difference = np.max(np.abs(got - expected))
    for mistake, graph in _variants(instrument.traced.graph):
        found = Traced(graph, instrument.traced.values, instrument.traced.dtype).gradients(list(seen.gs))
        if found is not None and np.all(np.abs(got - found[k][0]) <= np.fmin(NEAR * np.fmax(bar, found[k][1]), difference / 10)):
            return mistake
    return None


def _variants(graph: Graph) -> Iterator[tuple[Mistake, Graph]]:
    """Yield the graph without a small constant, and with it on the other side of a root."""
    for leaf in graph.leaves:
        if leaf.kind != "constant" or leaf.value is None or leaf.type != "float" or not 0 < np.max(np.abs(leaf.value), initial=0.0) <= SMALL:
            continue
        size = float(np.max(np.abs(leaf.value)))
        try:
            others = [replace(x, value=np.zeros_like(x.value)) if x is leaf else x for x in graph.leaves]
            yield Mistake("epsilon", f"{size:g} left out", size), Graph(others, graph.nodes, graph.outputs, name=graph.name)
            yield from ((Mistake("epsilon", f"{size:g} {where} of the root", size), made) for where, made in _crossed(graph, leaf))
        except GradcheckError:  # what is left is no graph
            continue


def _crossed(graph: Graph, leaf: Leaf) -> Iterator[tuple[str, Graph]]:
    """Yield the graph with a sum before a root after it, or the other way round: the two nodes change places."""
    for node in graph.nodes:
        (inner,) = node.inputs if node.op == "sqrt" else [next((x for x in node.inputs if x != leaf.name), "")]
        before = graph.node.get(inner)
        if before is None or len(graph.consumers(inner)) != 1:
            continue
        if node.op == "sqrt" and before.op == "add" and leaf.name in before.inputs:
            where, root, plus = "outside", node, before
        elif node.op == "add" and leaf.name in node.inputs and before.op == "sqrt":
            where, root, plus = "inside", before, node
        else:
            continue
        # both keep their shape: the one that came first now reads what came, and gives its name to the second
        source = next(x for x in before.inputs if x != leaf.name)
        first = replace(root if before is plus else plus, name=before.name, inputs=(source,) if before is plus else (source, leaf.name))
        second = replace(plus if before is plus else root, name=node.name, inputs=(before.name, leaf.name) if before is plus else (before.name,))
        swapped = {before.name: first, node.name: second}
        yield where, Graph(graph.leaves, [swapped.get(n.name, n) for n in graph.nodes], graph.outputs, name=graph.name)
