"""Operations of entries or rows, a piece at a time: all that is computed of a piece stays in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from gradcheck.arith.arithmetic import Shape
from gradcheck.arith.running import Bounded
from gradcheck.compare.numbers import widened
from gradcheck.compare.prediction import Predictor
from gradcheck.compare.stream.tally import Tally
from gradcheck.graph.graph import Node

Numbers = npt.NDArray[Any]
#: Entries of a piece: a dozen arrays of so many float64 fit into a cache of the second level.
PIECE = 1 << 14


def cuts(shape: Shape) -> tuple[int, list[slice]]:
    """Return the axis along which an array is cut, its first one longer than 1, and where.

    >>> cuts((1, 4, 8192))
    (1, [slice(0, 2, None), slice(2, 4, None)])
    """
    axis = next((k for k, n in enumerate(shape) if n > 1), 0)
    count = shape[axis] if shape else 1
    step = max(1, PIECE * count // max(1, math.prod(shape)))
    return axis, [slice(i, min(i + step, count)) for i in range(0, count, step)]


def cut(x: Numbers, axis: int, part: slice, rank: int) -> Numbers:
    """Return the piece of an operand that meets a piece of the result.

    Args:
        x: repeated along axes that it lacks, or where its length is 1.
        axis: of the result.
        part: of that axis.
        rank: of the result.
    """
    own = axis - (rank - x.ndim)
    return x[(slice(None),) * own + (part,)] if own >= 0 and x.shape[own] > 1 else x


def compare(
    predict: Predictor, node: Node, operands: Sequence[Callable[[slice], Any]], axis: int, parts: Sequence[slice],
    value: tuple[Tally, Numbers], handed: Sequence[tuple[int, Tally, Numbers]], g: Numbers | None,
) -> None:  # fmt: skip
    """Compare the value of a node, and what it handed on, piece by piece.

    Args:
        predict: what it may be.
        node: the operation.
        operands: each gives its piece for a part of the axis.
        axis: along which all is cut.
        parts: of it.
        value: the tally and the target's numbers.
        handed: position of an operand, tally and the target's numbers, of the same axis.
        g: adjoint of the node, where anything was handed on.
    """
    m, rank = predict.of(node.name), value[1].ndim
    for part in parts:
        xs = [x(part) for x in operands]
        y = predict.value(node, xs)
        start = tuple(part.start if k == axis else 0 for k in range(rank))
        value[0].compare(cut(value[1], axis, part, rank), y, start)
        if g is None:
            continue
        found = predict.contributions(node, Bounded(m, widened(cut(g, axis, part, rank), m.base.working), None), y, xs, [k for k, _, _ in handed])
        for position, tally, got in handed:
            c = found[position]
            assert c is not None
            own = axis - (rank - got.ndim)
            tally.compare(cut(got, axis, part, rank), c, tuple(part.start if k == own else 0 for k in range(got.ndim)))
