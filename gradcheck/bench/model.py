"""The cost model: what value, gradient, forward mode and differences of a graph take, counted from the rules.

Every operation's rules are run once in the arithmetic that counts (`gradcheck.arith.counting`), so there is no second
description of an operation that could be wrong. A gradient is the work on which loss and gradients depend: for products
of matrices three times the value's, less the input cotangents of the first layer, 3 - F_first / F_total in all
(Griewank and Walther, Evaluating Derivatives, section 3.3; Baur and Strassen 1983: never more than 3 nonscalar ones).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.counting import Counting
from gradcheck.arith.work import Count, total
from gradcheck.engine.reverse import seeds, sweep, wanted
from gradcheck.graph.evaluation import entered, forward
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import INTEGER_KINDS, Op, registry


@dataclass(frozen=True, slots=True)
class Model:
    """Work of a graph.

    Args:
        entries: derivatives asked for.
        value: the outputs.
        gradient: outputs and gradient, by the reverse sweep.
        jvp: outputs and one directional derivative in all leaves, by forward mode.
    """

    entries: int
    value: Count
    gradient: Count
    jvp: Count

    @property
    def ratio(self) -> float:
        """Operations of the gradient over those of the value."""
        return self.gradient.operations / max(1, self.value.operations)

    @property
    def forward_mode(self) -> Count:
        """The gradient by forward mode, one pass an entry."""
        return self.jvp * self.entries

    @property
    def differences(self) -> Count:
        """The gradient by central differences, two values an entry."""
        return self.value * (2 * self.entries)


def model(graph: Graph, values: Values, dtype: str = "float64", *, ops: Mapping[str, Op] = registry) -> Model:
    """Return the work of a graph at its shapes.

    Args:
        graph: the network, of outputs of one entry each.
        values: inputs and parameters by name; their numbers matter only where a rule looks at numbers.
        dtype: the format.
        ops: the operations.

    >>> import gradcheck
    >>> x, w = np.ones((5, 3)), np.ones((3, 2))
    >>> graph = gradcheck.trace(lambda x, w: np.sum(x @ w), {"x": x, "w": w}, inputs=["x"])
    >>> found = model(graph, {"x": x, "w": w})
    >>> found.value.products, found.gradient.products  # one layer needs no cotangent of its input
    (60, 120)
    """
    m, names = Counting(dtype), wanted(graph, None)
    with np.errstate(all="ignore"):
        y = forward(graph, values, m, ops=ops)
        outputs = [y[k] for k in graph.outputs]
        t = _tangents(graph, y, m, names, ops)
        m.phase = "reverse"
        adjoint = sweep(graph, y, m, _constant(m, seeds(graph, m)), names, ops=ops)
    gradients = [adjoint[k] for k in names if k in adjoint]
    entries = sum(math.prod(graph.shapes[k]) for k in names)
    return Model(entries, total(outputs), total([*outputs, *gradients]), total([*outputs, *(t[k] for k in graph.outputs if k in t)]))


def _constant(m: Counting, seed: Mapping[str, Array]) -> dict[str, Array]:
    """Return cotangents of one as constants: multiplying by them is no work of the method."""
    return {k: m.broadcast_to(m.constant(1), g.shape) for k, g in seed.items()}


def _tangents(graph: Graph, y: Mapping[str, Array], m: Counting, names: Sequence[str], ops: Mapping[str, Op]) -> dict[str, Array]:
    """Return the tangents of everything that depends on the leaves `names`, all of which move."""
    t: dict[str, Array] = {k: m.array(np.ones(graph.shapes[k])) for k in names}
    active = graph.descendants(names)
    for node in graph.nodes:
        if node.name in active:
            op = ops[node.op]
            kinds = op.kinds(len(node.inputs))
            xs = entered(op, m, [y[x] for x in node.inputs])
            ts = tuple(
                None if k in INTEGER_KINDS else m.enter(t[x]) if x in t else m.zeros(a.shape)
                for x, a, k in zip(node.inputs, xs, kinds, strict=True)
            )
            t[node.name] = m.leave(op.jvp(m, ts, m.enter(y[node.name]), *xs, **node.attributes))
    return t


@dataclass(frozen=True, slots=True)
class OpCost:
    """Work of one operation: of its value, its vjp given the value, and its jvp given the value."""

    value: Count
    vjp: Count
    jvp: Count


def op_cost(op: Op, operands: Sequence[Any], attributes: Mapping[str, Any] | None = None, dtype: str = "float64") -> OpCost:
    """Return the work of an operation on operands.

    Args:
        op: the operation.
        operands: arrays; integers and masks for operands that are such.
        attributes: of the call.
        dtype: the format.

    >>> cost = op_cost(registry["matmul"], [np.ones((2, 3)), np.ones((3, 4))])
    >>> cost.value.products, cost.vjp.products, cost.jvp.products
    (48, 96, 96)
    """
    m, complete = Counting(dtype), op.complete(attributes or {})
    kinds = op.kinds(len(operands))
    xs = [np.asarray(x) if k in INTEGER_KINDS else m.enter(m.array(x)) for k, x in zip(kinds, operands, strict=True)]
    with np.errstate(all="ignore"):
        y = op.value(m, *xs, **complete)
        given = m.enter(m.array(m.number(y)))
        g = m.enter(m.array(np.ones(y.shape)))
        cotangents = op.vjp(m, g, given, *xs, **complete)
        ts = tuple(None if k in INTEGER_KINDS else m.enter(m.array(np.ones(x.shape))) for k, x in zip(kinds, xs, strict=True))
        tangent = op.jvp(m, ts, given, *xs, **complete)
    return OpCost(total([y]), total([c for c in cotangents if c is not None]), total([tangent]))
