"""Derivatives of any order: the sweeps over truncated Taylor series. No rule is added; the number system is another.

The reverse sweep over dual numbers x + e v gives the gradient and, as its e-part, the Hessian times v (Pearlmutter 1994; forward
over reverse in Griewank and Walther, Evaluating Derivatives, chapter 5). Values over series of degree k give the k-th derivative
along a direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Arithmetic, Array
from gradcheck.arith.floating import Floating
from gradcheck.arith.lanes import Lanes
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.engine.blocks import Blocks
from gradcheck.engine.reverse import seeds, sweep, wanted
from gradcheck.errors import BadInput, BadShape, UnknownName
from gradcheck.graph.evaluation import lift, propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry

Direction = Mapping[str, npt.ArrayLike]

#: Numbers in the tangents of one batch of directions: 256 MiB in float64.
MOST_NUMBERS = 2**25
#: Directions at once.
MOST_LANES = 128


class Hessian(Blocks[Array]):
    """Second derivatives: (name, name) -> block of shape ``(*shape of the first, *shape of the second)``."""

    @property
    def matrix(self) -> Array:
        """All blocks as one square matrix, leaves in the order of `names`, entries in C order."""
        sizes = self.sizes
        rows = [np.concatenate([np.reshape(self[a, b], (sizes[a], sizes[b])) for b in self.names], 1) for a in self.names]
        return np.concatenate(rows, 0) if rows else np.zeros((0, 0))


def jvp(
    graph: Graph, values: Values, tangents: Direction, *, arithmetic: Arithmetic | None = None, ops: Mapping[str, Op] = registry
) -> tuple[Any, Any]:
    """Return the outputs and their derivatives along a direction: one array each, or a tuple for several outputs.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        tangents: of float leaves, by name; what is not named does not move.
        arithmetic: float64 unless given.
        ops: the operations.

    Raises:
        BadValues: values that do not fit the graph.
        BadShape: a tangent of another shape than its leaf.
        UnknownName: a tangent of what is no float leaf.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: x * x, {"x": np.array([1.0, 2.0])})
    >>> jvp(graph, {"x": np.array([1.0, 2.0])}, {"x": np.array([1.0, 0.5])})
    (array([1., 4.]), array([2., 2.]))
    """
    m = Taylor(arithmetic or Floating("float64"), 1)
    y = propagate(graph, _moved(graph, values, tangents, m), m, ops=ops)
    found = [y[k] for k in graph.outputs]
    pairs = [(x.value, m.coefficient(x, 1)) for x in found]
    return pairs[0] if len(pairs) == 1 else (tuple(p for p, _ in pairs), tuple(t for _, t in pairs))


def derivative(
    graph: Graph, values: Values, direction: Direction, *, order: int = 1, arithmetic: Arithmetic | None = None,
    ops: Mapping[str, Op] = registry,
) -> Any:  # fmt: skip
    """Return the derivative of the given order of the outputs along a direction: d^k/dh^k f(x + h v) at h = 0.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        direction: v by name; what is not named does not move.
        order: k; 0 gives the value.
        arithmetic: float64 unless given.
        ops: the operations.

    Raises:
        BadInput: a negative order.
        BadShape: a direction of another shape than its leaf.
        UnknownName: a direction of what is no float leaf.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(np.sin(x)), {"x": np.array([0.0])})
    >>> [float(derivative(graph, {"x": np.array([0.0])}, {"x": np.array([1.0])}, order=k)) for k in range(6)]
    [0.0, 1.0, 0.0, -1.0, 0.0, 1.0]
    """
    if not isinstance(order, int | np.integer) or order < 0:
        raise BadInput(f"expected an order of at least 0; got {order!r}")
    m = Taylor(arithmetic or Floating("float64"), order)
    y = propagate(graph, _moved(graph, values, direction, m), m, ops=ops)
    found = tuple(m.coefficient(y[k], order) * math.factorial(order) for k in graph.outputs)
    return found[0] if len(found) == 1 else found


def hvp(
    graph: Graph, values: Values, direction: Direction, *, arithmetic: Arithmetic | None = None, cotangent: Any = None,
    wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry,
) -> dict[str, Array]:  # fmt: skip
    """Return the Hessian of the loss times a direction, by name.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        direction: v by name; what is not named does not move.
        arithmetic: float64 unless given.
        cotangent: of the outputs; 1 for a scalar output.
        wrt: names of the leaves of the result; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadValues: values that do not fit the graph.
        BadShape: a direction of another shape than its leaf.
        UnknownName: a name that is no float leaf.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(x * x * x), {"x": np.array([1.0, 2.0])})
    >>> hvp(graph, {"x": np.array([1.0, 2.0])}, {"x": np.array([1.0, 1.0])})["x"]
    array([ 6., 12.])
    """
    m, names = Taylor(arithmetic or Floating("float64"), 1), wanted(graph, wrt)
    y = propagate(graph, _moved(graph, values, direction, m), m, ops=ops)
    adjoint = sweep(graph, y, m, seeds(graph, m, cotangent), names, ops=ops)
    return {k: m.coefficient(adjoint[k], 1) if k in adjoint else m.inner.zeros(graph.shapes[k]) for k in names}


def hessian(
    graph: Graph, values: Values, *, arithmetic: Arithmetic | None = None, cotangent: Any = None, wrt: Iterable[str] | None = None,
    ops: Mapping[str, Op] = registry,
) -> Hessian:  # fmt: skip
    """Return the Hessian of the loss, from products with unit vectors: in floating point many of them at once.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        arithmetic: float64 unless given.
        cotangent: of the outputs; 1 for a scalar output.
        wrt: names of the leaves; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadValues: values that do not fit the graph.
        UnknownName: a name that is no float leaf.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(x * x * x), {"x": np.array([1.0, 2.0])})
    >>> hessian(graph, {"x": np.array([1.0, 2.0])}).matrix
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    m, names = arithmetic or Floating("float64"), wanted(graph, wrt)
    blocks: dict[tuple[str, str], list[Array]] = {(a, b): [] for a in names for b in names}
    for name in names:
        for columns in _columns(graph, values, name, names, m, cotangent, ops):
            for a in names:
                blocks[a, name].append(columns[a])
    return Hessian(names, {(a, b): _block(graph, a, b, found) for (a, b), found in blocks.items()})


