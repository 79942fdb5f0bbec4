"""Operations that only move numbers: compared in the target's own format, or not at all where the memory is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.compare.numbers import Moving, bits, same
from gradcheck.graph.graph import Node
from gradcheck.ops.geometry import slices
from gradcheck.ops.op import Op

Numbers = npt.NDArray[Any]
#: Operations whose value only moves numbers.
MOVES = {
    "reshape", "expand", "squeeze", "transpose", "slice", "concatenate", "stack", "flip", "broadcast_to", "take", "tile", "gather", "gather_elements",
    "embedding",
}  # fmt: skip
#: Those whose vjp does so too, without zeros between.
BACK = {"reshape", "expand", "squeeze", "transpose", "concatenate", "stack", "flip"}


def moved(op: Op, node: Node, operands: Sequence[Numbers]) -> Numbers:
    """Return the value of a node that moves numbers, in their own format; a view where it is one."""
    if node.op == "slice":
        return operands[0][_key(node, operands[0].shape)]
    return np.asarray(op.value(Moving(operands[-1].dtype), *operands, **node.attributes))


def moved_back(op: Op, node: Node, g: Numbers, operands: Sequence[Numbers]) -> Sequence[Numbers]:
    """Return what a node that moves numbers hands on to each operand."""
    return [np.asarray(x) for x in op.vjp(Moving(g.dtype), g, g, *operands, **node.attributes)]


def sliced_back(node: Node, g: Numbers, got: Numbers) -> bool:
    """Answer whether an array is a node's adjoint where a slice was taken, and zero elsewhere."""
    inside = got[_key(node, got.shape)]
    return same(inside, g) and np.count_nonzero(bits(got)) == np.count_nonzero(bits(inside))


def _key(node: Node, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slices(shape, **node.attributes))
