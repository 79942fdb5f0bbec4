"""Which value of the graph a tensor holds now: views, in-place writes, data from outside.

A tensor is known by its identity, and kept alive so that this stays its own. Each storage has a log of the writes into it. Outside of
an `autograd.Function` autograd says which tensors a write changes: the base of a view gets a new value, of which every view takes its
part. Inside, where there is no autograd, every tensor that shares the memory is changed. A write that autograd does not see changes the
number and leaves the derivative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcheck.capture.torch.tensors import Tensor, array_of, located, maker, positions, storage_of


@dataclass(slots=True)
class Held:
    """The numbers of a tensor at one time: itself until somebody is about to write into it, a copy from then on."""

    tensor: Tensor
    own: bool = False

    def keep(self) -> None:
        """Copy the numbers, since they will be written over."""
        if not self.own:
            self.tensor, self.own = self.tensor.detach().clone(), True

    def array(self) -> npt.NDArray[Any]:
        """Return the numbers."""
        return array_of(self.tensor)


@dataclass(frozen=True, slots=True)
class Write:
    """What was written into a storage.

    Args:
        where: positions in the storage.
        value: the name of what was written; "" for numbers that autograd does not follow.
        serial: how many writes there were before it.
        numbers: what was written, where it has no name.
    """

    where: npt.NDArray[np.int64]
    value: str
    serial: int
    numbers: Tensor | None = None


@dataclass(slots=True)
class Entry:
    """The name of a tensor's value, how many writes into its storage are in it, and what made it, as autograd has it."""

    name: str
    storage: int
    seen: int
    function: Any
    number: int


@dataclass(slots=True)
class Memory:
    """What is known of each tensor and storage."""

    entries: dict[int, Entry] = field(default_factory=dict)
    writes: dict[int, list[Write]] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    count: int = 0
    _alive: dict[int, Tensor] = field(default_factory=dict)
    _names: dict[int, list[str]] = field(default_factory=dict)
    _storages: set[int] = field(default_factory=set)

    def bind(self, t: Tensor, name: str) -> None:
        """Say that a tensor now holds a value."""
        key = storage_of(t)
        self._alive[id(t)] = t
        self._storages.add(key)
        self.entries[id(t)] = Entry(name, key, len(self.writes.get(key, ())), *maker(t))

    def hold(self, t: Tensor, name: str) -> None:
        """Remember the numbers of a value."""
        self.held[name] = Held(t.detach())
        self._names.setdefault(storage_of(t), []).append(name)

    def forget(self, identities: set[int]) -> None:
        """Forget which values tensors hold: outside of the function that made them they are data."""
        for k in identities:
            self.entries.pop(k, None)

    def entry(self, t: Tensor) -> Entry | None:
        """Return what is known of a tensor; None after it was given other memory."""
        found = self.entries.get(id(t))
        return found if found is not None and found.storage == storage_of(t) else None

    def pending(self, t: Tensor, seen: int) -> list[Write]:
        """Return the writes into a tensor's entries from the given one on."""
        log = self.writes.get(storage_of(t), ())[seen:]
        if not log:
            return []
        mine = positions(t)
        return [w for w in log if (located(mine, w.where) >= 0).any()]

    def known(self, t: Tensor) -> bool:
        """Answer whether anything in the graph lives in the memory of a tensor."""
        return storage_of(t) in self._storages

    def before_write(self, t: Tensor) -> None:
        """Keep the numbers of values that are about to be written over."""
        key = storage_of(t)
        self._alive[id(t)] = t
        for name in self._names.pop(key, ()):
            self.held[name].keep()

    def wrote(self, t: Tensor, value: str) -> None:
        """Log a write."""
        numbers = None if value else t.detach().clone()
        self._storages.add(storage_of(t))
        self.writes.setdefault(storage_of(t), []).append(Write(positions(t), value, self.count, numbers))
        self.count += 1
