"""An array that carries its numbers and writes down what is done with it, in place and through views as well."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.capture.numpy.memory import Memory
from gradcheck.capture.numpy.operators import Operators, is_live, is_recorded, numbers
from gradcheck.errors import GradcheckError, NotTraceable
from gradcheck.graph.builder import Builder
from gradcheck.graph.graph import Leaf
from gradcheck.graph.tracer import Tracer
from gradcheck.ops.op import Op, registry

Array = npt.NDArray[Any]

#: operation -> NumPy's view of the operand, or copy where there can be none
VIEWS: Mapping[str, Callable[..., Array]] = {
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, axes: np.transpose(x, axes),
    "squeeze": lambda x, axes: np.squeeze(x, axes),
    "expand": lambda x, axis: np.expand_dims(x, axis),
    "slice": lambda x, **window: x[_window(x.ndim, **window)],
}


def _line() -> tuple[str, int, int]:
    """Return the place in the code that is recorded."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] in ("gradcheck", "numpy"):
        frame = frame.f_back
    return ("", 0, 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno, frame.f_lasti)


def _window(rank: int, starts: Any, stops: Any, axes: Any, steps: Any) -> tuple[slice, ...]:
    found = [slice(None)] * rank
    for k, axis in enumerate(range(len(starts)) if axes is None else axes):
        step = 1 if steps is None else steps[k]
        found[axis] = slice(starts[k], None if step < 0 and stops[k] < 0 else stops[k], step)
    return tuple(found)


#: Numbers this near to each other, relative to their size, may compare the other way round after a rounding or two thousand.
NEAR = 2.0**-40


