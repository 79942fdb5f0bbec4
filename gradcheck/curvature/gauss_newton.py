"""The generalised Gauss-Newton matrix G = J^T H J: J of the predictions, H the Hessian of the loss as a function of them.

It is what is left of the Hessian if second derivatives of the network are taken to be zero, positive semi-definite for a convex
loss, and equal to the Hessian for a linear network (Schraudolph, Neural Computation 14, 2002; Martens, JMLR 21, 2020). What the
loss takes of parameters directly, such as a penalty, is a prediction that is the parameter: its own Hessian is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.arith.taylor import Taylor
from gradcheck.curvature.products import Sandwich
from gradcheck.curvature.split import Split, split
from gradcheck.engine.reverse import seeds, sweep, wanted
from gradcheck.engine.second import Direction, Hessian
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry


def gauss_newton(
    graph: Graph, values: Values, *, outputs: Iterable[str] | None = None, arithmetic: Arithmetic | None = None,
    wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry,
) -> Hessian:  # fmt: skip
    """Return the generalised Gauss-Newton matrix of the loss.

    Args:
        graph: the network with its loss.
        values: inputs and parameters by name.
        outputs: names of the predictions; found by `gradcheck.curvature.split` unless given.
        arithmetic: float64 unless given.
        wrt: names of the leaves; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadInput: if the graph cannot be cut at the predictions.
        BadValues: values that do not fit the graph, or a loss that is no scalar.
        UnknownName: a name that is no float leaf or value.

    >>> import numpy as np
    >>> from gradcheck.graph.trace import trace
    >>> from gradcheck.ops import registry as ops
    >>> values = {"w": np.array([1.0]), "t": np.array([3.0])}
    >>> graph = trace(lambda w, t: ops["half_squared_error"](w * w, t), values, inputs=["t"])
    >>> gauss_newton(graph, values).matrix  # J^2 = (2 w)^2; the Hessian is (2 w)^2 + 2 (w^2 - t) = 0
    array([[4.]])
    """
    return _sandwich(graph, values, outputs, arithmetic, wrt, ops).matrix()


def gauss_newton_product(
    graph: Graph, values: Values, direction: Direction, *, outputs: Iterable[str] | None = None, arithmetic: Arithmetic | None = None,
    wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry,
) -> dict[str, Array]:  # fmt: skip
    """Return the generalised Gauss-Newton matrix times a direction, by name, from two sweeps.

    Args:
        graph: the network with its loss.
        values: inputs and parameters by name.
        direction: v by name; what is not named does not move.
        outputs: names of the predictions; found by `gradcheck.curvature.split` unless given.
        arithmetic: float64 unless given.
        wrt: names of the leaves; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadInput: if the graph cannot be cut at the predictions.
        BadShape: a direction of another shape than its leaf.
        BadValues: values that do not fit the graph, or a loss that is no scalar.
        UnknownName: a name that is no float leaf or value.
    """
    return _sandwich(graph, values, outputs, arithmetic, wrt, ops).times(direction)


def _sandwich(
    graph: Graph, values: Values, outputs: Iterable[str] | None, arithmetic: Arithmetic | None, wrt: Iterable[str] | None,
    ops: Mapping[str, Op],
) -> Sandwich:  # fmt: skip
    m, names, parts = arithmetic or Floating("float64"), wanted(graph, wrt), split(graph, outputs)
    seeds(graph, m)  # refuses a loss that is no scalar

    def middle(series: Taylor, y: Mapping[str, Array]) -> dict[str, Array]:
        return _bent(parts, names, series, y, ops)

    return Sandwich(parts, lift(graph, values, m), middle, names, m, ops)


def _bent(parts: Split, names: tuple[str, ...], m: Taylor, y: Mapping[str, Array], ops: Mapping[str, Op]) -> dict[str, Array]:
    """Return how the derivatives of the loss by what it takes move: its Hessian times their tangents."""
    taken = (*parts.outputs, *(k for k in parts.direct if k in names))
    values = propagate(parts.head, y, m, ops=ops)
    adjoint = sweep(parts.head, values, m, seeds(parts.head, m), taken, ops=ops)
    return {k: adjoint[k][1] for k in taken if k in adjoint and adjoint[k][1] is not None}
