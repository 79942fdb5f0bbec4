"""The reference: reverse accumulation over an arbitrary acyclic graph, in any arithmetic.

For each node from the last to the first, its adjoint g is handed to the operation's vjp, and what
comes back is added to the adjoints of its operands (Linnainmaa 1970; Griewank and Walther,
Evaluating Derivatives, chapter 3). Nothing is kept in nodes; there is no recursion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.errors import BadShape, BadValues, UnknownName
from gradcheck.graph.evaluation import entered, forward
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry


def evaluate(graph: Graph, values: Values, arithmetic: Arithmetic | None = None) -> Any:
    """Return the value of the outputs: one array, or a tuple where there are several.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        arithmetic: float64 unless given.

    Raises:
        BadValues: values that do not fit the graph.

    >>> import numpy as np
    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(x * x), {"x": np.array([1.0, 2.0])})
    >>> float(evaluate(graph, {"x": np.array([3.0, 4.0])}))
    25.0
    """
    m = arithmetic or Floating("float64")
    y = forward(graph, values, m)
    found = tuple(y[name] for name in graph.outputs)
    return found[0] if len(found) == 1 else found


def backward(
    graph: Graph,
    values: Values,
    arithmetic: Arithmetic | None = None,
    *,
    cotangent: Any = None,
    wrt: Iterable[str] | None = None,
    ops: Mapping[str, Op] = registry,
) -> tuple[Any, dict[str, Array]]:
    """Return the outputs and the gradient with respect to every parameter.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        arithmetic: float64 unless given.
        cotangent: g of the outputs' shapes (a tuple for several outputs); 1 for a scalar output.
        wrt: names of the leaves to differentiate; the parameters (or, in a graph without any, the
            float inputs) unless given.
        ops: the operations, for engines with rules of their own.

    Raises:
        BadValues: values that do not fit the graph, or no cotangent for a non-scalar output.
        UnknownName: a name in `wrt` that is no float leaf.

    >>> import numpy as np
    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(x * x), {"x": np.array([1.0, 2.0])})
    >>> loss, gradient = backward(graph, {"x": np.array([3.0, 4.0])})
    >>> gradient["x"]
    array([6., 8.])
    """
    m = arithmetic or Floating("float64")
    names = wanted(graph, wrt)
    y = forward(graph, values, m, ops=ops)
    adjoint = sweep(graph, y, m, seeds(graph, m, cotangent), names, ops=ops)
    gradients = {k: adjoint[k] if k in adjoint else m.leave(m.zeros(graph.shapes[k])) for k in names}
    outputs = tuple(y[name] for name in graph.outputs)
    return (outputs[0] if len(outputs) == 1 else outputs), gradients


def sweep(
    graph: Graph,
    y: Mapping[str, Array],
    m: Arithmetic,
    seed: Mapping[str, Array],
    wrt: Iterable[str],
    *,
    ops: Mapping[str, Op] = registry,
) -> dict[str, Array]:
    """Return the adjoint of every value between the leaves `wrt` and the outputs.

    Args:
        graph: the network.
        y: the value of every leaf and node, from the forward pass.
        m: the arithmetic.
        seed: adjoints of the outputs.
        wrt: the leaves to differentiate.
        ops: the operations.
    """
    active = graph.descendants(wrt)
    adjoint = {k: g for k, g in seed.items() if k in active}
    with np.errstate(all="ignore"):
        for node in reversed(graph.nodes):
            if node.name in adjoint:
                op = ops[node.op]
                g, value = m.enter(adjoint[node.name]), m.enter(y[node.name])
                operands = entered(op, m, [y[x] for x in node.inputs])
                for x, c in zip(node.inputs, op.vjp(m, g, value, *operands, **node.attributes), strict=True):
                    if c is not None and x in active:
                        handed = m.leave(c)  # as every result of an operation; their sum is another
                        adjoint[x] = m.leave(m.enter(adjoint[x]) + m.enter(handed)) if x in adjoint else handed
    return adjoint


def seeds(graph: Graph, m: Arithmetic, cotangent: Any = None) -> dict[str, Array]:
    """Return the adjoints of the outputs: 1 for scalars, else the given cotangents."""
    shapes = [graph.shapes[name] for name in graph.outputs]
    if cotangent is None:
        if any(math.prod(s) != 1 for s in shapes):
            raise BadValues(f"expected a cotangent for outputs of shapes {shapes}; got none; give cotangent=")
        given: tuple[Any, ...] = tuple(np.ones(s) for s in shapes)
    else:
        given = cotangent if isinstance(cotangent, tuple) else (cotangent,)
    if len(given) != len(shapes):
        raise BadValues(f"expected {len(shapes)} cotangents, one an output; got {len(given)}")
    found: dict[str, Array] = {}
    for name, g, shape in zip(graph.outputs, given, shapes, strict=True):
        if tuple(np.shape(g)) != shape:
            raise BadShape(f"cotangent of {name!r}", f"shape {shape}", np.shape(g))
        found[name] = m.leave(m.enter(found[name]) + m.enter(m.array(g))) if name in found else m.array(g)
    return found


def wanted(graph: Graph, wrt: Iterable[str] | None) -> tuple[str, ...]:
    """Return the leaves to differentiate: those asked for, else the graph's; raise `UnknownName` for no float leaf."""
    names = graph.differentiable if wrt is None else tuple(wrt)
    floats = [x.name for x in graph.leaves if x.type == "float"]
    for name in names:
        if name not in floats:
            raise UnknownName("float leaf", name, floats)
    return names
