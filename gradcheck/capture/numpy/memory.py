"""The memory that views of an array share: its numbers, and the value of the graph that has them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import NotTraceable
from gradcheck.graph.builder import Builder
from gradcheck.ops.op import registry

Array = npt.NDArray[Any]


class Memory:
    """Numbers in one piece of memory, and what they come from.

    Args:
        data: the numbers, in one row.
        name: the value of the graph that has them, of any shape; "" while they are constants.
        in_rows: whether NumPy would have them in rows too; results of transposed arrays may lie in columns.

    Attributes:
        tied: whether another piece of memory may be this one: a reshape of numbers that may lie in columns is a view or a copy.
    """

    def __init__(self, data: Array, name: str = "", *, in_rows: bool = True) -> None:
        self.data, self.name, self.version = data, name, 0
        self.in_rows, self.tied = in_rows, False

    def positions(self, view: Array) -> Array:
        """Return where the entries of a view lie."""
        start = (view.__array_interface__["data"][0] - self.data.__array_interface__["data"][0]) // self.data.itemsize
        steps = (s // self.data.itemsize for s in view.strides)
        out = np.full(view.shape, start, np.intp)
        for axis, (n, step) in enumerate(zip(view.shape, steps, strict=True)):
            out += (np.arange(n) * step).reshape((-1, *(1 for _ in view.shape[axis + 1 :])))
        return out

    def flat(self, builder: Builder) -> str:
        """Return the name of the value with all numbers in one row."""
        if not self.name:
            self.name = builder.constant(self.data.copy(), "real")
        return _reshaped(builder, self.name, (self.data.size,))

    def read(self, builder: Builder, view: Array) -> str:
        """Return the name of the value with the entries of a view."""
        if not self.name:
            return builder.constant(view.copy(), "real")
        whole = view.size == self.data.size and view.flags.c_contiguous
        if whole:
            return _reshaped(builder, self.name, view.shape)
        flat = self.flat(builder)
        return builder.add_node(registry["take"], (flat, builder.constant(self.positions(view), "index")), {})

    def write(self, builder: Builder, places: Array, new: str, numbers: Array) -> None:
        """Put entries in places, the last one where a place stands twice, as NumPy does.

        Args:
            builder: of the graph.
            places: positions, of the shape of the numbers.
            new: the value that has the numbers; "" where they are constants.
            numbers: what is written.

        Raises:
            NotTraceable: it is not known who else sees it.
        """
        if self.tied:
            raise NotTraceable("expected to know what is a view; got a write to an array, or to its reshape, that lies in columns or rows as NumPy likes")
        if new or self.name:
            index = np.arange(self.data.size)
            index[places.ravel()] = self.data.size + np.arange(places.size)
            flat = _reshaped(builder, new or builder.constant(numbers, "real"), (places.size,))
            both = builder.add_node(registry["concatenate"], (flat, self.flat(builder)), {"axis": 0})
            order = np.where(index < self.data.size, index + places.size, index - self.data.size)
            self.name = builder.add_node(registry["take"], (both, builder.constant(order, "index")), {})
        self.data[places.ravel()] = numbers.ravel()
        self.version += 1


def _reshaped(builder: Builder, name: str, shape: tuple[int, ...]) -> str:
    return name if builder.shapes[name] == shape else builder.add_node(registry["reshape"], (name,), {"shape": shape})
