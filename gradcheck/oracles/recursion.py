"""Hessians of layered networks by the recursion of second-order backpropagation, over multiprecision.

With x the input of a layer's units, a = f(x) their output and W the weights to the next layer,

    d2L/da da = W^T (d2L/dx dx) W,    d2L/dx_i dx_j = f'_i f'_j d2L/da_i da_j + [i = j] f''_i dL/da_i,

and two layers k >= l of weights meet in (Bishop, Neural Computation 4, 1992)

    d2L/dW_l dW_k = sum over examples of a_l (K_k T_kl a_k + delta_k da_k/dx_l),

K_k = d2L/dx_k dx_k, delta_k = dL/dx_k, T_kl = dx_k/dx_l. Derivatives of f, and of the loss by its own operands, are
coefficients of Taylor series of `op.value`; nothing else is differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.multiprecision import Multiprecision
from gradcheck.arith.taylor import Series, Taylor
from gradcheck.graph.evaluation import propagate
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry
from gradcheck.oracles.ending import Ending
from gradcheck.oracles.estimate import Estimate, refined
from gradcheck.oracles.layers import Layer, layers_of
from gradcheck.oracles.point import Point

#: Digits at which zeros are believed: many entries of a Hessian are zero by structure.
ZEROS = 160

Matrix = npt.NDArray[Any]
Places = npt.NDArray[np.intp]


def recursion(
    graph: Graph, values: Values, *, cotangent: Any = None, wrt: Iterable[str] | None = None, ops: Mapping[str, Op] = registry
) -> Estimate:
    """The Hessian of a layered network: name -> its rows, of shape (entries of the leaf, entries of all leaves).

    Args:
        graph: the network.
        values: inputs and parameters by name.
        cotangent: of the outputs; 1 for scalar ones.
        wrt: names of the leaves to differentiate.
        ops: the operations.

    Raises:
        OracleGaveUp: at a kink, for a network that is not layered, or one that is too large.
    """
    point = Point(graph, values, cotangent=cotangent, wrt=wrt, ops=ops)
    chain = layers_of(point)
    point.refuse_kinks()
    compute = lambda digits: point.rows(hessian(point, chain, Multiprecision(digits)))
    return refined(compute, "second-order recursion", zeros=ZEROS)


def hessian(point: Point, chain: list[Layer], m: Multiprecision) -> Matrix:
    """Return the Hessian as one matrix, leaves in the order of `point.names`, entries in C order."""
    y = point.forward(m)
    ending, places = Ending(point, chain[-1], m, y), _places(point)
    states = _states(chain, ending, places)
    out = np.full((point.size + 1, point.size + 1), m.element(0), dtype=object)  # the last one for what is no parameter
    for k, x in ending.penalties.items():
        out[places[k].ravel(), places[k].ravel()] += x
    for number, low in enumerate(states):
        for block, high in zip(_blocks(m, states[number:]), states[number:], strict=True):
            _add(out, low.places, high.places, block)
            if high is not low:
                _add(out, high.places, low.places, np.transpose(block, (2, 3, 0, 1)))
    return out[:-1, :-1]


def _add(out: Matrix, rows: Places, columns: Places, block: Matrix) -> None:
    """Add a block where it belongs; weights that several layers share get the sum."""
    np.add.at(out, (rows[:, :, None, None], columns), np.asarray(block))


def _places(point: Point) -> dict[str, Places]:
    """Return for each leaf the positions of its entries in the matrix."""
    found, start = {}, 0
    for k in point.names:
        stop = start + math.prod(point.graph.shapes[k])
        found[k] = np.arange(start, stop).reshape(point.graph.shapes[k])
        start = stop
    return found


@dataclass(frozen=True, slots=True)
class State:
    """A layer at a point, examples as rows.

    Args:
        inputs: a, with a last column of ones for the bias.
        slope: f'(x).
        delta: dL/dx.
        curvature: d2L/dx dx, one matrix an example.
        weight: W, from the inputs but the last to the units.
        places: of the weights, biases in the last row, in the Hessian; -1 for what is no parameter.
    """

    inputs: Matrix
    slope: Matrix
    delta: Matrix
    curvature: Matrix
    weight: Matrix
    places: Places


def _states(chain: list[Layer], ending: Ending, places: Mapping[str, Places]) -> list[State]:
    """Return every layer's state, found from the last to the first: the recursion itself."""
    m, y, found = ending.m, ending.y, list[State]()
    g, curvature = ending.gradient, ending.curvature  # dL/da and d2L/da da of the last layer
    for layer in reversed(chain):
        slope, bend = _derivatives(layer, ending.point, m, y)
        delta = slope * g
        curvature = slope[:, :, None] * curvature * slope[:, None, :] + (bend * g)[:, :, None] * m.eye(slope.shape[1])
        a, w = layer.rows(y[layer.source]), layer.matrix(y[layer.weight])
        inputs = np.concatenate([a, m.ones((len(a), 1))], 1)
        found.append(State(inputs, slope, delta, curvature, w, _of_layer(layer, places, w.shape)))
        g, curvature = m.matmul(delta, w.T), m.matmul(m.matmul(w, curvature), w.T)
    return found[::-1]


def _of_layer(layer: Layer, places: Mapping[str, Places], shape: tuple[int, ...]) -> Places:
    weights = layer.matrix(places[layer.weight]) if layer.weight in places else np.full(shape, -1)
    biases = np.full(shape[1], -1) if layer.bias is None else places[layer.bias].ravel()
    return np.concatenate([weights, biases[None]])


def _derivatives(layer: Layer, point: Point, m: Multiprecision, y: Mapping[str, Array]) -> tuple[Matrix, Matrix]:
    """Return f' and f'' at every entry of x: all at once, since f takes each on its own."""
    x, again = y[layer.value], {n.name for n in layer.activation}
    series = Taylor(m, 2)
    at = {k: Series(series, v) if v.dtype == object else v for k, v in y.items() if k not in again}
    at[layer.value] = Series(series, x, (m.ones(x.shape),))
    f = propagate(point.graph, at, series, ops=point.ops)[layer.output]
    return layer.rows(series.coefficient(f, 1)), layer.rows(2 * series.coefficient(f, 2))


def _blocks(m: Multiprecision, states: list[State]) -> Iterator[Matrix]:
    """Yield the second derivatives by the first layer's weights [i, j] and those [p, q] of each layer from it on."""
    first = states[0]
    examples, width = first.delta.shape
    transfer = np.broadcast_to(m.eye(width), (examples, width, width))  # dx_k/dx_l
    entering: Matrix | None = None  # da/dx_l of what enters layer k
    for k, state in enumerate(states):
        inner = state.inputs[:, :, None, None] * m.matmul(state.curvature, transfer)[:, None]  # (example, p, q, j)
        if entering is not None:
            moving = np.concatenate([entering, m.zeros((examples, 1, width))], 1)  # the ones do not move
            inner = inner + state.delta[:, None, :, None] * moving[:, :, None, :]
        block = m.matmul(first.inputs.T, m.reshape(inner, (examples, math.prod(inner.shape[1:]))))
        yield np.transpose(block.reshape(len(block), *inner.shape[1:]), (0, 3, 1, 2))
        if k + 1 < len(states):
            entering = state.slope[:, :, None] * transfer
            transfer = m.matmul(states[k + 1].weight.T, entering)
