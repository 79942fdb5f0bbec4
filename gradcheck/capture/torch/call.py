"""One operation that was dispatched, as a paragraph of the table sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gradcheck.capture.coverage import Unruled
from gradcheck.capture.place import Place
from gradcheck.capture.torch.tensors import FORMATS, Tensor

if TYPE_CHECKING:
    from gradcheck.capture.torch.recorder import Recorder
    from gradcheck.capture.torch.region import Region


@dataclass(slots=True)
class Operand:
    """A tensor as it was when the operation was called.

    Args:
        tensor: itself, for its shape; its numbers where it is data.
        name: of its value; "" for data.
    """

    tensor: Tensor
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.tensor.shape)


@dataclass(frozen=True, slots=True)
class Signature:
    """What the schema of an operation says, read once.

    Args:
        name: of the operation.
        defaults: of the arguments, in their order; None where there is none.
        written: names of those that are written into.
    """

    name: str
    defaults: dict[str, Any]
    written: tuple[str, ...]

    @classmethod
    def of(cls, func: Any) -> Signature:
        """Read the schema of an operation."""
        arguments = func._schema.arguments
        defaults = {a.name: a.default_value if a.has_default_value() else None for a in arguments}
        return cls(str(func), defaults, tuple(a.name for a in arguments if a.alias_info and a.alias_info.is_write))


@dataclass(slots=True)
class Call:
    """One operation, its arguments by the names of its schema, and what it returned; `seen` by autograd or not."""

    recorder: Recorder
    func: Any
    arguments: dict[str, Any]
    place: Place
    region: Region | None
    seen: bool
    written: list[Tensor]
    bases: dict[int, str]
    outs: list[Tensor] = field(default_factory=list)
    given: dict[int, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the operation without namespace and overload."""
        return str(self.func._schema.name.partition("::")[2])

    @property
    def format(self) -> str:
        """The format of the first result."""
        return FORMATS.get(self.outs[0].dtype, "float32")

    def operands(self) -> Iterator[Operand]:
        """Yield the tensors that go in."""
        for x in self.arguments.values():
            yield from (y for y in (x if isinstance(x, list) else [x]) if isinstance(y, Operand))

    def __getitem__(self, argument: str) -> Any:
        """Return an argument that is no operand: numbers, flags, lists."""
        x = self.arguments.get(argument)
        return x.tensor if isinstance(x, Operand) else x

    def operand(self, argument: str, kind: str = "real") -> str:
        """Return the name of the value of an argument; numbers and data become constants."""
        return self.named(self.arguments[argument], kind)

    def named(self, x: Any, kind: str = "real") -> str:
        """Return the name of the value of an operand, or of a constant."""
        if isinstance(x, Operand):
            return x.name or self.recorder.data(x.tensor, kind)
        if isinstance(x, bool | int | float):
            return self.recorder.tape.constant(self._as_computed(float(x)) if kind == "real" else x, kind)
        raise Unruled(f"{self.func}: an argument of type {type(x).__name__}")

    def _as_computed(self, x: float) -> float:
        """Return a number as kernels take it: in float32 where they compute in that."""
        return x if self.format == "float64" else float(np.float32(x))

    def active(self, argument: str) -> bool:
        """Answer whether an argument is a value of the graph."""
        x = self.arguments.get(argument)
        return isinstance(x, Operand) and bool(x.name)

    def constant(self, x: Any, kind: str = "real") -> str:
        """Return the name of a constant."""
        return self.recorder.tape.constant(x.numpy() if isinstance(x, torch.Tensor) else x, kind)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a value."""
        return self.recorder.tape.shapes[name]

    def emit(self, op: str, *inputs: str, format_: str = "", **attributes: Any) -> str:
        """Add an operation whose value the run does not show, and return its name."""
        return self.recorder.tape.node(op, inputs, attributes, format_ or self.format, self.place)

    def out(self, op: str, *inputs: str, k: int = 0, **attributes: Any) -> None:
        """Add the operation whose value is result `k`."""
        format_ = FORMATS.get(self.outs[k].dtype, self.format)
        self.give(self.emit(op, *inputs, format_=format_, **attributes), k)

    def give(self, name: str, k: int = 0) -> None:
        """Say that a value is result `k`; it gets its shape where that differs by axes of length one."""
        shape = tuple(self.outs[k].shape)
        if self.shape(name) != shape:
            name = self.emit("reshape", name, shape=shape)
        self.given[k] = name

    def axes(self, dim: Any, rank: int) -> tuple[int, ...] | None:
        """Return axes counted from the front; None for all of them."""
        if dim is None or (isinstance(dim, Sequence) and not dim):
            return None
        return tuple(d % rank if rank else 0 for d in ([dim] if isinstance(dim, int) else dim)) if rank else None

    def moved(self, index: Any, *inputs: str, k: int = 0) -> None:
        """Result `k` is made of entries of one operand at flat positions, which hold no numbers of their own."""
        self.out("take", *inputs, self.constant(np.asarray(index), "index"), k=k)
