"""Which element of the generalised derivative did the target take where an operand sits on a kink?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.floating import Floating
from gradcheck.arith.running import Bounded
from gradcheck.compare.certificate import Certificate
from gradcheck.graph.graph import Graph, Node
from gradcheck.ops.op import Op
from gradcheck.result.finding import Finding

Floats = npt.NDArray[Any]
#: Slopes that a note names.
MOST_SLOPES = 4


def conventions(graph: Graph, certificate: Certificate, ops: Mapping[str, Op]) -> list[Finding]:
    """Return a note for every operation that has an entry exactly on a kink.

    For a function of one operand the note names the slopes that the target used there; any element
    of the generalised derivative is right.
    """
    out = []
    for node in graph.nodes:
        op = ops[node.op]
        if op.kinks is not None and (count := _on_kink(op, node, certificate)):
            slopes = _slopes(graph, node, certificate, op)
            took = f"; slope taken: {', '.join(f'{s:g}' for s in slopes)}" if slopes else ""
            message = f"{node.op} at {node.name}: {count} {'entry' if count == 1 else 'entries'} exactly on a kink{took}"
            out.append(Finding("note", message, node=node.name, op=node.op, direction="adjoint"))
    return out


def _operands(node: Node, certificate: Certificate) -> list[Floats]:
    found = (certificate.values[x] for x in node.inputs)
    return [np.asarray(y.value, np.float64) if isinstance(y, Bounded) else np.asarray(y) for y in found]


def _margins(op: Op, node: Node, certificate: Certificate) -> tuple[Floats, ...]:
    assert op.kinks is not None
    with np.errstate(all="ignore"):
        return tuple(np.asarray(k) for k in op.kinks(Floating("float64"), *_operands(node, certificate), **node.attributes))


def _on_kink(op: Op, node: Node, certificate: Certificate) -> int:
    return sum(int(np.count_nonzero(k == 0)) for k in _margins(op, node, certificate))


def _slopes(graph: Graph, node: Node, certificate: Certificate, op: Op) -> list[float]:
    """Return the distinct slopes at the kink, where each entry has one operand that is used only here."""
    source = node.inputs[0]
    g = certificate.adjoints.get(node.name)
    if len(node.inputs) > 1 or len(graph.consumers(source)) > 1 or g is None or certificate.adjoints[source].shape != g.shape:
        return []
    at, adjoint = np.asarray(g.value != 0), certificate.adjoints[source]
    at &= np.any([k == 0 for k in _margins(op, node, certificate) if k.shape == g.shape], axis=0)
    slopes = np.unique(np.round(np.asarray(adjoint.value[at] / g.value[at], np.float64), 6))
    return [float(s) + 0.0 for s in slopes[:MOST_SLOPES]]