class Recording(Builder):
    """The graph of a run under construction.

    Two things are noted that make it the graph of this point alone. `at_edge`: numbers were compared that are equal or all but equal, so
    that beside the point another branch is taken. `loops`: one line compared single numbers more than once, as a loop does that ends
    where it has come near enough: what it returns is not what it stands for.

    Args:
        most: entries of all values together; a run of more is given up.
    """

    def __init__(self, most: float = math.inf) -> None:
        super().__init__()
        self.at_edge = self.loops = self.closed = False
        self._left = most
        self._lines: set[tuple[str, int, int]] = set()

    def add_node(self, op: Op, names: Sequence[str], attributes: Mapping[str, Any]) -> str:
        """Add a node; raise `NotTraceable` where the values of all together have too many entries."""
        name = super().add_node(op, names, attributes)
        self._left -= math.prod(self.shapes[name])
        if self._left < 0:
            raise NotTraceable("expected a run of fewer operations; got one whose values have more entries than are recorded here")
        return name

    def compare(self, a: Any, b: Any) -> None:
        """Note that recorded numbers were compared with others."""
        with np.errstate(all="ignore"):
            x, y = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
            self.at_edge |= bool(np.any(np.abs(x - y) <= NEAR * np.maximum(np.abs(x), np.abs(y))))
        if x.ndim == 0:
            line = _line()
            self.loops |= line in self._lines
            self._lines.add(line)

    def input(self, name: str, x: Array) -> Recorded:
        """Return an argument that is differentiated."""
        data = np.array(x, np.float64)
        self.leaf(Leaf(name, "parameter", data.shape))
        return Recorded(self, Memory(data.ravel(), name), data)

    def constant_array(self, x: Any) -> Recorded:
        """Return numbers that may be written into."""
        data = np.array(x, np.float64, order="C")
        flat = data.reshape(-1)
        return Recorded(self, Memory(flat), flat.reshape(data.shape))

    def apply(self, op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        """Add a node, unless all of its operands are constants; return its value.

        What somebody's cache has kept of a recording that is closed is numbers again.
        """
        operands = [x.value if isinstance(x, Recorded) and x.builder.closed else x for x in operands]
        if self.closed:
            live = next((x.builder for x in operands if isinstance(x, Recorded)), None)
            return op(*operands, **attributes) if live is None else live.apply(op, operands, attributes)
        given, complete = [numbers(x) for x in operands], op.complete(attributes)
        first = operands[0]
        with np.errstate(all="ignore"):
            value = VIEWS[op.name](given[0], **complete) if op.name in VIEWS and isinstance(first, Recorded) else np.asarray(op(*given, **attributes))
        shared = isinstance(first, Recorded) and np.may_share_memory(value, first.memory.data)
        unsure = shared and op.name == "reshape" and not first.memory.in_rows
        shared = shared and not unsure
        in_rows = all(not isinstance(x, Recorded) or x.ndim < 2 or (x.value.flags.c_contiguous and x.memory.in_rows) for x in operands)
        memory = first.memory if shared else Memory(np.array(value, np.float64).reshape(-1), in_rows=in_rows)
        if unsure:
            memory.tied = first.memory.tied = True
        if not shared:
            value = memory.data.reshape(value.shape)
        if not any(isinstance(x, Recorded) and x.memory.name for x in operands):
            return Recorded(self, memory, value)
        tracers = [_Named(self, x.name) if isinstance(x, Recorded) else x for x in operands]
        name = super().apply(op, tracers, attributes).name
        if not shared:
            memory.name = name
        return Recorded(self, memory, value, name)


class _Named(Tracer):
    """A value of the graph as `Builder.apply` takes it."""


class Recorded(Operators):
    """An array that carries its numbers.

    Args:
        builder: of the graph.
        memory: in which it lies.
        value: its numbers, a view of the memory's.
        name: of its value in the graph, if there is one for these entries.
    """

    __array_priority__ = 2000

    def __init__(self, builder: Recording, memory: Memory, value: Array, name: str = "") -> None:
        self.builder: Recording = builder
        self.memory, self.value, self.type = memory, value, "float"
        self._name, self._version = name, memory.version

    @property
    def name(self) -> str:  # type: ignore[override]  # it changes when the memory is written to
        """The value of the graph that has these entries now."""
        if not self._name or self._version != self.memory.version:
            self._name, self._version = self.memory.read(self.builder, self.value), self.memory.version
        return self._name

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The format: float64."""
        return self.value.dtype

    @property
    def flags(self) -> Any:
        """How its numbers lie in memory."""
        return self.value.flags

    @property
    def device(self) -> str:
        """Where its numbers are."""
        return "cpu"

    @property
    def flat(self) -> Any:
        """The entries one after the other."""
        return iter(self.reshape(-1))

    @property
    def real(self) -> Recorded:
        """The array itself."""
        return self

    def __gradcheck_apply__(self, op: Op, operands: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        return self.builder.apply(op, operands, attributes)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from gradcheck.capture.numpy.functions import ufunc_result, written

        if not is_live((inputs, options)):
            return getattr(ufunc, method)(*numbers(inputs), **numbers(options))
        out = options.pop("out", (None,))[0]
        return written(out, ufunc_result(ufunc, method, inputs, options), ufunc.__name__)

    def __array_function__(self, f: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        from gradcheck.capture.numpy.functions import function_result

        if not is_live((args, kwargs)):
            return f(*numbers(args), **numbers(kwargs))
        try:
            return function_result(f, args, kwargs)
        except GradcheckError:
            raise
        except (TypeError, ValueError, IndexError) as error:
            raise NotTraceable(f"np.{f.__name__}: {error}") from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.memory.name and not self.builder.closed:
            raise NotTraceable("expected NumPy functions that have a graph form; got a conversion to an array")
        return self.value if dtype is None or dtype == self.value.dtype else self.value.astype(dtype)

    def __getitem__(self, key: Any) -> Any:
        key = _plain_key(key)
        if _is_basic(key):
            return self if key is Ellipsis or (isinstance(key, tuple) and not key) else super().__getitem__(key)
        places = self.memory.positions(self.value)[key]
        if self.builder.closed:
            return self.value[key]
        if not self.memory.name:
            return self.builder.constant_array(self.value[key])
        flat = self.memory.flat(self.builder)
        taken = self.builder.add_node(registry["take"], (flat, self.builder.constant(places, "index")), {})
        memory = Memory(np.array(self.value[key]).reshape(-1), taken)
        return Recorded(self.builder, memory, memory.data.reshape(np.shape(places)), taken)

    def __setitem__(self, key: Any, new: Any) -> None:
        places = self.memory.positions(self.value)[_plain_key(key)]
        if isinstance(new, list | tuple) and is_recorded(new):
            new = np.array(new)  # made by the recorded `array`
        if not isinstance(new, Recorded):
            self.memory.write(self.builder, np.asarray(places), "", np.broadcast_to(np.asarray(new, np.float64), np.shape(places)))
            return
        wide = new if new.shape == np.shape(places) else _broadcast(new, np.shape(places))
        self.memory.write(self.builder, np.asarray(places), wide.name if wide.memory.name else "", wide.value.copy())

    def __getattr__(self, name: str) -> Any:
        from gradcheck.capture.numpy.functions import METHODS

        if name not in METHODS:
            raise AttributeError(f"a recorded array has no attribute {name!r}")
        return partial(METHODS[name], self)

    def __repr__(self) -> str:
        return f"<recorded {self.shape}>"


def _broadcast(x: Recorded, shape: tuple[int, ...]) -> Recorded:
    while x.ndim > len(shape) and x.shape[0] == 1:
        x = x[0]
    made: Recorded = x.builder.apply(registry["broadcast_to"], (x,), {"shape": shape})
    return made


def _plain_key(key: Any) -> Any:
    """Return a key in which recorded numbers are numbers: an index is data of the run."""
    if isinstance(key, tuple):
        return tuple(_plain_key(k) for k in key)
    if isinstance(key, Recorded):
        raise NotTraceable("expected integers or truth values as an index; got recorded floats")
    return np.asarray(key) if isinstance(key, list) else key


def _is_basic(key: Any) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    return all(k is None or k is Ellipsis or (isinstance(k, slice | int | np.integer) and not isinstance(k, bool)) for k in parts)
