"""The forward pass, in any arithmetic. The engine and every oracle start here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values, bind
from gradcheck.ops.op import Op, registry


def lift(graph: Graph, values: Values, m: Arithmetic) -> dict[str, Array]:
    """Return every leaf as an array of `m`; integer and boolean leaves stay NumPy arrays."""
    bound = bind(graph, values, None)
    return {k: m.array(x) if graph.leaf[k].type == "float" else x for k, x in bound.items()}


def forward(graph: Graph, values: Values, m: Arithmetic, *, ops: Mapping[str, Op] = registry) -> dict[str, Array]:
    """Return the value of every leaf and node.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        m: the arithmetic.
        ops: the operations.

    Raises:
        BadValues: values that do not fit the graph.
    """
    return propagate(graph, lift(graph, values, m), m, ops=ops)


def propagate(
    graph: Graph, known: Mapping[str, Array], m: Arithmetic, *, ops: Mapping[str, Op] = registry
) -> dict[str, Array]:
    """Return `known` (arrays of `m`, all leaves at least) with every other node's value added."""
    y = dict(known)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node.name not in y:
                y[node.name] = apply(ops[node.op], m, [y[x] for x in node.inputs], node.attributes)
    return y


def apply(op: Op, m: Arithmetic, operands: list[Array], attributes: Mapping[str, object]) -> Array:
    """Return the value of one operation on stored operands, rounded once."""
    return m.leave(op.value(m, *entered(op, m, operands), **attributes))


def entered(op: Op, m: Arithmetic, operands: list[Array]) -> list[Array]:
    """Return stored operands in the form in which rules compute; integers stay as they are."""
    kinds = op.kinds(len(operands))
    return [x if k in ("index", "mask") else m.enter(x) for k, x in zip(kinds, operands, strict=True)]