def _block(graph: Graph, a: str, b: str, found: list[Array]) -> Array:
    """Return columns, each batch with its number in front, as a block."""
    shape = graph.shapes[a] + graph.shapes[b]
    if not found:
        return np.zeros(shape)
    return np.moveaxis(np.concatenate(found), 0, -1).reshape(shape)


def _columns(
    graph: Graph, values: Values, name: str, names: tuple[str, ...], m: Arithmetic, cotangent: Any, ops: Mapping[str, Op]
) -> Iterator[dict[str, Array]]:
    """Yield the Hessian's columns for the entries of one leaf, in batches: by name, of shape (columns, *shape)."""
    size, shape = math.prod(graph.shapes[name]), graph.shapes[name]
    if not isinstance(m, Floating):
        for unit in np.eye(size):
            found = hvp(graph, values, {name: unit.reshape(shape)}, arithmetic=m, cotangent=cotangent, wrt=names, ops=ops)
            yield {k: np.asarray(x)[None] for k, x in found.items()}
        return
    count = max(1, min(MOST_LANES, MOST_NUMBERS // max(1, sum(math.prod(s) for s in graph.shapes.values()))))
    for start in range(0, size, count):
        units = np.eye(size)[start : start + count].reshape(-1, *shape)
        yield _lanes(graph, values, name, units, names, m, cotangent, ops)


def _lanes(
    graph: Graph, values: Values, name: str, units: Array, names: tuple[str, ...], inner: Floating, cotangent: Any, ops: Mapping[str, Op]
) -> dict[str, Array]:
    """Return the Hessian times many directions, which move one leaf."""
    lanes = Lanes(inner, len(units))
    m = Taylor(lanes, 1)
    leaves = lift(graph, values, m)
    leaves[name] = Series(m, leaves[name].value, (lanes.lanes(inner.array(units)),))
    y = propagate(graph, leaves, m, ops=ops)
    adjoint = sweep(graph, y, m, seeds(graph, m, cotangent), names, ops=ops)
    still = {k: np.zeros((len(units), *graph.shapes[k]), inner.storage) for k in names}
    return {k: adjoint[k][1].value if k in adjoint and adjoint[k][1] is not None else still[k] for k in names}


def jacobian(
    graph: Graph, values: Values, *, arithmetic: Arithmetic | None = None, wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry
) -> Any:
    """Return the derivatives of every output entry: by name arrays of shape ``(*output, *leaf)``; a tuple for several outputs.

    Reverse mode, a sweep for each entry of the outputs, from one forward pass.

    Args:
        graph: the network.
        values: inputs and parameters by name.
        arithmetic: float64 unless given.
        wrt: names of the leaves; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadValues: values that do not fit the graph.
        UnknownName: a name that is no float leaf.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: x * x, {"x": np.array([1.0, 2.0])})
    >>> jacobian(graph, {"x": np.array([1.0, 2.0])})["x"]
    array([[2., 0.],
           [0., 4.]])
    """
    m, names = arithmetic or Floating("float64"), wanted(graph, wrt)
    y = propagate(graph, lift(graph, values, m), m, ops=ops)
    found = tuple(_rows(graph, y, k, m, names, ops) for k in range(len(graph.outputs)))
    return found[0] if len(found) == 1 else found


def _rows(graph: Graph, y: Mapping[str, Array], which: int, m: Arithmetic, names: tuple[str, ...], ops: Mapping[str, Op]) -> dict[str, Array]:
    shapes = [graph.shapes[k] for k in graph.outputs]
    out = shapes[which]
    rows: dict[str, list[Array]] = {k: [] for k in names}
    for unit in np.eye(math.prod(out)):
        gs = tuple(unit.reshape(s) if k == which else np.zeros(s) for k, s in enumerate(shapes))
        adjoint = sweep(graph, y, m, seeds(graph, m, gs), names, ops=ops)
        for k in names:
            rows[k].append(np.asarray(adjoint[k] if k in adjoint else m.zeros(graph.shapes[k])))
    return {k: np.reshape(np.stack(found), out + graph.shapes[k]) if found else np.zeros(out + graph.shapes[k]) for k, found in rows.items()}


def _moved(graph: Graph, values: Values, direction: Direction, m: Taylor) -> dict[str, Array]:
    """Return the leaves as series: values, and the direction's numbers as the coefficient of e."""
    floats = [x.name for x in graph.leaves if x.type == "float"]
    leaves = lift(graph, values, m)
    for name, t in direction.items():
        if name not in floats:
            raise UnknownName("float leaf", name, floats)
        if np.shape(t) != graph.shapes[name]:
            raise BadShape(f"direction of {name!r}", f"shape {graph.shapes[name]}", np.shape(t))
        if m.degree:
            leaves[name] = Series(m, leaves[name].value, (m.inner.array(t),))
    return leaves
