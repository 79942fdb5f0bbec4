"""The reverse sweep in balls: proof of what the exact gradient is, entry by entry.

The graph's inputs are floats, hence exact. Every operation of the sweep encloses its exact result, so that the ends of what
comes out are a theorem about the gradient (Johansson, arXiv 1611.02831). What it rests on besides arb: the rules of
`gradcheck.ops`; a second enclosure, `gradcheck.oracles.ball`, rests on their values alone, and the two must intersect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.refinement import refined
from gradcheck.certify.condition import movements
from gradcheck.certify.enclosure import Enclosure, Floats
from gradcheck.engine.reverse import backward, wanted
from gradcheck.errors import BadInput, BadValues
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values, bind
from gradcheck.ops.op import Op, registry


class Certified(Mapping[str, Enclosure]):
    """The certified gradient: names of leaves -> `Enclosure`.

    Args:
        gradients: by name.
        losses: of the outputs, in order.
        precision: bits with which it was computed.
    """

    def __init__(self, gradients: Mapping[str, Enclosure], losses: tuple[Enclosure, ...], precision: int) -> None:
        self._gradients = dict(gradients)
        self.losses, self.precision = losses, precision

    @property
    def loss(self) -> Enclosure:
        """The value of the first output."""
        return self.losses[0]

    def __getitem__(self, name: str) -> Enclosure:
        return self._gradients[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._gradients)

    def __len__(self) -> int:
        return len(self._gradients)

    def __repr__(self) -> str:
        return f"Certified({', '.join(self)}; {self.precision} bits)"


def at_least_two(bits: object) -> None:
    """Raise `BadInput` for what is no number of bits."""
    if not isinstance(bits, int | np.integer) or bits < 2:
        raise BadInput(f"expected at least 2 bits; got {bits!r}")


def certify(
    graph: Graph, values: Values, *, bits: int = 128, cotangent: Any = None, wrt: Iterable[str] | None = None,
    ops: Mapping[str, Op] = registry,
) -> Certified:  # fmt: skip
    """Return exact bounds of every entry of the gradient, and the floats nearest to the truth.

    Args:
        graph: the network.
        values: inputs and parameters by name; floats of any format, taken exactly.
        bits: to which every entry should be known; the precision is doubled until it is, or does not help. At an exact tie
            of a maximum, or at a kink, the enclosure holds every generalised derivative.
        cotangent: of the outputs; 1 for scalar ones.
        wrt: names of the leaves to differentiate; the graph's parameters unless given.
        ops: the operations.

    Raises:
        BadInput: fewer than 2 bits.
        BadValues: values that do not fit the graph, or that are not finite.
        UnknownName: a name in `wrt` that is no float leaf.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(np.exp(x)), {"x": np.array([1.0])})
    >>> found = certify(graph, {"x": np.array([1.0])})["x"]
    >>> float(found.rounded[0]), bool(found.proved[0]), found.lower[0] < found.upper[0]
    (2.718281828459045, True, True)
    """
    at_least_two(bits)
    names = wanted(graph, wrt)
    refuse_infinite(graph, values)

    def compute(m: Ball) -> dict[str, Array]:
        outputs, gradients = backward(graph, values, m, cotangent=cotangent, wrt=names, ops=ops)
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        return gradients | {_output(k): y for k, y in enumerate(several)}

    found = refined(compute, bits)
    moves = cache(partial(movements, graph, values, names, cotangent=cotangent, ops=ops))
    gradients = {k: Enclosure(found.balls[k], found.precision, partial(_of, moves, k)) for k in names}
    outputs = [found.balls[_output(k)] for k in range(len(graph.outputs))]
    losses = tuple(Enclosure(y, found.precision, partial(nothing_known, np.shape(y))) for y in outputs)
    return Certified(gradients, losses, found.precision)


def _output(k: int) -> str:
    """Return the key of an output among the arrays that are refined: no leaf has such a name."""
    return f"/{k}"


def _of(moves: Callable[[], Mapping[str, Floats]], name: str) -> Floats:
    return moves()[name]


def nothing_known(shape: tuple[int, ...]) -> Floats:
    """Return the sensitivities of numbers of which none was asked for."""
    return np.full(shape, np.nan)


def refuse_infinite(graph: Graph, values: Values) -> None:
    """Raise `BadValues` for values that are not finite."""
    for name, x in bind(graph, values, None).items():
        if graph.leaf[name].type == "float" and not np.isfinite(np.asarray(x, np.longdouble)).all():
            raise BadValues(f"{graph.leaf[name].kind} {name!r}: expected finite numbers, of which alone there is a proof; got NaN or infinity")
