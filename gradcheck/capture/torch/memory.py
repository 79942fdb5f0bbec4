"""Which value of the graph a tensor holds now: views, in-place writes, data from outside.

A tensor is known by its identity, and kept alive so that this stays its own. Each storage has a log of the writes into it. Outside of
an `autograd.Function` autograd says which tensors a write changes: the base of a view gets a new value, of which every view takes its
part. Inside, where there is no autograd, every tensor that shares the memory is changed. A write that autograd does not see changes the
number and leaves the derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gradcheck.capture.torch.tensors import (
    Tensor,
    array_of,
    copied,
    located,
    maker,
    memory_of,
    positions,
    storage_of,
    whole_storage,
)
from gradcheck.errors import NotRecorded


class Held:
    """The numbers of a tensor at one time: itself until somebody is about to write into it, a copy from then on.

    Args:
        tensor: whose numbers they are.
    """

    __slots__ = ("_own", "_version", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self._own = tensor.is_inference()
        self._version = 0 if self._own else tensor._version

    @property
    def shape(self) -> tuple[int, ...]:
        """Their shape."""
        return tuple(self.tensor.shape)

    def keep(self, copies: dict[int, Tensor]) -> None:
        """Copy the numbers, since they will be written over, or may be; views of one storage become views of one copy of it.

        Args:
            copies: of whole storages, by their keys.
        """
        if self._own:
            return
        self._own, t, key = True, self.tensor.detach(), storage_of(self.tensor)
        if not key or t.layout != torch.strided:
            self.tensor = t.clone()
            return
        if (whole := copies.get(key)) is None or whole.dtype != t.dtype:
            whole = copies[key] = copied(whole_storage(t))
        self.tensor = torch.as_strided(whole, t.shape, t.stride(), t.storage_offset())

    def array(self) -> npt.NDArray[Any]:
        """Return a copy of the numbers; half formats become float32."""
        return array_of(self._unchanged())

    def native(self) -> npt.NDArray[Any]:
        """Return the numbers in their own format, which nobody may write into."""
        return memory_of(self._unchanged())

    def _unchanged(self) -> Tensor:
        if not self._own and self.tensor._version != self._version:
            raise NotRecorded("expected values as they were while they were recorded; got one that was written over since; validate the recording before")
        return self.tensor


class Tensors(Mapping[Any, npt.NDArray[Any]]):
    """Numbers of tensors by name, which become arrays when they are asked for.

    Args:
        held: the tensors.
        zeros: shapes of what is zero everywhere.
    """

    def __init__(self, held: Mapping[Any, Held], zeros: Mapping[Any, tuple[int, ...]] | None = None) -> None:
        self._held, self._zeros = held, zeros or {}

    def __getitem__(self, name: Any) -> npt.NDArray[Any]:
        return self._held[name].array() if name in self._held else np.zeros(self._zeros[name])

    def native(self, name: Any) -> npt.NDArray[Any]:
        """Return numbers in their own format, in memory that nobody may write into."""
        return self._held[name].native() if name in self._held else np.zeros(self._zeros[name])

    def __contains__(self, name: object) -> bool:
        return name in self._held or name in self._zeros

    def __iter__(self) -> Iterator[Any]:
        yield from self._held
        yield from self._zeros

    def __len__(self) -> int:
        return len(self._held) + len(self._zeros)


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
        self.held[name] = Held(t)
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
        self.keep(key)

    def keep(self, key: int) -> None:
        """Copy what is held of a storage."""
        copies: dict[int, Tensor] = {}
        for name in self._names.pop(key, ()):
            self.held[name].keep(copies)

    def wrote(self, t: Tensor, value: str) -> None:
        """Log a write."""
        numbers = None if value else t.detach().clone()
        self._storages.add(storage_of(t))
        self.writes.setdefault(storage_of(t), []).append(Write(positions(t), value, self.count, numbers))
        self.count += 1
