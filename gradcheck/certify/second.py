"""The reverse sweep in dual numbers over balls: proof of what the exact Hessian is, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arith.arithmetic import Array
from gradcheck.arith.ball import Ball
from gradcheck.arith.elements import numbers
from gradcheck.arith.refinement import NEGLIGIBLE, refined
from gradcheck.certify.certification import at_least_two, nothing_known, refuse_infinite
from gradcheck.certify.enclosure import Enclosure
from gradcheck.engine.blocks import Blocks
from gradcheck.engine.reverse import wanted
from gradcheck.engine.second import hessian
from gradcheck.graph.graph import Graph
from gradcheck.graph.values import Values
from gradcheck.ops.op import Op, registry


class CertifiedHessian(Blocks[Enclosure]):
    """The certified Hessian: pairs of leaves -> `Enclosure` of shape ``(*shape of the first, *shape of the second)``.

    Args:
        names: of the leaves, in the order of `matrix`.
        blocks: by pairs of names.
        precision: bits with which it was computed.
    """

    def __init__(self, names: tuple[str, ...], blocks: Mapping[tuple[str, str], Enclosure], precision: int) -> None:
        super().__init__(names, blocks)
        self.precision = precision

    @property
    def matrix(self) -> Enclosure:
        """All blocks as one square matrix, leaves in the order of `names`, entries in C order."""
        sizes = self.sizes
        balls = np.empty((sum(sizes.values()),) * 2, dtype=object)
        ends = np.cumsum([sizes[a] for a in self.names], dtype=int)
        for a, i in zip(self.names, ends, strict=True):
            for b, j in zip(self.names, ends, strict=True):
                balls[i - sizes[a] : i, j - sizes[b] : j] = np.reshape(self[a, b].balls, (sizes[a], sizes[b]))
        return _enclosure(numbers(balls), self.precision)

    def __repr__(self) -> str:
        return f"CertifiedHessian({', '.join(self.names)}; {self.precision} bits)"


def _enclosure(balls: Array, precision: int) -> Enclosure:
    return Enclosure(balls, precision, partial(nothing_known, np.shape(balls)))


def certify_hessian(
    graph: Graph, values: Values, *, bits: int = 128, cotangent: Any = None, wrt: Iterable[str] | None = None,
    ops: Mapping[str, Op] = registry, negligible: int | None = NEGLIGIBLE,
) -> CertifiedHessian:  # fmt: skip
    """Return exact bounds of every entry of the Hessian of the loss.

    It takes a sweep for each number that is differentiated by, at each precision that is tried.

    Args:
        graph: the network.
        values: inputs and parameters by name; floats of any format, taken exactly.
        bits: to which every entry should be known; the precision is doubled until it is, or does not help. At a kink, where there
            is no Hessian, the enclosure holds those of all smooth pieces that meet there.
        cotangent: of the outputs; 1 for scalar ones.
        wrt: names of the leaves to differentiate; the graph's parameters unless given.
        ops: the operations.
        negligible: an entry known to within 2^-negligible is known well enough; None: none is.

    Raises:
        BadInput: fewer than 2 bits.
        BadValues: values that do not fit the graph, or that are not finite.
        UnknownName: a name in `wrt` that is no float leaf.

    >>> from gradcheck.graph.trace import trace
    >>> graph = trace(lambda x: np.sum(np.exp(x)), {"x": np.array([1.0])})
    >>> found = certify_hessian(graph, {"x": np.array([1.0])}).matrix
    >>> float(found.rounded[0, 0]), bool(found.proved[0, 0]), found.lower[0, 0] < found.upper[0, 0]
    (2.718281828459045, True, True)
    """
    at_least_two(bits)
    names = wanted(graph, wrt)
    refuse_infinite(graph, values)
    pairs = {f"{i}/{j}": (a, b) for i, a in enumerate(names) for j, b in enumerate(names)}

    def compute(m: Ball) -> dict[str, Array]:
        found = hessian(graph, values, arithmetic=m, cotangent=cotangent, wrt=names, ops=ops)
        return {key: found[pair] for key, pair in pairs.items()}

    found = refined(compute, bits, negligible=negligible)
    blocks = {pair: _enclosure(found.balls[key], found.precision) for key, pair in pairs.items()}
    return CertifiedHessian(names, blocks, found.precision)
