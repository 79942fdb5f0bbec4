"""Which value of the graph each tensor holds, and what that value is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gradcheck.capture.place import Place
from gradcheck.capture.tape import Tape
from gradcheck.capture.torch.memory import Memory, Write
from gradcheck.capture.torch.region import Region
from gradcheck.capture.torch.source import Source
from gradcheck.capture.torch.tensors import FORMATS, Tensor, array_of, located, maker, positions
from gradcheck.errors import NotRecorded


class Values:
    """The values of a run.

    Attributes:
        tape: the graph so far.
        outside: tensors that were not computed here, by name.
        functions: what made a value whose adjoint the run shows: a function of autograd, and the number of its result.
        tensors: that hold such values.
        cuts: tensors of which autograd was told that they have no gradient, with the place, by identity.
        cut_constants: constants that hold them.
        unruled: results for which a rule has no value, with their operation, by identity.
        region: the custom Function that goes on.
        quiet: whether the run shows nothing of what is made.

    Args:
        source: says where in the program an operation is.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.tape, self.memory = source, Tape(), Memory()
        self.region: Region | None = None
        self.quiet = False
        self.outside: dict[str, Tensor] = {}
        self.functions: dict[str, tuple[Any, int]] = {}
        self.tensors: dict[str, Tensor] = {}
        self.cuts: dict[int, tuple[Tensor, Place]] = {}
        self.cut_constants: dict[str, Place] = {}
        self.unruled: dict[int, tuple[Tensor, str]] = {}
        self._copies: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._data: dict[tuple[int, str], tuple[Tensor, str]] = {}
        self._owners: dict[tuple[int, int], str] = {}

    def active(self, t: Tensor) -> bool:
        """Answer whether a tensor is a value of the graph: autograd follows it, or inside of a Function we do."""
        if t.dtype not in FORMATS or t.layout != torch.strided:
            return False
        if t.requires_grad or self.region is None:
            return bool(t.requires_grad)
        if self.memory.entry(t) is not None:
            return True
        return any(w.value for w in self.region.writes(t))

    def data(self, t: Tensor, kind: str = "real") -> str:
        """Return the constant that holds a tensor which is data of the run."""
        key = (id(t), kind)
        if key not in self._data:
            name = self.tape.constant(array_of(t), kind)
            if t.dtype in FORMATS:
                self.tape.formats[name] = FORMATS[t.dtype]
            if id(t) in self.cuts:
                self.cut_constants[name] = self.cuts[id(t)][1]
            self._data[key] = (t, name)
        return self._data[key][1]

    def read(self, t: Tensor) -> str:
        """Return the name of the value that a tensor holds now."""
        if self.region is not None:
            return self._read_inside(t)
        entry, base = self.memory.entry(t), t._base if t._base is not None else t
        if entry is not None and maker(t) == (entry.function, entry.number):
            return self._shifted(t, entry.name) if self.memory.pending(t, entry.seen) else entry.name
        if base is not t and base.requires_grad and base.dtype == t.dtype:
            return self._part_of(base, t)
        return self._from_outside(t)

    def _part_of(self, base: Tensor, t: Tensor) -> str:
        """Return what a view shows of its base, after a write into either."""
        whole = self.read(base)
        index = located(positions(t), positions(base))
        if (index < 0).any():
            return self._from_outside(t)
        name = self.moved(t, whole, index)
        self.show(t, name)
        return name

    def moved(self, t: Tensor, source: str, index: Any) -> str:
        """Return the entries of a value at flat positions, as a tensor shows them."""
        place = self.source.place("a view")
        return self.tape.node("take", [source, self.tape.constant(index, "index")], {}, FORMATS[t.dtype], place)

    def _shifted(self, t: Tensor, name: str) -> str:
        """Return a value with other numbers and the same derivative: x - old + new, which is new."""
        held, place, format_ = self.memory.held.get(name), self.source.place("a write that autograd does not see"), FORMATS[t.dtype]
        if held is None:
            return self._from_outside(t)
        nothing = self.tape.node("sub", [name, self.tape.constant(held.array())], {}, format_, place)
        made = self.tape.node("add", [nothing, self.tape.constant(array_of(t))], {}, format_, place)
        self.memory.bind(t, made)
        self.memory.hold(t, made)
        return made

    def _from_outside(self, t: Tensor) -> str:
        """Return the leaf for a tensor that was not computed here: a parameter, an input, a result of earlier work."""
        if id(t) in self.unruled:
            raise NotRecorded(f"expected a program that uses the first result of {self.unruled[id(t)][1]} alone; got one that uses another")
        name = self.tape.parameter(self.source.name(t), tuple(t.shape), FORMATS[t.dtype])
        self.outside[name] = t
        self.memory.bind(t, name)
        self.memory.hold(t, name)
        return name

    def _read_inside(self, t: Tensor) -> str:
        """Return the value of a tensor inside of a Function: what it was, and every write into its memory since."""
        region, entry = self.region, self.memory.entry(t)
        assert region is not None
        writes = region.writes(t, entry.seen if entry is not None else 0)
        if entry is not None:
            name = entry.name
        elif t.requires_grad and not writes:
            return self._from_outside(t)
        else:
            name = self.data(region.original(t).clone())
        for write in writes:
            name = self._overwritten(name, t, write)
        if writes or entry is None:
            self.bind_inside(t, name)
        return name

    def _overwritten(self, name: str, t: Tensor, write: Write) -> str:
        """Return a value after a write into part of it."""
        new = write.value or self.data(write.numbers)
        return self.combined(name, t, new, write.where)

    def combined(self, old: str, t: Tensor, new: str, where: Any) -> str:
        """Return the old value of a tensor with the new one at its places in the storage."""
        source = located(positions(t), where)
        rest = where.size + np.arange(source.size).reshape(source.shape)
        place, format_ = self.source.place("a write into part of it"), FORMATS[t.dtype]
        flat = [self.tape.node("reshape", [x], {"shape": (-1,)}, format_, place) for x in (new, old)]
        joined = self.tape.node("concatenate", flat, {"axis": 0}, format_, place)
        return self.moved(t, joined, np.where(source >= 0, source, rest))

    def bind_inside(self, t: Tensor, name: str) -> None:
        """Say that a tensor holds a value as long as the Function goes on."""
        if self.region is not None and self.memory.entry(t) is None:
            self.region.bound.add(id(t))
        self.memory.bind(t, name)

    def data_now(self, t: Tensor) -> Tensor:
        """Return a copy of what is data of the run, which may be written over before it is looked at."""
        try:
            key = (id(t), t._version)
        except RuntimeError:  # an inference tensor has no version
            return t.detach().clone()
        if key not in self._copies:
            copied = t.detach().clone()
            self._copies[key] = (t, copied)
            if id(t) in self.cuts:
                self.cuts[id(copied)] = (copied, self.cuts[id(t)][1])
        return self._copies[key][1]

    def show(self, t: Tensor, name: str) -> None:
        """Bind a tensor whose number and adjoint the run shows."""
        self.memory.bind(t, name)
        if self.quiet:
            return
        self.memory.hold(t, name)
        self.tensors[name] = t
        function, number = maker(t)
        if function is not None and (id(function), number) not in self._owners:
            self.functions[name] = (function, number)
            self._owners[id(function), number] = name
