"""What Python's operators do with a recorded array: in place, comparisons, conversions."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.errors import NotTraceable
from gradcheck.graph.tracer import Tracer


class Operators(Tracer):
    """The operators of a recorded array.

    Attributes:
        builder: of the graph.
        memory: in which it lies.
        value: its numbers, a view of the memory's.
    """

    builder: Any
    memory: Any
    value: npt.NDArray[Any]

    def __setitem__(self, key: Any, new: Any) -> None:
        raise NotImplementedError

    def _in_place(self, op: str, other: Any) -> Any:
        self[...] = self._do(op, other)
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._in_place("add", other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place("sub", other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place("mul", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place("div", other)

    def __ipow__(self, other: Any) -> Any:
        self[...] = self**other
        return self

    def _compare(self, other: Any, op: Any = operator.eq) -> Any:
        if other is None or isinstance(other, str):
            return op is operator.ne
        self.builder.compare(self.value, numbers(other))
        return op(self.value, numbers(other))

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, operator.lt)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, operator.le)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, operator.gt)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, operator.ge)

    def __eq__(self, other: Any) -> Any:
        return self._compare(other, operator.eq)

    def __ne__(self, other: Any) -> Any:
        return self._compare(other, operator.ne)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self._compare(0, operator.ne))

    def __int__(self) -> int:
        self.builder.compare(self.value, np.rint(self.value))
        return int(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def __float__(self) -> float:
        if self.memory.name and not self.builder.closed:
            raise NotTraceable("expected NumPy functions that have a graph form; got float() of a recorded number")
        return float(self.value)

    def sum(self, *args: Any, **options: Any) -> Any:
        """Return the sum over axes, as NumPy's method of all its arguments."""
        return np.sum(self, *args, **options)

    def prod(self, *args: Any, **options: Any) -> Any:
        """Return the product over axes."""
        return np.prod(self, *args, **options)

    def max(self, *args: Any, **options: Any) -> Any:
        """Return the maximum over axes."""
        return np.max(self, *args, **options)

    def min(self, *args: Any, **options: Any) -> Any:
        """Return the minimum over axes."""
        return np.min(self, *args, **options)

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self, other)

    def __mod__(self, other: Any) -> Any:
        return np.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return np.remainder(other, self)

    def __round__(self, digits: int | None = None) -> Any:
        self.builder.compare(2 * self.value, np.rint(2 * self.value))
        return round(self.value.item(), digits) if digits is not None else round(self.value.item())


def numbers(x: Any) -> Any:
    """Return the numbers of a recorded array; lists, tuples and mappings with theirs; anything else as it is."""
    if isinstance(x, Operators):
        return x.value
    if isinstance(x, list | tuple):
        return type(x)(numbers(v) for v in x) if type(x) in (list, tuple) else x
    return {k: numbers(v) for k, v in x.items()} if type(x) is dict else x


def is_recorded(x: Any) -> bool:
    """Answer whether there is a recorded array in an argument."""
    return isinstance(x, Operators) or (isinstance(x, list | tuple) and any(map(is_recorded, x)))


def is_live(x: Any) -> bool:
    """Answer whether there is a recorded array in an argument whose recording goes on."""
    if isinstance(x, Operators):
        return not x.builder.closed
    return any(map(is_live, x.values() if type(x) is dict else x)) if type(x) in (list, tuple, dict) else False
